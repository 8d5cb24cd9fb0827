//! The routes of the API. Numbers in names are those of the conformance cases of the specification.

mod auth;
mod entity;
mod entry;
mod values;
