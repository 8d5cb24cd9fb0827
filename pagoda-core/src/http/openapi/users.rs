//! The operations on users, their passwords and tokens.

use super::words::any_of;
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
    )
    .also(&[("400", "ErrorsOfPeriod")]),
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
    )
    .also(&[("400", "ErrorsOrWords")]),
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
    )
    .open(),
    op(
        "/user/api/v2/password_reset/confirm",
        "post",
        "password_reset_confirm",
        "Set a new password with such a link; no login needed",
        USER,
        &[],
        Some("PasswordResetConfirm"),
        ("200", Some("Empty")),
    )
    .open(),
];

pub(super) fn schemas() -> Value {
    let item = [
        ("id", "id"),
        ("username", "string"),
        ("email", "string"),
        ("is_superuser", "boolean"),
        ("date_joined", "time"),
        ("parent_user", "id?"),
    ];
    let mut listed = item.to_vec();
    listed.push(("is_readonly", "boolean"));
    let mut detail = item.to_vec();
    detail.extend([
        ("token", "UserToken?"),
        ("authenticate_type", "AuthenticateType"),
        ("groups", "[UserGroup]"),
        ("roles", "[UserRole]"),
    ]);
    let moment = json!({
        "description": "In UTC",
        "type": "string",
        "pattern": "^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$",
    });
    json!({
        "UserItem": object(&listed),
        "UserPage": page_of("UserItem"),
        "User": object(&detail),
        "UserToken": object(&[
            ("value", "string"), ("lifetime", "integer"), ("expire", "Moment"), ("created", "Moment"),
        ]),
        "Moment": moment,
        "AuthenticateType": {"description": "1 by password, 2 by LDAP", "type": "integer", "enum": [1, 2]},
        "UserGroup": object(&[("id", "id"), ("name", "string"), ("is_direct", "boolean")]),
        "UserRole": object(&[
            ("id", "id"), ("name", "string"), ("is_direct", "boolean"), ("is_admin", "boolean"),
            ("via_groups", "[NamedId]"),
        ]),
        "UserCreate": optional(
            &[
                ("username", "name 150"), ("password", "name 128"), ("email", "EmailWrite"),
                ("is_superuser", "boolean"),
            ],
            &["username", "password"],
        ),
        "EmailWrite": {
            "description": "An address, or nothing",
            "anyOf": [{"type": "string", "format": "email", "maxLength": 254}, {"type": "string", "maxLength": 0}],
        },
        "UserCreated": object(&[
            ("id", "id"), ("username", "string"), ("email", "string"), ("is_superuser", "boolean"),
        ]),
        "UserUpdate": optional(
            &[
                ("username", "name 150"), ("email", "EmailWrite"), ("is_superuser", "boolean"),
                ("token_lifetime", "TokenLifetime"),
            ],
            &["username"],
        ),
        "TokenLifetime": {
            "description": "In seconds; 0 for ever",
            "type": "integer",
            "minimum": 0,
            "maximum": 100_000_000,
        },
        "UserUpdated": object(&[
            ("username", "string"), ("email", "string"), ("is_superuser", "boolean"), ("token_lifetime", "integer"),
        ]),
        "PasswordEdit": object(&[
            ("old_passwd", "name 4096"), ("new_passwd", "name 4096"), ("chk_passwd", "name 4096"),
        ]),
        "PasswordSet": object(&[("new_passwd", "name 4096"), ("chk_passwd", "name 4096")]),
        "LdapPassword": object(&[("ldap_password", "name 4096")]),
        "UserRows": {"type": "array", "items": optional(
            &[("id", "id"), ("username", "name 150"), ("groups", "string"), ("email", "EmailWrite")],
            &["username", "groups", "email"],
        )},
        "PasswordResetRequest": object(&[("username", "name")]),
        "PasswordResetConfirm": object(&[
            ("uidb64", "string"), ("token", "string"), ("password1", "name 4096"), ("password2", "name 4096"),
        ]),
        "Activity": any_of(&["EntryActivity", "ValueActivity"]),
        "ActivityList": {"type": "array", "items": {"$ref": "#/components/schemas/Activity"}},
        "EntryActivity": object(&[
            ("action_type", "one of create|delete"), ("target_type", "one of item"), ("target", "ActivityEntry"),
            ("timestamp", "time"),
        ]),
        "ActivityEntry": object(&[("item_id", "id"), ("name", "string"), ("model", "NamedId")]),
        "ValueActivity": object(&[
            ("action_type", "one of update"), ("target_type", "one of item"), ("target", "ActivityValue"),
            ("timestamp", "time"),
        ]),
        "ActivityValue": object(&[
            ("item_id", "id"), ("item_name", "string"), ("attr", "ActivityAttr"), ("model", "ActivityModel"),
        ]),
        "ActivityModel": object(&[("model_id", "id"), ("model_name", "string")]),
        "ActivityAttr": object(&[
            ("attribute_id", "id"), ("attribute_name", "string"), ("type", "AttrType"),
            ("curr_value", "ActivityVersion"), ("prev_value", "ActivityVersion?"),
        ]),
        "ActivityVersion": object(&[
            ("attribute_value_id", "id"), ("value", "any"), ("user", "ActivityUser?"),
        ]),
        "ActivityUser": object(&[("user_id", "id"), ("username", "string?")]),
        "PeriodErrors": {
            "description": "What is wrong with a parameter, by its name",
            "type": "object",
            "additionalProperties": {"type": "string"},
        },
        "ErrorsOfPeriod": any_of(&["PeriodErrors", "Errors"]),
    })
}
