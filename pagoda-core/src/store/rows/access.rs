//! Groups, roles, what roles are granted, and what changed of it.

use crate::store::schema::{acl_change, acl_grant, group_member, role, role_group, role_user, user_group};
use diesel::sql_types::{BigInt, Bool, Nullable};
use diesel::{Identifiable, Insertable, Queryable, QueryableByName, Selectable};

/// A group of users.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = user_group)]
pub struct GroupRow {
    /// Key, given out by the database.
    pub id: i64,
    /// Unique among all groups, inactive ones included.
    pub name: String,
    /// The name in lower case, computed on insert and update.
    pub name_folded: String,
    /// See [`sort_key`](crate::store::sort_key), computed on insert and update.
    pub name_sort: String,
    /// The group whose members these are too.
    pub parent_id: Option<i64>,
    /// A deleted group stays as an inactive one.
    pub is_active: bool,
}

/// That a user belongs to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Insertable)]
#[diesel(table_name = group_member, treat_none_as_default_value = false)]
pub struct GroupMemberRow {
    /// Who.
    pub user_id: i64,
    /// To which.
    pub group_id: i64,
}

/// A group that a user belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BelongingRow {
    /// The group.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Ancestors count although they are inactive.
    pub is_active: bool,
    /// Otherwise through a group below it.
    pub is_direct: bool,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = role)]
pub struct RoleRow {
    /// Key, given out by the database.
    pub id: i64,
    /// Unique among all roles, inactive ones included.
    pub name: String,
    /// The name in lower case, computed on insert and update.
    pub name_folded: String,
    /// See [`sort_key`](crate::store::sort_key), computed on insert and update.
    pub name_sort: String,
    /// Free text.
    pub description: String,
    /// A deleted role stays as an inactive one and counts nowhere.
    pub is_active: bool,
}

/// That a user is member or administrator of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Insertable)]
#[diesel(table_name = role_user, treat_none_as_default_value = false)]
pub struct RoleUserRow {
    /// Of which.
    pub role_id: i64,
    /// Who.
    pub user_id: i64,
    /// Administrator, otherwise member.
    pub is_admin: bool,
}

/// That a group is member or administrator of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Insertable)]
#[diesel(table_name = role_group, treat_none_as_default_value = false)]
pub struct RoleGroupRow {
    /// Of which.
    pub role_id: i64,
    /// Who.
    pub group_id: i64,
    /// Administrator, otherwise member.
    pub is_admin: bool,
}

/// One way in which a user belongs to an active role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct RoleTie {
    /// The role.
    #[diesel(sql_type = BigInt)]
    pub role_id: i64,
    /// Through this group; directly where absent.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub group_id: Option<i64>,
    /// As administrator, otherwise as member.
    #[diesel(sql_type = Bool)]
    pub is_admin: bool,
}

/// Somebody who belongs to a role or a group: a user or a group, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TiedRow {
    /// The role or group.
    pub of: i64,
    /// Who.
    pub id: i64,
    /// The name.
    pub name: String,
    /// A deleted one is still tied.
    pub is_active: bool,
    /// Administrator of the role, otherwise member.
    pub is_admin: bool,
}

/// What a role may do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = acl_grant, treat_none_as_default_value = false)]
pub struct GrantRow {
    /// Of the id space of all access-controlled objects.
    pub object_id: i64,
    /// Whose it is.
    pub role_id: i64,
    /// 2, 4 or 8.
    pub level: i32,
}

/// A change of access rules to record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Insertable)]
#[diesel(table_name = acl_change, treat_none_as_default_value = false)]
pub struct NewAclChange {
    /// What it is about.
    pub object_id: i64,
    /// Its name at that time.
    pub object_name: String,
    /// Whose grant changed; absent for the flags of the object.
    pub role_id: Option<i64>,
    /// The flag before; absent with a role.
    pub was_public: Option<bool>,
    /// The flag after; absent with a role.
    pub is_public: Option<bool>,
    /// Level before: of the role, 1 for none, or the default permission.
    pub old_level: i32,
    /// Level after.
    pub new_level: i32,
    /// Who did it; absent for the server itself.
    pub user_id: Option<i64>,
    /// When.
    pub at: i64,
}

/// A recorded change of access rules.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = acl_change)]
pub struct AclChangeRow {
    /// Key, in the order of the changes.
    pub id: i64,
    /// See [`NewAclChange::object_id`].
    pub object_id: i64,
    /// See [`NewAclChange::object_name`].
    pub object_name: String,
    /// See [`NewAclChange::role_id`].
    pub role_id: Option<i64>,
    /// See [`NewAclChange::was_public`].
    pub was_public: Option<bool>,
    /// See [`NewAclChange::is_public`].
    pub is_public: Option<bool>,
    /// See [`NewAclChange::old_level`].
    pub old_level: i32,
    /// See [`NewAclChange::new_level`].
    pub new_level: i32,
    /// See [`NewAclChange::user_id`].
    pub user_id: Option<i64>,
    /// See [`NewAclChange::at`].
    pub at: i64,
}
