//! The routes of the API: a request in, one operation, an answer out.

pub(super) mod acl;
pub(super) mod alert;
pub(super) mod audit;
pub(super) mod category;
pub(super) mod entity;
pub(super) mod entry;
pub(super) mod entry_name;
pub(super) mod group;
pub(super) mod job;
pub(super) mod plugin;
pub(super) mod role;
pub(super) mod search;
pub(super) mod user;
