//! What names of entries look like: the expression that an entity says. *Source: spec, entity §1.3.*
//!
//! The expressions of the replaced system look around and refer back, so they are matched by trying, with a bound on how
//! often.

use fancy_regex::{Regex, RegexBuilder};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Steps back that matching one name may take; then it does not match. A millisecond or two of a processor.
const MOST_STEPS: usize = 100_000;

/// Compiled expressions that are kept. Compiling one takes longer than most writes.
const MOST_KEPT: usize = 256;

static KEPT: LazyLock<Mutex<HashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);

/// Compiles an expression, anchored at the start of the name.
///
/// # Errors
/// It is no regular expression.
pub(crate) fn compile(pattern: &str) -> Result<Regex, fancy_regex::Error> {
    let compiled = |pattern: &str| RegexBuilder::new(pattern).backtrack_limit(MOST_STEPS).build();
    // By itself too: `a)|(?:b` compiles only inside the parentheses that anchor it.
    compiled(pattern)?;
    compiled(&format!("^(?:{pattern})"))
}

fn kept(pattern: &str) -> Option<Arc<Regex>> {
    let mut all = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.get(pattern) {
        return Some(Arc::clone(known));
    }
    let new = Arc::new(compile(pattern).ok()?);
    if all.len() >= MOST_KEPT {
        all.clear();
    }
    all.insert(pattern.to_owned(), Arc::clone(&new));
    Some(new)
}

/// Whether the expression matches at the start of the name; an empty one matches all. One that does not compile any more
/// hinders nobody, one that takes too long matches nothing.
pub(super) fn matches_pattern(pattern: &str, name: &str) -> bool {
    pattern.is_empty() || kept(pattern).is_none_or(|regex| regex.is_match(name).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::{compile, matches_pattern};

    #[test]
    fn patterns_are_anchored_at_the_start_only() {
        let pattern = "^vm[0-9]+$|^template-.*";
        assert!(matches_pattern(pattern, "vm12") && matches_pattern(pattern, "template-a"));
        assert!(!matches_pattern(pattern, "vm12-x") && !matches_pattern(pattern, "a-template-"));
        assert!(matches_pattern("vm", "vm-anything") && !matches_pattern("vm", "a-vm"));
        assert!(matches_pattern("", "anything"));
    }

    #[test]
    fn patterns_look_around_and_refer_back() {
        assert!(matches_pattern("(?!tmp)", "vm") && !matches_pattern("(?!tmp)", "tmp-1"));
        assert!(matches_pattern(r"(\w+)-\1$", "ab-ab") && !matches_pattern(r"(\w+)-\1$", "ab-ac"));
        assert!(matches_pattern(r"(?P<a>x)(?P=a)(?<=x)y\Z", "xxy"));
        for bad in ["(", "a)|(?:b", "[", "*a", r"(?P=none)"] {
            assert!(compile(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_that_takes_for_ever_matches_nothing() {
        // Without a bound this would go on for longer than anybody waits.
        assert!(!matches_pattern(r"(?=((a+)+)\1b)", &"a".repeat(200)));
    }
}
