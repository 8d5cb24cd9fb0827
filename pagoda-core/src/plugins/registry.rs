//! From what was linked to what runs: everything is checked, all problems are reported together, and the
//! result never changes again.

use super::breaker::BreakerState;
use super::capabilities::Grants;
use super::checks::{Problem, check_hooks, check_plugins, check_routes, check_settings, read_config};
use super::contributions::Contributions;
use super::control::{Control, PluginState};
use super::function::{Described, Function, Role, Shared};
use super::note::Note;
use super::policy::{PluginDefaults, PluginPolicy};
use super::reach::{Reach, Secrets};
use super::table::HookTables;
use super::trend::{Course, Trend};
use super::watch::Watch;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::config::AnyConfig;
use pagoda_plugin_sdk::event::SubscriberReg;
use pagoda_plugin_sdk::route::RouteReg;
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What an operator says about plugins.
#[derive(Debug, Clone, Default)]
pub struct PluginSettings {
    /// `ENABLED_PLUGINS`: the linked plugins that run; all when absent, none when empty.
    pub enabled: Option<Vec<String>>,
    /// `[plugins.<id>]`: the configuration of each plugin.
    pub sections: BTreeMap<String, Value>,
    /// `[plugin_policy.<id>]`: what the operator decides about each plugin.
    pub policies: BTreeMap<String, PluginPolicy>,
    /// What holds for all others.
    pub defaults: PluginDefaults,
    /// What operators keep for plugins.
    pub secrets: Secrets,
}

impl PluginSettings {
    /// What the operator decides about a plugin.
    #[must_use]
    pub fn policy(&self, decl: &PluginDecl) -> Option<&PluginPolicy> {
        self.policies.get(decl.id).or_else(|| self.policies.get(decl.alias?))
    }
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
    /// Where it reaches, and its secrets; nowhere and none if it does not run.
    pub reach: Reach,
    /// Whether it may be called.
    pub control: Arc<Control>,
    /// Whether its handlers of `system.startup` ran in this process.
    started: AtomicBool,
}

impl Plugin {
    /// Whether its handlers and routes are in the tables: it is switched on and nothing is wrong with it.
    #[must_use]
    pub fn is_mounted(&self) -> bool {
        self.enabled && self.control.standing().broken.is_none()
    }

    /// Whether it was started in this process.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// Notes that it was started.
    pub fn set_started(&self) {
        self.started.store(true, Ordering::Release);
    }

    /// Its state and why, as far as it is known without its functions: see [`Registry::state`].
    #[must_use]
    pub fn state(&self) -> (PluginState, Option<String>) {
        if self.enabled {
            self.control.state()
        } else {
            (PluginState::Disabled, Some("ENABLED_PLUGINS does not name it".to_owned()))
        }
    }
}

/// A route with what belongs to its function.
#[derive(Debug)]
pub struct Route {
    /// The registration.
    pub reg: RouteReg,
    /// Its function.
    pub function: Arc<Function>,
}

/// A subscriber with what belongs to its function.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) reg: SubscriberReg,
    pub(crate) function: Arc<Function>,
}

/// The linked plugins with all they contribute, checked and in order.
#[derive(Debug, Default)]
pub struct Registry {
    plugins: Vec<Plugin>,
    grants: Grants,
    tables: HookTables,
    routes: Vec<Route>,
    subscribers: Vec<Subscriber>,
    functions: Vec<Arc<Function>>,
    watch: Arc<Watch>,
    /// For whoever writes down what happens to plugins; absent only in an empty registry.
    notes: Option<Sender<Note>>,
    /// The other end; taken once.
    noted: Mutex<Option<Receiver<Note>>>,
    trend: Trend,
}

impl Registry {
    /// Checks and freezes, and takes no problem at all.
    ///
    /// # Errors
    /// [`Problems`]: all that is wrong, not just the first thing.
    pub fn freeze(from: Contributions, settings: &PluginSettings) -> Result<Self, Problems> {
        let (registry, problems) = Self::build(from, settings);
        if problems.is_empty() {
            Ok(registry)
        } else {
            Err(Problems(problems.into_iter().map(|problem| problem.text).collect()))
        }
    }

