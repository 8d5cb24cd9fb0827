//! The host of Pagoda: its store, so far.
#![forbid(unsafe_code)]

pub mod store;
