//! The operations on groups, roles and access rules.

use super::{Operation, list_of, object, op, optional, page_of};
use serde_json::{Value, json};

const NAMED: [(&str, &str); 2] = [
    ("search", "Words that the name contains, all of them"),
    ("ordering", "id or name, with - for descending"),
];
const GROUP_LIST: [(&str, &str); 3] = [
    ("page", "Number of the page, from 1, or `last`; 30 rows each"),
    NAMED[0],
    ("ordering", "id, name or parent_group, with - for descending"),
];

const ACL: &str = "/acl/api/v2/acls/{id}";
const GROUPS: &str = "/group/api/v2/groups";
const GROUP: &str = "/group/api/v2/groups/{id}";
const ROLES: &str = "/role/api/v2/";
const ROLE: &str = "/role/api/v2/{id}";

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        ACL,
        "get",
        "acl_retrieve",
        "Show the access rules of an object",
        "acl",
        &[],
        None,
        ("200", Some("Acl")),
    ),
    op(
        ACL,
        "put",
        "acl_update",
        "Change the access rules of an object",
        "acl",
        &[],
        Some("AclUpdate"),
        ("200", Some("Acl")),
    ),
    op(
        "/acl/api/v2/acls/{id}/history",
        "get",
        "acl_history",
        "List how the access rules of an object changed, newest first",
        "acl",
        &[],
        None,
        ("200", Some("AclHistory")),
    ),
    op(GROUPS, "get", "group_list", "List groups", "group", &GROUP_LIST, None, ("200", Some("GroupPage"))),
    op(
        GROUPS,
        "post",
        "group_create",
        "Make a group; for administrators",
        "group",
        &[],
        Some("GroupWrite"),
        ("201", Some("GroupWritten")),
    ),
    op(
        "/group/api/v2/groups/tree",
        "get",
        "group_tree",
        "List groups with those below them",
        "group",
        &NAMED,
        None,
        ("200", Some("GroupTree")),
    ),
    op(
        "/group/api/v2/groups/import",
        "post",
        "group_import",
        "Import groups, a list in YAML; for administrators",
        "group",
        &[],
        Some("GroupRows"),
        ("200", None),
    )
    .also(&[("400", "ErrorsOrWords")]),
    op(
        "/group/api/v2/groups/export",
        "get",
        "group_export",
        "Export groups, a list in YAML",
        "group",
        &[],
        None,
        ("200", Some("GroupRows")),
    ),
    op(GROUP, "get", "group_retrieve", "Show a group", "group", &[], None, ("200", Some("Group"))),
    op(
        GROUP,
        "put",
        "group_update",
        "Replace a group; for administrators",
        "group",
        &[],
        Some("GroupWrite"),
        ("200", Some("GroupWritten")),
    ),
    op(
        GROUP,
        "delete",
        "group_delete",
        "Delete a group; for administrators",
        "group",
        &[],
        None,
        ("204", None),
    ),
    op(
        ROLES,
        "get",
        "role_list",
        "List the roles one belongs to",
        "role",
        &NAMED,
        None,
        ("200", Some("RoleList")),
    ),
    op(
        ROLES,
        "post",
        "role_create",
        "Make a role",
        "role",
        &[],
        Some("RoleWrite"),
        ("201", Some("RoleWritten")),
    ),
    op(
        "/role/api/v2/import",
        "post",
        "role_import",
        "Import roles, a list in YAML; for administrators",
        "role",
        &[],
        Some("RoleRows"),
        ("200", Some("RoleImport")),
    ),
    op(
        "/role/api/v2/export",
        "get",
        "role_export",
        "Export the roles one belongs to, a list in YAML",
        "role",
        &[],
        None,
        ("200", Some("RoleRows")),
    ),
    op(ROLE, "get", "role_retrieve", "Show a role", "role", &[], None, ("200", Some("Role"))),
    op(
        ROLE,
        "put",
        "role_update",
        "Change a role",
        "role",
        &[],
        Some("RoleWrite"),
        ("200", Some("RoleWritten")),
    ),
    op(ROLE, "delete", "role_delete", "Delete a role", "role", &[], None, ("204", None)),
];

