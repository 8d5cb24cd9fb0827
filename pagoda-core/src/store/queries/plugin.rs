//! The state of plugins, shared by all instances.

use crate::store::conn::on_db;
use crate::store::rows::{PluginBreakerRow, PluginStateRow, PluginTransitionRow};
use crate::store::schema::{plugin_breaker, plugin_state, plugin_transition};
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// What keeps plugins from running; one row per plugin at most.
pub fn states(db: &mut Db) -> Result<Vec<PluginStateRow>, StoreError> {
    on_db!(db, |c| plugin_state::table.select(PluginStateRow::as_select()).load(c))
}

/// What keeps one plugin from running.
pub fn state(db: &mut Db, plugin: &str) -> Result<Option<PluginStateRow>, StoreError> {
    on_db!(db, |c| plugin_state::table.find(plugin).select(PluginStateRow::as_select()).first(c).optional())
}

/// Says what keeps a plugin from running from now on; returns the revision.
pub fn set_state(
    db: &mut Db,
    plugin: &str,
    disabled: Option<&str>,
    quarantined: Option<&str>,
    now: i64,
) -> Result<i64, StoreError> {
    on_db!(db, |c| diesel::insert_into(plugin_state::table)
        .values((
            plugin_state::plugin.eq(plugin),
            plugin_state::disabled.eq(disabled),
            plugin_state::quarantined.eq(quarantined),
            plugin_state::revision.eq(1),
            plugin_state::changed_at.eq(now),
        ))
        .on_conflict(plugin_state::plugin)
        .do_update()
        .set((
            plugin_state::disabled.eq(disabled),
            plugin_state::quarantined.eq(quarantined),
            plugin_state::revision.eq(plugin_state::revision + 1),
            plugin_state::changed_at.eq(now),
        ))
        .returning(plugin_state::revision)
        .get_result(c))
}

/// All breakers that ever opened.
pub fn breakers(db: &mut Db) -> Result<Vec<PluginBreakerRow>, StoreError> {
    on_db!(db, |c| plugin_breaker::table.select(PluginBreakerRow::as_select()).load(c))
}

/// Says how a breaker stands from now on; returns the revision. That of `row` is not looked at.
pub fn set_breaker(db: &mut Db, row: &PluginBreakerRow) -> Result<i64, StoreError> {
    on_db!(db, |c| diesel::insert_into(plugin_breaker::table)
        .values(row)
        .on_conflict((plugin_breaker::plugin, plugin_breaker::function))
        .do_update()
        .set((
            plugin_breaker::state.eq(&row.state),
            plugin_breaker::reason.eq(&row.reason),
            plugin_breaker::retry_at.eq(row.retry_at),
            plugin_breaker::pause.eq(row.pause),
            plugin_breaker::revision.eq(plugin_breaker::revision + 1),
            plugin_breaker::changed_at.eq(row.changed_at),
        ))
        .returning(plugin_breaker::revision)
        .get_result(c))
}

/// Closes all breakers of a plugin.
pub fn close_breakers(db: &mut Db, plugin: &str, reason: &str, now: i64) -> Result<usize, StoreError> {
    on_db!(db, |c| diesel::update(plugin_breaker::table.filter(plugin_breaker::plugin.eq(plugin)))
        .set((
            plugin_breaker::state.eq("closed"),
            plugin_breaker::reason.eq(reason),
            plugin_breaker::revision.eq(plugin_breaker::revision + 1),
            plugin_breaker::changed_at.eq(now),
        ))
        .execute(c))
}

/// Notes that something happened to a plugin.
pub fn insert_transition(db: &mut Db, row: &PluginTransitionRow) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::insert_into(plugin_transition::table).values(row).execute(c)).map(|_| ())
}

/// The last things that happened to a plugin, newest first.
pub fn transitions(db: &mut Db, plugin: &str, limit: i64) -> Result<Vec<PluginTransitionRow>, StoreError> {
    on_db!(db, |c| plugin_transition::table
        .filter(plugin_transition::plugin.eq(plugin))
        .order_by(plugin_transition::id.desc())
        .limit(limit)
        .select(PluginTransitionRow::as_select())
        .load(c))
}

/// Whether this happened to a plugin after a time.
pub fn happened_since(db: &mut Db, plugin: &str, state: &str, at: i64) -> Result<bool, StoreError> {
    let found: Option<i64> = on_db!(db, |c| plugin_transition::table
        .filter(plugin_transition::plugin.eq(plugin))
        .filter(plugin_transition::state.eq(state))
        .filter(plugin_transition::at.gt(at))
        .select(plugin_transition::id)
        .first(c)
        .optional())?;
    Ok(found.is_some())
}

/// Removes what happened before a time.
pub fn forget_transitions(db: &mut Db, before: i64) -> Result<usize, StoreError> {
    on_db!(db, |c| diesel::delete(plugin_transition::table.filter(plugin_transition::at.lt(before)))
        .execute(c))
}
