//! Webhooks and isolation rules, which stand within entities. *Source: spec, entity §1.4 and §1.5.*

use super::words::{object, optional};
use serde_json::{Value, json};

pub(super) fn schemas() -> Value {
    json!({
        "Header": object(&[("header_key", "string"), ("header_value", "string")]),
        "HeaderWrite": object(&[("header_key", "name 65536"), ("header_value", "name 65536")]),
        "Webhook": object(&[
            ("id", "id"), ("label", "string"), ("url", "string"), ("is_enabled", "boolean"), ("is_verified", "boolean"),
            ("verification_error_details", "string?"), ("headers", "[Header]"),
        ]),
        "WebhookWrite": optional(
            &[
                ("id", "id"), ("label", "line 65536"), ("url", "line 200"), ("is_enabled", "boolean"),
                ("headers", "[HeaderWrite]"), ("is_deleted", "boolean"),
            ],
            &[],
        ),
        "IsolationRule": object(&[
            ("id", "id"), ("conditions", "[IsolationCondition]"), ("action", "IsolationAction"),
        ]),
        "IsolationAction": object(&[("id", "id"), ("prevent_from", "NamedId?"), ("is_prevent_all", "boolean")]),
        "IsolationCondition": object(&[
            ("id", "id"), ("attr", "AttrName"), ("str_cond", "string"), ("ref_cond", "EntryRef?"),
            ("bool_cond", "boolean"), ("is_unmatch", "boolean"),
        ]),
        "IsolationRuleWrite": optional(
            &[
                ("id", "id"), ("is_deleted", "boolean"), ("conditions", "[IsolationConditionWrite]"),
                ("action", "IsolationActionWrite"),
            ],
            &[],
        ),
        "IsolationActionWrite": optional(&[("is_prevent_all", "boolean"), ("prevent_from_id", "id?")], &[]),
        "IsolationConditionWrite": optional(
            &[
                ("attr_id", "id"), ("str_cond", "line 65536"), ("ref_cond_id", "id?"), ("bool_cond", "boolean"),
                ("is_unmatch", "boolean"),
            ],
            &["attr_id"],
        ),
    })
}
