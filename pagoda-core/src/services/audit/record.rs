//! One record: what is known when something is done, and how it is stored.

use super::action::Action;
use crate::store::rows::NewAudit;
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::model::{EntityRef, EntryRef, ObjectKind, ObjectRef, User};
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// Longest text of a column but the detail, in characters: names are shorter, what people type may not be.
const MOST_TEXT: usize = 400;
/// Longest detail in bytes.
const MOST_DETAIL: usize = 32 * 1024;
/// Names in one list of a detail.
const MOST_LISTED: usize = 50;

/// What something was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditObject {
    /// `entity`, `entity_attr`, `entry`, `attribute`, `user`, `plugin`, `server`.
    pub kind: &'static str,
    /// Its id, where it has a number.
    pub id: Option<i64>,
    /// Its name, the id of a plugin, the version of a server.
    pub name: String,
}

impl AuditObject {
    /// A server of this version.
    #[must_use]
    pub fn server() -> Self {
        Self { kind: "server", id: None, name: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// A plugin, by its id.
    #[must_use]
    pub fn plugin(id: &str) -> Self {
        Self { kind: "plugin", id: None, name: id.to_owned() }
    }

    /// Somebody who says to be this user.
    #[must_use]
    pub fn user_name(name: &str) -> Self {
        Self { kind: "user", id: None, name: name.to_owned() }
    }
}

impl From<&EntryRef> for AuditObject {
    fn from(entry: &EntryRef) -> Self {
        Self { kind: "entry", id: Some(entry.id), name: entry.name.clone() }
    }
}

impl From<&EntityRef> for AuditObject {
    fn from(entity: &EntityRef) -> Self {
        Self { kind: "entity", id: Some(entity.id), name: entity.name.clone() }
    }
}

impl From<&User> for AuditObject {
    fn from(user: &User) -> Self {
        Self { kind: "user", id: Some(user.id), name: user.username.clone() }
    }
}

impl From<&ObjectRef> for AuditObject {
    fn from(object: &ObjectRef) -> Self {
        let kind = match object.kind {
            ObjectKind::Entity => "entity",
            ObjectKind::EntityAttr => "entity_attr",
            ObjectKind::Entry => "entry",
            ObjectKind::Attribute => "attribute",
            ObjectKind::Category => "category",
            _ => "other",
        };
        Self { kind, id: Some(object.id), name: object.name.clone() }
    }
}

/// Something that was done. Never holds a secret: no password, no token, no value of an attribute.
#[derive(Debug, Clone)]
pub struct AuditRecord {
    at: Timestamp,
    actor: Option<(i64, String)>,
    action: Action,
    object: Option<AuditObject>,
    plugin: Option<String>,
    trace_id: Arc<str>,
    origin: Origin,
    detail: Value,
}

impl AuditRecord {
    /// Something that was done now, within a request, by its user.
    #[must_use]
    pub fn new(action: Action, request: &RequestInfo) -> Self {
        Self {
            at: Timestamp::now(),
            actor: request.user.as_deref().map(|user| (user.id, user.username.clone())),
            action,
            object: None,
            plugin: None,
            trace_id: Arc::clone(&request.trace_id),
            origin: request.origin,
            detail: Value::Null,
        }
    }

    /// Something that the server itself did now.
    #[must_use]
    pub fn of_server(action: Action) -> Self {
        Self {
            at: Timestamp::now(),
            actor: None,
            action,
            object: None,
            plugin: None,
            trace_id: "server".into(),
            origin: Origin::Server,
            detail: Value::Null,
        }
    }

    /// At another time than now.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = at;
        self
    }

    /// By another user than that of the request.
    #[must_use]
    pub fn by(mut self, user: &User) -> Self {
        self.actor = Some((user.id, user.username.clone()));
        self
    }

    /// To this.
    #[must_use]
    pub fn on(mut self, object: impl Into<AuditObject>) -> Self {
        self.object = Some(object.into());
        self
    }

    /// Through the plugin of this id.
    #[must_use]
    pub fn through(mut self, plugin: &str) -> Self {
        self.plugin = Some(plugin.to_owned());
        self
    }

    /// With more: a JSON object.
    #[must_use]
    pub fn with(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    /// As it is stored.
    pub(super) fn to_row(&self) -> NewAudit {
        let (object_kind, object_id, object_name) = match &self.object {
            Some(object) => (Some(object.kind.to_owned()), object.id, Some(text(&object.name))),
            None => (None, None, None),
        };
        NewAudit {
            at: self.at.as_micros(),
            actor_id: self.actor.as_ref().map(|(id, _)| *id),
            actor: self.actor.as_ref().map(|(_, name)| text(name)),
            action: self.action.as_str().to_owned(),
            object_kind,
            object_id,
            object_name,
            plugin: self.plugin.as_deref().map(text),
            trace_id: text(&self.trace_id),
            origin: origin_name(self.origin).to_owned(),
            detail: detail(&self.detail),
        }
    }
}

/// Without NUL, which PostgreSQL does not store, and not longer than anybody reads.
fn text(text: &str) -> String {
    text.chars().take(MOST_TEXT).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect()
}

/// NUL is escaped in JSON, so there is none to replace.
fn detail(detail: &Value) -> String {
    if detail.is_null() {
        return "{}".to_owned();
    }
    let text = detail.to_string();
    if text.len() > MOST_DETAIL { json!({"left_out_bytes": text.len()}).to_string() } else { text }
}

const fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Http => "http",
        Origin::Cli => "cli",
        Origin::Server => "server",
        _ => "other",
    }
}

/// Names as a detail lists them: the first of them, and how many more there were.
pub fn listed(names: impl IntoIterator<Item = impl AsRef<str>>) -> Value {
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names.by_ref().take(MOST_LISTED).map(|name| text(name.as_ref())).collect();
    let more = names.count();
    if more > 0 {
        shown.push(format!("… and {more} more"));
    }
    json!(shown)
}

#[cfg(test)]
mod tests {
    use super::{Action, AuditObject, AuditRecord, MOST_DETAIL, MOST_TEXT, listed};
    use serde_json::json;

    #[test]
    fn what_is_too_long_or_cannot_be_stored_is_not() {
        let name = format!("a\0{}", "ü".repeat(1_000));
        let record = AuditRecord::of_server(Action::LoginFailed).on(AuditObject::user_name(&name));
        let row = record.clone().with(json!({"x": "y".repeat(MOST_DETAIL)})).to_row();
        let stored = row.object_name.unwrap();
        assert!(stored.starts_with("a\u{fffd}ü") && stored.chars().count() == MOST_TEXT);
        assert_eq!(row.detail, format!("{{\"left_out_bytes\":{}}}", MOST_DETAIL + 8));
        assert_eq!(record.to_row().detail, "{}");
        assert_eq!(record.with(json!({"a": "\0"})).to_row().detail, "{\"a\":\"\\u0000\"}");
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(["a", "b"]), json!(["a", "b"]));
        let all: Vec<String> = (0..60).map(|number| number.to_string()).collect();
        let cut = listed(&all);
        assert_eq!((cut.as_array().unwrap().len(), &cut[50]), (51, &json!("… and 10 more")));
    }
}
