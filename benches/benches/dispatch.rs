//! What calling handlers costs: through the host, and by other ways.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use pagoda_benches::data::{as_admin, info};
use pagoda_benches::report::{self, Row};
use pagoda_benches::{PLUGIN, serving};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::plugins::dispatch::{self, Session};
use pagoda_core::plugins::registry::{PluginSettings, Registry};
use pagoda_core::plugins::table::{HookTables, Tabled};
use pagoda_core::server;
use pagoda_core::services::error::OpError;
use pagoda_core::services::run::Mode;
use pagoda_plugin_sdk::bridge::{AuthBridge, BridgeManager, BridgeResult, DataBridge, HookBridge};
use pagoda_plugin_sdk::catalogue::HookPoint;
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::hook::HookReg;
use pagoda_plugin_sdk::model::{AttrInput, AttrRef};
use pagoda_plugin_sdk::payload::{EntryBeforeCreate, EntryValidation};
use pagoda_plugin_sdk::secret::SecretValue;
use pagoda_plugin_sdk::testing::Everything;
use pagoda_plugin_sdk::time::Zone;
use pagoda_plugin_sdk::{HookContext, HookResult, PluginDecl, hooks};
use serde_json::json;
use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

type Create = hooks::entry::before_create;
type Validate = hooks::pagoda::entry::validation;

const COUNTS: [usize; 3] = [0, 1, 10];
const NAMES: [&str; 10] = ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8", "h9"];

/// An operation without a database: lends nothing, and takes it back.
struct Fake(Arc<RequestInfo>);

struct Lent;

