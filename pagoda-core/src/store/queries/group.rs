//! Groups and who belongs to them.

use super::{MAX_IDS, MAX_ROWS, contains, directed, found};
use crate::store::conn::on_db;
use crate::store::rows::{BelongingRow, GroupMemberRow, GroupRow, Paged, TiedRow};
use crate::store::schema::{app_user, group_member, user_group};
use crate::store::search::fold;
use crate::store::sort_key::sort_key;
use crate::store::{Db, StoreError};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::{QueryableByName, sql_query};

/// What a list of groups can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupOrder {
    /// Key.
    Id,
    /// Name, as [`sort_key`] has it.
    Name,
    /// Id of the group above; those without one first.
    Parent,
}

/// Which active groups a list shows, and which part of them.
#[derive(Clone, Debug, Default)]
pub struct GroupFilter {
    /// Each must be contained in the name, ignoring case.
    pub terms: Vec<String>,
    /// Columns to order by, with `true` for descending; ties, and an empty list, go by id ascending.
    pub order: Vec<(GroupOrder, bool)>,
    /// Rows at most.
    pub limit: i64,
    /// Rows to skip.
    pub offset: i64,
}

/// The active groups that a filter lets through, boxed for one backend.
macro_rules! matching {
    ($terms:expr, $dialect:ty) => {{
        let mut query = user_group::table.filter(user_group::is_active.eq(true)).into_boxed::<$dialect>();
        for term in $terms {
            query = query.filter(user_group::name_folded.like(contains(term)).escape('\\'));
        }
        query
    }};
}

/// Inserts an active group and gives its id. `Conflict(USER_GROUP_NAME)` when the name is taken.
pub fn insert(db: &mut Db, name: &str, parent_id: Option<i64>) -> Result<i64, StoreError> {
    let row = (
        user_group::name.eq(name),
        user_group::name_folded.eq(fold(name)),
        user_group::name_sort.eq(sort_key(name)),
        user_group::parent_id.eq(parent_id),
        user_group::is_active.eq(true),
    );
    on_db!(db, |c| diesel::insert_into(user_group::table)
        .values(&row)
        .returning(user_group::id)
        .get_result(c))
}

/// Writes name, parent and state; the computed columns follow the name. `NotFound` without such a group.
pub fn update(db: &mut Db, row: &GroupRow) -> Result<(), StoreError> {
    found(on_db!(db, |c| diesel::update(user_group::table.find(row.id))
        .set((
            user_group::name.eq(&row.name),
            user_group::name_folded.eq(fold(&row.name)),
            user_group::name_sort.eq(sort_key(&row.name)),
            user_group::parent_id.eq(row.parent_id),
            user_group::is_active.eq(row.is_active),
        ))
        .execute(c))?)
}

/// Puts the active groups below `from` below `to` instead.
pub fn move_children(db: &mut Db, from: i64, to: Option<i64>) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::update(
        user_group::table.filter(user_group::parent_id.eq(from)).filter(user_group::is_active.eq(true))
    )
    .set(user_group::parent_id.eq(to))
    .execute(c))
    .map(|_| ())
}

/// A group in any state.
pub fn by_id(db: &mut Db, id: i64) -> Result<Option<GroupRow>, StoreError> {
    on_db!(db, |c| user_group::table.find(id).select(GroupRow::as_select()).first(c).optional())
}

