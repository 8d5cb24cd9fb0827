//! What the hostile crate registers is linked and says what was written.

use pagoda_hygiene as _;
use sdk::hook::HookLists;

#[test]
fn everything_is_linked() {
    let plugins: Vec<_> = sdk::plugin::linked().iter().map(|plugin| plugin.id).collect();
    assert_eq!(plugins, ["hygiene"]);

    let lists = HookLists::linked();
    let mut hooks: Vec<_> =
        lists.infos().map(|(point, info)| (point.name, info.function, info.priority, info.entity)).collect();
    hooks.sort_unstable();
    assert_eq!(
        hooks,
        [
            ("entry.after_create", "observe", 100, None),
            ("entry.after_create", "observe_data", 100, None),
            ("entry.after_create", "observe_data_plainly", 100, None),
            ("entry.before_create", "transform", 100, Some("rack")),
            ("entry.before_create", "transform_data", 100, None),
            ("pagoda.entry.validation", "first", 42, Some("rack")),
            ("pagoda.entry.validation", "second", -1, Some("room")),
            ("pagoda.entry.validation", "third", 100, None),
        ]
    );
    let subscribers: Vec<_> = sdk::event::linked().iter().map(|reg| reg.function).collect();
    assert_eq!(subscribers, ["hears"]);
    let routes: Vec<_> = sdk::route::linked().iter().map(|reg| (reg.function, reg.path)).collect();
    assert_eq!(routes, [("plain", "/plain/"), ("route", "/{name}/")]);
}
