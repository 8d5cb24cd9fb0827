//! The rules, applied when entries are written.

use crate::Policies;
use crate::value::State;
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

/// Names and values that do not fit are refused, all of them together.
#[hook(pagoda.entry.validation)]
fn refuse(ctx: &mut HookContext, checked: &EntryValidation) -> HookResult {
    let EntryRef { name, entity, .. } = &checked.entry;
    let policies = ctx.config::<Policies>()?;
    let Some(rule) = policies.of(&entity.name) else { return Ok(()) };
    // A new rule must not block the other values of entries that are older than it.
    let kept = checked.previous_name.as_ref() == Some(name);
    let mut refusal = if kept { None } else { rule.refusal(name) };
    if !rule.attributes.is_empty() {
        let state = State::after(checked);
        for (attribute, rule) in &rule.attributes {
            let Some((code, sentence)) = rule.fault(attribute, &state) else { continue };
            let field = format!("attrs.{attribute}");
            refusal = Some(match refusal {
                Some(reject) => reject.and(field, sentence).with_code(code),
                None => Reject::field(field, sentence).with_code(code),
            });
        }
    }
    refusal.map_or(Ok(()), |reject| Err(reject.into()))
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
        checked.previous_name = (id != 0).then(|| "old name".to_owned());
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
    fn values_are_judged_as_they_will_be() {
        let rules = json!({"host": {"pattern": "^[a-z]+$", "attributes": {
            "serial": {"pattern": "^S[0-9]+$"},
            "end": {"required_when": {"attribute": "state", "is": "retired"}, "message": "When?"},
        }}});
        let world = World::new().section(&PLUGIN, json!({"entities": rules}));
        let attr = |id: i64, name: &str| AttrRef { id, name: name.to_owned(), ..AttrRef::default() };
        let fields = |present: Option<&str>, name: &str, written: &[(i64, &str)]| -> Vec<String> {
            let mut checked = EntryValidation::default();
            checked.entry.name = name.to_owned();
            "host".clone_into(&mut checked.entry.entity.name);
            checked.schema = [attr(1, "serial"), attr(2, "state"), attr(3, "end")].into();
            checked.is_new = present.is_none();
            if let Some(state) = present {
                checked.previous_name = Some("OLD".to_owned());
                let shown = |id: i64, name: &str, text: &str| json!({"schema": {"id": id, "name": name}, "value": {"as_string": text}});
                checked.current =
                    [shown(1, "serial", "bad"), shown(2, "state", state), shown(3, "end", "")].into();
            }
            for (id, text) in written {
                checked.attrs.push(AttrInput { id: *id, value: json!(text) });
            }
            match world.fire::<hooks::pagoda::entry::validation>(&PLUGIN, &mut checked) {
                Err(HookError::Reject(reject)) => {
                    reject.errors().map(|(field, leaf)| format!("{field} {}", leaf.message)).collect()
                }
                other => {
                    other.unwrap();
                    Vec::new()
                }
            }
        };
        let none: [String; 0] = [];
        assert_eq!(fields(None, "web", &[(1, "S1"), (2, "retired"), (3, "2026-01-01")]), none);
        assert_eq!(fields(None, "web", &[(2, "retired")]), ["attrs.end When?"]);
        // Over the present values: one half of the condition is there already.
        assert_eq!(fields(Some("retired"), "OLD", &[(3, "2026-01-01")]), none);
        assert_eq!(fields(Some("live"), "OLD", &[(2, "retired")]), ["attrs.end When?"]);
        assert_eq!(fields(Some("live"), "OLD", &[(2, "retired"), (3, "now")]), none);
        // What is not touched is not refused, however bad it is.
        assert_eq!(fields(Some("retired"), "OLD", &[]), none);
        assert_eq!(fields(Some("retired"), "OLD", &[(1, "S2")]), none);
        assert_eq!(fields(Some("retired"), "OLD", &[(3, "")]), ["attrs.end When?"]);
        // All is said at once, name and values.
        let all = fields(None, "WEB", &[(1, "x"), (2, "retired")]);
        assert_eq!(all.len(), 3, "{all:?}");
        assert!(
            all[0].starts_with("name ") && all[1] == "attrs.end When?" && all[2].starts_with("attrs.serial ")
        );
    }

    #[test]
    fn without_rules_everything_passes() {
        let world = World::new();
        validated(&world, "rack", "any name at all", 0).unwrap();
    }
}
