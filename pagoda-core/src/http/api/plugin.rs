//! `/api/v2/plugins/`: how plugins do, and the switches of administrators. *Source: design §8.*

use crate::http::endpoint::{Cx, json};
use crate::http::error::{ApiError, ApiResult};
use crate::plugins::function::Role;
use crate::services::acl;
use crate::services::plugin::{self, ChangeView, FunctionView, PluginView, Switch};
use actix_web::http::StatusCode;
use serde_json::{Map, Value, json as value};
use std::sync::Arc;

/// Changes that are shown with one plugin.
const SHOWN_CHANGES: i64 = 20;

/// `GET /api/v2/plugins/`
pub(in crate::http) async fn list(cx: Cx) -> ApiResult {
    cx.read(acl::require_superuser).await?;
    let items: Vec<Value> = PluginView::all(&cx.state.host.registry).iter().map(item).collect();
    json(StatusCode::OK, &items)
}

/// The plugin that the path names: what follows `/api/v2/plugins/`.
fn name(cx: &Cx) -> &str {
    cx.http.path().split('/').nth(4).unwrap_or_default()
}

/// `GET /api/v2/plugins/<id>/`
pub(in crate::http) async fn retrieve(cx: Cx) -> ApiResult {
    let name = name(&cx).to_owned();
    let registry = Arc::clone(&cx.state.host.registry);
    let found = registry.plugin(&name);
    let id = found.map_or("", |plugin| plugin.decl.id);
    let changes = cx.read(move |op| plugin::happened(op, id, SHOWN_CHANGES)).await?;
    let found = found.ok_or_else(|| ApiError::not_found(&format!("plugin {name} does not exist")))?;
    let mut body = item(&PluginView::of(&registry, found));
    if let Value::Object(fields) = &mut body {
        fields.insert("changes".to_owned(), changes.iter().map(|row| change(&row.into())).collect());
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
    let name = name(&cx).to_owned();
    let named = name.clone();
    cx.write(move |op| plugin::switch(op, &named, to)).await?;
    cx.apply_plugin_states().await?;
    let registry = &cx.state.host.registry;
    let found = registry.plugin(&name);
    let found = found.ok_or_else(|| ApiError::not_found(&format!("plugin {name} does not exist")))?;
    json(StatusCode::OK, &item(&PluginView::of(registry, found)))
}

/// A plugin with all its functions.
fn item(plugin: &PluginView) -> Value {
    let (mut hooks, mut routes) = (Vec::new(), Vec::new());
    for function in &plugin.functions {
        let mut fields = Map::new();
        let list = match function.role {
            Role::Hook { hook, entity, priority } => {
                fields.insert("hook".to_owned(), hook.into());
                fields.insert("function".to_owned(), function.name.into());
                fields.insert("entity".to_owned(), entity.into());
                fields.insert("priority".to_owned(), priority.into());
                &mut hooks
            }
            Role::Subscriber { event } => {
                fields.insert("hook".to_owned(), format!("event {event}").into());
                fields.insert("function".to_owned(), function.name.into());
                &mut hooks
            }
            Role::Route { method, path } => {
                fields.insert("method".to_owned(), method.into());
                fields.insert("path".to_owned(), format!("/api/v2/plugins/{}{path}", plugin.decl.id).into());
                fields.insert("function".to_owned(), function.name.into());
                &mut routes
            }
        };
        figures(function, &mut fields);
        list.push(Value::Object(fields));
    }
    value!({
        "id": plugin.decl.id,
        "name": plugin.decl.name,
        "version": plugin.decl.version,
        "description": plugin.decl.description,
        "enabled": plugin.enabled,
        "state": plugin.state.as_str(),
        "reason": plugin.reason,
        "capabilities": plugin.capabilities,
        "hooks": hooks,
        "routes": routes,
        "tasks": [],
    })
}

/// What a function did: counts since the server started, percentiles of the last ten minutes.
fn figures(function: &FunctionView, fields: &mut Map<String, Value>) {
    let (total, recent) = (&function.total, &function.recent);
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("calls", total.calls.into());
    set("faults", total.faults.into());
    set("rejections", total.rejections.into());
    set("skipped", total.skipped.into());
    set("p50_ms", recent.percentile_ms(0.5).into());
    set("p95_ms", recent.percentile_ms(0.95).into());
    set("p99_ms", recent.percentile_ms(0.99).into());
    set("budget_ms", milliseconds(function.times.budget));
    set("hard_limit_ms", milliseconds(function.times.hard_limit));
    set("breaker", function.breaker.as_str().into());
    let reason = Some(function.breaker_reason.as_str()).filter(|reason| !reason.is_empty());
    set("breaker_reason", reason.into());
    let fault = function.last_fault.as_ref().map(|fault| {
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

fn change(change: &ChangeView) -> Value {
    value!({
        "at": change.at.utc_iso(),
        "function": change.function,
        "state": change.state,
        "reason": change.reason,
    })
}
