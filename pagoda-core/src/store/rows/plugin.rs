//! The state of plugins.

use crate::store::schema::{plugin_breaker, plugin_state, plugin_transition};
use diesel::{Insertable, Queryable, Selectable};

/// What keeps a plugin from running.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = plugin_state)]
pub struct PluginStateRow {
    /// Its id.
    pub plugin: String,
    /// Why an administrator switched it off, if one did.
    pub disabled: Option<String>,
    /// Why it was cut out, if it was.
    pub quarantined: Option<String>,
    /// Larger after each change.
    pub revision: i64,
    /// When it last changed.
    pub changed_at: i64,
}

/// A breaker that opened at least once.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = plugin_breaker)]
pub struct PluginBreakerRow {
    /// Id of the plugin.
    pub plugin: String,
    /// Key of the function; empty for the plugin as a whole.
    pub function: String,
    /// `closed`, `open` or `half_open`.
    pub state: String,
    /// Why it last changed.
    pub reason: String,
    /// When a trial may be made.
    pub retry_at: i64,
    /// For how long it was opened, in microseconds.
    pub pause: i64,
    /// Larger after each change.
    pub revision: i64,
    /// When it last changed.
    pub changed_at: i64,
}

/// Something that happened to a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = plugin_transition)]
pub struct PluginTransitionRow {
    /// Id of the plugin.
    pub plugin: String,
    /// Key of the function; empty for the plugin as a whole.
    pub function: String,
    /// What it came to: a state of a breaker, `disabled`, `enabled`, `quarantined`, `reset`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: i64,
}
