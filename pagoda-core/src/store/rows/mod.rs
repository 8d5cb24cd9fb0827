//! Rows as they are stored: one struct per table, one `New…` struct where an insert needs less.
//!
//! Times are microseconds since the epoch (UTC), JSON is text, ids are plain numbers: no type here depends on
//! the backend. Nothing here is serialised to a client: the wire has types of its own.

mod access;
mod alert;
mod audit;
mod category;
mod entity;
mod entity_history;
mod entity_rules;
mod entry;
mod entry_name;
mod job;
mod plugin;
mod user;
mod value;

pub use self::access::{
    AclChangeRow, BelongingRow, GrantRow, GroupMemberRow, GroupRow, NewAclChange, RoleGroupRow, RoleRow,
    RoleTie, RoleUserRow, TiedRow,
};
pub use self::alert::{AlertDeliveryRow, AlertRow, NewAlert, Stage};
pub use self::audit::{AuditHeadRow, AuditOutboxRow, AuditRow, NewAudit};
pub use self::category::{CategoryRow, NewCategory};
pub use self::entity::{EntityAttrRow, EntityRow, NewEntity, NewEntityAttr};
pub use self::entity_history::{EntityHistoryRow, NewEntityHistory};
pub use self::entity_rules::{
    ConditionRow, JudgedRow, NewCondition, NewRule, NewWebhook, RuleRow, ShownConditionRow, ShownRuleRow,
    WebhookRow,
};
pub use self::entry::{AttributeRow, EntryRow, NewAttribute, NewEntry};
pub use self::entry_name::{AliasRow, EntryNameRow, NewAlias, NewEntryName};
pub use self::job::{JobRow, NewJob};
pub use self::plugin::{PluginBreakerRow, PluginStateRow, PluginTransitionRow};
pub use self::user::{ListedUserRow, NewUser, PasswordResetRow, SessionRow, TokenRow, UserRow};
pub use self::value::{
    AttrLatestRow, AttrValueRow, ChildRow, DetailRow, HistoryRow, LabelRow, LatestRow, NewAttrValue,
    ReferredRow, ReferrerRow, WrittenRow,
};

/// One page of a list, and how many rows the whole list has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows of this page, in order.
    pub rows: Vec<T>,
    /// How many rows match in all.
    pub total: i64,
}
