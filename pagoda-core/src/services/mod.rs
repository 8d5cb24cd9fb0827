//! The operations: the only place that writes, and the only place that fires hooks.
//!
//! One file per operation; [`ctx::OpCtx`] is what an operation runs in, [`run::Runner`] what runs it.

pub mod acl;
pub mod attribute;
pub mod audit;
pub mod category;
pub mod ctx;
pub mod entity;
pub mod entry;
pub mod error;
pub mod group;
pub mod history;
pub mod host;
pub mod job;
pub mod plugin;
pub mod plugin_account;
pub mod role;
pub mod run;
pub mod search;
pub(crate) mod transaction;
mod transfer;
pub mod user;

use crate::store::search::fold;

/// The words of a search, folded: separated by blanks or commas. *Source: spec, entity §2.1.*
pub fn search_words(search: &str) -> impl Iterator<Item = String> {
    let words = search.split(|c: char| c == ',' || c.is_whitespace());
    words.filter(|word| !word.is_empty()).map(fold)
}