pub(super) fn schemas() -> Value {
    let role_write = [
        ("name", "name 200"),
        ("description", "string"),
        ("is_active", "yes"),
        ("users", "[id]"),
        ("groups", "[id]"),
        ("admin_users", "[id]"),
        ("admin_groups", "[id]"),
    ];
    json!({
        "Acl": object(&[
            ("id", "id"), ("name", "string"), ("is_public", "boolean"), ("default_permission", "Permission"),
            ("objtype", "ObjectType"), ("roles", "[RoleGrant]"), ("parent", "AclParent?"),
        ]),
        "ObjectType": {
            "description": "1 entity, 2 definition, 4 entry, 8 attribute, 16 category",
            "type": "integer",
            "enum": [1, 2, 4, 8, 16],
        },
        "RoleGrant": object(&[
            ("id", "id"), ("name", "string"), ("description", "string"), ("current_permission", "Permission"),
        ]),
        "AclParent": object(&[("id", "id"), ("name", "string"), ("is_public", "boolean")]),
        "AclUpdate": optional(
            &[("is_public", "boolean"), ("default_permission", "Permission"), ("acl_settings", "[GrantWrite]")],
            &[],
        ),
        "GrantWrite": object(&[("member_id", "id"), ("value", "Permission")]),
        "AclStep": object(&[
            ("user", "UserName?"), ("time", "time"), ("name", "string"), ("changes", "[Change]"),
        ]),
        "AclHistory": list_of("AclStep"),
        "Group": object(&[("id", "id"), ("name", "string"), ("parent_group", "id?"), ("members", "[UserName]")]),
        "GroupPage": page_of("Group"),
        "GroupWrite": optional(&[("name", "name 150"), ("parent_group", "id?"), ("members", "[id]")], &["name"]),
        "GroupWritten": object(&[("id", "id"), ("name", "string"), ("parent_group", "id?")]),
        "GroupNode": object(&[("id", "id"), ("name", "string"), ("children", "[GroupNode]")]),
        "GroupTree": list_of("GroupNode"),
        "GroupRow": optional(&[("id", "id"), ("name", "name 150")], &["name"]),
        "GroupRows": list_of("GroupRow"),
        "Role": object(&[
            ("id", "id"), ("is_active", "boolean"), ("name", "string"), ("description", "string"),
            ("users", "[UserName]"), ("groups", "[NamedId]"), ("admin_users", "[UserName]"),
            ("admin_groups", "[NamedId]"), ("is_editable", "boolean"),
        ]),
        "RoleList": list_of("Role"),
        "RoleWrite": optional(&role_write, &["name"]),
        "RoleWritten": object(&[
            ("id", "id"), ("is_active", "boolean"), ("name", "string"), ("description", "string"), ("users", "[id]"),
            ("groups", "[id]"), ("admin_users", "[id]"), ("admin_groups", "[id]"),
        ]),
        "RoleRow": optional(
            &[
                ("id", "id"), ("name", "name 200"), ("description", "string"), ("users", "[name 200]"),
                ("groups", "[name 200]"), ("admin_users", "[name 200]"), ("admin_groups", "[name 200]"),
                ("permissions", "[RolePermission]"),
            ],
            &["name", "users", "groups", "admin_users", "admin_groups"],
        ),
        "RolePermission": role_permission(),
        "RoleRows": list_of("RoleRow"),
        "RoleImport": object(&[("result", "RoleImportResult")]),
        "RoleImportResult": object(&[("job_ids", "[id]"), ("error", "[string]")]),
    })
}

/// What is neither of the levels, or names nothing, is passed over. *Source: spec, acl-role §6.3.*
fn role_permission() -> Value {
    json!({
        "type": "object",
        "properties": {
            "obj_id": {"description": "Id of the object"},
            "permission": {"description": "`readable`, `writable` or `full`"},
        },
    })
}
