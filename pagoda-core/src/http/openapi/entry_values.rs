//! The operations that bring past values back, and those about references.

use super::words::schema_of;
use super::{LIMIT_OFFSET, Operation, list_of, op, optional};
use serde_json::{Value, json};

const ENTRY: &str = "entry";
const KEYWORD: (&str, &str) = ("keyword", "Part of the name, ignoring case");

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        "/entry/api/v2/{id}/attrv_restore/",
        "patch",
        "entry_restore_value",
        "Write a past value again, by its id in the history",
        ENTRY,
        &[],
        None,
        ("200", Some("Empty")),
    ),
    op(
        "/entry/api/v2/rollback/",
        "post",
        "entry_rollback",
        "Undo what you wrote into entries since a time",
        ENTRY,
        &[],
        Some("Rollback"),
        ("200", None),
    ),
    op(
        "/entry/api/v2/{id}/referral/",
        "get",
        "entry_referrers",
        "List the entries that refer to an entry, 50 at a time at most",
        ENTRY,
        &[LIMIT_OFFSET[0], LIMIT_OFFSET[1], KEYWORD],
        None,
        ("200", Some("EntryPage")),
    ),
    op(
        "/entry/api/v2/{id}/attr_referrals/",
        "get",
        "attribute_candidates",
        "List what an attribute may refer to, 50 at most",
        ENTRY,
        &[KEYWORD],
        None,
        ("200", Some("CandidateList")),
    ),
];

pub(super) fn schemas() -> Value {
    json!({
        "Rollback": {
            "type": "object",
            "required": ["targets", "at"],
            "properties": {
                "targets": {"type": "array", "minItems": 1, "items": schema_of("integer")},
                "at": schema_of("time"),
            },
        },
        "Candidate": optional(&[("id", "id"), ("name", "string"), ("display_label", "string?")], &["id", "name"]),
        "CandidateList": list_of("Candidate"),
    })
}
