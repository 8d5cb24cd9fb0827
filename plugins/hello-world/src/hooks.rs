//! What the plugin does when something happens: it writes a line into the log, and refuses one kind of name.

use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::tracing::info;

/// What no name of an entry may contain.
const FORBIDDEN: &str = "forbidden";

#[hook(pagoda.entry.validation)]
fn refuse_forbidden_names(_ctx: &mut HookContext, checked: &EntryValidation) -> HookResult {
    if checked.entry.name.to_lowercase().contains(FORBIDDEN) {
        let sentence = format!("the name of an entry must not contain \"{FORBIDDEN}\"");
        return Err(Reject::field("name", sentence).with_code(Code::InvalidValue).into());
    }
    Ok(())
}

#[hook(entry.after_create, entity = "helloworld")]
fn entry_created(_ctx: HookContext, created: &EntryAfterCreate) -> HookResult {
    info!(entry = created.entry.id, name = created.entry.name, "an entry was created");
    Ok(())
}

#[hook(entry.before_update, entity = "helloworld")]
fn entry_changes(_ctx: &mut HookContext, change: &mut EntryBeforeUpdate) -> HookResult {
    info!(entry = change.entry.id, name = change.name, "an entry is about to change");
    Ok(())
}

#[hook(entry.after_update, entity = "helloworld")]
fn entry_changed(_ctx: HookContext, changed: &EntryAfterUpdate) -> HookResult {
    info!(
        entry = changed.entry.id,
        previous_name = changed.previous_name,
        values = changed.changed.len(),
        of = changed.previous.len(),
        "an entry changed"
    );
    Ok(())
}

#[hook(entry.before_delete)]
fn entry_goes(_ctx: &mut HookContext, gone: &EntryBeforeDelete) -> HookResult {
    info!(
        entry = gone.entry.id,
        name = gone.entry.name,
        values = gone.attrs.len(),
        "an entry is about to go"
    );
    Ok(())
}

#[hook(entry.get_attrs)]
fn entry_shown(_ctx: &mut HookContext, shown: &mut EntryGetAttrs) -> HookResult {
    info!(entry = shown.entry.id, attrs = shown.attrs.len(), "an entry is shown");
    Ok(())
}

#[hook(entity.after_create)]
fn entity_created(_ctx: HookContext, created: &EntityAfterCreate) -> HookResult {
    info!(entity = created.entity.id, name = created.entity.name, "an entity was created");
    Ok(())
}

#[hook(entity.before_update)]
fn entity_changes(_ctx: &mut HookContext, change: &mut EntityBeforeUpdate) -> HookResult {
    info!(entity = change.entity.id, name = change.name, "an entity is about to change");
    Ok(())
}

#[hook(entity.after_update)]
fn entity_changed(_ctx: HookContext, changed: &EntityAfterUpdate) -> HookResult {
    info!(entity = changed.entity.id, name = changed.entity.name, "an entity changed");
    Ok(())
}

#[hook(entity.get_attrs)]
fn entity_shown(_ctx: &mut HookContext, shown: &mut EntityGetAttrs) -> HookResult {
    info!(entity = shown.entity.id, attrs = shown.attrs.len(), "an entity is shown");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::refuse_forbidden_names;
    use crate::PLUGIN;
    use pagoda_plugin_sdk::prelude::*;
    use pagoda_plugin_sdk::testing::World;
    use pagoda_plugin_sdk::{hook::HookLists, hooks};

    fn validated(name: &str) -> HookResult {
        let mut checked = EntryValidation::default();
        checked.entry.name = name.to_owned();
        World::new().fire::<hooks::pagoda::entry::validation>(&PLUGIN, &mut checked)
    }

    #[test]
    fn forbidden_names_are_refused_in_any_case() {
        for name in ["forbidden", "a Forbidden thing", "FORBIDDEN"] {
            let Err(HookError::Reject(reject)) = validated(name) else { panic!("{name} passed") };
            assert!(reject.errors().all(|(field, _)| field == "name"), "{reject}");
        }
        for name in ["", "allowed", "forbid den"] {
            validated(name).unwrap();
        }
    }

    #[test]
    fn every_hook_of_the_sample_is_registered() {
        let lists = HookLists::linked();
        let mut found: Vec<_> = lists
            .infos()
            .filter(|(_, info)| info.plugin.id == PLUGIN.id)
            .map(|(point, info)| (point.name, info.entity))
            .collect();
        found.sort_unstable();
        let own = Some("helloworld");
        assert_eq!(
            found,
            [
                ("entity.after_create", None),
                ("entity.after_update", None),
                ("entity.before_update", None),
                ("entity.get_attrs", None),
                ("entry.after_create", own),
                ("entry.after_update", own),
                ("entry.before_delete", None),
                ("entry.before_update", own),
                ("entry.get_attrs", None),
                ("pagoda.entry.validation", None),
            ]
        );
    }

    #[test]
    fn the_others_change_and_refuse_nothing() {
        let world = World::new();
        let mut change = EntryBeforeUpdate::default();
        change.entry.entity.name = "helloworld".to_owned();
        let before = change.clone();
        world.fire::<hooks::entry::before_update>(&PLUGIN, &mut change).unwrap();
        assert_eq!(change, before);

        let mut shown = EntryGetAttrs::default();
        shown.attrs.push(1.into());
        let before = shown.clone();
        world.fire::<hooks::entry::get_attrs>(&PLUGIN, &mut shown).unwrap();
        assert_eq!(shown, before);

        world.fire::<hooks::entry::after_create>(&PLUGIN, &mut EntryAfterCreate::default()).unwrap();
        world.fire::<hooks::entry::after_update>(&PLUGIN, &mut EntryAfterUpdate::default()).unwrap();
        world.fire::<hooks::entry::before_delete>(&PLUGIN, &mut EntryBeforeDelete::default()).unwrap();
        world.fire::<hooks::entity::after_create>(&PLUGIN, &mut EntityAfterCreate::default()).unwrap();
        world.fire::<hooks::entity::before_update>(&PLUGIN, &mut EntityBeforeUpdate::default()).unwrap();
        world.fire::<hooks::entity::after_update>(&PLUGIN, &mut EntityAfterUpdate::default()).unwrap();
        world.fire::<hooks::entity::get_attrs>(&PLUGIN, &mut EntityGetAttrs::default()).unwrap();
    }

    #[test]
    fn a_handler_is_a_function() {
        let mut context = World::new().context::<hooks::pagoda::entry::validation>(&PLUGIN);
        refuse_forbidden_names(&mut context, &EntryValidation::default()).unwrap();
    }
}
