//! Access rules: which table an object is in, what roles are granted on it, and what changed.

use super::{MAX_IDS, MAX_ROWS, found};
use crate::store::conn::on_db;
use crate::store::rows::{AclChangeRow, AttributeRow, GrantRow, NewAclChange};
use crate::store::schema::{
    acl_change, acl_first_name, acl_grant, attribute, category, entity, entity_attr, entry, role,
};
use crate::store::{Db, StoreError};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use diesel::{QueryableByName, sql_query};
use std::collections::HashMap;

/// The tables of the one id space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclTable {
    /// `entity`
    Entity,
    /// `entity_attr`
    EntityAttr,
    /// `entry`
    Entry,
    /// `attribute`
    Attribute,
    /// `category`
    Category,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = Integer)]
    place: i32,
}

/// Which table has the object of this id, if any has.
pub fn table_of(db: &mut Db, id: i64) -> Result<Option<AclTable>, StoreError> {
    // A table that joins the id space joins this list.
    let sql = "SELECT 1 AS place FROM entity WHERE id = $1 \
        UNION ALL SELECT 2 FROM entity_attr WHERE id = $1 \
        UNION ALL SELECT 3 FROM entry WHERE id = $1 \
        UNION ALL SELECT 4 FROM attribute WHERE id = $1 \
        UNION ALL SELECT 5 FROM category WHERE id = $1";
    let found: Option<Place> = on_db!(db, |c| sql_query(sql).bind::<BigInt, _>(id).get_result(c).optional())?;
    Ok(found.and_then(|found| match found.place {
        1 => Some(AclTable::Entity),
        2 => Some(AclTable::EntityAttr),
        3 => Some(AclTable::Entry),
        4 => Some(AclTable::Attribute),
        5 => Some(AclTable::Category),
        _ => None,
    }))
}

/// An attribute of an entry in any state.
pub fn attribute_by_id(db: &mut Db, id: i64) -> Result<Option<AttributeRow>, StoreError> {
    on_db!(db, |c| attribute::table.find(id).select(AttributeRow::as_select()).first(c).optional())
}

/// Which of these ids are of objects.
pub fn known(db: &mut Db, ids: &[i64]) -> Result<Vec<(i64, AclTable)>, StoreError> {
    let mut known = Vec::new();
    macro_rules! look {
        ($($table:ident as $name:ident),*) => {$(
            for ids in ids.chunks(MAX_IDS) {
                let found: Vec<i64> = on_db!(db, |c| $table::table
                    .filter($table::id.eq_any(ids))
                    .select($table::id)
                    .load(c))?;
                known.extend(found.into_iter().map(|id| (id, AclTable::$name)));
            }
        )*};
    }
    look!(
        entity as Entity,
        entity_attr as EntityAttr,
        entry as Entry,
        attribute as Attribute,
        category as Category
    );
    Ok(known)
}

/// The names of objects; an attribute of an entry has that of its definition.
pub fn name_of(db: &mut Db, table: AclTable, id: i64) -> Result<Option<String>, StoreError> {
    match table {
        AclTable::Entity => {
            on_db!(db, |c| entity::table.find(id).select(entity::name).first(c).optional())
        }
        AclTable::EntityAttr => {
            on_db!(db, |c| entity_attr::table.find(id).select(entity_attr::name).first(c).optional())
        }
        AclTable::Entry => on_db!(db, |c| entry::table.find(id).select(entry::name).first(c).optional()),
        AclTable::Attribute => on_db!(db, |c| attribute::table
            .inner_join(entity_attr::table)
            .filter(attribute::id.eq(id))
            .select(entity_attr::name)
            .first(c)
            .optional()),
        AclTable::Category => {
            on_db!(db, |c| category::table.find(id).select(category::name).first(c).optional())
        }
    }
}

