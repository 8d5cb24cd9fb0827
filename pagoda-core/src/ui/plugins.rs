//! The page of plugins: how each does, and what an administrator can do about it.

use super::chart::{Bars, Lines};
use super::page::{Frame, Moment, Notice};
use super::text::{count, length_or_dash, setting};
use crate::plugins::breaker::BreakerState;
use crate::plugins::control::PluginState;
use crate::plugins::stats::Counts;
use crate::services::plugin::{ChangeView, FunctionView, PluginView, Switch};
use askama::Template;
use pagoda_plugin_sdk::time::Timestamp;

/// A plugin with what last happened to it, newest first.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The plugin.
    pub plugin: PluginView,
    /// What happened.
    pub changes: Vec<ChangeView>,
}

#[derive(Template)]
#[template(path = "plugins.html")]
struct Plugins<'a> {
    frame: &'a Frame,
    notice: Option<&'a Notice>,
    states: Vec<Group>,
    cards: Vec<Card>,
    now: Moment,
}

#[derive(Template)]
#[template(path = "plugin.html")]
struct OnePlugin<'a> {
    frame: &'a Frame,
    notice: Option<&'a Notice>,
    card: Card,
    now: Moment,
}

/// The plugins of one state.
struct Group {
    state: &'static str,
    count: usize,
    /// Those to look at: id and name.
    named: Vec<(&'static str, &'static str)>,
}

/// A plugin on the page.
struct Card {
    id: &'static str,
    name: &'static str,
    version: &'static str,
    description: &'static str,
    state: &'static str,
    meaning: &'static str,
    reason: Option<String>,
    retry: Option<Moment>,
    last: Option<Change>,
    figures: Vec<Figure>,
    bars: Option<Bars>,
    lines: Option<Lines>,
    switches: Vec<Button>,
    functions: Vec<Row>,
    capabilities: Vec<String>,
    changes: Vec<Change>,
    /// What its details have.
    contents: String,
    /// Whether it is the page's only one: with its details open, and more of them.
    alone: bool,
}

/// A number, of the last ten minutes and since the start.
struct Figure {
    name: &'static str,
    recent: String,
    total: String,
    /// Whether it is one that one wants to be 0, and is not.
    alarming: bool,
}

struct Button {
    action: &'static str,
    label: &'static str,
    effect: &'static str,
}

struct Row {
    role: String,
    name: &'static str,
    calls: String,
    faults: String,
    faulty: bool,
    rejections: String,
    skipped: String,
    lengths: [String; 3],
    budget: String,
    breaker: &'static str,
    breaker_reason: Option<String>,
    retry: Option<Moment>,
    fault: Option<Fault>,
}

struct Fault {
    at: Moment,
    trace_id: String,
    message: String,
}

struct Change {
    at: Moment,
    function: Option<String>,
    state: String,
    reason: String,
}

/// The page of all plugins.
///
/// # Errors
/// The page cannot be written.
pub fn plugins(frame: &Frame, notice: Option<&Notice>, shown: &[Shown]) -> Result<String, String> {
    let states = [
        PluginState::Failed,
        PluginState::Open,
        PluginState::Degraded,
        PluginState::Disabled,
        PluginState::Active,
    ]
    .into_iter()
    .filter_map(|state| {
        let of: Vec<_> = shown.iter().filter(|one| one.plugin.state == state).collect();
        let named = of.iter().filter(|_| state != PluginState::Active);
        let named = named.map(|one| (one.plugin.decl.id, one.plugin.decl.name)).collect();
        (!of.is_empty()).then_some(Group { state: state.as_str(), count: of.len(), named })
    });
    let cards = shown.iter().map(|one| Card::new(frame, one, false));
    let page = Plugins {
        frame,
        notice,
        states: states.collect(),
        cards: cards.collect(),
        now: frame.moment(frame.now),
    };
    page.render().map_err(|error| error.to_string())
}

/// The page of one plugin.
///
/// # Errors
/// The page cannot be written.
pub fn plugin(frame: &Frame, notice: Option<&Notice>, shown: &Shown) -> Result<String, String> {
    let card = Card::new(frame, shown, true);
    let page = OnePlugin { frame, notice, card, now: frame.moment(frame.now) };
    page.render().map_err(|error| error.to_string())
}

