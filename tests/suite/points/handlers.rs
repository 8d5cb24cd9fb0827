//! The handlers of these tests: two plugins that fail for certain users, and one that looks on.

use pagoda_core::plugins::contributions::Contributions;
use pagoda_plugin_sdk::bridge::BridgeResult;
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::catalogue::HookPoint;
use pagoda_plugin_sdk::hook::{BoxFuture, HookInfo, HookReg, ObserveHandler, OnFault};
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::testing::Everything;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Error,
    Panic,
}

/// What a handler says when it fails.
pub(super) const MESSAGE: &str = "out of order";
/// The name of what it writes before it does.
pub(super) const LEFTOVER: &str = "written by a handler that failed";
/// It writes an entry into this entity, or an entity.
pub(super) const LOG: &str = "log";

/// For them `brittle` fails, as it does where nobody acts.
pub(super) const UNLUCKY: &str = "unlucky";
/// For them `stubborn` fails.
pub(super) const UNBENDING: &str = "unbending";

const WRITES: &[Capability] =
    &[Capability::ReadEntities, Capability::WriteEntities, Capability::WriteEntries];

pub(super) static BRITTLE: PluginDecl = PluginDecl::new("brittle", "Brittle", "1").with_capabilities(WRITES);
/// Registered with `on_fault = "reject"` where that is possible.
pub(super) static STUBBORN: PluginDecl =
    PluginDecl::new("stubborn", "Stubborn", "1").with_capabilities(WRITES);
pub(super) static BYSTANDER: PluginDecl = PluginDecl::new("bystander", "Bystander", "1");

/// Trace ids of the calls of the bystander, by point. They differ between servers.
static HEARD: Mutex<BTreeSet<(String, &str)>> = Mutex::new(BTreeSet::new());

/// Whether the bystander was called at this point in this request.
pub(super) fn heard(trace_id: &str, point: &'static str) -> bool {
    HEARD.lock().unwrap().contains(&(trace_id.to_owned(), point))
}

fn is_due(ctx: &HookContext) -> bool {
    match ctx.user().map(|user| user.username.as_str()) {
        None => std::ptr::eq(ctx.plugin(), &raw const BRITTLE),
        Some(name) if std::ptr::eq(ctx.plugin(), &raw const BRITTLE) => name.starts_with(UNLUCKY),
        Some(name) => name == UNBENDING,
    }
}

fn fail<const PANIC: bool>() -> HookResult {
    assert!(!PANIC, "{MESSAGE}");
    Err(anyhow::anyhow!("{MESSAGE}").into())
}

/// Never what the point is about, so that who looks on is not called for this instead.
fn write(db: &mut Data<'_, Everything>, point: &str) -> BridgeResult<()> {
    if point.contains("entity.") {
        let log = db.entity_by_name(LOG)?;
        let mut new = NewEntry::default();
        LEFTOVER.clone_into(&mut new.name);
        db.create_entry(log.id, new)?;
    } else {
        let mut new = NewEntity::default();
        LEFTOVER.clone_into(&mut new.name);
        db.create_entity(new)?;
    }
    Ok(())
}

/// Writes what must not stay, in the transaction of the operation.
fn write_inside(ctx: &mut HookContext) {
    let point = ctx.point().name;
    let written = ctx.lend(|ctx| write(&mut ctx.db()?, point));
    assert!(
        ctx.user().is_none() || matches!(written, Ok(()) | Err(BridgeError::ReadOnly(_))),
        "it could not write: {written:?}"
    );
}

fn fail_mut<T: Default, const PANIC: bool>(ctx: &mut HookContext, payload: &mut T) -> HookResult {
    if !is_due(ctx) {
        return Ok(());
    }
    *payload = T::default();
    write_inside(ctx);
    fail::<PANIC>()
}

fn fail_ref<T, const PANIC: bool>(ctx: &mut HookContext, _: &T) -> HookResult {
    if !is_due(ctx) {
        return Ok(());
    }
    write_inside(ctx);
    fail::<PANIC>()
}

/// Writes and fails inside a transaction of its own; nobody acts in some events, and then nothing can be written.
fn write_and_fail<const PANIC: bool>(db: &mut Data<'_, Everything>, point: &str) -> anyhow::Result<()> {
    let _ = write(db, point);
    fail::<PANIC>().map_err(|error| anyhow::anyhow!("{error:?}"))
}

fn fail_plainly<T, const PANIC: bool>(ctx: HookContext, _: &T) -> HookResult {
    if !is_due(&ctx) {
        return Ok(());
    }
    let point = ctx.point().name;
    let inside = ctx.typed().data_blocking(|db| write_and_fail::<PANIC>(db, point));
    assert!(inside.is_err());
    fail::<PANIC>()
}

