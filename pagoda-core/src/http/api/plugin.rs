//! `/api/v2/plugins/`: how plugins do, and the switches of administrators. *Source: design §8.*

use crate::http::endpoint::{Cx, json};
use crate::http::error::{ApiError, ApiResult};
use crate::plugins::function::{Function, Role};
use crate::plugins::registry::{Plugin, Registry};
use crate::services::acl;
use crate::services::plugin::{self, Switch};
use crate::store::rows::PluginTransitionRow;
use actix_web::http::StatusCode;
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::{Map, Value, json as value};
use std::sync::Arc;

/// Changes that are shown with one plugin.
const SHOWN_CHANGES: i64 = 20;

/// `GET /api/v2/plugins/`
pub(in crate::http) async fn list(cx: Cx) -> ApiResult {
    cx.read(|op| acl::require_superuser(op)).await?;
    let registry = &cx.state.host.registry;
    let items: Vec<Value> = registry.plugins().iter().map(|plugin| item(registry, plugin)).collect();
    json(StatusCode::OK, &items)
}

/// `GET /api/v2/plugins/<id>/`
pub(in crate::http) async fn retrieve(cx: Cx) -> ApiResult {
    let name = cx.http.match_info().get("plugin").unwrap_or_default().to_owned();
    let registry = Arc::clone(&cx.state.host.registry);
    let found = registry.plugin(&name);
    let id = found.map_or("", |plugin| plugin.decl.id);
    let changes = cx.read(move |op| plugin::happened(op, id, SHOWN_CHANGES)).await?;
    let found = found.ok_or_else(|| ApiError::not_found(&format!("plugin {name} does not exist")))?;
    let mut body = item(&registry, found);
    if let Value::Object(fields) = &mut body {
        fields.insert("changes".to_owned(), changes.iter().map(change).collect());
    }
    json(StatusCode::OK, &body)
}

/// `POST /api/v2/plugins/<id>/enable`
pub(in crate::http) async fn enable(cx: Cx) -> ApiResult {
    switch(cx, Switch::Enable).await
}

/// `POST /api/v2/plugins/<id>/disable`
pub(in crate::http) async fn disable(cx: Cx) -> ApiResult {
    switch(cx, Switch::Disable).await
}

/// `POST /api/v2/plugins/<id>/reset`
pub(in crate::http) async fn reset(cx: Cx) -> ApiResult {
    switch(cx, Switch::Reset).await
}

async fn switch(cx: Cx, to: Switch) -> ApiResult {
    let name = cx.http.match_info().get("plugin").unwrap_or_default().to_owned();
    let named = name.clone();
    cx.write(move |op| plugin::switch(op, &named, to)).await?;
    cx.apply_plugin_states().await?;
    let registry = &cx.state.host.registry;
    let found = registry.plugin(&name);
    let found = found.ok_or_else(|| ApiError::not_found(&format!("plugin {name} does not exist")))?;
    json(StatusCode::OK, &item(registry, found))
}

/// A plugin with all its functions.
fn item(registry: &Registry, plugin: &Plugin) -> Value {
    let (state, reason) = registry.state(plugin);
    let (mut hooks, mut routes) = (Vec::new(), Vec::new());
    let own = registry.functions().iter().filter(|function| std::ptr::eq(function.is.plugin, plugin.decl));
    for function in own {
        let mut fields = Map::new();
        let list = match function.is.role {
            Role::Hook { hook, entity, priority } => {
                fields.insert("hook".to_owned(), hook.into());
                fields.insert("function".to_owned(), function.is.name.into());
                fields.insert("entity".to_owned(), entity.into());
                fields.insert("priority".to_owned(), priority.into());
                &mut hooks
            }
            Role::Subscriber { event } => {
                fields.insert("hook".to_owned(), format!("event {event}").into());
                fields.insert("function".to_owned(), function.is.name.into());
                &mut hooks
            }
            Role::Route { method, path } => {
                fields.insert("method".to_owned(), method.into());
                fields.insert("path".to_owned(), format!("/api/v2/plugins/{}{path}", plugin.decl.id).into());
                fields.insert("function".to_owned(), function.is.name.into());
                &mut routes
            }
        };
        figures(registry, function, &mut fields);
        list.push(Value::Object(fields));
    }
    let granted = plugin.decl.capabilities.iter().filter(|one| registry.grants().has(plugin.decl, **one));
    let granted: Vec<String> = granted.map(ToString::to_string).collect();
    value!({
        "id": plugin.decl.id,
        "name": plugin.decl.name,
        "version": plugin.decl.version,
        "description": plugin.decl.description,
        "enabled": plugin.enabled,
        "state": state.as_str(),
        "reason": reason,
        "capabilities": granted,
        "hooks": hooks,
        "routes": routes,
        "tasks": [],
    })
}

/// What a function did: counts since the server started, percentiles of the last ten minutes.
fn figures(registry: &Registry, function: &Function, fields: &mut Map<String, Value>) {
    let counts = function.counts();
    let recent = registry.course(function).recent;
    let (breaker, reason) = function.breaker();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("calls", counts.calls.into());
    set("faults", counts.faults.into());
    set("rejections", counts.rejections.into());
    set("skipped", counts.skipped.into());
    set("p50_ms", recent.percentile_ms(0.5).into());
    set("p95_ms", recent.percentile_ms(0.95).into());
    set("p99_ms", recent.percentile_ms(0.99).into());
    set("budget_ms", milliseconds(function.times.budget));
    set("hard_limit_ms", milliseconds(function.times.hard_limit));
    set("breaker", breaker.as_str().into());
    set("breaker_reason", if reason.is_empty() { Value::Null } else { reason.into() });
    let fault = function.last_fault().map(|fault| {
        value!({
            "at": fault.at.utc_iso(),
            "trace_id": &*fault.trace_id,
            "message": fault.message,
        })
    });
    set("last_fault", fault.into());
}

fn milliseconds(time: std::time::Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}

fn change(row: &PluginTransitionRow) -> Value {
    value!({
        "at": Timestamp::from_micros(row.at).utc_iso(),
        "function": if row.function.is_empty() { Value::Null } else { row.function.as_str().into() },
        "state": row.state,
        "reason": row.reason,
    })
}
