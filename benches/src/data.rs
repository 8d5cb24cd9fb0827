//! The data of the benchmarks: entries with ten attributes of mixed types, and plugins with many handlers.

use anyhow::Context;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::services::entity::{self, EntityInput};
use pagoda_core::services::entry::{self, EntryInput};
use pagoda_core::services::host::Host;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::services::user;
use pagoda_core::store::queries;
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::hook::{HookInfo, HookReg, ListedPoint, ObserveHandler, OnFault};
use pagoda_plugin_sdk::model::{AttrType, Level};
use pagoda_plugin_sdk::payload::{EntryAfterCreate, EntryBeforeCreate, EntryBeforeUpdate, EntryValidation};
use pagoda_plugin_sdk::{HookContext, HookResult, PluginDecl, hooks};
use serde_json::{Value, json};
use std::sync::Arc;

/// Runs operations as the administrator.
///
/// # Errors
/// There is no administrator.
pub fn as_admin(host: &Arc<Host>) -> anyhow::Result<Runner> {
    let own = |user| {
        let request = RequestInfo::new(user, "bench".into(), Origin::Http, host.zone.clone());
        Runner::new(Arc::clone(host), Arc::new(request))
    };
    let row = own(None)
        .run_blocking(Mode::Read, |op| Ok(queries::user::active_by_username(&mut op.db, "admin")?))?
        .context("there is no administrator")?;
    Ok(own(Some(Arc::new(user::model(&row)))))
}