    /// Checks and freezes what can run: a plugin with a problem of its own is left out and says why.
    ///
    /// # Errors
    /// [`Problems`] that are nobody's own, such as a wrong `ENABLED_PLUGINS` or a cycle of constraints.
    pub fn freeze_what_runs(from: Contributions, settings: &PluginSettings) -> Result<Self, Problems> {
        let (registry, problems) = Self::build(from, settings);
        let general: Vec<String> = problems
            .into_iter()
            .filter(|problem| problem.plugin.is_none())
            .map(|problem| problem.text)
            .collect();
        if general.is_empty() { Ok(registry) } else { Err(Problems(general)) }
    }

    fn build(mut from: Contributions, settings: &PluginSettings) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        from.plugins.sort_by_key(|plugin| plugin.id);
        check_plugins(&from.plugins, &mut problems);
        check_hooks(&from, &mut problems);
        check_settings(&from.plugins, settings, &mut problems);
        let mut withheld = Vec::new();
        let grants = Grants::resolve(&from.plugins, settings, &mut withheld);
        // Nobody's start: running with what the operator meant to take away would be worse.
        problems.extend(withheld.into_iter().map(Problem::general));
        check_routes(&from.routes, &from.plugins, &mut problems);
        let plugins: Vec<Plugin> =
            from.plugins.iter().map(|decl| plugin(decl, settings, &mut problems)).collect();
        for problem in &problems {
            let found = plugins
                .iter()
                .find(|plugin| problem.plugin.is_some_and(|decl| std::ptr::eq(decl, plugin.decl)));
            if let Some(plugin) = found {
                plugin.control.set_standing(|standing| match &mut standing.broken {
                    Some(text) => *text = format!("{text}; {}", problem.text),
                    none => *none = Some(problem.text.clone()),
                });
            }
        }

        let runs = |decl: &PluginDecl| plugins.iter().any(|p| std::ptr::eq(p.decl, decl) && p.is_mounted());
        from.hooks.retain(|info| runs(info.plugin));
        from.subscribers.retain(|subscriber| runs(subscriber.plugin));
        from.routes.retain(|route| runs(route.plugin));
        // A path in words before a path with a parameter in the same place.
        from.routes.sort_by_key(|route| (route.plugin.id, route.path.replace('{', "\u{7f}"), route.method));
        from.subscribers.sort_by_key(|reg| (reg.event, reg.plugin.id, reg.function));

