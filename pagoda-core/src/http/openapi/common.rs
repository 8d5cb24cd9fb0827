//! Schemas that many operations share: errors, levels, types of attributes, names of objects.

use super::words::{any_of, list_of, object, optional, page_of};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::AttrType;
use serde_json::{Value, json};

/// The codes of errors. *Source: spec, entity §0.2.*
const CODES: [Code; 15] = [
    Code::Unauthenticated,
    Code::Required,
    Code::Invalid,
    Code::LimitExceeded,
    Code::Empty,
    Code::UnsupportedMediaType,
    Code::Unparsable,
    Code::Denied,
    Code::Duplicate,
    Code::NotFound,
    Code::NotEmpty,
    Code::InvalidValue,
    Code::NotFinished,
    Code::NoResult,
    Code::Other,
];

pub(super) fn schemas() -> Value {
    let unavailable = [
        ("message", "string"),
        ("code", "ErrorCode"),
        ("plugin", "string"),
        ("state", "string"),
        ("reason", "string"),
        ("retry_after", "count?"),
    ];
    let types: Vec<i32> = AttrType::ALL.iter().map(|kind| kind.code()).collect();
    json!({
        "ErrorCode": {
            "description": "What is wrong. Codes are stable, messages are not.",
            "type": "string",
            "enum": CODES,
        },
        "Error": object(&[("message", "string"), ("code", "ErrorCode")]),
        "ErrorList": list_of("Error"),
        "FieldErrors": {
            "description": "Complaints by field; `non_field_errors` has those about the whole. Of a list that has bad \
                            elements the complaints are by index, or one object for each element, empty for good ones.",
            "type": "object",
            "additionalProperties": any_of(&["ErrorList", "FieldErrors", "FieldErrorsList"]),
        },
        "FieldErrorsList": list_of("FieldErrors"),
        "Errors": any_of(&["Error", "ErrorList", "FieldErrors", "FieldErrorsList"]),
        "Words": {"description": "A sentence without a code", "type": "string"},
        "ErrorsOrWords": any_of(&["Errors", "Words"]),
        "ErrorOrWords": any_of(&["Error", "Words"]),
        "Unavailable": optional(&unavailable, &["message", "code"]),
        "Empty": {"type": "object", "maxProperties": 0},
        "Created": object(&[("id", "id"), ("name", "string"), ("job", "id")]),
        "Permission": {
            "description": "1 nothing, 2 readable, 4 writable, 8 full",
            "type": "integer",
            "enum": [1, 2, 4, 8],
        },
        "AttrType": {
            "description": "1 object, 2 string, 4 text, 8 boolean, 16 group, 32 date, 64 role, 128 datetime, 256 number, \
                            512 select; 1024 more are lists of these, 2048 more have names (2049 and 3073 objects, 2057 \
                            and 3081 with a flag)",
            "type": "integer",
            "enum": types,
        },
        "NamedId": object(&[("id", "id"), ("name", "string")]),
        "UserName": object(&[("id", "id"), ("username", "string")]),
        "Change": object(&[
            ("action", "one of create|update|delete"), ("target", "string"), ("before", "any"), ("after", "any"),
        ]),
        "Me": object(&[("user_id", "id"), ("username", "string"), ("email", "string"), ("co_users", "[ShortUser]")]),
        "ShortUser": object(&[("user_id", "id"), ("username", "string"), ("email", "string")]),
        "Token": object(&[("key", "string")]),
        "AuditItem": audit_item(),
        "AuditPage": page_of("AuditItem"),
        "AlertItem": object(&[
            ("id", "id"), ("state", "one of open|recovered"), ("kind", "string"), ("subject", "string"),
            ("sentence", "string"), ("value", "number?"), ("threshold", "number?"), ("instance", "string"),
            ("opened_at", "time"), ("recovered_at", "time?"), ("recovered_because", "string?"),
            ("deliveries", "[AlertDelivery]"),
        ]),
        "AlertDelivery": object(&[
            ("channel", "one of webhook|email"), ("told", "one of nothing|opened|recovered|given_up"),
            ("tries", "count"), ("problem", "string?"),
        ]),
        "AlertPage": page_of("AlertItem"),
    })
}

fn audit_item() -> Value {
    let mut item = object(&[
        ("seq", "id"),
        ("at", "time"),
        ("actor_id", "id?"),
        ("actor", "string?"),
        ("action", "string"),
        ("object_kind", "string?"),
        ("object_id", "integer?"),
        ("object_name", "string?"),
        ("plugin", "string?"),
        ("trace_id", "string"),
        ("origin", "string"),
        ("detail", "any"),
        ("prev_hash", "string"),
        ("hash", "string"),
    ]);
    let about = "What is known besides, which depends on the action; a text where a row was tampered with";
    if let Some(Value::Object(detail)) = item.pointer_mut("/properties/detail") {
        detail.insert("description".to_owned(), about.into());
    }
    for (hash, pattern) in
        [("hash", "^sha256:[0-9a-f]{64}$"), ("prev_hash", "^(genesis|sha256:[0-9a-f]{64})$")]
    {
        if let Some(hash) = item.pointer_mut(&format!("/properties/{hash}")) {
            *hash = json!({"type": "string", "pattern": pattern});
        }
    }
    if let Some(action) = item.pointer_mut("/properties/action") {
        let names = crate::services::audit::Action::ALL.iter().map(|action| action.as_str());
        *action = json!({"type": "string", "examples": names.collect::<Vec<_>>()});
    }
    item
}
