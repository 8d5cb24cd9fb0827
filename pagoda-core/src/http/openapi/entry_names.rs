//! The operations on names of entries: those they had, and other ones that they have; and on their past values.

use super::{LIMIT_OFFSET, Operation, list_of, object, op, page_of};
use serde_json::{Value, json};

const ENTRY: &str = "entry";
const ALIASES: &str = "/entry/api/v2/alias/";

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        "/entry/api/v2/{id}/histories/",
        "get",
        "entry_histories",
        "List the values that were written, newest first",
        ENTRY,
        &LIMIT_OFFSET,
        None,
        ("200", Some("ValuePage")),
    ),
    op(
        "/entry/api/v2/{id}/self_histories/",
        "get",
        "entry_names",
        "List the names that the entry had, newest first",
        ENTRY,
        &LIMIT_OFFSET,
        None,
        ("200", Some("NamePage")),
    ),
    op(
        "/entry/api/v2/{id}/restore_self_history/",
        "post",
        "entry_restore_name",
        "Give an entry a name back that it had",
        ENTRY,
        &[],
        Some("NameRestore"),
        ("200", Some("NameRestored")),
    ),
    op(
        "/entry/api/v2/{id}/alias/",
        "get",
        "entry_aliases",
        "List the other names of an entry",
        ENTRY,
        &LIMIT_OFFSET,
        None,
        ("200", Some("AliasPage")),
    ),
    op(
        ALIASES,
        "post",
        "alias_create",
        "Give an entry another name",
        ENTRY,
        &[],
        Some("AliasWrite"),
        ("201", Some("Alias")),
    ),
    op(
        "/entry/api/v2/alias/bulk/",
        "post",
        "alias_create_many",
        "Give entries other names, all or none",
        ENTRY,
        &[],
        Some("AliasWriteList"),
        ("200", Some("AliasList")),
    ),
    op(
        "/entry/api/v2/alias/{id}",
        "delete",
        "alias_delete",
        "Take another name from an entry",
        ENTRY,
        &[],
        None,
        ("204", None),
    ),
];

pub(super) fn schemas() -> Value {
    json!({
        "Value": object(&[
            ("id", "id"), ("type", "AttrType"), ("created_time", "time"), ("created_user", "string"),
            ("curr_value", "AttrValue"), ("prev_value", "AttrValue?"), ("prev_id", "id?"),
            ("parent_attr", "NamedId"),
        ]),
        "ValuePage": page_of("Value"),
        "Name": object(&[
            ("history_id", "id"), ("name", "string"), ("prev_name", "string?"), ("history_date", "time"),
            ("history_user", "string"), ("history_type", "one of +|~|-"),
        ]),
        "NamePage": page_of("Name"),
        "NameRestore": object(&[("history_id", "id")]),
        "NameRestored": object(&[("message", "string"), ("restored_name", "string")]),
        "Alias": object(&[("id", "id"), ("name", "string"), ("entry", "id")]),
        "AliasPage": page_of("Alias"),
        "AliasList": list_of("Alias"),
        "AliasWrite": object(&[("name", "name 200"), ("entry", "id")]),
        "AliasWriteList": list_of("AliasWrite"),
    })
}
