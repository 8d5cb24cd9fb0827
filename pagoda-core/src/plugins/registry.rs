//! From what was linked to what runs: everything is checked, all problems are reported together, and the
//! result never changes again.

use super::contributions::Contributions;
use super::order::place;
use super::policy::PluginPolicy;
use super::table::HookTables;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::catalogue::PointInfo;
use pagoda_plugin_sdk::config::AnyConfig;
use pagoda_plugin_sdk::event::SubscriberReg;
use pagoda_plugin_sdk::hook::HookInfo;
use pagoda_plugin_sdk::plugin::is_valid_id;
use pagoda_plugin_sdk::route::RouteReg;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// What an operator says about plugins.
#[derive(Debug, Clone, Default)]
pub struct PluginSettings {
    /// `ENABLED_PLUGINS`: the linked plugins that run; all when absent, none when empty.
    pub enabled: Option<Vec<String>>,
    /// `[plugins.<id>]`: the configuration of each plugin.
    pub sections: BTreeMap<String, Value>,
    /// `[plugin_policy.<id>]`: what the operator decides about each plugin.
    pub policies: BTreeMap<String, PluginPolicy>,
}

impl PluginSettings {
    /// Whether a linked plugin runs.
    #[must_use]
    pub fn runs(&self, plugin: &PluginDecl) -> bool {
        self.enabled.as_ref().is_none_or(|names| names.iter().any(|name| plugin.is_called(name)))
    }
}

/// Everything that is wrong with the linked plugins, each a sentence that names the places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} problem{} with plugins:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl std::error::Error for Problems {}

/// A linked plugin.
#[derive(Debug)]
pub struct Plugin {
    /// Its declaration.
    pub decl: &'static PluginDecl,
    /// Whether it runs.
    pub enabled: bool,
    /// Its configuration, when it takes one and runs.
    pub config: Option<AnyConfig>,
}

/// The linked plugins with all they contribute, checked and in order.
#[derive(Debug, Default)]
pub struct Registry {
    plugins: Vec<Plugin>,
    tables: HookTables,
    routes: Vec<RouteReg>,
    subscribers: Vec<SubscriberReg>,
}

impl Registry {
    /// Checks and freezes.
    ///
    /// # Errors
    /// [`Problems`]: all that is wrong, not just the first thing.
    pub fn freeze(mut from: Contributions, settings: &PluginSettings) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        from.plugins.sort_by_key(|plugin| plugin.id);
        check_plugins(&from.plugins, &mut problems);
        check_hooks(&from, &mut problems);
        check_enabled(&from.plugins, settings, &mut problems);

        let plugins: Vec<Plugin> = from
            .plugins
            .iter()
            .map(|decl| {
                let enabled = settings.runs(decl);
                let config = enabled.then(|| read_config(decl, settings, &mut problems)).flatten();
                Plugin { decl, enabled, config }
            })
            .collect();
        check_sections(&from.plugins, settings, &mut problems);

        let running = |decl: &PluginDecl| plugins.iter().any(|p| p.enabled && std::ptr::eq(p.decl, decl));
        from.hooks.retain(|info| running(info.plugin));
        from.subscribers.retain(|subscriber| running(subscriber.plugin));
        check_routes(&from.routes, &from.plugins, &mut problems);
        from.routes.retain(|route| running(route.plugin));
        // A path in words before a path with a parameter in the same place.
        from.routes.sort_by_key(|route| (route.plugin.id, route.path.replace('{', "\u{7f}"), route.method));
        from.subscribers.sort_by_key(|reg| (reg.event, reg.plugin.id, reg.function));

        let config_of = |info: &HookInfo| {
            plugins
                .iter()
                .find(|plugin| std::ptr::eq(plugin.decl, info.plugin))
                .and_then(|p| p.config.clone())
        };
        let tables = HookTables::freeze(from.hooks, &config_of, &mut problems);
        if problems.is_empty() {
            Ok(Self { plugins, tables, routes: from.routes, subscribers: from.subscribers })
        } else {
            Err(Problems(problems))
        }
    }

    /// All linked plugins, by id.
    #[must_use]
    pub fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    /// The handlers of the plugins that run.
    #[inline]
    #[must_use]
    pub fn tables(&self) -> &HookTables {
        &self.tables
    }

    /// The routes of the plugins that run.
    #[must_use]
    pub fn routes(&self) -> &[RouteReg] {
        &self.routes
    }

    /// The subscribers of an event, in order.
    pub fn subscribers<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a SubscriberReg> {
        self.subscribers.iter().filter(move |subscriber| subscriber.event == event)
    }

    /// The configuration of a plugin.
    #[must_use]
    pub fn config(&self, decl: &PluginDecl) -> Option<&AnyConfig> {
        self.plugins.iter().find(|plugin| std::ptr::eq(plugin.decl, decl))?.config.as_ref()
    }
}