impl Card {
    fn new(frame: &Frame, shown: &Shown, alone: bool) -> Self {
        let Shown { plugin, changes } = shown;
        let minutes = plugin.minutes();
        let changes: Vec<Change> = changes.iter().map(|change| Change::new(frame, change)).collect();
        Self {
            id: plugin.decl.id,
            name: plugin.decl.name,
            version: plugin.decl.version,
            description: plugin.decl.description,
            state: plugin.state.as_str(),
            meaning: meaning(plugin.state),
            reason: plugin.reason.clone(),
            retry: plugin.retry_at.map(|at| frame.moment(at)),
            last: shown.changes.first().map(|change| Change::new(frame, change)),
            figures: figures(&plugin.recent(), &plugin.total()),
            bars: Bars::of(&minutes),
            lines: Lines::of(&minutes),
            switches: buttons(plugin),
            functions: plugin.functions.iter().map(|function| Row::new(frame, plugin, function)).collect(),
            capabilities: plugin.capabilities.clone(),
            changes,
            contents: format!(
                "{}, {}, recent changes",
                some(plugin.functions.len(), "function", "functions"),
                some(plugin.capabilities.len(), "capability", "capabilities")
            ),
            alone,
        }
    }
}

fn some(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

fn meaning(state: PluginState) -> &'static str {
    match state {
        PluginState::Active => "It runs.",
        PluginState::Degraded => "It runs, but something of it is left out or on trial.",
        PluginState::Open => {
            "It failed too often: nothing of it runs for a while, then one call tries again."
        }
        PluginState::Disabled => "It is left out: its hooks are skipped, its routes answer 503.",
        PluginState::Failed => "It does not run, and will not until somebody sees to it.",
    }
}

fn figures(recent: &Counts, total: &Counts) -> Vec<Figure> {
    let figure = |name, alarming: bool, of: &dyn Fn(&Counts) -> String| Figure {
        name,
        recent: of(recent),
        total: of(total),
        alarming,
    };
    vec![
        figure("Calls", false, &|counts| count(counts.calls)),
        figure("Faults", recent.faults > 0, &|counts| count(counts.faults)),
        figure("Rejections", false, &|counts| count(counts.rejections)),
        figure("Skipped", recent.skipped > 0, &|counts| count(counts.skipped)),
        figure("p50", false, &|counts| length_or_dash(counts.percentile_ms(0.5))),
        figure("p95", false, &|counts| length_or_dash(counts.percentile_ms(0.95))),
        figure("p99", false, &|counts| length_or_dash(counts.percentile_ms(0.99))),
    ]
}

/// What can be done about a plugin; nothing about one that `ENABLED_PLUGINS` does not name.
fn buttons(plugin: &PluginView) -> Vec<Button> {
    let mut buttons = Vec::new();
    if !plugin.enabled {
        return buttons;
    }
    let mut offer = |action: Switch, label, effect| {
        buttons.push(Button { action: action.as_str(), label, effect });
    };
    if !plugin.standing.is_good() {
        let effect = "Lets it run again: neither disabled nor quarantined.";
        offer(Switch::Enable, "Enable", effect);
    }
    if plugin.standing.disabled.is_none() {
        let effect = "Leaves it out until it is enabled: hooks are skipped, routes answer 503.";
        offer(Switch::Disable, "Disable", effect);
    }
    offer(Switch::Reset, "Reset", "Closes its breakers and lifts its quarantine; counters stay.");
    buttons
}

impl Row {
    fn new(frame: &Frame, plugin: &PluginView, function: &FunctionView) -> Self {
        let FunctionView { total, recent, .. } = function;
        let role = match function.role {
            crate::plugins::function::Role::Route { method, path } => {
                format!("{method} /api/v2/plugins/{}{path}", plugin.decl.id)
            }
            role => role.to_string(),
        };
        let retry = match function.breaker {
            BreakerState::Open { retry_at, .. } => Some(frame.moment(Timestamp::from_micros(retry_at))),
            _ => None,
        };
        let is_closed = function.breaker == BreakerState::Closed;
        Self {
            role,
            name: function.name,
            calls: count(total.calls),
            faults: count(total.faults),
            faulty: total.faults > 0,
            rejections: count(total.rejections),
            skipped: count(total.skipped),
            lengths: [0.5, 0.95, 0.99].map(|share| length_or_dash(recent.percentile_ms(share))),
            budget: setting(function.times.budget),
            breaker: word(function.breaker.as_str()),
            breaker_reason: (!is_closed).then(|| function.breaker_reason.clone()),
            retry,
            fault: function.last_fault.as_ref().map(|fault| Fault {
                at: frame.moment(fault.at),
                trace_id: fault.trace_id.to_string(),
                message: fault.message.clone(),
            }),
        }
    }
}

impl Change {
    fn new(frame: &Frame, change: &ChangeView) -> Self {
        Self {
            at: frame.moment(change.at),
            function: change.function.clone(),
            state: word(&change.state).to_owned(),
            reason: change.reason.clone(),
        }
    }
}

/// A state's word, for people.
fn word(state: &str) -> &str {
    if state == "half_open" { "on trial" } else { state }
}
