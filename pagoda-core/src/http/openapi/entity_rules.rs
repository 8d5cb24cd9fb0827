//! Webhooks and isolation rules, which stand within entities.

use super::{list_of, object, optional};
use serde_json::{Value, json};

/// Adds what they are, and says in the descriptions of entities that they are there.
pub(super) fn describe(schemas: &mut Value) {
    for (entity, suffix) in [("Entity", ""), ("EntityCreate", "Write"), ("EntityUpdate", "Write")] {
        let Some(Value::Object(properties)) = schemas.pointer_mut(&format!("/{entity}/properties")) else {
            continue;
        };
        for (key, schema) in [("webhooks", "Webhook"), ("isolation_rules", "IsolationRule")] {
            properties.insert(key.to_owned(), list_of(&format!("{schema}{suffix}")));
        }
    }
    let Value::Object(schemas) = schemas else { return };
    let header =
        optional(&[("header_key", "string"), ("header_value", "string")], &["header_key", "header_value"]);
    let mut webhook = object(&[
        ("id", "integer"),
        ("label", "string"),
        ("url", "string"),
        ("is_enabled", "boolean"),
        ("is_verified", "boolean"),
        ("verification_error_details", "string?"),
    ]);
    let mut webhook_write = optional(
        &[
            ("id", "integer"),
            ("label", "string"),
            ("url", "string"),
            ("is_enabled", "boolean"),
            ("is_deleted", "boolean"),
        ],
        &[],
    );
    for webhook in [&mut webhook, &mut webhook_write] {
        if let Some(Value::Object(properties)) = webhook.get_mut("properties") {
            properties.insert("headers".to_owned(), json!({"type": "array", "items": header}));
        }
    }
    let action = object(&[("id", "integer"), ("prevent_from", "object?"), ("is_prevent_all", "boolean")]);
    let action_write = optional(&[("is_prevent_all", "boolean"), ("prevent_from_id", "integer?")], &[]);
    let condition = object(&[
        ("id", "integer"),
        ("attr", "object"),
        ("str_cond", "string"),
        ("ref_cond", "object?"),
        ("bool_cond", "boolean"),
        ("is_unmatch", "boolean"),
    ]);
    let condition_write = optional(
        &[
            ("attr_id", "integer"),
            ("str_cond", "string"),
            ("ref_cond_id", "integer?"),
            ("bool_cond", "boolean"),
            ("is_unmatch", "boolean"),
        ],
        &["attr_id"],
    );
    let rule = json!({
        "type": "object",
        "required": ["id", "conditions", "action"],
        "properties": {
            "id": {"type": "integer"},
            "conditions": {"type": "array", "items": condition},
            "action": action,
        },
    });
    let rule_write = json!({
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "is_deleted": {"type": "boolean"},
            "conditions": {"type": "array", "items": condition_write},
            "action": action_write,
        },
    });
    for (name, schema) in [
        ("Webhook", webhook),
        ("WebhookWrite", webhook_write),
        ("IsolationRule", rule),
        ("IsolationRuleWrite", rule_write),
    ] {
        schemas.insert(name.to_owned(), schema);
    }
}
