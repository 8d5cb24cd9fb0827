//! What a request writes of an entity besides its fields and definitions. Plugins do not see it and cannot say it, so
//! what they do leaves it as it is.

use super::EntityInput;
use super::isolation_rule::{self, RuleInput};
use super::webhook::{self, WebhookInput};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::rows::WebhookRow;
use crate::wire::Fields;
use serde_json::{Map, Value};

/// Webhooks and isolation rules: what is sent, and what there is.
pub(super) struct Besides {
    webhooks: Option<Vec<WebhookInput>>,
    present_webhooks: Vec<WebhookRow>,
    rules: Option<Vec<RuleInput>>,
    present_rules: isolation_rule::Present,
}

impl Besides {
    /// Takes what a request says, and finds what the entity has, if it exists.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) fn take(
        op: &mut OpCtx,
        entity: Option<i64>,
        input: &mut EntityInput,
    ) -> Result<Self, OpError> {
        let (webhooks, rules) = (input.webhooks.take(), input.isolation_rules.take());
        let (present_webhooks, present_rules) = match entity {
            Some(id) => (
                webhook::present(op, id, webhooks.as_deref())?,
                isolation_rule::present(op, id, rules.as_deref())?,
            ),
            None => Default::default(),
        };
        Ok(Self { webhooks, present_webhooks, rules, present_rules })
    }

    /// Whether something is wrong with the form of it.
    pub(super) fn is_bad(&self) -> bool {
        self.webhooks.iter().flatten().any(|webhook| !webhook.errors.is_empty())
            || self.rules.iter().flatten().any(|rule| !rule.errors.is_empty())
    }

    /// Adds what is wrong with it.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) fn judge(&mut self, op: &mut OpCtx, errors: &mut Fields) -> Result<(), OpError> {
        webhook::judge(op, &self.present_webhooks, self.webhooks.as_mut(), errors);
        isolation_rule::judge(op, &self.present_rules, self.rules.as_mut(), errors)
    }

    /// Writes it, when the definitions are as they will be. Says what changed, for the audit log.
    ///
    /// # Errors
    /// The database does not do it.
    pub(super) fn write(self, op: &mut OpCtx, entity: i64) -> Result<Map<String, Value>, OpError> {
        let mut detail = match self.webhooks {
            Some(webhooks) => webhook::write(op, entity, self.present_webhooks, webhooks)?,
            None => Map::new(),
        };
        if let Some(rules) = self.rules {
            detail.extend(isolation_rule::write(op, entity, self.present_rules, rules)?);
        }
        Ok(detail)
    }
}
