//! The order of the handlers of one point. Never that of the linker, which changes with every build.
//!
//! Priority ascending; among equal priorities the `before`/`after` constraints between plugins; where
//! those leave a choice, plugin id, then function name, then module. *Source: design §3.*

use pagoda_plugin_sdk::catalogue::PointInfo;
use pagoda_plugin_sdk::hook::HookInfo;

/// Sorts registrations; returns their indices in execution order.
///
/// # Errors
/// Every cycle of constraints, with all its places.
pub(super) fn execution_order(point: &PointInfo, infos: &[HookInfo]) -> Result<Vec<usize>, Vec<String>> {
    let mut problems = Vec::new();
    let mut remaining: Vec<usize> = (0..infos.len()).collect();
    remaining.sort_by_key(|&index| key(&infos[index]));
    let mut order = Vec::with_capacity(infos.len());
    while let Some(&first) = remaining.first() {
        let priority = infos[first].priority;
        let class: Vec<usize> =
            remaining.iter().copied().filter(|&i| infos[i].priority == priority).collect();
        remaining.retain(|&index| infos[index].priority != priority);
        match sort_class(infos, class) {
            Ok(sorted) => order.extend(sorted),
            Err(cycle) => problems.push(describe_cycle(point, infos, &cycle)),
        }
    }
    if problems.is_empty() { Ok(order) } else { Err(problems) }
}

fn key(info: &HookInfo) -> (i32, &'static str, &'static str, &'static str) {
    (info.priority, info.plugin.id, info.function, info.module)
}

/// Whether a constraint of either side puts `left` before `right`.
fn comes_before(left: &HookInfo, right: &HookInfo) -> bool {
    let names = |list: &[&str], plugin: &HookInfo| list.iter().any(|name| plugin.plugin.is_called(name));
    !std::ptr::eq(left.plugin, right.plugin) && (names(left.before, right) || names(right.after, left))
}

/// Takes, again and again, the first registration that nothing left must precede.
fn sort_class(infos: &[HookInfo], mut class: Vec<usize>) -> Result<Vec<usize>, Vec<usize>> {
    let mut sorted = Vec::with_capacity(class.len());
    while !class.is_empty() {
        let free = class
            .iter()
            .position(|&index| !class.iter().any(|&other| comes_before(&infos[other], &infos[index])));
        match free {
            Some(at) => sorted.push(class.remove(at)),
            None => return Err(cycle_in(infos, &class)),
        }
    }
    Ok(sorted)
}

/// Every member of `class` has a predecessor in it, so walking backwards must come round.
fn cycle_in(infos: &[HookInfo], class: &[usize]) -> Vec<usize> {
    let mut path = Vec::new();
    let mut at = class.first().copied();
    while let Some(index) = at {
        if let Some(start) = path.iter().position(|&seen| seen == index) {
            let mut cycle = path.split_off(start);
            cycle.reverse();
            return cycle;
        }
        path.push(index);
        at = class.iter().copied().find(|&other| comes_before(&infos[other], &infos[index]));
    }
    path
}

/// Constraints that the priorities overrule. No reason to refuse the start, but one to tell somebody.
pub(super) fn overruled(point: &PointInfo, infos: &[HookInfo]) -> Vec<String> {
    let mut overruled = Vec::new();
    for later in infos {
        for earlier in infos {
            if earlier.priority < later.priority && comes_before(later, earlier) {
                overruled.push(format!(
                    "{}: {} asks to run before {}, but its priority {} comes after {}; the priority wins",
                    point.name,
                    place(later),
                    place(earlier),
                    later.priority,
                    earlier.priority
                ));
            }
        }
    }
    overruled
}

fn describe_cycle(point: &PointInfo, infos: &[HookInfo], cycle: &[usize]) -> String {
    let names: Vec<String> = cycle.iter().map(|&index| place(&infos[index])).collect();
    let first = names.first().cloned().unwrap_or_default();
    format!("{}: the before/after constraints form a cycle: {} → {first}", point.name, names.join(" → "))
}

