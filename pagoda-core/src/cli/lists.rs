//! What `plugins list`, `plugins check` and `hooks list` print. *Source: design §9.*

use crate::plugins::registry::{Plugin, Registry};
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::catalogue::{FiringState, PointInfo};
use pagoda_plugin_sdk::hook::HookInfo;
use serde::Serialize;
use std::fmt::Write;

#[derive(Serialize)]
struct PluginItem {
    id: &'static str,
    name: &'static str,
    version: &'static str,
    description: &'static str,
    state: &'static str,
    enabled: bool,
    hooks: Vec<PluginHook>,
    routes: Vec<PluginRoute>,
    tasks: [(); 0],
    overrides: [(); 0],
    /// Those that it has; what the operator withholds is not among them.
    capabilities: Vec<String>,
    #[serde(skip)]
    withheld: Vec<String>,
}

#[derive(Serialize)]
struct PluginHook {
    hook: &'static str,
    function: &'static str,
    priority: i32,
    entity: Option<&'static str>,
}

#[derive(Serialize)]
struct PluginRoute {
    method: &'static str,
    path: String,
}

#[derive(Serialize)]
struct PointItem {
    hook: &'static str,
    kind: &'static str,
    group: &'static str,
    handlers: Vec<PointHandler>,
}

#[derive(Serialize)]
struct PointHandler {
    plugin: &'static str,
    function: &'static str,
    priority: i32,
    entity: Option<&'static str>,
}

fn plugin_item(registry: &Registry, plugin: &Plugin) -> PluginItem {
    let mine = |info: &&HookInfo| std::ptr::eq(info.plugin, plugin.decl);
    let handlers = registry.tables().handlers();
    let hooks = handlers.iter().flat_map(|(point, infos)| {
        infos.iter().filter(mine).map(|info| PluginHook {
            hook: point.name,
            function: info.function,
            priority: info.priority,
            entity: info.entity,
        })
    });
    let (capabilities, withheld) = plugin
        .decl
        .capabilities
        .iter()
        .partition(|capability| registry.grants().has(plugin.decl, **capability));
    let names = |capabilities: Vec<&Capability>| capabilities.iter().map(ToString::to_string).collect();
    let routes = registry.routes().iter().map(|route| &route.reg);
    let routes = routes.filter(|route| std::ptr::eq(route.plugin, plugin.decl));
    PluginItem {
        id: plugin.decl.id,
        name: plugin.decl.name,
        version: plugin.decl.version,
        description: plugin.decl.description,
        state: plugin.state().0.as_str(),
        enabled: plugin.enabled,
        hooks: hooks.collect(),
        routes: routes
            .map(|route| PluginRoute {
                method: route.method.as_str(),
                path: format!("/api/v2/plugins/{}{}", plugin.decl.id, route.path),
            })
            .collect(),
        tasks: [],
        overrides: [],
        capabilities: names(capabilities),
        withheld: names(withheld),
    }
}

pub(super) fn plugins(registry: &Registry, json: bool) -> anyhow::Result<String> {
    let items: Vec<PluginItem> =
        registry.plugins().iter().map(|plugin| plugin_item(registry, plugin)).collect();
    if json {
        return Ok(serde_json::to_string(&items)?);
    }
    if items.is_empty() {
        return Ok("No plugins in this binary; build with `--features NAME`.".to_owned());
    }
    let mut text = String::new();
    for item in items {
        let about = if item.description.is_empty() { item.name } else { item.description };
        writeln!(text, "{} {} ({}): {about}", item.id, item.version, item.state)?;
        if !item.capabilities.is_empty() {
            writeln!(text, "  may   {}", item.capabilities.join(", "))?;
        }
        if !item.withheld.is_empty() {
            writeln!(
                text,
                "  may not, though it asks: {} (withheld by the configuration)",
                item.withheld.join(", ")
            )?;
        }
        for hook in item.hooks {
            let entity = hook.entity.map(|entity| format!(" for `{entity}`")).unwrap_or_default();
            writeln!(text, "  hook  {} {} (priority {}){entity}", hook.hook, hook.function, hook.priority)?;
        }
        for route in item.routes {
            writeln!(text, "  route {} {}", route.method, route.path)?;
        }
    }
    Ok(text.trim_end().to_owned())
}

/// Everything that can be checked without a database was checked when the registry was frozen.
pub(super) fn check(registry: &Registry) -> String {
    let running = registry.plugins().iter().filter(|plugin| plugin.enabled).count();
    let handlers: usize = registry.tables().handlers().iter().map(|(_, infos)| infos.len()).sum();
    let mut text =
        format!("plugins: {running}, handlers: {handlers}, routes: {}; no problems", registry.routes().len());
    for warning in registry.tables().warnings() {
        text.push_str("\nwarning: ");
        text.push_str(&warning);
    }
    text
}

pub(super) fn hooks(registry: &Registry, json: bool) -> anyhow::Result<String> {
    let handlers = registry.tables().handlers();
    if json {
        let items: Vec<PointItem> = handlers.iter().map(|(point, infos)| point_item(point, infos)).collect();
        return Ok(serde_json::to_string(&items)?);
    }
    let mut text = String::new();
    for (point, infos) in handlers {
        writeln!(text, "{} ({}, {})", point.name, point.kind.as_str(), point.group.as_str())?;
        writeln!(text, "  {}", point.summary)?;
        match point.state {
            FiringState::Fires(place) => writeln!(text, "  fires: {place}")?,
            FiringState::Awaits(operation) => writeln!(text, "  does not fire yet: awaits {operation}")?,
        }
        for info in infos {
            let entity = info.entity.map(|entity| format!(" for `{entity}`")).unwrap_or_default();
            writeln!(text, "  → {}::{} (priority {}){entity}", info.plugin.id, info.function, info.priority)?;
        }
    }
    Ok(text.trim_end().to_owned())
}

fn point_item(point: &PointInfo, infos: &[HookInfo]) -> PointItem {
    PointItem {
        hook: point.name,
        kind: point.kind.as_str(),
        group: point.group.as_str(),
        handlers: infos
            .iter()
            .map(|info| PointHandler {
                plugin: info.plugin.id,
                function: info.function,
                priority: info.priority,
                entity: info.entity,
            })
            .collect(),
    }
}
