//! Which entries are meant: the language of keywords, and filters over names, values and referrers.
//!
//! `keyword.rs` is the language, pure; `filter.rs` what requests say and how it is judged; `select.rs` finds entries by
//! looking at all of them, in pages. *Source: spec, search §2.*

mod filter;
pub mod keyword;
mod select;

pub use filter::{AttrFilter, HintFilter, Selection};
pub use select::select;