        let (notes, noted) = std::sync::mpsc::channel();
        let (watch, made) = (Arc::default(), Vec::new());
        let mut functions = Functions { settings, plugins: &plugins, notes, watch, made };
        let routes = from.routes.into_iter().map(|reg| {
            let role = Role::Route { method: reg.method.as_str(), path: reg.path };
            let (plugin, name, file, line) = (reg.plugin, reg.function, reg.file, reg.line);
            let is = Described { plugin, role, name, file, line };
            Route { reg, function: functions.make(is, reg.budget, settings.defaults.route_budget) }
        });
        let routes = routes.collect();
        let subscribers = from.subscribers.into_iter().map(|reg| {
            let role = Role::Subscriber { event: reg.event };
            let (plugin, name, file, line) = (reg.plugin, reg.function, reg.file, reg.line);
            let is = Described { plugin, role, name, file, line };
            Subscriber { reg, function: functions.make(is, reg.budget, settings.defaults.budget) }
        });
        let subscribers = subscribers.collect();
        let mut cycles = Vec::new();
        let tables = HookTables::freeze(
            from.hooks,
            &mut |point, info| {
                let role = Role::Hook { hook: point.name, entity: info.entity, priority: info.priority };
                let (plugin, name, file, line) = (info.plugin, info.function, info.file, info.line);
                let usual = match point.name {
                    "system.startup" => settings.defaults.start_budget,
                    _ => settings.defaults.budget,
                };
                let function =
                    functions.make(Described { plugin, role, name, file, line }, info.budget, usual);
                let of = plugins.iter().find(|plugin| std::ptr::eq(plugin.decl, info.plugin));
                (of.and_then(|plugin| plugin.config.clone()), function)
            },
            &mut cycles,
        );
        problems.extend(cycles.into_iter().map(Problem::general));
        let Functions { made: functions, watch, notes, .. } = functions;
        let (notes, noted) = (Some(notes), Mutex::new(Some(noted)));
        (
            Self {
                plugins,
                grants,
                tables,
                routes,
                subscribers,
                functions,
                watch,
                notes,
                noted,
                trend: Trend::default(),
            },
            problems,
        )
    }

    /// All linked plugins, by id.
    #[must_use]
    pub fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    /// The plugin that is called `name`.
    #[must_use]
    pub fn plugin(&self, name: &str) -> Option<&Plugin> {
        self.plugins.iter().find(|plugin| plugin.decl.is_called(name))
    }

    /// The state of a plugin and why.
    #[must_use]
    pub fn state(&self, plugin: &Plugin) -> (PluginState, Option<String>) {
        let (state, reason) = plugin.state();
        if state != PluginState::Active {
            return (state, reason);
        }
        let of_plugin =
            self.functions.iter().filter(|function| std::ptr::eq(function.is.plugin, plugin.decl));
        let open: Vec<String> = of_plugin
            .filter(|function| function.breaker().0 != BreakerState::Closed)
            .map(|function| function.breaker().1)
            .collect();
        if open.is_empty() { (state, None) } else { (PluginState::Degraded, Some(open.join("; "))) }
    }

    /// What the plugins may do.
    #[inline]
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// The handlers of the plugins that run.
    #[inline]
    #[must_use]
    pub fn tables(&self) -> &HookTables {
        &self.tables
    }

    /// The routes of the plugins that run.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// All functions of the plugins that run.
    #[must_use]
    pub fn functions(&self) -> &[Arc<Function>] {
        &self.functions
    }

    /// Who is inside a plugin.
    #[must_use]
    pub fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// Remembers what was counted so far, once a minute.
    pub fn remember(&self, now: Timestamp) {
        self.trend.remember(now, self.functions.iter().map(|function| function.counts()).collect());
    }

    /// How a function did over the last minutes.
    #[must_use]
    pub fn course(&self, function: &Function) -> Course {
        self.trend.course(function.index, &function.counts())
    }

    /// Notes that something happened to a plugin.
    pub fn note(&self, note: Note) {
        if let Some(notes) = &self.notes {
            // Without a listener, as in a test of this room alone, nobody writes it down.
            let _ = notes.send(note);
        }
    }

    /// What happens to plugins, for whoever writes it down; the first who asks gets it.
    #[must_use]
    pub fn take_notes(&self) -> Option<Receiver<Note>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The subscriber in place `at` of an event; none behind the last.
    pub(crate) fn subscriber(&self, event: &str, at: usize) -> Option<&Subscriber> {
        self.subscribers.iter().filter(|subscriber| subscriber.reg.event == event).nth(at)
    }

    /// Where a plugin reaches, and its secrets.
    #[must_use]
    pub fn reach(&self, decl: &PluginDecl) -> Option<&Reach> {
        self.plugins.iter().find(|plugin| std::ptr::eq(plugin.decl, decl)).map(|plugin| &plugin.reach)
    }

    /// The configuration of a plugin.
    #[must_use]
    pub fn config(&self, decl: &PluginDecl) -> Option<&AnyConfig> {
        self.plugins.iter().find(|plugin| std::ptr::eq(plugin.decl, decl))?.config.as_ref()
    }
}

/// Makes the functions, one after the other.
struct Functions<'a> {
    settings: &'a PluginSettings,
    plugins: &'a [Plugin],
    notes: Sender<Note>,
    watch: Arc<Watch>,
    made: Vec<Arc<Function>>,
}

impl Functions<'_> {
    fn make(&mut self, is: Described, registered: Option<Duration>, usual: Duration) -> Arc<Function> {
        let defaults = &self.settings.defaults;
        let policy = self.settings.policy(is.plugin);
        let times = defaults.times(policy, is.name, registered, is.plugin.budget, usual);
        let control = self.plugins.iter().find(|plugin| std::ptr::eq(plugin.decl, is.plugin));
        let shared = Shared {
            settings: defaults.breaker,
            // Only plugins of the list get here.
            control: control.map_or_else(
                || Arc::new(Control::new(defaults.plugin_breaker())),
                |plugin| Arc::clone(&plugin.control),
            ),
            watch: Arc::clone(&self.watch),
            notes: self.notes.clone(),
        };
        let function = Arc::new(Function::new(is, times, self.made.len(), shared));
        self.made.push(Arc::clone(&function));
        function
    }
}

fn plugin(decl: &'static PluginDecl, settings: &PluginSettings, problems: &mut Vec<Problem>) -> Plugin {
    let enabled = settings.runs(decl);
    let config = enabled.then(|| read_config(decl, settings, problems)).flatten();
    let reach = if enabled { Reach::resolve(decl, settings, problems) } else { Reach::default() };
    let control = Arc::new(Control::new(settings.defaults.plugin_breaker()));
    Plugin { decl, enabled, config, reach, control, started: AtomicBool::new(false) }
}
