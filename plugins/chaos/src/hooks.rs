//! What the names of entries make the hooks do.
//!
//! The handlers take contexts that carry nothing and say at each use what for: `overreach` is about what the
//! types would not let through.

use crate::drill::{Drill, Fault, Hook};
use crate::{Plugin, fault};
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::testing::Everything;

/// New entries, inside the transaction, before they are validated.
#[hook(entry.before_create)]
fn before_create(ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    within(ctx, Hook::BeforeCreate, &entry.name, entry.entity.id)
}

/// New and changed entries, inside the transaction, once they passed the host's own rules.
#[hook(pagoda.entry.validation)]
fn validation(ctx: &mut HookContext, checked: &EntryValidation) -> HookResult {
    within(ctx, Hook::Validation, &checked.entry.name, checked.entry.entity.id)
}

/// Entries that are shown, while the answer is built.
#[hook(entry.get_attrs)]
fn get_attrs(ctx: &mut HookContext, shown: &mut EntryGetAttrs) -> HookResult {
    within(ctx, Hook::GetAttrs, &shown.entry.name, shown.entry.entity.id)
}

/// New entries, after the commit, on the async side.
#[hook(entry.after_create)]
async fn after_create(ctx: HookContext, created: &EntryAfterCreate) -> HookResult {
    let entity = created.entry.entity.id;
    let Some(drill) = asked(Hook::AfterCreate, &created.entry.name) else { return Ok(()) };
    match drill.fault {
        Fault::Slow => {
            futures_timer::Delay::new(fault::slow(drill.n)).await;
            Ok(())
        }
        Fault::WriteThenPanic => {
            // Inside its transaction, which is what has to be undone then.
            let write = move |db: &mut Data<'_, Plugin>| -> anyhow::Result<()> {
                write(db, drill, entity)?;
                fault::panic(drill.hook.point())
            };
            Ok(ctx.typed().data(write).await?)
        }
        Fault::Recurse => Ok(ctx.typed().data(move |db| recurse(db, drill, entity)).await?),
        Fault::Overreach => Ok(ctx.typed().data(overreach).await?),
        _ => plain(drill),
    }
}

/// The drill that a name asks of this hook.
fn asked(hook: Hook, name: &str) -> Option<Drill> {
    Drill::parse(name).filter(|drill| drill.hook == hook)
}

/// A hook that runs inside the transaction of its operation.
fn within(ctx: &mut HookContext, hook: Hook, name: &str, entity: i64) -> HookResult {
    let Some(drill) = asked(hook, name) else { return Ok(()) };
    match drill.fault {
        Fault::Slow => fault::block(drill.n),
        Fault::WriteThenPanic => {
            ctx.lend(|ctx| write(&mut ctx.db()?, drill, entity))?;
            fault::panic(hook.point())
        }
        Fault::Recurse => ctx.lend(|ctx| recurse(&mut ctx.db()?, drill, entity))?,
        Fault::Overreach => ctx.lend(|ctx| overreach(&mut ctx.db()?))?,
        _ => return plain(drill),
    }
    Ok(())
}

/// Faults that need neither data nor a timer. Those that do are their hooks' own affair.
fn plain(drill: Drill) -> HookResult {
    let place = drill.hook.point();
    match drill.fault {
        Fault::Panic => fault::panic(place),
        Fault::Reject => Err(Reject::field("name", format!("chaos: a drill refuses in {place}")).into()),
        Fault::Spin => {
            fault::spin(drill.n);
            Ok(())
        }
        _ => Err(fault::error(place).into()),
    }
}

/// Creates an entry that must not outlive the panic.
fn write(db: &mut Data<'_, Plugin>, drill: Drill, entity: i64) -> anyhow::Result<()> {
    create(db, entity, format!("{drill} was here"))
}

/// Creates the entry that asks for the same, once less; `recurse.0` is the last one.
fn recurse(db: &mut Data<'_, Plugin>, drill: Drill, entity: i64) -> anyhow::Result<()> {
    match drill.n.unwrap_or(1).checked_sub(1) {
        Some(n) => create(db, entity, Drill { n: Some(n), ..drill }.to_string()),
        None => Ok(()),
    }
}

fn create(db: &mut Data<'_, Plugin>, entity: i64, name: String) -> anyhow::Result<()> {
    let mut new = NewEntry::default();
    new.name = name;
    db.create_entry(entity, new)?;
    Ok(())
}

