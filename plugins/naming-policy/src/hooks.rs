//! The rules, applied when entries are written.

use crate::{Plugin, Policies};
use pagoda_plugin_sdk::prelude::*;

/// Names of new entries are normalised.
#[hook(entry.before_create)]
fn normalise_new(ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    if let Some(rule) = ctx.config::<Policies>()?.of(&entry.entity.name) {
        entry.name = rule.normalised(&entry.name);
    }
    Ok(())
}

/// Names that change are normalised.
#[hook(entry.before_update)]
fn normalise_changed(ctx: &mut HookContext, change: &mut EntryBeforeUpdate) -> HookResult {
    if let Some(name) = &mut change.name
        // Who sends the present name with the other values does not mean to rename.
        && *name != change.entry.name
        && let Some(rule) = ctx.config::<Policies>()?.of(&change.entry.entity.name)
    {
        *name = rule.normalised(name);
    }
    Ok(())
}

/// Names that do not fit are refused.
#[hook(pagoda.entry.validation)]
fn refuse(ctx: &mut HookContext<Plugin>, checked: &EntryValidation) -> HookResult {
    let EntryRef { id, name, entity } = &checked.entry;
    let refusal = ctx.config::<Policies>()?.of(&entity.name).and_then(|rule| rule.refusal(name));
    let Some(reject) = refusal else { return Ok(()) };
    // A new rule must not block the other values of entries that are older than it.
    let kept = !checked.is_new && ctx.db()?.entry(*id).is_ok_and(|present| present.name == *name);
    if kept { Ok(()) } else { Err(reject.into()) }
}

#[cfg(test)]
mod tests {
    use crate::PLUGIN;
    use pagoda_plugin_sdk::hooks;
    use pagoda_plugin_sdk::prelude::*;
    use pagoda_plugin_sdk::serde_json::json;
    use pagoda_plugin_sdk::testing::World;

    fn world() -> World {
        let rules = json!({
            "rack": {"trim": true, "case": "upper", "prefix": "R-", "add_prefix": true, "pattern": "^R-[0-9]+$"},
            "*": {"max_length": 5},
        });
        World::new()
            .section(&PLUGIN, json!({"entities": rules}))
            .entity("rack", &[])
            .entity("room", &[])
            .entry("rack", "old name", json!({}))
    }

    fn created(entity: &str, name: &str) -> String {
        let mut entry = EntryBeforeCreate::default();
        entity.clone_into(&mut entry.entity.name);
        name.clone_into(&mut entry.name);
        world().fire::<hooks::entry::before_create>(&PLUGIN, &mut entry).unwrap();
        entry.name
    }

    fn updated(present: &str, name: Option<&str>) -> Option<String> {
        let mut change = EntryBeforeUpdate::default();
        "rack".clone_into(&mut change.entry.entity.name);
        present.clone_into(&mut change.entry.name);
        change.name = name.map(str::to_owned);
        world().fire::<hooks::entry::before_update>(&PLUGIN, &mut change).unwrap();
        change.name
    }

    fn validated(world: &World, entity: &str, name: &str, id: i64) -> HookResult {
        let mut checked = EntryValidation::default();
        checked.entry = EntryRef { id, name: name.to_owned(), ..EntryRef::default() };
        entity.clone_into(&mut checked.entry.entity.name);
        checked.is_new = id == 0;
        world.fire::<hooks::pagoda::entry::validation>(&PLUGIN, &mut checked)
    }

    #[test]
    fn names_are_normalised_by_the_rule_of_their_entity() {
        assert_eq!(created("rack", " 12 "), "R-12");
        assert_eq!(created("room", " East "), " East ");
        assert_eq!(updated("R-1", Some("r-2")).as_deref(), Some("R-2"));
        assert_eq!(updated("R-1", None), None);
        assert_eq!(updated("old name", Some("old name")).as_deref(), Some("old name"));
    }

    #[test]
    fn names_that_do_not_fit_are_refused_under_name() {
        let world = world();
        validated(&world, "rack", "R-12", 0).unwrap();
        validated(&world, "room", "north", 0).unwrap();
        for (entity, name) in [("rack", "R-x"), ("rack", "12"), ("room", "northern")] {
            let Err(HookError::Reject(reject)) = validated(&world, entity, name, 0) else {
                panic!("{name} passed")
            };
            assert!(reject.errors().all(|(field, _)| field == "name"), "{reject}");
        }
    }

    #[test]
    fn a_name_that_is_kept_is_not_refused() {
        let world = world();
        let id = world.find_entry("rack", "old name").id;
        validated(&world, "rack", "old name", id).unwrap();
        validated(&world, "rack", "other name", id).unwrap_err();
        validated(&world, "rack", "old name", 0).unwrap_err();
    }

    #[test]
    fn without_rules_everything_passes() {
        let world = World::new();
        validated(&world, "rack", "any name at all", 0).unwrap();
    }
}