#[expect(clippy::unreachable, reason = "the handlers of this benchmark ask for no bridge")]
impl BridgeManager for Lent {
    fn auth(&mut self) -> &mut dyn AuthBridge {
        unreachable!()
    }
    fn data(&mut self) -> &mut dyn DataBridge {
        unreachable!()
    }
    fn hooks(&mut self) -> &mut dyn HookBridge {
        unreachable!()
    }
    fn as_plugin(&mut self, _: &mut dyn FnMut(&mut dyn BridgeManager)) -> BridgeResult<()> {
        unreachable!()
    }
    fn secret(&mut self, _: &'static str) -> BridgeResult<SecretValue> {
        unreachable!()
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl Session for Fake {
    fn request(&self) -> &Arc<RequestInfo> {
        &self.0
    }
    fn is_inside(&self, _: &PluginDecl) -> bool {
        false
    }
    fn lend(&mut self, _: &'static PluginDecl, _: std::time::Instant) -> Box<dyn BridgeManager> {
        Box::new(Lent)
    }
    fn take_back(&mut self, bridges: Option<Box<dyn BridgeManager>>, keep: bool) -> anyhow::Result<bool> {
        anyhow::ensure!(bridges.is_some_and(|bridges| bridges.into_any().is::<Lent>()), "lost");
        Ok(keep)
    }
}

fn request() -> Arc<RequestInfo> {
    Arc::new(RequestInfo::new(None, "0123456789abcdef01".into(), Origin::Http, Zone::utc()))
}

// The work of a handler: one multiplication and one addition that depend on the ones before.
#[inline(never)]
fn change(_: &mut HookContext, payload: &mut EntryBeforeCreate) -> HookResult {
    payload.entity.id = payload.entity.id.wrapping_mul(31).wrapping_add(7);
    Ok(())
}

/// Changes a value, so that the list of values is copied.
#[inline(never)]
fn change_value(_: &mut HookContext, payload: &mut EntryBeforeCreate) -> HookResult {
    if let Some(number) = payload.attrs.get_mut(6) {
        number.value = json!(payload.entity.id);
    }
    Ok(())
}

#[inline(never)]
fn look(_: &mut HookContext, payload: &EntryValidation) -> HookResult {
    black_box(payload.entry.id.wrapping_mul(31).wrapping_add(7));
    Ok(())
}

#[inline(never)]
fn leave(_: &mut HookContext, payload: &mut EntryBeforeCreate) -> HookResult {
    black_box(payload.entity.id.wrapping_mul(31).wrapping_add(7));
    Ok(())
}

/// What `#[hook]` makes of a handler that takes `HookContext<Plugin>`.
#[inline(never)]
fn look_typed(ctx: &mut HookContext, payload: &EntryValidation) -> HookResult {
    ctx.lend(|ctx: &mut HookContext<Everything>| {
        black_box(&ctx);
        black_box(payload.entry.id.wrapping_mul(31).wrapping_add(7));
        Ok(())
    })
}

fn registry(count: usize) -> anyhow::Result<Registry> {
    Ok(Registry::freeze(contributions(count), &PluginSettings::default())?)
}

fn contributions(count: usize) -> Contributions {
    NAMES.iter().take(count).fold(Contributions::default().with_plugin(&PLUGIN), |all, name| {
        all.with_hook::<Create>(HookReg { info: info(&PLUGIN, name), handler: change })
            .with_hook::<Validate>(HookReg { info: info(&PLUGIN, name), handler: look })
    })
}

/// Ten handlers that look at the payload and leave it as it is.
fn ten_that_leave() -> anyhow::Result<Registry> {
    let all = NAMES.iter().fold(Contributions::default().with_plugin(&PLUGIN), |all, name| {
        all.with_hook::<Create>(HookReg { info: info(&PLUGIN, name), handler: leave })
    });
    Ok(Registry::freeze(all, &PluginSettings::default())?)
}

/// A request as the API makes it: ten definitions, ten values.
fn creation() -> EntryBeforeCreate {
    let mut payload = EntryBeforeCreate::default();
    payload.entity.name = "server".to_owned();
    payload.name = "server 000001".to_owned();
    payload.schema = schema().into();
    payload.attrs = (0..10).map(value).collect();
    payload
}

fn schema() -> Vec<AttrRef> {
    (0..10).map(|id| AttrRef { id, name: format!("attribute {id}"), ..AttrRef::default() }).collect()
}

fn value(id: i64) -> AttrInput {
    let value = match id {
        0..6 => json!(format!("value {id}")),
        6 | 7 => json!(id),
        8 => json!(true),
        _ => json!(["linux", "web", "zone-1"]),
    };
    AttrInput { id, value }
}

fn validation() -> EntryValidation {
    let mut payload = EntryValidation::default();
    payload.entry.entity.name = "server".to_owned();
    payload.entry.name = "server 000001".to_owned();
    payload.schema = schema().into();
    payload.attrs = (0..10).map(value).collect();
    payload
}

/// Polls a future that is ready at once, or spins; a panic becomes a fault.
fn block_on(future: impl Future<Output = HookResult>) -> HookResult {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context))) {
            Ok(Poll::Ready(outcome)) => return outcome,
            Ok(Poll::Pending) => {}
            Err(_) => return Err(anyhow::anyhow!("panicked").into()),
        }
    }
}

type Boxed = Box<dyn Fn(&mut HookContext, &mut EntryBeforeCreate) -> HookResult>;
type BoxedAsync = Box<
    dyn for<'a> Fn(
        &'a mut HookContext,
        &'a mut EntryBeforeCreate,
    ) -> Pin<Box<dyn Future<Output = HookResult> + 'a>>,
>;