/// Writes the flags of an object. `NotFound` without such an object.
pub fn set_flags(
    db: &mut Db,
    table: AclTable,
    id: i64,
    is_public: bool,
    default_permission: i32,
    now: i64,
) -> Result<(), StoreError> {
    macro_rules! set {
        ($table:ident $(, $column:ident = $value:expr)?) => {
            on_db!(db, |c| diesel::update($table::table.find(id))
                .set((
                    $table::is_public.eq(is_public),
                    $table::default_permission.eq(default_permission),
                    $($table::$column.eq($value),)?
                ))
                .execute(c))
        };
    }
    found(match table {
        AclTable::Entity => set!(entity, updated_time = now),
        AclTable::EntityAttr => set!(entity_attr, updated_time = now),
        AclTable::Entry => set!(entry, updated_time = now),
        AclTable::Attribute => set!(attribute),
        AclTable::Category => set!(category, updated_time = now),
    }?)
}

/// What these roles are granted on these objects.
pub fn grants(db: &mut Db, object_ids: &[i64], role_ids: &[i64]) -> Result<Vec<GrantRow>, StoreError> {
    let mut rows = Vec::new();
    for objects in object_ids.chunks(MAX_IDS) {
        for roles in role_ids.chunks(MAX_IDS) {
            rows.extend(on_db!(db, |c| acl_grant::table
                .filter(acl_grant::object_id.eq_any(objects))
                .filter(acl_grant::role_id.eq_any(roles))
                .select(GrantRow::as_select())
                .load(c))?);
        }
    }
    Ok(rows)
}

/// All grants on an object, with whether the role is active, by role.
pub fn grants_on(db: &mut Db, object_id: i64) -> Result<Vec<(GrantRow, bool)>, StoreError> {
    on_db!(db, |c| acl_grant::table
        .inner_join(role::table.on(role::id.eq(acl_grant::role_id)))
        .filter(acl_grant::object_id.eq(object_id))
        .order(acl_grant::role_id)
        .select((GrantRow::as_select(), role::is_active))
        .load(c))
}

/// All grants of roles, by role and object.
pub fn grants_of(db: &mut Db, role_ids: &[i64]) -> Result<Vec<GrantRow>, StoreError> {
    let mut rows = Vec::new();
    for ids in role_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| acl_grant::table
            .filter(acl_grant::role_id.eq_any(ids))
            .order((acl_grant::role_id, acl_grant::object_id))
            .select(GrantRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// Takes the grants of roles on an object away.
pub fn revoke(db: &mut Db, object_id: i64, role_ids: &[i64]) -> Result<(), StoreError> {
    for ids in role_ids.chunks(MAX_IDS) {
        on_db!(db, |c| diesel::delete(
            acl_grant::table
                .filter(acl_grant::object_id.eq(object_id))
                .filter(acl_grant::role_id.eq_any(ids))
        )
        .execute(c))?;
    }
    Ok(())
}

/// Gives grants that are not there yet.
pub fn grant(db: &mut Db, rows: &[GrantRow]) -> Result<(), StoreError> {
    for rows in rows.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(acl_grant::table).values(rows).execute(c))?;
    }
    Ok(())
}

/// Records changes, in this order.
pub fn record(db: &mut Db, rows: &[NewAclChange]) -> Result<(), StoreError> {
    for rows in rows.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(acl_change::table).values(rows).execute(c))?;
    }
    Ok(())
}

/// The recorded changes of objects, oldest first, with the name of the role.
pub fn changes_of(
    db: &mut Db,
    object_ids: &[i64],
) -> Result<Vec<(AclChangeRow, Option<String>)>, StoreError> {
    let mut rows = Vec::new();
    for ids in object_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| acl_change::table
            .left_join(role::table)
            .filter(acl_change::object_id.eq_any(ids))
            .order(acl_change::id)
            .select((AclChangeRow::as_select(), role::name.nullable()))
            .load(c))?);
    }
    Ok(rows)
}

/// The names that renamed objects had first, by id.
pub fn first_names(db: &mut Db, object_ids: &[i64]) -> Result<HashMap<i64, String>, StoreError> {
    let mut names = HashMap::new();
    for ids in object_ids.chunks(MAX_IDS) {
        let rows: Vec<(i64, String)> = on_db!(db, |c| acl_first_name::table
            .filter(acl_first_name::object_id.eq_any(ids))
            .select((acl_first_name::object_id, acl_first_name::name))
            .load(c))?;
        names.extend(rows);
    }
    Ok(names)
}
