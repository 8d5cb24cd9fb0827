//! Roles and who belongs to them.

use super::group::OWN_GROUPS;
use super::{MAX_IDS, MAX_ROWS, contains, directed, found};
use crate::store::conn::on_db;
use crate::store::rows::{RoleGroupRow, RoleRow, RoleTie, RoleUserRow, TiedRow};
use crate::store::schema::{app_user, role, role_group, role_user, user_group};
use crate::store::search::fold;
use crate::store::sort_key::sort_key;
use crate::store::{Db, StoreError};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;

/// What a list of roles can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleOrder {
    /// Key.
    Id,
    /// Name, as [`sort_key`] has it.
    Name,
}

/// Which active roles a list shows.
#[derive(Clone, Debug, Default)]
pub struct RoleFilter {
    /// Only these, at most `MAX_IDS`; all when absent.
    pub ids: Option<Vec<i64>>,
    /// Each must be contained in the name, ignoring case.
    pub terms: Vec<String>,
    /// Columns to order by, with `true` for descending; ties, and an empty list, go by id ascending.
    pub order: Vec<(RoleOrder, bool)>,
}

/// Every way in which a user belongs to an active role, in one statement: directly, through a group, through a group
/// above one. An inactive group ties nobody to a role.
pub fn ties_of_user(db: &mut Db, user_id: i64) -> Result<Vec<RoleTie>, StoreError> {
    let sql = format!(
        "{OWN_GROUPS} SELECT t.role_id, CAST(NULL AS BIGINT) AS group_id, t.is_admin \
            FROM role_user t JOIN role r ON r.id = t.role_id WHERE t.user_id = $1 AND r.is_active \
        UNION ALL SELECT t.role_id, t.group_id, t.is_admin \
            FROM own JOIN user_group g ON g.id = own.id JOIN role_group t ON t.group_id = own.id \
            JOIN role r ON r.id = t.role_id WHERE g.is_active AND r.is_active"
    );
    on_db!(db, |c| sql_query(sql.as_str()).bind::<BigInt, _>(user_id).load(c))
}

/// The active roles that a filter lets through.
pub fn list(db: &mut Db, filter: &RoleFilter) -> Result<Vec<RoleRow>, StoreError> {
    on_db!(db, |c| {
        let mut query =
            role::table.filter(role::is_active.eq(true)).select(RoleRow::as_select()).into_boxed::<Dialect>();
        if let Some(ids) = &filter.ids {
            query = query.filter(role::id.eq_any(ids));
        }
        for term in &filter.terms {
            query = query.filter(role::name_folded.like(contains(term)).escape('\\'));
        }
        for (column, descending) in &filter.order {
            query = match column {
                RoleOrder::Id => directed!(query, role::id, *descending),
                RoleOrder::Name => directed!(query, role::name_sort, *descending),
            };
        }
        query.then_order_by(role::id.asc()).load(c)
    })
}

/// A role in any state.
pub fn by_id(db: &mut Db, id: i64) -> Result<Option<RoleRow>, StoreError> {
    on_db!(db, |c| role::table.find(id).select(RoleRow::as_select()).first(c).optional())
}

