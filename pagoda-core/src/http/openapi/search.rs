//! Searches.

use super::words::any_of;
use super::{Operation, list_of, object, op, optional};
use serde_json::{Value, json};

const ENTRY: &str = "entry";
const QUERY: (&str, &str) = ("query", "What to look for in names and values; without it nothing is found");

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        "/entry/api/v2/search/",
        "get",
        "entry_search",
        "Find entries by one text in names and values, 20 at most",
        ENTRY,
        &[QUERY],
        None,
        ("200", Some("FoundList")),
    ),
    op(
        "/entry/api/v2/advanced_search/",
        "post",
        "entry_advanced_search",
        "Find entries by conditions on names, values and references",
        ENTRY,
        &[],
        Some("AdvancedSearch"),
        ("200", Some("AdvancedResults")),
    )
    .also(&[("400", "ErrorsOrWords")]),
    op(
        "/entry/api/v2/advanced_search_chain/",
        "post",
        "entry_search_chain",
        "Find entries by conditions on what they refer to and on what refers to them",
        ENTRY,
        &[],
        Some("ChainSearch"),
        ("200", Some("EntryList")),
    )
    .also(&[("400", "ErrorsOrReason")]),
    op(
        "/entry/api/v2/advanced_search_result_export/",
        "post",
        "entry_search_export",
        "Write all that a search finds into a file, which the job of the export leaves",
        ENTRY,
        &[],
        Some("SearchExport"),
        ("200", Some("SearchExportBegun")),
    ),
];

/// The keys of values as searches show them, and what is below them. *Source: spec, search §4.6.*
const FOUND: [(&str, &str, &str); 15] = [
    ("FoundString", "as_string", "string"),
    ("FoundNumber", "as_number", "number?"),
    ("FoundBoolean", "as_boolean", "boolean"),
    ("FoundObject", "as_object", "FoundTarget"),
    ("FoundGroup", "as_group", "FoundTarget"),
    ("FoundRole", "as_role", "FoundTarget"),
    ("FoundNamedObject", "as_named_object", "FoundNamed"),
    ("FoundSelect", "as_select", "Choice?"),
    ("FoundStrings", "as_array_string", "[string]"),
    ("FoundNumbers", "as_array_number", "[number]"),
    ("FoundObjects", "as_array_object", "[FoundTarget]"),
    ("FoundGroups", "as_array_group", "[FoundTarget]"),
    ("FoundRoles", "as_array_role", "[FoundTarget]"),
    ("FoundNamedObjects", "as_array_named_object", "[FoundNamed]"),
    ("FoundChoices", "as_multi_select", "[Choice]"),
];

/// What an export is asked for with, and gives back. *Source: spec, search §6.*
const EXPORT: [(&str, &str); 8] = [
    ("entities", "[integer]"),
    ("attrinfo", "[AttrFilter]"),
    ("join_attrs", "[SearchJoin]"),
    ("has_referral", "boolean"),
    ("referral_name", "name"),
    ("hint_entry", "NameFilter"),
    ("is_all_entities", "boolean"),
    ("export_style", "one of yaml|csv"),
];

pub(super) fn schemas() -> Value {
    let mut schemas = answers();
    if let (Value::Object(schemas), Value::Object(requests)) = (&mut schemas, requests()) {
        schemas.extend(requests);
        for (name, key, word) in FOUND {
            schemas.insert(name.to_owned(), object(&[(key, word)]));
        }
        let names: Vec<&str> = FOUND.iter().map(|(name, _, _)| *name).collect();
        schemas.insert("FoundValue".to_owned(), any_of(&names));
    }
    schemas
}

fn answers() -> Value {
    json!({
        "Found": object(&[("id", "id"), ("name", "string"), ("schema", "FoundSchema")]),
        "FoundSchema": object(&[("id", "id"), ("name", "string"), ("permission", "Permission")]),
        "FoundList": list_of("Found"),
        "FoundTarget": optional(
            &[("id", "FoundId"), ("name", "string"), ("boolean", "boolean")],
            &["id", "name"],
        ),
        "FoundId": {"description": "Empty where there is nothing", "anyOf": [
            {"type": "integer", "format": "int64", "minimum": 1}, {"type": "string", "const": ""},
        ]},
        "FoundNamed": object(&[("name", "string"), ("object", "FoundTarget")]),
        "FoundCell": object(&[("type", "AttrType"), ("is_readable", "boolean"), ("value", "FoundValue")]),
        "FoundReferrer": object(&[("id", "id"), ("name", "string"), ("schema", "NamedId")]),
        "FoundCells": {
            "description": "Attributes by name, joined ones as `<attribute>.<attribute of what it refers to>`",
            "type": "object",
            "additionalProperties": {"$ref": "#/components/schemas/FoundCell"},
        },
        "AdvancedRow": object(&[
            ("entity", "NamedId"), ("entry", "NamedId"), ("attrs", "FoundCells"), ("is_readable", "boolean"),
            ("referrals", "[FoundReferrer]?"),
        ]),
        "AdvancedResults": object(&[("count", "count"), ("total_count", "count"), ("values", "[AdvancedRow]")]),
        "EntryList": list_of("EntryItem"),
        "Reason": object(&[("reason", "string")]),
        "ErrorsOrReason": any_of(&["Errors", "Reason"]),
    })
}

fn requests() -> Value {
    json!({
        "SearchSort": optional(&[("target_attrname", "name"), ("order", "one of asc|desc")], &["target_attrname"]),
        "SearchJoin": optional(
            &[("name", "name"), ("offset", "integer"), ("attrinfo", "[AttrFilter]")],
            &["name", "attrinfo"],
        ),
        "AdvancedSearch": optional(
            &[
                ("entities", "[integer]"), ("attrinfo", "[AttrFilter]"), ("join_attrs", "[SearchJoin]"),
                ("has_referral", "boolean"), ("referral_name", "string"), ("is_output_all", "boolean"),
                ("is_all_entities", "boolean"), ("entry_limit", "count"), ("entry_offset", "count"),
                ("hint_entry", "NameFilter"), ("exclude_referrals", "[integer]"), ("include_referrals", "[integer]"),
                ("sort", "SearchSort"),
            ],
            &["entities", "attrinfo"],
        ),
        "SearchExport": optional(&EXPORT, &["entities", "attrinfo", "export_style"]),
        "SearchExportBegun": optional(&EXPORT, &["entities", "attrinfo", "export_style", "is_all_entities"]),
        "ChainAttr": optional(
            &[
                ("name", "name 200"), ("value", "line 200"), ("is_any", "boolean"), ("attrs", "[ChainAttr]"),
                ("refers", "[ChainRefer]"),
            ],
            &["name"],
        ),
        "ChainRefer": optional(
            &[
                ("entity", "name 200"), ("entry", "line 200"), ("is_any", "boolean"), ("attrs", "[ChainAttr]"),
                ("refers", "[ChainRefer]"),
            ],
            &["entity"],
        ),
        "ChainSearch": optional(
            &[
                ("entities", "[any]"), ("is_any", "boolean"), ("hint_item_name", "string"), ("attrs", "[ChainAttr]"),
                ("refers", "[ChainRefer]"),
            ],
            &["entities"],
        ),
    })
}