fn fail_later<T: Sync, const PANIC: bool>(ctx: HookContext, _: &T) -> BoxFuture<'_, HookResult> {
    Box::pin(async move {
        tokio::task::yield_now().await;
        if !is_due(&ctx) {
            return Ok(());
        }
        let point = ctx.point().name;
        let inside = ctx.typed().data(|db| write_and_fail::<PANIC>(db, point)).await;
        assert!(inside.is_err());
        fail::<PANIC>()
    })
}

fn note(ctx: &HookContext) -> HookResult {
    let trace_id = ctx.request().trace_id.to_string();
    HEARD.lock().unwrap().insert((trace_id, ctx.point().name));
    Ok(())
}

fn look<T>(ctx: HookContext, _: &T) -> HookResult {
    note(&ctx)
}

fn look_later<T: Sync>(ctx: HookContext, _: &T) -> BoxFuture<'_, HookResult> {
    Box::pin(async move { note(&ctx) })
}

fn info(plugin: &'static PluginDecl, function: &'static str, priority: i32, on_fault: OnFault) -> HookInfo {
    let mut info = HookInfo::new(plugin, function);
    (info.priority, info.on_fault) = (priority, on_fault);
    info
}

macro_rules! registrations {
    ($({ $field:ident $kind:ident $payload:ident [$($path:tt)+] $slice:ident })*) => {
        /// `brittle`, then `stubborn` where it may refuse, then who looks on, all on this point.
        pub(super) fn on(point: &str, fault: Fault) -> Contributions {
            let all = Contributions::default()
                .with_plugin(&BRITTLE)
                .with_plugin(&STUBBORN)
                .with_plugin(&BYSTANDER);
            $(if point == <pagoda_plugin_sdk::$($path)+>::info().name {
                return match fault {
                    Fault::Error => registrations!(@all $kind, all, pagoda_plugin_sdk::$($path)+, false),
                    Fault::Panic => registrations!(@all $kind, all, pagoda_plugin_sdk::$($path)+, true),
                };
            })*
            panic!("there is no point {point}");
        }
    };
    (@all Observe, $all:ident, $point:path, $panic:literal) => {
        $all.with_hook::<$point>(HookReg {
            info: info(&BRITTLE, "plain", 1, OnFault::Isolate),
            handler: ObserveHandler::Plain(fail_plainly::<_, $panic>),
        })
        .with_hook::<$point>(HookReg {
            info: info(&BYSTANDER, "plain", 2, OnFault::Isolate),
            handler: ObserveHandler::Plain(look),
        })
        .with_hook::<$point>(HookReg {
            info: info(&BRITTLE, "later", 3, OnFault::Isolate),
            handler: ObserveHandler::Async(fail_later::<_, $panic>),
        })
        .with_hook::<$point>(HookReg {
            info: info(&BRITTLE, "elsewhere", 4, OnFault::Isolate),
            handler: ObserveHandler::Plain(fail_plainly::<_, $panic>),
        })
        .with_hook::<$point>(HookReg {
            info: info(&BYSTANDER, "later", 5, OnFault::Isolate),
            handler: ObserveHandler::Async(look_later),
        })
    };
    (@all Filter, $all:ident, $point:path, $panic:literal) => {
        $all.with_hook::<$point>(HookReg {
            info: info(&BRITTLE, "plain", 1, OnFault::Isolate),
            handler: fail_mut::<_, $panic>,
        })
        .with_hook::<$point>(HookReg {
            info: info(&BYSTANDER, "plain", 2, OnFault::Isolate),
            handler: |ctx, _| note(ctx),
        })
    };
    (@all Transform, $all:ident, $point:path, $panic:literal) => {
        registrations!(@refusing $all, $point, fail_mut::<_, $panic>)
    };
    (@all Check, $all:ident, $point:path, $panic:literal) => {
        registrations!(@refusing $all, $point, fail_ref::<_, $panic>)
    };
    (@refusing $all:ident, $point:path, $handler:expr) => {
        $all.with_hook::<$point>(HookReg {
            info: info(&BRITTLE, "plain", 1, OnFault::Isolate),
            handler: $handler,
        })
        .with_hook::<$point>(HookReg {
            info: info(&STUBBORN, "plain", 2, OnFault::Reject),
            handler: $handler,
        })
        .with_hook::<$point>(HookReg {
            info: info(&BYSTANDER, "plain", 3, OnFault::Isolate),
            handler: |ctx, _| note(ctx),
        })
    };
}
pagoda_plugin_sdk::__private::with_hook_points!(registrations);