fn others(group: &mut BenchmarkGroup<'_, WallTime>) {
    let context = || HookContext::inside(&PLUGIN, Create::info(), request(), Box::new(Lent));
    let (mut ctx, mut payload) = (context(), creation());
    group.bench_function("direct/1", |b| b.iter(|| change(&mut ctx, black_box(&mut payload))));
    group.bench_function("direct/10", |b| {
        b.iter(|| -> HookResult {
            let payload = black_box(&mut payload);
            change(&mut ctx, payload)?;
            change(&mut ctx, payload)?;
            change(&mut ctx, payload)?;
            change(&mut ctx, payload)?;
            change(&mut ctx, payload)?;
            change(&mut ctx, payload)?;
            change(&mut ctx, payload)?;
            change(&mut ctx, payload)?;
            change(&mut ctx, payload)?;
            change(&mut ctx, payload)
        });
    });
    for count in COUNTS {
        let mut map: HashMap<String, Vec<Boxed>> = HashMap::new();
        // Other points have handlers too, or the map would be empty.
        map.insert("entry.after_delete".to_owned(), Vec::new());
        for _ in 0..count {
            map.entry("entry.before_create".to_owned()).or_default().push(Box::new(change));
        }
        group.bench_function(format!("hash_map/{count}"), |b| {
            b.iter(|| -> HookResult {
                let payload = black_box(&mut payload);
                let Some(handlers) = map.get(black_box("entry.before_create")) else { return Ok(()) };
                handlers.iter().try_for_each(|handler| handler(&mut ctx, payload))
            });
        });
        let boxed: Vec<BoxedAsync> = (0..count)
            .map(|_| -> BoxedAsync { Box::new(|ctx, payload| Box::pin(async move { change(ctx, payload) })) })
            .collect();
        group.bench_function(format!("boxed_async/{count}"), |b| {
            b.iter(|| -> HookResult {
                let payload = black_box(&mut payload);
                boxed.iter().try_for_each(|handler| block_on(handler(&mut ctx, payload)))
            });
        });
    }
}

/// What every place in the host does first. Not inlined, so that its instructions can be counted.
#[inline(never)]
fn empty_point(tables: &HookTables) -> bool {
    Create::table(tables).is_empty()
}

fn host(group: &mut BenchmarkGroup<'_, WallTime>) -> anyhow::Result<()> {
    let none = registry(0)?;
    group.bench_function("empty/is_empty", |b| b.iter(|| empty_point(black_box(none.tables()))));
    for count in COUNTS {
        let registry = registry(count)?;
        let (mut op, mut payload, checked) = (Fake(request()), creation(), validation());
        group.bench_function(format!("fake_check/{count}"), |b| {
            b.iter(|| {
                dispatch::check::<Validate, _>(
                    Validate::table(black_box(registry.tables())),
                    &mut op,
                    black_box(&checked),
                )
            });
        });
        group.bench_function(format!("fake_transform/{count}"), |b| {
            b.iter(|| {
                let table = Create::table(black_box(registry.tables()));
                dispatch::transform::<Create, _>(table, &mut op, black_box(&mut payload))
            });
        });
    }
    Ok(())
}

/// As `transform/1`, with a handler that changes one of the values.
fn changing_values(group: &mut BenchmarkGroup<'_, WallTime>) -> anyhow::Result<()> {
    let contributions = Contributions::default()
        .with_plugin(&PLUGIN)
        .with_hook::<Create>(HookReg { info: info(&PLUGIN, "value"), handler: change_value });
    let directory = tempfile::tempdir()?;
    let prepared = server::prepare(serving::config(directory.path()), contributions)?;
    as_admin(prepared.host())?.run_blocking(Mode::Write, |op| {
        let mut payload = creation();
        group.bench_function("transform_values/1", |b| {
            b.iter(|| op.transform::<Create>(black_box(&mut payload)));
        });
        Ok::<(), OpError>(())
    })?;
    Ok(())
}

/// Through a real operation, in a transaction on SQLite, as the server prepares it: budgets, breakers, histograms,
/// and a watchdog that looks at this thread meanwhile.
fn operation(group: &mut BenchmarkGroup<'_, WallTime>) -> anyhow::Result<()> {
    for count in COUNTS {
        let directory = tempfile::tempdir()?;
        let prepared = server::prepare(serving::config(directory.path()), contributions(count))?;
        as_admin(prepared.host())?.run_blocking(Mode::Write, |op| {
            let (mut payload, checked) = (creation(), validation());
            let table = Arc::clone(&op.host.registry);
            let table = Validate::table(table.tables());
            group.bench_function(format!("check/{count}"), |b| {
                b.iter(|| dispatch::check::<Validate, _>(table, op, black_box(&checked)));
            });
            group.bench_function(format!("transform/{count}"), |b| {
                b.iter(|| op.transform::<Create>(black_box(&mut payload)));
            });
            let mut small = EntryBeforeCreate::default();
            small.name = "server 000001".to_owned();
            group.bench_function(format!("transform_small/{count}"), |b| {
                b.iter(|| op.transform::<Create>(black_box(&mut small)));
            });
            Ok::<(), OpError>(())
        })?;
    }
    typed(group)?;
    changing_values(group)?;
    let (registry, mut op, mut payload) = (ten_that_leave()?, Fake(request()), creation());
    group.bench_function("fake_transform_leave/10", |b| {
        b.iter(|| {
            let table = Create::table(black_box(registry.tables()));
            dispatch::transform::<Create, _>(table, &mut op, black_box(&mut payload))
        });
    });
    Ok(())
}

