//! What can be wrong with the linked plugins and with what an operator says about them.

use super::contributions::Contributions;
use super::order::place;
use super::reach::check_secrets;
use super::registry::PluginSettings;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::catalogue::PointInfo;
use pagoda_plugin_sdk::config::AnyConfig;
use pagoda_plugin_sdk::hook::HookInfo;
use pagoda_plugin_sdk::plugin::is_valid_id;
use pagoda_plugin_sdk::route::{Method, RouteReg};
use serde_json::Value;

/// What is wrong, and whose fault it is.
#[derive(Debug)]
pub(super) struct Problem {
    /// The plugin that cannot run because of it; absent when nothing can.
    pub(super) plugin: Option<&'static PluginDecl>,
    /// A sentence.
    pub(super) text: String,
}

impl Problem {
    pub(super) fn of(plugin: &'static PluginDecl, text: String) -> Self {
        Self { plugin: Some(plugin), text }
    }

    pub(super) fn general(text: String) -> Self {
        Self { plugin: None, text }
    }
}

pub(super) fn check_plugins(plugins: &[&'static PluginDecl], problems: &mut Vec<Problem>) {
    let at = |plugin: &PluginDecl| format!("{}:{}", plugin.file, plugin.line);
    for (index, plugin) in plugins.iter().enumerate() {
        if !is_valid_id(plugin.id) {
            let text = format!("plugin id `{}` ({}) is not [a-z][a-z0-9-]{{1,63}}", plugin.id, at(plugin));
            problems.push(Problem::of(plugin, text));
        }
        if plugin.sdk_version != pagoda_plugin_sdk::VERSION {
            let text = format!(
                "plugin {} was compiled with SDK {}, this host with {}",
                plugin.id,
                plugin.sdk_version,
                pagoda_plugin_sdk::VERSION
            );
            problems.push(Problem::of(plugin, text));
        }
        for other in plugins.iter().skip(index + 1) {
            let clash =
                [Some(plugin.id), plugin.alias].into_iter().flatten().find(|name| other.is_called(name));
            if let Some(name) = clash {
                problems.push(Problem::general(format!(
                    "two plugins are called `{name}`: {} and {}; ids and aliases must differ",
                    at(plugin),
                    at(other)
                )));
            }
        }
    }
}

pub(super) fn check_hooks(from: &Contributions, problems: &mut Vec<Problem>) {
    let mut seen: Vec<(&PointInfo, &HookInfo)> = Vec::new();
    for (point, info) in from.hooks.infos() {
        if !from.plugins.iter().any(|plugin| std::ptr::eq(*plugin, info.plugin)) {
            let text = format!("{}: {} belongs to a plugin that is not linked", point.name, place(info));
            problems.push(Problem::general(text));
        }
        if info.entity.is_some() && !point.by_entity {
            let text = format!("{}: {} filters by entity, but the point has none", point.name, place(info));
            problems.push(Problem::of(info.plugin, text));
        }
        seen.push((point, info));
    }
    // Sorted neighbours instead of all pairs: a binary may have thousands of registrations.
    let key = |(point, info): &(&PointInfo, &HookInfo)| {
        (point.index, info.plugin.id, info.module, info.function, info.entity)
    };
    seen.sort_by_key(key);
    for pair in seen.windows(2) {
        if let [first, second] = pair
            && key(first) == key(second)
        {
            let text = format!(
                "{}: {} and {} are the same handler registered twice",
                first.0.name,
                place(first.1),
                place(second.1)
            );
            problems.push(Problem::of(first.1.plugin, text));
        }
    }
}

/// What an operator says about plugins.
pub(super) fn check_settings(
    plugins: &[&'static PluginDecl],
    settings: &PluginSettings,
    problems: &mut Vec<Problem>,
) {
    check_enabled(plugins, settings, problems);
    check_sections(plugins, settings, problems);
    check_secrets(plugins, settings, problems);
    for name in settings.policies.keys() {
        match plugins.iter().find(|plugin| plugin.is_called(name)) {
            None => problems.push(Problem::general(format!(
                "[plugin_policy.{name}] is about a plugin that is not linked into this binary; build with `--features {name}` or remove the section"
            ))),
            Some(plugin) if *name != plugin.id && settings.policies.contains_key(plugin.id) => {
                problems.push(Problem::general(format!(
                    "[plugin_policy.{name}] and [plugin_policy.{}] are about the same plugin; keep one",
                    plugin.id
                )));
            }
            Some(_) => {}
        }
    }
}

fn check_enabled(plugins: &[&'static PluginDecl], settings: &PluginSettings, problems: &mut Vec<Problem>) {
    for name in settings.enabled.iter().flatten() {
        if plugins.iter().any(|plugin| plugin.is_called(name)) {
            continue;
        }
        let linked: Vec<_> = plugins.iter().map(|plugin| plugin.enable_name()).collect();
        let linked = if linked.is_empty() { "none".to_owned() } else { linked.join(", ") };
        problems.push(Problem::general(format!(
            "ENABLED_PLUGINS names `{name}`, which is not linked into this binary (linked: {linked}); build with `--features {name}`"
        )));
    }
}

pub(super) fn read_config(
    decl: &'static PluginDecl,
    settings: &PluginSettings,
    problems: &mut Vec<Problem>,
) -> Option<AnyConfig> {
    let spec = decl.config?;
    let section = settings.sections.get(decl.id).or_else(|| settings.sections.get(decl.alias?));
    match spec.read(section.cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()))) {
        Ok(config) => Some(config),
        Err(found) => {
            let texts = found.into_iter().map(|problem| format!("[plugins.{}] {problem}", decl.id));
            problems.extend(texts.map(|text| Problem::of(decl, text)));
            None
        }
    }
}

fn check_sections(plugins: &[&'static PluginDecl], settings: &PluginSettings, problems: &mut Vec<Problem>) {
    for name in settings.sections.keys() {
        match plugins.iter().find(|plugin| plugin.is_called(name)) {
            None => problems.push(Problem::general(format!(
                "[plugins.{name}] configures a plugin that is not linked into this binary; build with `--features {name}` or remove the section"
            ))),
            Some(plugin) if plugin.config.is_none() => {
                let text = format!("[plugins.{name}]: plugin {} takes no configuration", plugin.id);
                problems.push(Problem::of(plugin, text));
            }
            Some(plugin) if *name != plugin.id && settings.sections.contains_key(plugin.id) => {
                let text =
                    format!("[plugins.{name}] and [plugins.{}] configure the same plugin; keep one", plugin.id);
                problems.push(Problem::of(plugin, text));
            }
            Some(_) => {}
        }
    }
}

/// The path with its parameters' names left out: two routes of the same shape answer the same requests.
fn shape(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

pub(super) fn check_routes(
    routes: &[RouteReg],
    plugins: &[&'static PluginDecl],
    problems: &mut Vec<Problem>,
) {
    let at = |route: &RouteReg| {
        format!(
            "{} {} of {} ({}:{})",
            route.method.as_str(),
            route.path,
            route.plugin.id,
            route.file,
            route.line
        )
    };
    for route in routes {
        if !plugins.iter().any(|plugin| std::ptr::eq(*plugin, route.plugin)) {
            problems.push(Problem::general(format!("{} belongs to a plugin that is not linked", at(route))));
        }
        if !route.path.starts_with('/') {
            problems.push(Problem::of(route.plugin, format!("{}: a path starts with `/`", at(route))));
        }
        if is_the_hosts(route) {
            let text = format!("{}: this path is the host's, about the plugin itself", at(route));
            problems.push(Problem::of(route.plugin, text));
        }
    }
    let mut sorted: Vec<(&str, _, String, &RouteReg)> =
        routes.iter().map(|route| (route.plugin.id, route.method, shape(route.path), route)).collect();
    sorted.sort_by(|left, right| (left.0, left.1, &left.2).cmp(&(right.0, right.1, &right.2)));
    for pair in sorted.windows(2) {
        if let [first, second] = pair
            && (first.0, first.1, &first.2) == (second.0, second.1, &second.2)
        {
            let text = format!("{} and {} answer the same requests", at(first.3), at(second.3));
            problems.push(Problem::of(first.3.plugin, text));
        }
    }
}

/// Whether the host answers there itself: the plugin's state, and its switches. *Source: design §8.*
fn is_the_hosts(route: &RouteReg) -> bool {
    match route.method {
        Method::Get => route.path == "/",
        Method::Post => matches!(route.path.trim_matches('/'), "enable" | "disable" | "reset"),
        _ => false,
    }
}
