//! The fragments that the answers share.

use crate::PLUGIN;
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::serde_json::Value;
use serde::Serialize;

/// The version of the core that the sample claims to run on. *Source: spec, fragment V.*
const CORE_VERSION: &str = "1.0.0";

/// Who says that it is the core: the plain routes and those that read entities and entries differ in it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Core {
    /// Plain routes.
    Host,
    /// Routes that read entities and entries.
    Sdk,
}

/// An answer: what is its own, and what all answers have.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub(crate) struct Answer<T, P = Plugin> {
    #[serde(flatten)]
    own: T,
    plugin: P,
    user: Requester,
    /// The time in the zone of the server, without it.
    timestamp: String,
    /// The version of the core; in the answers of plain routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pagoda_core_version: Option<&'static str>,
}

/// Fragment P: this plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub(crate) struct Plugin {
    id: &'static str,
    name: &'static str,
    version: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    core: &'static str,
}

impl Plugin {
    pub(crate) fn of(core: Core) -> Self {
        Self {
            id: PLUGIN.id,
            name: PLUGIN.name,
            version: PLUGIN.version,
            kind: "external",
            core: if core == Core::Host { "pagoda-core" } else { "pagoda-plugin-sdk" },
        }
    }
}

/// Fragment U: who asks.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Requester {
    /// `anonymous` where nobody has logged in.
    username: String,
    is_authenticated: bool,
}

/// Fragment T: the time now, in the zone of the server and without it.
fn timestamp<C>(ctx: &RouteContext<C>) -> String {
    ctx.request().zone.local_iso(Timestamp::now())
}

/// An answer with this of its own.
pub(crate) fn answer<T, C>(ctx: &RouteContext<C>, core: Core, own: T) -> Json<Answer<T>> {
    answer_about(ctx, core, own, Plugin::of(core))
}

/// An answer that says of the plugin what it likes.
pub(crate) fn answer_about<T, P, C>(
    ctx: &RouteContext<C>,
    core: Core,
    own: T,
    plugin: P,
) -> Json<Answer<T, P>> {
    let user = match ctx.user() {
        Some(user) => Requester { username: user.username.clone(), is_authenticated: true },
        None => Requester { username: "anonymous".to_owned(), is_authenticated: false },
    };
    let pagoda_core_version = (core == Core::Host).then_some(CORE_VERSION);
    Json(Answer { own, plugin, user, timestamp: timestamp(ctx), pagoda_core_version })
}

/// Fragment E: an error of the plugin's own.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub(crate) struct OwnError {
    error: String,
    message: String,
    plugin: Named,
    timestamp: String,
}

/// This plugin, in errors.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Named {
    id: &'static str,
    name: &'static str,
}

/// An error of the plugin's own.
pub(crate) fn own_error<C>(ctx: &RouteContext<C>, status: u16, error: &str, message: &str) -> RouteError {
    let body = OwnError {
        error: error.to_owned(),
        message: message.to_owned(),
        plugin: Named { id: PLUGIN.id, name: PLUGIN.name },
        timestamp: timestamp(ctx),
    };
    match serde_json::to_value(body) {
        Ok(body) => RouteError::with_body(status, body),
        Err(error) => error.into(),
    }
}

/// What went wrong while reading: what is not there and what failed are the plugin's own errors; what the
/// requester may not read and what the operator withholds from the plugin is answered as the host would.
pub(crate) fn reading_failed<C>(ctx: &RouteContext<C>, error: anyhow::Error) -> RouteError {
    match error.downcast_ref::<BridgeError>() {
        Some(BridgeError::NotFound { what, id }) => {
            own_error(ctx, 404, "not found", &format!("there is no {what} {id}"))
        }
        Some(BridgeError::Denied { .. } | BridgeError::Capability { .. }) => error.into(),
        Some(BridgeError::Unavailable(_)) => {
            own_error(ctx, 503, "unavailable", "the database cannot answer now, try again later")
        }
        _ => {
            // The body is the plugin's own, so the host does not see what is behind it: log it here.
            let trace_id = &*ctx.request().trace_id;
            tracing::error!(trace_id, error = format!("{error:#}"), "hello-world could not read");
            own_error(ctx, 500, "internal error", "reading failed; the log says why")
        }
    }
}

/// An entity as the sample shows it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub(crate) struct ShownEntity {
    id: i64,
    name: String,
    note: String,
    is_active: bool,
    created_time: Timestamp,
    created_user: Option<String>,
}

impl From<&Entity> for ShownEntity {
    fn from(entity: &Entity) -> Self {
        Self {
            id: entity.id,
            name: entity.name.clone(),
            note: entity.note.clone(),
            is_active: entity.is_active,
            created_time: entity.created_time,
            created_user: entity.created_user.clone(),
        }
    }
}

/// An entry as the sample shows it in lists.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub(crate) struct ShownEntry {
    id: i64,
    name: String,
    /// Entries have no remark; the sample shows an empty one.
    note: &'static str,
    is_active: bool,
    entity: EntityRef,
    created_time: Timestamp,
    created_user: Option<String>,
    updated_time: Timestamp,
}

impl From<&Entry> for ShownEntry {
    fn from(entry: &Entry) -> Self {
        Self {
            id: entry.id,
            name: entry.name.clone(),
            note: "",
            is_active: entry.is_active,
            entity: entry.entity.clone(),
            created_time: entry.created_time,
            created_user: entry.created_user.clone(),
            updated_time: entry.updated_time,
        }
    }
}

/// An entry with its values.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub(crate) struct ShownDetail {
    #[serde(flatten)]
    entry: ShownEntry,
    /// In the form in which the host shows them.
    attributes: Vec<Value>,
}

impl From<Entry> for ShownDetail {
    fn from(entry: Entry) -> Self {
        Self { entry: (&entry).into(), attributes: entry.attrs }
    }
}
