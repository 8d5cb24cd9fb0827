//! The search index and the questions it answers, in both dialects.
//!
//! What is searched are *rows*: one for each value, and for each element of a list. The index has them for active entries
//! only, in two narrow tables whose keys are in the order in which they are asked for:
//!
//! * `search_term (attr_id, term, entry_id)`: everything but references. The term is a number: of a text its id in
//!   `search_text`, of a day its number, of a flag 0 or 1, of a group or a role its id.
//! * `search_ref (attr_id, ref_id, entry_id)`: references. The name of the referred entry is not copied, so renaming it
//!   costs nothing here.
//!
//! `search_text` has each text of an attribute once, folded; a trigram index over it, and one over the names of entries,
//! finds parts of texts. [`Cond`] says what must hold of an entry, [`Search`] asks for the entries. The reasons and the
//! figures are in `docs/decisions/search-engine.md`.

mod cond;
mod everywhere;
mod find;
mod gather;
mod index;
mod names;
mod order;
mod sql;
mod text;
mod trigrams;

pub use cond::{Attr, Cond, Repeated, RowTest, Viewer};
pub use everywhere::{Everywhere, ValuesLike};
pub use find::Search;
pub use index::{Entered, Posting, is_complete, mark_complete, put, remove, remove_attrs, wipe};
pub use names::named_like;
pub use order::{Order, Valued};
pub use text::{TextTest, fold, text_id};
pub use trigrams::{Trigrams, make_trigrams, take_turn, trigrams};