fn check_plugins(plugins: &[&'static PluginDecl], problems: &mut Vec<String>) {
    let at = |plugin: &PluginDecl| format!("{}:{}", plugin.file, plugin.line);
    for (index, plugin) in plugins.iter().enumerate() {
        if !is_valid_id(plugin.id) {
            problems.push(format!(
                "plugin id `{}` ({}) is not [a-z][a-z0-9-]{{1,63}}",
                plugin.id,
                at(plugin)
            ));
        }
        if plugin.sdk_version != pagoda_plugin_sdk::VERSION {
            problems.push(format!(
                "plugin {} was compiled with SDK {}, this host with {}",
                plugin.id,
                plugin.sdk_version,
                pagoda_plugin_sdk::VERSION
            ));
        }
        for other in plugins.iter().skip(index + 1) {
            let clash =
                [Some(plugin.id), plugin.alias].into_iter().flatten().find(|name| other.is_called(name));
            if let Some(name) = clash {
                problems.push(format!(
                    "two plugins are called `{name}`: {} and {}; ids and aliases must differ",
                    at(plugin),
                    at(other)
                ));
            }
        }
    }
}

fn check_hooks(from: &Contributions, problems: &mut Vec<String>) {
    let mut seen: Vec<(&PointInfo, &HookInfo)> = Vec::new();
    for (point, info) in from.hooks.infos() {
        if !from.plugins.iter().any(|plugin| std::ptr::eq(*plugin, info.plugin)) {
            problems.push(format!("{}: {} belongs to a plugin that is not linked", point.name, place(info)));
        }
        if info.entity.is_some() && !point.by_entity {
            problems.push(format!(
                "{}: {} filters by entity, but the point has none",
                point.name,
                place(info)
            ));
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
            problems.push(format!(
                "{}: {} and {} are the same handler registered twice",
                first.0.name,
                place(first.1),
                place(second.1)
            ));
        }
    }
}

fn check_enabled(plugins: &[&'static PluginDecl], settings: &PluginSettings, problems: &mut Vec<String>) {
    for name in settings.enabled.iter().flatten() {
        if plugins.iter().any(|plugin| plugin.is_called(name)) {
            continue;
        }
        let linked: Vec<_> = plugins.iter().map(|plugin| plugin.enable_name()).collect();
        let linked = if linked.is_empty() { "none".to_owned() } else { linked.join(", ") };
        problems.push(format!(
            "ENABLED_PLUGINS names `{name}`, which is not linked into this binary (linked: {linked}); build with `--features {name}`"
        ));
    }
}

fn read_config(
    decl: &'static PluginDecl,
    settings: &PluginSettings,
    problems: &mut Vec<String>,
) -> Option<AnyConfig> {
    let spec = decl.config?;
    let section = settings.sections.get(decl.id).or_else(|| settings.sections.get(decl.alias?));
    match spec.read(section.cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()))) {
        Ok(config) => Some(config),
        Err(found) => {
            problems.extend(found.into_iter().map(|problem| format!("[plugins.{}] {problem}", decl.id)));
            None
        }
    }
}

fn check_sections(plugins: &[&'static PluginDecl], settings: &PluginSettings, problems: &mut Vec<String>) {
    for name in settings.sections.keys() {
        match plugins.iter().find(|plugin| plugin.is_called(name)) {
            None => problems.push(format!(
                "[plugins.{name}] configures a plugin that is not linked into this binary; build with `--features {name}` or remove the section"
            )),
            Some(plugin) if plugin.config.is_none() => {
                problems.push(format!("[plugins.{name}]: plugin {} takes no configuration", plugin.id));
            }
            Some(plugin) if *name != plugin.id && settings.sections.contains_key(plugin.id) => problems.push(
                format!("[plugins.{name}] and [plugins.{}] configure the same plugin; keep one", plugin.id),
            ),
            Some(_) => {}
        }
    }
}

/// The path with its parameters' names left out: two routes of the same shape answer the same requests.
fn shape(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn check_routes(routes: &[RouteReg], plugins: &[&'static PluginDecl], problems: &mut Vec<String>) {
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
            problems.push(format!("{} belongs to a plugin that is not linked", at(route)));
        }
        if !route.path.starts_with('/') {
            problems.push(format!("{}: a path starts with `/`", at(route)));
        }
    }
    let mut sorted: Vec<(&str, _, String, &RouteReg)> =
        routes.iter().map(|route| (route.plugin.id, route.method, shape(route.path), route)).collect();
    sorted.sort_by(|left, right| (left.0, left.1, &left.2).cmp(&(right.0, right.1, &right.2)));
    for pair in sorted.windows(2) {
        if let [first, second] = pair
            && (first.0, first.1, &first.2) == (second.0, second.1, &second.2)
        {
            problems.push(format!("{} and {} answer the same requests", at(first.3), at(second.3)));
        }
    }
}
