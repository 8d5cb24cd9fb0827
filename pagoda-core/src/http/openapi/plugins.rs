//! How plugins do, and their switches: paths that there are for each linked plugin.

use super::words::{object, optional};
use super::{Operation, add, core_operation, op};
use crate::http::plugin_routes::prefix;
use crate::plugins::registry::Registry;
use serde_json::{Map, Value, json};

const PLUGINS: &str = "plugins";

const LIST: Operation = op(
    "/api/v2/plugins/",
    "get",
    "plugin_list",
    "List the plugins of this server with what they did; for administrators",
    PLUGINS,
    &[],
    None,
    ("200", Some("PluginList")),
);

const RETRIEVE: Operation = op(
    "",
    "get",
    "plugin_retrieve",
    "Show a plugin with what happened to it; for administrators",
    PLUGINS,
    &[],
    None,
    ("200", Some("PluginDetail")),
);

const fn switch(id: &'static str, summary: &'static str) -> Operation {
    op("", "post", id, summary, PLUGINS, &[], None, ("200", Some("Plugin")))
}

const SWITCHES: [(&str, Operation); 3] = [
    ("enable", switch("plugin_enable", "Let a plugin run; for administrators")),
    ("disable", switch("plugin_disable", "Stop a plugin; for administrators")),
    ("reset", switch("plugin_reset", "Forget a plugin's failures and try it again; for administrators")),
];

/// Adds these paths: those of every linked plugin, which is known by its id and by its alias.
pub(super) fn describe(paths: &mut Map<String, Value>, registry: &Registry, schemas: &Map<String, Value>) {
    add(paths, LIST.path, LIST.method, core_operation(&LIST, schemas));
    for plugin in registry.plugins() {
        for name in std::iter::once(plugin.decl.id).chain(plugin.decl.alias) {
            let mut below = |rest: &str, operation: &Operation| {
                let path = format!("{}/{rest}", prefix(name));
                let mut described = core_operation(operation, schemas);
                let slash = if operation.method == "post" && rest.ends_with('/') { "_slash" } else { "" };
                let id = format!("{}_{}{slash}", operation.id, name.replace('-', "_"));
                if let Value::Object(fields) = &mut described {
                    fields.insert("operationId".to_owned(), id.into());
                    fields.insert("x-pagoda-plugin".to_owned(), plugin.decl.id.into());
                }
                add(paths, &path, operation.method, described);
            };
            below("", &RETRIEVE);
            for (word, operation) in &SWITCHES {
                below(word, operation);
                below(&format!("{word}/"), operation);
            }
        }
    }
}

pub(super) fn schemas() -> Value {
    let plugin = [
        ("id", "string"),
        ("name", "string"),
        ("version", "string"),
        ("description", "string"),
        ("enabled", "boolean"),
        ("state", "one of active|degraded|open|disabled|failed"),
        ("reason", "string?"),
        ("capabilities", "[string]"),
        ("hooks", "[PluginHook]"),
        ("routes", "[PluginRoute]"),
        ("tasks", "[object]"),
    ];
    let mut detail = plugin.to_vec();
    detail.push(("changes", "[PluginChange]"));
    let figures = [
        ("function", "string"),
        ("calls", "count"),
        ("faults", "count"),
        ("rejections", "count"),
        ("skipped", "count"),
        ("p50_ms", "number?"),
        ("p95_ms", "number?"),
        ("p99_ms", "number?"),
        ("budget_ms", "count"),
        ("hard_limit_ms", "count"),
        ("breaker", "one of closed|open|half_open"),
        ("breaker_reason", "string?"),
        ("last_fault", "PluginFault?"),
    ];
    let required: Vec<&str> = figures.iter().map(|(name, _)| *name).collect();
    let mut hook = vec![("hook", "string"), ("entity", "string?"), ("priority", "int32")];
    hook.extend(figures);
    let mut required_of_hook = vec!["hook"];
    required_of_hook.extend(required);
    let mut route = vec![("method", "string"), ("path", "string")];
    route.extend(figures);
    json!({
        "PluginList": {"type": "array", "items": {"$ref": "#/components/schemas/Plugin"}},
        "Plugin": object(&plugin),
        "PluginDetail": object(&detail),
        "PluginHook": optional(&hook, &required_of_hook),
        "PluginRoute": object(&route),
        "PluginFault": object(&[("at", "time"), ("trace_id", "string"), ("message", "string")]),
        "PluginChange": object(&[
            ("at", "time"), ("function", "string?"), ("state", "string"), ("reason", "string"),
        ]),
    })
}
