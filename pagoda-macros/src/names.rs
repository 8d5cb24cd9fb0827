//! Names that authors write: proposals for misspelt ones, plugin ids, event names, budgets.

/// The candidate that was probably meant: at most a third of its letters differ.
pub(crate) fn closest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(written, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be inserted, removed, replaced or swapped with a neighbour (each letter at most
/// once) to turn one text into the other, ignoring case.
pub(crate) fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().collect();
    let right: Vec<char> = right.to_lowercase().chars().collect();
    // Rows of the usual table: before the previous one, the previous one, this one.
    let mut older: Vec<usize> = Vec::new();
    let mut old: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&old, j) + usize::from(a != b)).min(at(&old, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && left.get(i - 1) == Some(b) && right.get(j - 1) == Some(a);
            if swapped {
                best = best.min(at(&older, j - 1) + 1);
            }
            row.push(best);
        }
        older = std::mem::replace(&mut old, row);
    }
    old.last().copied().unwrap_or(left.len())
}

/// What the words of a list are called in a message: "`a`, `b` or `c`".
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Words that stand in routes about plugins, so no plugin may take them; `plugin::RESERVED_IDS` of the SDK
/// says the same to what is not made by `plugin!`.
const RESERVED_IDS: [&str; 3] = ["enable", "disable", "reset"];

/// What is wrong with a plugin id, as a sentence.
pub(crate) fn plugin_id_problem(id: &str) -> Option<String> {
    let proposal = || {
        let kebab = kebab(id);
        if plugin_id_fault(&kebab).is_none() && kebab != id {
            format!("; did you mean `{kebab}`?")
        } else {
            String::new()
        }
    };
    plugin_id_fault(id).map(|fault| format!("{fault}{}", proposal()))
}

fn plugin_id_fault(id: &str) -> Option<String> {
    let first = id.chars().next();
    if let Some(bad) = id.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        return Some(format!("a plugin id holds only a-z, 0-9 and `-`, not {bad:?}"));
    }
    if !first.is_some_and(|c| c.is_ascii_lowercase()) {
        return Some("a plugin id starts with a letter".to_owned());
    }
    if id.len() < 2 || id.len() > 64 {
        return Some(format!("a plugin id has 2 to 64 characters, not {}", id.len()));
    }
    if RESERVED_IDS.contains(&id) {
        return Some(format!(
            "`{id}` is a word of the routes about plugins and cannot be the id of one; choose another id"
        ));
    }
    None
}

fn kebab(text: &str) -> String {
    let mut kebab = String::new();
    for c in text.trim().chars() {
        if c.is_uppercase() && kebab.ends_with(|last: char| last.is_ascii_lowercase()) {
            kebab.push('-');
        }
        match c {
            '_' | ' ' | '.' | '/' => kebab.push('-'),
            c => kebab.extend(c.to_lowercase()),
        }
    }
    kebab
}

/// What is wrong with the full name of a plugin's event, `<plugin id>.<name>`.
pub(crate) fn event_name_problem(event: &str) -> Option<String> {
    let Some((plugin, name)) = event.split_once('.') else {
        return Some("an event is named `<plugin id>.<name>`, such as \"stock-take.finished\"".to_owned());
    };
    if let Some(problem) = plugin_id_problem(plugin) {
        return Some(format!("before the first dot stands the id of the plugin that emits: {problem}"));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("after the first dot stands the name of the event, which starts with a-z".to_owned());
    }
    let bad = name.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '_' | '.'))?;
    Some(format!("the name of an event holds only a-z, 0-9, `_` and `.`, not {bad:?}"))
}

/// Reads a time budget in milliseconds: digits and one of `ms`, `s`, `m`.
pub(crate) fn millis(text: &str) -> Result<u64, String> {
    const FORM: &str = "a budget is a whole number with its unit: \"250ms\", \"2s\" or \"1m\"";
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).ok_or(FORM)?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(FORM.to_owned()),
    };
    if number.is_empty() {
        return Err(FORM.to_owned());
    }
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)) {
        Some(0) => Err("a budget of no time at all would refuse every call".to_owned()),
        Some(millis) => Ok(millis),
        None => Err("this budget is longer than any clock runs".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{closest, distance, event_name_problem, millis, one_of, plugin_id_problem};
    use proptest::prelude::*;

    #[test]
    fn distances() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("priority", "priority", 0),
            ("prio", "priority", 4),
            ("pirority", "priority", 1),
            ("after_crate", "after_create", 1),
            ("Entry", "entry", 0),
            ("kitten", "sitting", 3),
            ("größe", "große", 1),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn only_near_names_are_proposed() {
        let names = ["priority", "entity", "before", "after"];
        assert_eq!(closest("piority", names), Some("priority"));
        assert_eq!(closest("entitty", names), Some("entity"));
        assert_eq!(closest("colour", names), None);
    }

    #[test]
    fn budgets() {
        assert_eq!(millis("250ms"), Ok(250));
        assert_eq!(millis("2s"), Ok(2_000));
        assert_eq!(millis("10m"), Ok(600_000));
        for bad in ["", "ms", "5", "5h", "1.5s", "-1s", "0s", " 5s", "5 s", "99999999999999999999ms"] {
            assert!(millis(bad).is_err(), "{bad}");
        }
        assert!(millis("18446744073709551615s").is_err(), "too long");
    }

    #[test]
    fn plugin_ids() {
        for good in ["ab", "hello-world", "a1", "x-", &"a".repeat(64)] {
            assert_eq!(plugin_id_problem(good), None);
        }
        for bad in ["", "a", "1a", "-a", "a b", "é1", "enable", "reset", &"a".repeat(65)] {
            assert!(plugin_id_problem(bad).is_some(), "{bad}");
        }
        assert!(plugin_id_problem("Hello_World").unwrap().ends_with("did you mean `hello-world`?"));
        assert!(plugin_id_problem("helloWorld").unwrap().ends_with("did you mean `hello-world`?"));
    }

    #[test]
    fn event_names() {
        for good in ["stock.finished", "a1.b.c_2"] {
            assert_eq!(event_name_problem(good), None);
        }
        for bad in ["", "stock", "Stock.x", "stock.", "stock.Finished", "stock.a-b", ".x", "stock..x"] {
            assert!(event_name_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn lists_of_words() {
        assert_eq!(one_of(&["a"]), "`a`");
        assert_eq!(one_of(&["a", "b", "c"]), "`a`, `b` or `c`");
    }

    proptest! {
        #[test]
        fn the_distance_is_symmetric_and_bounded(left in ".{0,12}", right in ".{0,12}") {
            prop_assert_eq!(distance(&left, &right), distance(&right, &left));
            let longer = left.to_lowercase().chars().count().max(right.to_lowercase().chars().count());
            prop_assert!(distance(&left, &right) <= longer);
            prop_assert_eq!(distance(&left, &left), 0);
        }

        #[test]
        fn nothing_makes_the_parsers_panic(text in ".{0,24}") {
            let _ = (millis(&text), plugin_id_problem(&text), event_name_problem(&text));
        }
    }
}