/// Reads what the plugin has not declared to read, past the types, as hostile code would.
fn overreach(db: &mut Data<'_, Everything>) -> anyhow::Result<()> {
    db.entities(&EntityQuery::default())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::PLUGIN;
    use crate::drill::Hook;
    use pagoda_plugin_sdk::capability::Capability;
    use pagoda_plugin_sdk::hooks;
    use pagoda_plugin_sdk::prelude::*;
    use pagoda_plugin_sdk::testing::{Everything, World};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::{Duration, Instant};

    fn world() -> World {
        World::new().entity("rack", &[])
    }

    /// Fires the point of `hook` for an entry of this name.
    fn fire(world: &World, hook: Hook, name: &str) -> HookResult {
        let mut entry = EntryRef::default();
        name.clone_into(&mut entry.name);
        entry.entity = world.find_entity("rack").to_ref();
        match hook {
            Hook::BeforeCreate => {
                let mut payload = EntryBeforeCreate::default();
                payload.entity = entry.entity;
                payload.name = entry.name;
                world.fire::<hooks::entry::before_create>(&PLUGIN, &mut payload)
            }
            Hook::Validation => {
                let mut payload = EntryValidation::default();
                payload.entry = entry;
                world.fire::<hooks::pagoda::entry::validation>(&PLUGIN, &mut payload)
            }
            Hook::AfterCreate => {
                let mut payload = EntryAfterCreate::default();
                payload.entry = entry;
                world.fire::<hooks::entry::after_create>(&PLUGIN, &mut payload)
            }
            Hook::GetAttrs => {
                let mut payload = EntryGetAttrs::default();
                payload.entry = entry;
                world.fire::<hooks::entry::get_attrs>(&PLUGIN, &mut payload)
            }
        }
    }

    static OBSERVER: PluginDecl =
        PluginDecl::new("observer", "Observer", "1").with_capabilities(&[Capability::ReadEntries]);

    /// Names of the entries of the world.
    fn names(world: &World) -> Vec<String> {
        let context = world.context::<hooks::entry::before_create>(&OBSERVER);
        let entries = context.typed::<Everything>().db().unwrap().entries(&EntryQuery::default()).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }

    fn panic_of(world: &World, hook: Hook, name: &str) -> String {
        let outcome = catch_unwind(AssertUnwindSafe(|| fire(world, hook, name)));
        let payload = outcome.expect_err("no panic");
        payload.downcast_ref::<String>().cloned().expect("no text")
    }

    #[test]
    fn a_drill_is_for_its_own_hook_alone() {
        let world = world();
        for asked in Hook::ALL {
            for hook in Hook::ALL.into_iter().filter(|hook| *hook != asked) {
                for fault in ["error", "panic", "spin", "reject", "recurse", "write-then-panic"] {
                    fire(&world, hook, &format!("chaos.{}.{fault}", asked.short())).unwrap();
                }
            }
            fire(&world, asked, "rack-1").unwrap();
        }
        assert_eq!(names(&world), [""; 0]);
    }

    #[test]
    fn errors_rejections_and_panics_say_where() {
        let world = world();
        for hook in Hook::ALL {
            let (short, point) = (hook.short(), hook.point());
            let Err(HookError::Fault(fault)) = fire(&world, hook, &format!("chaos.{short}.error")) else {
                panic!("{point}: no fault")
            };
            assert!(fault.to_string().ends_with(point), "{fault}");
            let Err(HookError::Reject(reject)) = fire(&world, hook, &format!("chaos.{point}.reject.7"))
            else {
                panic!("{point}: no rejection")
            };
            assert!(reject.errors().all(|(field, _)| field == "name"), "{reject}");
            assert!(panic_of(&world, hook, &format!("chaos.{short}.panic")).ends_with(point), "{point}");
        }
    }

    #[test]
    fn it_writes_before_it_panics() {
        // The test kit does not catch panics, so what was written is still there to be seen.
        for hook in [Hook::BeforeCreate, Hook::Validation, Hook::AfterCreate] {
            let world = world();
            let name = format!("chaos.{}.write-then-panic.1", hook.short());
            assert!(panic_of(&world, hook, &name).ends_with(hook.point()));
            assert_eq!(names(&world), [format!("{name} was here")]);
        }
        // Where nothing can be written it does not get as far as its panic.
        let world = world();
        let Err(HookError::Fault(fault)) = fire(&world, Hook::GetAttrs, "chaos.get_attrs.write-then-panic")
        else {
            panic!("no fault")
        };
        assert!(matches!(fault.downcast_ref(), Some(BridgeError::ReadOnly(_))), "{fault}");
    }

    #[test]
    fn it_reaches_for_what_it_has_not_declared() {
        for hook in Hook::ALL {
            let Err(HookError::Fault(fault)) =
                fire(&world(), hook, &format!("chaos.{}.overreach", hook.short()))
            else {
                panic!("{}: no fault", hook.point())
            };
            let refused = fault.downcast_ref();
            assert!(
                matches!(refused, Some(BridgeError::Capability { capability: Capability::ReadEntities, .. })),
                "{fault}"
            );
        }
    }

    #[test]
    fn it_recurses_down_to_nothing() {
        for hook in [Hook::BeforeCreate, Hook::Validation, Hook::AfterCreate] {
            let (world, short) = (world(), hook.short());
            fire(&world, hook, &format!("chaos.{short}.recurse.2")).unwrap();
            fire(&world, hook, &format!("chaos.{short}.recurse")).unwrap();
            fire(&world, hook, &format!("chaos.{short}.recurse.0")).unwrap();
            assert_eq!(names(&world), [1, 0].map(|n| format!("chaos.{short}.recurse.{n}")));
        }
    }

    #[test]
    fn slow_and_spin_take_their_time_and_end() {
        let world = world();
        for hook in Hook::ALL {
            for fault in ["slow", "spin"] {
                let started = Instant::now();
                fire(&world, hook, &format!("chaos.{}.{fault}.20", hook.short())).unwrap();
                assert!(started.elapsed() >= Duration::from_millis(20), "{fault} in {}", hook.point());
            }
        }
    }
}