/// How problems name a registration: plugin, function and source.
pub(super) fn place(info: &HookInfo) -> String {
    format!("{}::{} ({}:{})", info.plugin.id, info.function, info.file, info.line)
}

#[cfg(test)]
mod tests {
    use super::{execution_order, overruled};
    use pagoda_plugin_sdk::PluginDecl;
    use pagoda_plugin_sdk::catalogue::POINTS;
    use pagoda_plugin_sdk::hook::HookInfo;
    use proptest::prelude::*;

    static A: PluginDecl = PluginDecl::new("plug-a", "A", "1");
    static B: PluginDecl = PluginDecl::new("plug-b", "B", "1");
    static C: PluginDecl = PluginDecl::new("plug-c", "C", "1");

    fn info(plugin: &'static PluginDecl, function: &'static str, priority: i32) -> HookInfo {
        HookInfo { file: "f.rs", line: 1, priority, ..HookInfo::new(plugin, function) }
    }

    fn names(infos: &[HookInfo]) -> Vec<String> {
        let order = execution_order(&POINTS[0], infos).unwrap();
        order.iter().map(|&index| format!("{}.{}", infos[index].plugin.id, infos[index].function)).collect()
    }

    #[test]
    fn priority_then_plugin_then_function() {
        let infos = [info(&B, "x", 100), info(&A, "z", 100), info(&A, "y", 100), info(&C, "w", 5)];
        assert_eq!(names(&infos), ["plug-c.w", "plug-a.y", "plug-a.z", "plug-b.x"]);
    }

    #[test]
    fn constraints_decide_among_equal_priorities() {
        let mut first = info(&C, "w", 100);
        first.before = &["plug-a"];
        let mut last = info(&A, "y", 100);
        last.after = &["plug-b", "not-linked"];
        assert_eq!(names(&[info(&B, "x", 100), last, first]), ["plug-b.x", "plug-c.w", "plug-a.y"]);
    }

    #[test]
    fn a_cycle_is_named_with_every_place() {
        let (mut a, mut b, mut c) = (info(&A, "x", 100), info(&B, "y", 100), info(&C, "z", 100));
        a.before = &["plug-b"];
        b.before = &["plug-c"];
        c.before = &["plug-a"];
        let problems = execution_order(&POINTS[0], &[a, b, c]).unwrap_err();
        assert_eq!(problems.len(), 1);
        for part in ["cycle", "plug-a::x (f.rs:1)", "plug-b::y", "plug-c::z"] {
            assert!(problems[0].contains(part), "{problems:?}");
        }
    }

    #[test]
    fn a_constraint_against_the_priorities_is_overruled_and_reported() {
        let mut late = info(&B, "y", 200);
        late.before = &["plug-a"];
        let infos = [info(&A, "x", 100), late];
        assert_eq!(names(&infos), ["plug-a.x", "plug-b.y"]);
        let warnings = overruled(&POINTS[0], &infos);
        assert!(warnings[0].contains("priority 200 comes after 100"), "{warnings:?}");
    }

    proptest! {
        /// Whatever order the linker gives, the result is the same.
        #[test]
        fn the_order_of_the_linker_does_not_matter(shuffled in Just((0..9_usize).collect::<Vec<_>>()).prop_shuffle()) {
            let plugins = [&A, &B, &C];
            let functions = ["f", "g", "h"];
            let all: Vec<HookInfo> = (0..9)
                .map(|n| {
                    let mut made = info(plugins[n % 3], functions[n / 3], if n % 2 == 0 { 100 } else { 50 });
                    if n % 3 == 2 {
                        made.before = &["plug-b"];
                    }
                    made
                })
                .collect();
            let straight = names(&all);
            let mixed: Vec<HookInfo> = shuffled.iter().filter_map(|&n| all.get(n).copied()).collect();
            prop_assert_eq!(straight, names(&mixed));
        }
    }
}
