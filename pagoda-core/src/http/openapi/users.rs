//! The operations on users, their passwords and tokens.

use super::{Operation, object, op, optional, page_of};
use serde_json::{Value, json};

const USER: &str = "user";
const LIST: [(&str, &str); 3] = [
    ("page", "Number of the page, from 1, or `last`; 30 rows each"),
    ("search", "Words that the name contains, all of them"),
    ("ordering", "id, username, email, date_joined or is_superuser, with - for descending"),
];

pub(super) const OPERATIONS: &[Operation] = &[
    op("/user/api/v2/", "get", "user_list", "List users", USER, &LIST, None, ("200", Some("UserPage"))),
    op(
        "/user/api/v2/",
        "post",
        "user_create",
        "Make a user; who is no administrator makes a co-user",
        USER,
        &[],
        Some("UserCreate"),
        ("201", Some("UserCreated")),
    ),
    op("/user/api/v2/{id}/", "get", "user_retrieve", "Show a user", USER, &[], None, ("200", Some("User"))),
    op(
        "/user/api/v2/{id}/",
        "put",
        "user_update",
        "Change a user; the lifetime of tokens is for everybody's own",
        USER,
        &[],
        Some("UserUpdate"),
        ("200", Some("UserUpdated")),
    ),
    op("/user/api/v2/{id}/", "delete", "user_delete", "Delete a user", USER, &[], None, ("204", None)),
    op(
        "/user/api/v2/{id}/activity",
        "get",
        "user_activity",
        "List what a user did, newest first",
        USER,
        &[
            ("since", "The later end of the time, included"),
            ("to", "The earlier end"),
            ("within_minutes", "So many minutes before the later end"),
        ],
        None,
        ("200", Some("ActivityList")),
    ),
    op(
        "/user/api/v2/{id}/token/",
        "post",
        "user_token_refresh",
        "Make a co-user a new token",
        USER,
        &[],
        None,
        ("200", Some("Token")),
    ),
    op(
        "/user/api/v2/{id}/edit_passwd",
        "patch",
        "user_edit_password",
        "Change the password of oneself or of a co-user",
        USER,
        &[],
        Some("PasswordEdit"),
        ("200", Some("Empty")),
    ),
    op(
        "/user/api/v2/{id}/su_edit_passwd",
        "patch",
        "user_set_password",
        "Set a password; for administrators",
        USER,
        &[],
        Some("PasswordSet"),
        ("200", Some("Empty")),
    ),
    op(
        "/user/api/v2/{id}/auth",
        "patch",
        "user_switch_to_ldap",
        "Log in through LDAP from now on; refused by a server without",
        USER,
        &[],
        Some("LdapPassword"),
        ("200", Some("Empty")),
    ),
    op(
        "/user/api/v2/import/",
        "post",
        "user_import",
        "Import users, a list in YAML; for administrators",
        USER,
        &[],
        Some("UserRows"),
        ("200", None),
    ),
    op(
        "/user/api/v2/export/",
        "get",
        "user_export",
        "Export users",
        USER,
        &[],
        None,
        ("200", Some("UserRows")),
    ),
    op(
        "/user/api/v2/password_reset",
        "post",
        "password_reset_request",
        "Ask for a mail with a link; no login needed",
        USER,
        &[],
        Some("PasswordResetRequest"),
        ("200", Some("PasswordResetRequest")),
    ),
    op(
        "/user/api/v2/password_reset/confirm",
        "post",
        "password_reset_confirm",
        "Set a new password with such a link; no login needed",
        USER,
        &[],
        Some("PasswordResetConfirm"),
        ("200", Some("Empty")),
    ),
];

pub(super) fn schemas() -> Value {
    let item = [
        ("id", "integer"),
        ("username", "string"),
        ("email", "string"),
        ("is_superuser", "boolean"),
        ("date_joined", "string"),
        ("parent_user", "integer?"),
    ];
    let mut listed = item.to_vec();
    listed.push(("is_readonly", "boolean"));
    let mut detail = item.to_vec();
    detail.extend([
        ("token", "object?"),
        ("authenticate_type", "integer"),
        ("groups", "array"),
        ("roles", "array"),
    ]);
    let write = [("username", "string"), ("email", "string"), ("is_superuser", "boolean")];
    let mut create = write.to_vec();
    create.push(("password", "string"));
    let mut update = write.to_vec();
    update.push(("token_lifetime", "integer"));
    let mut created = write.to_vec();
    created.push(("id", "integer"));
    json!({
        "ActivityList": {"type": "array", "items": object(&[
            ("action_type", "string"), ("target_type", "string"), ("target", "object"), ("timestamp", "string"),
        ])},
        "UserItem": object(&listed),
        "UserPage": page_of("UserItem"),
        "User": object(&detail),
        "UserCreate": optional(&create, &["username", "password"]),
        "UserCreated": object(&created),
        "UserUpdate": optional(&update, &["username"]),
        "UserUpdated": object(&update),
        "PasswordEdit": object(&[("old_passwd", "string"), ("new_passwd", "string"), ("chk_passwd", "string")]),
        "PasswordSet": object(&[("new_passwd", "string"), ("chk_passwd", "string")]),
        "LdapPassword": object(&[("ldap_password", "string")]),
        "UserRows": {"type": "array", "items": optional(
            &[("id", "integer"), ("username", "string"), ("groups", "string"), ("email", "string")],
            &["username", "groups", "email"],
        )},
        "PasswordResetRequest": object(&[("username", "string")]),
        "PasswordResetConfirm": object(&[
            ("uidb64", "string"), ("token", "string"), ("password1", "string"), ("password2", "string"),
        ]),
    })
}