/// A token of the administrator.
///
/// # Errors
/// The database does not make one.
pub fn token(admin: &Runner) -> anyhow::Result<String> {
    Ok(admin.run_blocking(Mode::Write, |op| {
        let id = op.user()?.id;
        user::issue_token(op, id)
    })?)
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Stock {
    /// The entity whose entries have ten attributes.
    pub servers: i64,
    /// Ids of its definitions, in display order.
    pub attrs: Vec<i64>,
    /// Ids of the entries that are referred to.
    pub racks: Vec<i64>,
    /// Ids of the entries.
    pub entries: Vec<i64>,
}

/// Names and types of the ten attributes.
const ATTRS: [(&str, AttrType); 10] = [
    ("hostname", AttrType::String),
    ("serial", AttrType::String),
    ("owner", AttrType::String),
    ("note", AttrType::Text),
    ("cpus", AttrType::Number),
    ("memory", AttrType::Number),
    ("in production", AttrType::Boolean),
    ("monitored", AttrType::Boolean),
    ("rack", AttrType::Object),
    ("tags", AttrType::ArrayString),
];

impl Stock {
    /// The body that creates entry `number`.
    #[must_use]
    pub fn body(&self, number: u64, prefix: &str) -> Value {
        let rack = usize::try_from(number).ok().and_then(|at| self.racks.get(at % self.racks.len().max(1)));
        let values = [
            json!(format!("host-{number}.example.net")),
            json!(format!("SN{number:08}")),
            json!("platform team"),
            json!("first line of a note\nsecond line of a note that is a little longer"),
            json!(number % 128),
            json!(number % 1024),
            json!(number.is_multiple_of(2)),
            json!(true),
            json!(rack),
            json!(["linux", "web", format!("zone-{}", number % 7)]),
        ];
        let attrs: Vec<Value> =
            self.attrs.iter().zip(values).map(|(id, value)| json!({"id": id, "value": value})).collect();
        json!({"name": format!("{prefix}{number:06}"), "attrs": attrs})
    }
}

/// Makes two entities, 100 racks and `count` servers.
///
/// # Errors
/// The services refuse.
pub fn stock(admin: &Runner, count: u64) -> anyhow::Result<Stock> {
    let mut stock = admin.run_blocking(Mode::Write, |op| {
        let racks = entity::create(op, EntityInput::read(&json!({"name": "rack"}), true)?)?;
        let attrs: Vec<Value> = ATTRS
            .iter()
            .enumerate()
            .map(|(index, (name, attr_type))| {
                let referral = if *attr_type == AttrType::Object { vec![racks.id] } else { Vec::new() };
                json!({"name": name, "type": attr_type.code(), "index": index, "referral": referral})
            })
            .collect();
        let body = json!({"name": "server", "attrs": attrs});
        let servers = entity::create(op, EntityInput::read(&body, true)?)?;
        let row = entity::open(op, racks.id, Level::Writable)?;
        let racks = (0..100)
            .map(|number| {
                let body = json!({"name": format!("rack {number}")});
                Ok(entry::create(op, &row, EntryInput::read(&body, true)?)?.id)
            })
            .collect::<Result<Vec<i64>, pagoda_core::services::error::OpError>>()?;
        let mut attrs: Vec<(i32, i64)> = servers.attrs.iter().map(|attr| (attr.index, attr.id)).collect();
        attrs.sort_unstable();
        let attrs = attrs.into_iter().map(|(_, id)| id).collect();
        Ok(Stock { servers: servers.id, attrs, racks, entries: Vec::new() })
    })?;
    // Not all in one transaction: its log would grow without being written back.
    for first in (0..count).step_by(1_000) {
        let made = admin.run_blocking(Mode::Write, |op| {
            let row = entity::open(op, stock.servers, Level::Writable)?;
            (first..count.min(first + 1_000))
                .map(|number| {
                    let input = EntryInput::read(&stock.body(number, "server "), true)?;
                    Ok(entry::create(op, &row, input)?.id)
                })
                .collect::<Result<Vec<i64>, pagoda_core::services::error::OpError>>()
        })?;
        stock.entries.extend(made);
    }
    Ok(stock)
}

/// What a registration says that was made by hand.
#[must_use]
pub fn info(plugin: &'static PluginDecl, function: &'static str) -> HookInfo {
    HookInfo {
        plugin,
        function,
        module: "bench",
        file: file!(),
        line: line!(),
        priority: 100,
        entity: None,
        before: &[],
        after: &[],
        on_fault: OnFault::Isolate,
        budget: None,
    }
}

fn register<P: ListedPoint>(
    to: Contributions,
    plugin: &'static PluginDecl,
    count: usize,
    handler: pagoda_plugin_sdk::hook::Handler<P>,
) -> Contributions {
    (0..count).fold(to, |to, number| {
        // Registrations live as long as the process, as those that the linker collects.
        let function = Box::leak(format!("handler_{number}").into_boxed_str());
        to.with_hook::<P>(HookReg { info: info(plugin, function), handler })
    })
}

/// Ten plugins with `count` handlers each, on four points.
#[must_use]
pub fn handlers(mut to: Contributions, count: usize) -> Contributions {
    fn create(_: &mut HookContext, _: &mut EntryBeforeCreate) -> HookResult {
        Ok(())
    }
    fn update(_: &mut HookContext, _: &mut EntryBeforeUpdate) -> HookResult {
        Ok(())
    }
    fn validate(_: &mut HookContext, _: &EntryValidation) -> HookResult {
        Ok(())
    }
    fn created(_: HookContext, _: &EntryAfterCreate) -> HookResult {
        Ok(())
    }
    let share = count / 4;
    for number in 0..10 {
        let id = Box::leak(format!("synthetic-{number}").into_boxed_str());
        let plugin: &'static PluginDecl = Box::leak(Box::new(PluginDecl::new(id, "Synthetic", "1")));
        to = to.with_plugin(plugin);
        to = register::<hooks::entry::before_create>(to, plugin, share, create);
        to = register::<hooks::entry::before_update>(to, plugin, share, update);
        to = register::<hooks::pagoda::entry::validation>(to, plugin, share, validate);
        to = register::<hooks::entry::after_create>(to, plugin, share, ObserveHandler::Plain(created));
    }
    to
}