/// As `check/1`, with a handler that carries capabilities.
fn typed(group: &mut BenchmarkGroup<'_, WallTime>) -> anyhow::Result<()> {
    let contributions = Contributions::default()
        .with_plugin(&PLUGIN)
        .with_hook::<Validate>(HookReg { info: info(&PLUGIN, "typed"), handler: look_typed });
    let directory = tempfile::tempdir()?;
    let prepared = server::prepare(serving::config(directory.path()), contributions)?;
    as_admin(prepared.host())?.run_blocking(Mode::Write, |op| {
        let checked = validation();
        let registry = Arc::clone(&op.host.registry);
        let table = Validate::table(registry.tables());
        group.bench_function("check_typed/1", |b| {
            b.iter(|| dispatch::check::<Validate, _>(table, op, black_box(&checked)));
        });
        Ok::<(), OpError>(())
    })?;
    Ok(())
}

/// The median of a benchmark in nanoseconds, as criterion left it.
fn figure(results: &Path, name: &str) -> Option<f64> {
    let directory = results.join("dispatch").join(name.replace('/', "_"));
    let bytes = std::fs::read(directory.join("new/estimates.json")).ok()?;
    let estimates: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

fn rows(results: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    let shown = |name: &str| figure(results, name).map_or_else(|| "-".to_owned(), |ns| format!("{ns:.1} ns"));
    if let Some(ns) = figure(results, "empty/is_empty") {
        rows.push(Row::goal(
            "point without handlers: load and compare",
            format!("{ns:.2} ns"),
            "≤ 5 ns",
            ns <= 5.0,
        ));
    }
    for (name, what) in [
        ("check/1", "a Check handler"),
        ("check_typed/1", "a Check handler that takes `HookContext<Plugin>`"),
        ("transform_small/1", "a Transform handler, payload without values"),
        ("transform/1", "a Transform handler, payload of ten definitions and ten values"),
    ] {
        if let (Some(ns), Some(direct)) = (figure(results, name), figure(results, "direct/1")) {
            let over = ns - direct;
            rows.push(Row::goal(
                format!("{what} in an operation, over a direct call"),
                format!("{over:.0} ns"),
                "≤ 250 ns",
                over <= 250.0,
            ));
        }
    }
    let names = [
        "direct/1",
        "direct/10",
        "hash_map/0",
        "hash_map/1",
        "hash_map/10",
        "boxed_async/1",
        "boxed_async/10",
        "fake_check/0",
        "fake_check/1",
        "fake_check/10",
        "fake_transform/0",
        "fake_transform/1",
        "fake_transform/10",
        "check/0",
        "check/1",
        "check/10",
        "transform/0",
        "transform/1",
        "transform/10",
        "transform_values/1",
        "transform_small/10",
        "fake_transform_leave/10",
    ];
    rows.extend(names.map(|name| Row::info(format!("`{name}`"), shown(name))));
    rows
}

fn main() -> anyhow::Result<()> {
    let results = report::target_directory()?.join("criterion");
    let mut criterion = Criterion::default()
        .output_directory(&results)
        .sample_size(50)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .without_plots()
        .configure_from_args();
    let mut group = criterion.benchmark_group("dispatch");
    others(&mut group);
    host(&mut group)?;
    operation(&mut group)?;
    group.finish();
    criterion.final_summary();
    report::keep("dispatch", rows(&results))?;
    report::show()
}
