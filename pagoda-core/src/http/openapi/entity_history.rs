//! The operations on what happened to entities, and on names of definitions.

use super::{LIMIT_OFFSET, Operation, list_of, object, op, page_of};
use serde_json::{Value, json};

const ENTITY: &str = "entity";

const ATTR_NAMES: [(&str, &str); 2] = [
    ("entity_ids", "Ids of entities, separated by commas; all without it"),
    ("referral_attr", "Instead those of the entities that attributes of this name refer to"),
];

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        "/entity/api/v2/{id}/histories/",
        "get",
        "entity_histories",
        "List what happened to an entity and its attributes, newest first",
        ENTITY,
        &LIMIT_OFFSET,
        None,
        ("200", Some("EntityRecordPage")),
    ),
    op(
        "/entity/api/v2/history/{id}",
        "get",
        "entity_history",
        "List what happened to an entity, newest first; with a session only",
        ENTITY,
        &[],
        None,
        ("200", Some("OlderEntityRecordList")),
    )
    .also(&[
        ("303", ""),
        ("400", "text/plain"),
        ("403", "Error"),
        ("404", "text/html"),
        ("429", "Error"),
        ("500", "Error"),
        ("503", "Error"),
    ])
    .bare(),
    op(
        "/entity/api/v2/attrs",
        "get",
        "entity_attrs",
        "List attributes of entities",
        ENTITY,
        &ATTR_NAMES,
        None,
        ("200", Some("AttrNameList")),
    ),
];

pub(super) fn schemas() -> Value {
    json!({
        "EntityRecord": object(&[
            ("operation", "count"), ("time", "time"), ("username", "string"), ("text", "string"),
            ("target_obj", "string"), ("is_detail", "boolean"), ("changes", "[Change]"),
        ]),
        "EntityRecordPage": page_of("EntityRecord"),
        "OlderEntityRecord": object(&[
            ("user", "OlderUser"), ("operation", "count"), ("details", "[OlderDetail]"), ("time", "time"),
        ]),
        "OlderUser": object(&[("username", "string")]),
        "OlderDetail": object(&[("operation", "count"), ("target_obj", "OlderTarget"), ("text", "string")]),
        "OlderTarget": object(&[("name", "string")]),
        "OlderEntityRecordList": list_of("OlderEntityRecord"),
        "AttrName": object(&[("id", "id"), ("name", "string"), ("type", "AttrType")]),
        "AttrNameList": list_of("AttrName"),
    })
}
