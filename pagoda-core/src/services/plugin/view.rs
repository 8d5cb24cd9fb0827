//! How a plugin does, for whoever shows it: the API and the page say the same because both show this.

use crate::plugins::breaker::BreakerState;
use crate::plugins::control::{PluginState, Standing};
use crate::plugins::function::{Function, LastFault, Role, Times};
use crate::plugins::registry::{Plugin, Registry};
use crate::plugins::stats::Counts;
use crate::store::rows::PluginTransitionRow;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::time::Timestamp;

/// A plugin with all its functions, at one moment.
#[derive(Debug, Clone)]
pub struct PluginView {
    /// Its declaration.
    pub decl: &'static PluginDecl,
    /// Whether `ENABLED_PLUGINS` lets it run.
    pub enabled: bool,
    /// Its state.
    pub state: PluginState,
    /// Why, unless all is well.
    pub reason: Option<String>,
    /// When it is tried again, while its breaker is open.
    pub retry_at: Option<Timestamp>,
    /// What keeps it from running.
    pub standing: Standing,
    /// What it may do.
    pub capabilities: Vec<String>,
    /// Its hook functions, subscribers and routes, in their order.
    pub functions: Vec<FunctionView>,
}

/// A function of a plugin, at one moment.
#[derive(Debug, Clone)]
pub struct FunctionView {
    /// What it is there for.
    pub role: Role,
    /// Its name.
    pub name: &'static str,
    /// What it may take.
    pub times: Times,
    /// What it did since the server started.
    pub total: Counts,
    /// What it did in the last ten minutes.
    pub recent: Counts,
    /// What it did in each of the last minutes, oldest first; the last one is not over yet.
    pub minutes: Vec<Counts>,
    /// Its breaker.
    pub breaker: BreakerState,
    /// Why its breaker last opened; empty when it never did.
    pub breaker_reason: String,
    /// Its last failure.
    pub last_fault: Option<LastFault>,
}

/// Something that happened to a plugin.
#[derive(Debug, Clone)]
pub struct ChangeView {
    /// When.
    pub at: Timestamp,
    /// To which function; absent when it was the plugin as a whole.
    pub function: Option<String>,
    /// Its state since then.
    pub state: String,
    /// Why.
    pub reason: String,
}

impl PluginView {
    /// Looks at a plugin.
    #[must_use]
    pub fn of(registry: &Registry, plugin: &Plugin) -> Self {
        let (state, reason) = registry.state(plugin);
        let retry_at = match plugin.control.breaker().0 {
            BreakerState::Open { retry_at, .. } if state == PluginState::Open => {
                Some(Timestamp::from_micros(retry_at))
            }
            _ => None,
        };
        let decl = plugin.decl;
        let granted = decl.capabilities.iter().filter(|one| registry.grants().has(decl, **one));
        let own = registry.functions().iter().filter(|function| std::ptr::eq(function.is.plugin, decl));
        Self {
            decl,
            enabled: plugin.enabled,
            state,
            reason,
            retry_at,
            standing: plugin.control.standing(),
            capabilities: granted.map(ToString::to_string).collect(),
            functions: own.map(|function| FunctionView::of(registry, function)).collect(),
        }
    }

    /// Looks at all plugins, by id.
    #[must_use]
    pub fn all(registry: &Registry) -> Vec<Self> {
        registry.plugins().iter().map(|plugin| Self::of(registry, plugin)).collect()
    }

    /// What all its functions did since the server started.
    #[must_use]
    pub fn total(&self) -> Counts {
        sum(self.functions.iter().map(|function| &function.total))
    }

    /// What all its functions did in the last ten minutes.
    #[must_use]
    pub fn recent(&self) -> Counts {
        sum(self.functions.iter().map(|function| &function.recent))
    }

    /// What all its functions did in each of the last minutes, oldest first; the last one is not over yet.
    #[must_use]
    pub fn minutes(&self) -> Vec<Counts> {
        let most = self.functions.iter().map(|function| function.minutes.len()).max().unwrap_or(0);
        // Counted from now: while one was looked at, a minute may have ended.
        let of = |ago: usize| {
            let minutes = self.functions.iter().map(|function| &function.minutes);
            sum(minutes
                .filter_map(|minutes| minutes.len().checked_sub(ago + 1).and_then(|at| minutes.get(at))))
        };
        (0..most).rev().map(of).collect()
    }
}

impl FunctionView {
    fn of(registry: &Registry, function: &Function) -> Self {
        let course = registry.course(function);
        let (breaker, breaker_reason) = function.breaker();
        Self {
            role: function.is.role,
            name: function.is.name,
            times: function.times,
            total: function.counts(),
            recent: course.recent,
            minutes: course.minutes,
            breaker,
            breaker_reason,
            last_fault: function.last_fault(),
        }
    }
}

impl From<&PluginTransitionRow> for ChangeView {
    fn from(row: &PluginTransitionRow) -> Self {
        Self {
            at: Timestamp::from_micros(row.at),
            function: (!row.function.is_empty()).then(|| row.function.clone()),
            state: row.state.clone(),
            reason: row.reason.clone(),
        }
    }
}

fn sum<'a>(counts: impl Iterator<Item = &'a Counts>) -> Counts {
    counts.fold(Counts::default(), |mut all, one| {
        all.add(one);
        all
    })
}