/// Groups in any state, by id.
pub fn by_ids(db: &mut Db, ids: &[i64]) -> Result<Vec<GroupRow>, StoreError> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| user_group::table
            .filter(user_group::id.eq_any(ids))
            .order(user_group::id)
            .select(GroupRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// Groups of these names in any state.
pub fn by_names(db: &mut Db, names: &[String]) -> Result<Vec<GroupRow>, StoreError> {
    let mut rows = Vec::with_capacity(names.len());
    for names in names.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| user_group::table
            .filter(user_group::name.eq_any(names))
            .select(GroupRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// One page of the active groups. Two statements.
pub fn list(db: &mut Db, filter: &GroupFilter) -> Result<Paged<GroupRow>, StoreError> {
    let rows = on_db!(db, |c| {
        let mut query = matching!(&filter.terms, Dialect).select(GroupRow::as_select());
        for (column, descending) in &filter.order {
            query = match column {
                GroupOrder::Id => directed!(query, user_group::id, *descending),
                GroupOrder::Name => directed!(query, user_group::name_sort, *descending),
                // The databases do not agree where nothing is sorted to.
                GroupOrder::Parent => {
                    let query = directed!(query, user_group::parent_id.is_not_null(), *descending);
                    directed!(query, user_group::parent_id, *descending)
                }
            };
        }
        query.then_order_by(user_group::id.asc()).limit(filter.limit).offset(filter.offset).load(c)
    })?;
    let total = on_db!(db, |c| matching!(&filter.terms, Dialect).count().get_result(c))?;
    Ok(Paged { rows, total })
}

/// All active groups, by name.
pub fn all_active(db: &mut Db) -> Result<Vec<GroupRow>, StoreError> {
    on_db!(db, |c| user_group::table
        .filter(user_group::is_active.eq(true))
        .order((user_group::name_sort, user_group::id))
        .select(GroupRow::as_select())
        .load(c))
}

/// How many groups there are, inactive ones included.
pub fn count(db: &mut Db) -> Result<i64, StoreError> {
    on_db!(db, |c| user_group::table.count().get_result(c))
}

/// Ids of a group and of all above it, in any state; a cycle ends where it began.
pub fn with_ancestors(db: &mut Db, id: i64) -> Result<Vec<i64>, StoreError> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let sql = "WITH RECURSIVE line (id) AS (\
            SELECT id FROM user_group WHERE id = $1 \
            UNION SELECT g.parent_id FROM line JOIN user_group g ON g.id = line.id WHERE g.parent_id IS NOT NULL\
        ) SELECT id FROM line";
    let rows: Vec<Found> = on_db!(db, |c| sql_query(sql).bind::<BigInt, _>(id).load(c))?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// The groups of a user: active ones directly, and all above them in any state; each once.
pub fn of_user(db: &mut Db, user_id: i64) -> Result<Vec<BelongingRow>, StoreError> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = Bool)]
        is_active: bool,
        #[diesel(sql_type = Bool)]
        is_direct: bool,
    }
    let sql = format!(
        "{OWN_GROUPS} SELECT g.id, g.name, g.is_active, (g.is_active AND EXISTS (SELECT 1 FROM group_member m \
            WHERE m.user_id = $1 AND m.group_id = g.id)) AS is_direct \
        FROM own JOIN user_group g ON g.id = own.id ORDER BY g.name_sort, g.id"
    );
    let rows: Vec<Found> = on_db!(db, |c| sql_query(sql.as_str()).bind::<BigInt, _>(user_id).load(c))?;
    let belonging = |row: Found| BelongingRow {
        id: row.id,
        name: row.name,
        is_active: row.is_active,
        is_direct: row.is_direct,
    };
    Ok(rows.into_iter().map(belonging).collect())
}

/// `own`: the ids of the groups of user `$1`. The union drops what it has already, so a cycle ends.
pub(super) const OWN_GROUPS: &str = "WITH RECURSIVE own (id) AS (\
        SELECT g.id FROM group_member m JOIN user_group g ON g.id = m.group_id \
            WHERE m.user_id = $1 AND g.is_active \
        UNION SELECT g.parent_id FROM own JOIN user_group g ON g.id = own.id WHERE g.parent_id IS NOT NULL\
    )";

/// The members of groups, in any state.
pub fn members_of(db: &mut Db, group_ids: &[i64]) -> Result<Vec<TiedRow>, StoreError> {
    let mut tied = Vec::new();
    for ids in group_ids.chunks(MAX_IDS) {
        let rows: Vec<(i64, i64, String, bool)> = on_db!(db, |c| group_member::table
            .inner_join(app_user::table)
            .filter(group_member::group_id.eq_any(ids))
            .order((group_member::group_id, group_member::user_id))
            .select((group_member::group_id, app_user::id, app_user::username, app_user::is_active))
            .load(c))?;
        tied.extend(rows.into_iter().map(|(of, id, name, is_active)| TiedRow {
            of,
            id,
            name,
            is_active,
            is_admin: false,
        }));
    }
    Ok(tied)
}

/// Replaces the members of a group; every id must occur once. Two statements.
pub fn set_members(db: &mut Db, group_id: i64, user_ids: &[i64]) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::delete(group_member::table.filter(group_member::group_id.eq(group_id)))
        .execute(c))?;
    let rows: Vec<GroupMemberRow> =
        user_ids.iter().map(|user_id| GroupMemberRow { user_id: *user_id, group_id }).collect();
    for rows in rows.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(group_member::table).values(rows).execute(c))?;
    }
    Ok(())
}

/// The names of the active groups of all active users, directly, with the user's id; by name.
pub fn names_by_user(db: &mut Db) -> Result<Vec<(i64, String)>, StoreError> {
    on_db!(db, |c| group_member::table
        .inner_join(app_user::table)
        .inner_join(user_group::table)
        .filter(app_user::is_active.eq(true))
        .filter(user_group::is_active.eq(true))
        .order((user_group::name_sort, user_group::id))
        .select((group_member::user_id, user_group::name))
        .load(c))
}

/// Replaces the groups of a user; every id must occur once. Two statements.
pub fn set_groups_of_user(db: &mut Db, user_id: i64, group_ids: &[i64]) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::delete(group_member::table.filter(group_member::user_id.eq(user_id))).execute(c))?;
    let rows: Vec<GroupMemberRow> =
        group_ids.iter().map(|group_id| GroupMemberRow { user_id, group_id: *group_id }).collect();
    for rows in rows.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(group_member::table).values(rows).execute(c))?;
    }
    Ok(())
}
