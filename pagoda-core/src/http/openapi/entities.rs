//! Entities and their definitions, entries and their values. *Source: spec, entity §2 and entry §2.*

use super::words::{object, optional, page_of};
use serde_json::{Value, json};

pub(super) fn schemas() -> Value {
    let item = [
        ("id", "id"),
        ("name", "string"),
        ("note", "string"),
        ("item_name_pattern", "string"),
        ("item_name_type", "NameType"),
        ("status", "count"),
        ("is_toplevel", "boolean"),
        ("permission", "Permission"),
    ];
    let mut detail = item.to_vec();
    detail.extend([
        ("attrs", "[EntityAttr]"),
        ("webhooks", "[Webhook]"),
        ("isolation_rules", "[IsolationRule]"),
        ("is_public", "boolean"),
        ("has_ongoing_changes", "boolean"),
        ("delete_chain_exclude_entities", "[NamedId]"),
    ]);
    json!({
        "NameType": {
            "description": "How entries are named: US by users, ID by a UUID, AT from attributes",
            "type": "string",
            "enum": ["US", "ID", "AT"],
        },
        "EntityItem": object(&item),
        "EntityPage": page_of("EntityItem"),
        "Entity": object(&detail),
        "EntityCreate": optional(&entity_write("[EntityAttrCreate]"), &["name"]),
        "EntityUpdate": optional(&entity_write("[EntityAttrUpdate]"), &[]),
        "EntityAttr": object(&[
            ("id", "id"), ("index", "int32"), ("name", "string"), ("type", "AttrType"), ("is_mandatory", "boolean"),
            ("is_delete_in_chain", "boolean"), ("is_summarized", "boolean"), ("is_writable", "boolean"),
            ("referral", "[NamedId]"), ("note", "string"), ("default_value", "DefaultValue?"), ("choices", "[Choice]?"),
            ("choices_in_use", "[string]"), ("name_order", "int32"), ("name_prefix", "string"),
            ("name_postfix", "string"), ("display_attr", "string"),
        ]),
        "DefaultValue": {
            "description": "Of strings, texts, flags and numbers",
            "type": ["string", "number", "boolean"],
        },
        "Choice": object(&[("value", "string"), ("label", "string")]),
        "ChoiceWrite": optional(&[("value", "string?"), ("label", "string")], &["label"]),
        "EntityAttrCreate": optional(&attr_write(), &["name", "type"]),
        "EntityAttrUpdate": optional(&attr_update(), &[]),
        "EntrySchema": object(&[
            ("id", "id"), ("name", "string"), ("is_public", "boolean"), ("permission", "Permission"),
        ]),
        "DeletedUser": object(&[
            ("id", "id"), ("username", "string"), ("email", "string"), ("is_superuser", "boolean"),
            ("date_joined", "time"),
        ]),
        "EntryItem": object(&[
            ("id", "id"), ("name", "string"), ("schema", "EntrySchema"), ("is_active", "boolean"),
            ("deleted_user", "DeletedUser?"), ("deleted_time", "time?"), ("updated_time", "time"),
            ("aliases", "[Alias]"), ("permission", "Permission"),
        ]),
        "EntryPage": page_of("EntryItem"),
        "Entry": object(&[
            ("id", "id"), ("name", "string"), ("schema", "EntrySchema"), ("is_active", "boolean"),
            ("deleted_user", "DeletedUser?"), ("deleted_time", "time?"), ("attrs", "[EntryAttr]"),
            ("is_public", "boolean"), ("permission", "Permission"),
        ]),
        "EntryAttr": object(&[
            ("id", "id?"), ("type", "AttrType"), ("is_mandatory", "boolean"), ("is_readable", "boolean"),
            ("value", "AttrValue"), ("schema", "NamedId"),
        ]),
        "EntryCreate": optional(&[("name", "name 200"), ("attrs", "[AttrValueWrite]")], &["name"]),
        "EntryUpdate": optional(
            &[
                ("name", "name 200"), ("attrs", "[AttrValueWrite]"), ("delay_trigger", "boolean"),
                ("call_stacks", "[integer]"),
            ],
            &[],
        ),
    })
}

/// What is written of an entity; definitions are written differently when it is made and when it is changed.
fn entity_write(attrs: &'static str) -> [(&'static str, &'static str); 9] {
    [
        ("name", "name 200"),
        ("note", "line 200"),
        ("item_name_pattern", "line 400"),
        ("item_name_type", "NameType"),
        ("is_toplevel", "boolean"),
        ("attrs", attrs),
        ("delete_chain_exclude_entities", "[integer]"),
        ("webhooks", "[WebhookWrite]"),
        ("isolation_rules", "[IsolationRuleWrite]"),
    ]
}

fn attr_write() -> Vec<(&'static str, &'static str)> {
    vec![
        ("name", "name 200"),
        ("type", "AttrType"),
        ("index", "int32"),
        ("is_mandatory", "boolean"),
        ("is_delete_in_chain", "boolean"),
        ("is_summarized", "boolean"),
        ("note", "line 200"),
        ("referral", "[id]"),
        ("default_value", "DefaultValue?"),
        ("choices", "[ChoiceWrite]?"),
        ("name_order", "int32"),
        ("name_prefix", "line 20"),
        ("name_postfix", "line 20"),
        ("display_attr", "line 200"),
    ]
}

fn attr_update() -> Vec<(&'static str, &'static str)> {
    let mut fields = attr_write();
    fields.extend([("id", "id"), ("is_deleted", "boolean")]);
    fields
}
