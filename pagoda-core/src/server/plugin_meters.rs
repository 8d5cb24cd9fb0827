//! What there is at `/metrics` about plugins: their states, and what each of their functions did.

use crate::observe::metrics::{Observed, Page};
use crate::plugins::breaker::BreakerState;
use crate::plugins::control::PluginState;
use crate::plugins::registry::Registry;
use std::fmt;

const STATES: [PluginState; 5] = [
    PluginState::Active,
    PluginState::Degraded,
    PluginState::Open,
    PluginState::Disabled,
    PluginState::Failed,
];

/// The plugins of a server. Labels are what is linked: plugins, points and routes, names of functions.
pub(super) fn plugins(page: &mut Page<'_>, registry: &Registry) -> fmt::Result {
    let states = registry.plugins().iter().flat_map(|plugin| {
        let now = registry.state(plugin).0;
        let id = plugin.decl.id;
        STATES.into_iter().map(move |state| {
            ([("plugin", id), ("state", state.as_str())], f64::from(u8::from(state == now)))
        })
    });
    page.gauges("pagoda_plugin_state", "1 for the state that a plugin is in, 0 for the others", states)?;
    let refused = registry.plugins().iter();
    let refused =
        refused.map(|plugin| ([("plugin", plugin.decl.id)], registry.grants().refused(plugin.decl)));
    page.counters("pagoda_plugin_capability_refusals", "Calls that a plugin may not make", refused)?;

    let functions: Vec<(String, &str, &str)> = registry
        .functions()
        .iter()
        .map(|function| (function.is.role.to_string(), function.is.plugin.id, function.is.name))
        .collect();
    let all: Vec<_> = registry.functions().iter().map(|function| function.counts()).collect();
    let calls = functions.iter().zip(&all).flat_map(|((role, plugin, name), counts)| {
        let well = counts.calls.saturating_sub(counts.faults).saturating_sub(counts.rejections);
        let outcomes = [
            ("well", well),
            ("rejected", counts.rejections),
            ("fault", counts.faults),
            ("skipped", counts.skipped),
        ];
        outcomes.into_iter().map(move |(outcome, count)| {
            ([("plugin", *plugin), ("role", role.as_str()), ("function", *name), ("outcome", outcome)], count)
        })
    });
    page.counters("pagoda_plugin_calls", "Calls of plugins' functions by outcome", calls)?;
    let took = functions.iter().zip(&all).map(|((role, plugin, name), counts)| {
        let observed = Observed::of(counts.lengths(), counts.total_ns);
        ([("plugin", *plugin), ("role", role.as_str()), ("function", *name)], observed)
    });
    page.histograms("pagoda_plugin_call_duration_seconds", "Time spent in plugins' functions", took)?;
    let open = functions.iter().zip(registry.functions()).map(|((role, plugin, name), function)| {
        let open = function.breaker().0 != BreakerState::Closed;
        ([("plugin", *plugin), ("role", role.as_str()), ("function", *name)], f64::from(u8::from(open)))
    });
    page.gauges("pagoda_plugin_breaker_open", "1 while a function's breaker is not closed", open)
}