/// Roles in any state, by id.
pub fn by_ids(db: &mut Db, ids: &[i64]) -> Result<Vec<RoleRow>, StoreError> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| role::table
            .filter(role::id.eq_any(ids))
            .order(role::id)
            .select(RoleRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// The role of this name in any state.
pub fn by_name(db: &mut Db, name: &str) -> Result<Option<RoleRow>, StoreError> {
    on_db!(db, |c| role::table.filter(role::name.eq(name)).select(RoleRow::as_select()).first(c).optional())
}

/// Roles of these names in any state.
pub fn by_names(db: &mut Db, names: &[String]) -> Result<Vec<RoleRow>, StoreError> {
    let mut rows = Vec::with_capacity(names.len());
    for names in names.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| role::table
            .filter(role::name.eq_any(names))
            .select(RoleRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// How many roles there are, inactive ones included.
pub fn count(db: &mut Db) -> Result<i64, StoreError> {
    on_db!(db, |c| role::table.count().get_result(c))
}

/// Inserts an active role and gives its id. `Conflict(ROLE_NAME)` when the name is taken.
pub fn insert(db: &mut Db, name: &str, description: &str) -> Result<i64, StoreError> {
    let row = (
        role::name.eq(name),
        role::name_folded.eq(fold(name)),
        role::name_sort.eq(sort_key(name)),
        role::description.eq(description),
        role::is_active.eq(true),
    );
    on_db!(db, |c| diesel::insert_into(role::table).values(&row).returning(role::id).get_result(c))
}

/// Writes name, description and state; the computed columns follow the name. `NotFound` without such a role.
pub fn update(db: &mut Db, row: &RoleRow) -> Result<(), StoreError> {
    found(on_db!(db, |c| diesel::update(role::table.find(row.id))
        .set((
            role::name.eq(&row.name),
            role::name_folded.eq(fold(&row.name)),
            role::name_sort.eq(sort_key(&row.name)),
            role::description.eq(&row.description),
            role::is_active.eq(row.is_active),
        ))
        .execute(c))?)
}

/// The users of roles in any state, by role and user.
pub fn users_of(db: &mut Db, role_ids: &[i64]) -> Result<Vec<TiedRow>, StoreError> {
    let mut tied = Vec::new();
    for ids in role_ids.chunks(MAX_IDS) {
        let rows: Vec<(i64, i64, String, bool, bool)> = on_db!(db, |c| role_user::table
            .inner_join(app_user::table)
            .filter(role_user::role_id.eq_any(ids))
            .order((role_user::role_id, role_user::user_id))
            .select((
                role_user::role_id,
                app_user::id,
                app_user::username,
                app_user::is_active,
                role_user::is_admin
            ))
            .load(c))?;
        tied.extend(rows.into_iter().map(to_tied));
    }
    Ok(tied)
}

/// The groups of roles in any state, by role and group.
pub fn groups_of(db: &mut Db, role_ids: &[i64]) -> Result<Vec<TiedRow>, StoreError> {
    let mut tied = Vec::new();
    for ids in role_ids.chunks(MAX_IDS) {
        let rows: Vec<(i64, i64, String, bool, bool)> = on_db!(db, |c| role_group::table
            .inner_join(user_group::table)
            .filter(role_group::role_id.eq_any(ids))
            .order((role_group::role_id, role_group::group_id))
            .select((
                role_group::role_id,
                user_group::id,
                user_group::name,
                user_group::is_active,
                role_group::is_admin
            ))
            .load(c))?;
        tied.extend(rows.into_iter().map(to_tied));
    }
    Ok(tied)
}

fn to_tied((of, id, name, is_active, is_admin): (i64, i64, String, bool, bool)) -> TiedRow {
    TiedRow { of, id, name, is_active, is_admin }
}

/// Replaces the users of a role on one side; every id must occur once. Two statements.
pub fn set_users(db: &mut Db, role_id: i64, is_admin: bool, ids: &[i64]) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::delete(
        role_user::table.filter(role_user::role_id.eq(role_id)).filter(role_user::is_admin.eq(is_admin))
    )
    .execute(c))?;
    let rows: Vec<RoleUserRow> =
        ids.iter().map(|user_id| RoleUserRow { role_id, user_id: *user_id, is_admin }).collect();
    for rows in rows.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(role_user::table).values(rows).execute(c))?;
    }
    Ok(())
}

/// Replaces the groups of a role on one side; every id must occur once. Two statements.
pub fn set_groups(db: &mut Db, role_id: i64, is_admin: bool, ids: &[i64]) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::delete(
        role_group::table.filter(role_group::role_id.eq(role_id)).filter(role_group::is_admin.eq(is_admin))
    )
    .execute(c))?;
    let rows: Vec<RoleGroupRow> =
        ids.iter().map(|group_id| RoleGroupRow { role_id, group_id: *group_id, is_admin }).collect();
    for rows in rows.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(role_group::table).values(rows).execute(c))?;
    }
    Ok(())
}
