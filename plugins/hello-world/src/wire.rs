//! The fragments that the answers share.

use crate::PLUGIN;
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::serde_json::{Map, Value, json};

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

/// Fragment P.
pub(crate) fn plugin(core: Core) -> Map<String, Value> {
    let core = if core == Core::Host { "pagoda-core" } else { "pagoda-plugin-sdk" };
    object(json!({
        "id": PLUGIN.id,
        "name": PLUGIN.name,
        "version": PLUGIN.version,
        "type": "external",
        "core": core,
    }))
}

/// Fragment U.
fn user<C>(ctx: &RouteContext<C>) -> Value {
    match ctx.user() {
        Some(user) => json!({"username": user.username, "is_authenticated": true}),
        None => json!({"username": "anonymous", "is_authenticated": false}),
    }
}

/// Fragment T: the time now, in the zone of the server and without it.
fn timestamp<C>(ctx: &RouteContext<C>) -> String {
    ctx.request().zone.local_iso(Timestamp::now())
}

/// An answer: `own`, and what all answers have.
pub(crate) fn answer<C>(ctx: &RouteContext<C>, core: Core, own: Value) -> Json<Value> {
    let mut all = object(own);
    all.entry("plugin").or_insert_with(|| plugin(core).into());
    all.insert("user".to_owned(), user(ctx));
    all.insert("timestamp".to_owned(), timestamp(ctx).into());
    if core == Core::Host {
        all.insert("pagoda_core_version".to_owned(), CORE_VERSION.into());
    }
    Json(all.into())
}

/// Fragment E: an error of the plugin's own.
pub(crate) fn own_error<C>(ctx: &RouteContext<C>, status: u16, error: &str, message: &str) -> RouteError {
    let body = json!({
        "error": error,
        "message": message,
        "plugin": {"id": PLUGIN.id, "name": PLUGIN.name},
        "timestamp": timestamp(ctx),
    });
    RouteError::with_body(status, body)
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
pub(crate) fn entity(entity: &Entity) -> Value {
    json!({
        "id": entity.id,
        "name": entity.name,
        "note": entity.note,
        "is_active": entity.is_active,
        "created_time": entity.created_time,
        "created_user": entity.created_user,
    })
}

/// An entry as the sample shows it in lists.
pub(crate) fn entry(entry: &Entry) -> Map<String, Value> {
    object(json!({
        "id": entry.id,
        "name": entry.name,
        // Entries have no remark; the sample shows an empty one.
        "note": "",
        "is_active": entry.is_active,
        "entity": entry.entity,
        "created_time": entry.created_time,
        "created_user": entry.created_user,
        "updated_time": entry.updated_time,
    }))
}

/// `value` as an object; everything here is made of literals that are one.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
