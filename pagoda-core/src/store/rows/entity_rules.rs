//! What an entity has besides its definitions: webhooks and isolation rules.

use super::{AttrValueRow, ReferredRow};
use crate::store::schema::{entity_webhook, isolation_condition, isolation_rule};
use diesel::{AsChangeset, Identifiable, Insertable, Queryable, Selectable};

/// Somebody who is told of the entries of an entity.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, AsChangeset)]
#[diesel(table_name = entity_webhook, treat_none_as_null = true)]
pub struct WebhookRow {
    /// Key, given out by the database.
    pub id: i64,
    /// The entity.
    pub entity_id: i64,
    /// What people call it.
    pub label: String,
    /// Where it is.
    pub url: String,
    /// Whether it is to be told anything.
    pub is_enabled: bool,
    /// Names and values of what is sent along, as JSON. The values are secrets.
    pub headers: String,
    /// Whether it answered when it was asked.
    pub is_verified: bool,
    /// Why it did not.
    pub verification_error: Option<String>,
}

impl std::fmt::Debug for WebhookRow {
    /// Without the headers, whose values are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookRow")
            .field("id", &self.id)
            .field("entity_id", &self.entity_id)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// A webhook to insert.
#[derive(Clone, Insertable)]
#[diesel(table_name = entity_webhook, treat_none_as_default_value = false)]
pub struct NewWebhook {
    /// See [`WebhookRow::entity_id`].
    pub entity_id: i64,
    /// See [`WebhookRow::label`].
    pub label: String,
    /// See [`WebhookRow::url`].
    pub url: String,
    /// See [`WebhookRow::is_enabled`].
    pub is_enabled: bool,
    /// See [`WebhookRow::headers`].
    pub headers: String,
    /// See [`WebhookRow::is_verified`].
    pub is_verified: bool,
    /// See [`WebhookRow::verification_error`].
    pub verification_error: Option<String>,
}

/// Which entries of an entity others may not refer to, and which others.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Identifiable, AsChangeset)]
#[diesel(table_name = isolation_rule, treat_none_as_null = true)]
pub struct RuleRow {
    /// Key, given out by the database.
    pub id: i64,
    /// The entity whose entries it is about.
    pub entity_id: i64,
    /// Whether it holds for everybody who would refer to them.
    pub is_prevent_all: bool,
    /// Or for entries of this entity.
    pub prevent_from_id: Option<i64>,
}

/// A rule to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = isolation_rule, treat_none_as_default_value = false)]
pub struct NewRule {
    /// See [`RuleRow::entity_id`].
    pub entity_id: i64,
    /// See [`RuleRow::is_prevent_all`].
    pub is_prevent_all: bool,
    /// See [`RuleRow::prevent_from_id`].
    pub prevent_from_id: Option<i64>,
}

/// What must hold of an entry for a rule to be about it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = isolation_condition)]
pub struct ConditionRow {
    /// Key, given out by the database.
    pub id: i64,
    /// The rule.
    pub rule_id: i64,
    /// The definition whose value is looked at.
    pub attr_id: i64,
    /// The text that it must be.
    pub str_cond: String,
    /// The entry that it must refer to; absent means none.
    pub ref_cond_id: Option<i64>,
    /// The flag that it must be.
    pub bool_cond: bool,
    /// Whether it must not be that.
    pub is_unmatch: bool,
}

/// A condition to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = isolation_condition, treat_none_as_default_value = false)]
pub struct NewCondition {
    /// See [`ConditionRow::rule_id`].
    pub rule_id: i64,
    /// See [`ConditionRow::attr_id`].
    pub attr_id: i64,
    /// See [`ConditionRow::str_cond`].
    pub str_cond: String,
    /// See [`ConditionRow::ref_cond_id`].
    pub ref_cond_id: Option<i64>,
    /// See [`ConditionRow::bool_cond`].
    pub bool_cond: bool,
    /// See [`ConditionRow::is_unmatch`].
    pub is_unmatch: bool,
}

/// A rule as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct ShownRuleRow {
    /// The rule.
    pub rule: RuleRow,
    /// Name of the entity that may not refer to the entries.
    pub prevent_from: Option<String>,
}

/// A condition as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct ShownConditionRow {
    /// The condition.
    pub condition: ConditionRow,
    /// Name of the definition.
    pub attr_name: String,
    /// Its type.
    pub attr_type: i32,
    /// The entry that the value must refer to, deleted ones included.
    pub referred: Option<ReferredRow>,
}

/// The latest value of an entry for a definition, where a rule asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct JudgedRow {
    /// The entry.
    pub entry_id: i64,
    /// The definition.
    pub attr_id: i64,
    /// The value.
    pub value: AttrValueRow,
}
