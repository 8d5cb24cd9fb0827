//! What the name of an entry asks for: `chaos.<hook>.<fault>[.<n>]`.
//!
//! A hook is called by its short name or by the full name of its point, which has dots itself. So the name
//! is read from the left, against the names that there are.

use std::fmt;

/// The hooks that act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// `entry.before_create`
    BeforeCreate,
    /// `pagoda.entry.validation`
    Validation,
    /// `entry.after_create`
    AfterCreate,
    /// `entry.get_attrs`
    GetAttrs,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::BeforeCreate, Self::Validation, Self::AfterCreate, Self::GetAttrs];

    /// The name that drills are written with.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::BeforeCreate => "before_create",
            Self::Validation => "validation",
            Self::AfterCreate => "after_create",
            Self::GetAttrs => "get_attrs",
        }
    }

    /// The name of the point.
    #[must_use]
    pub const fn point(self) -> &'static str {
        match self {
            Self::BeforeCreate => "entry.before_create",
            Self::Validation => "pagoda.entry.validation",
            Self::AfterCreate => "entry.after_create",
            Self::GetAttrs => "entry.get_attrs",
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Returns an error.
    Error,
    /// Panics.
    Panic,
    /// Creates an entry through the bridge, then panics.
    WriteThenPanic,
    /// Takes `n` milliseconds.
    Slow,
    /// Computes without an end, or for `n` milliseconds.
    Spin,
    /// Refuses the operation.
    Reject,
    /// Creates an entry through the bridge whose name is this drill with `n - 1`.
    Recurse,
    /// Uses a capability that the plugin has not declared.
    Overreach,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Error,
        Self::Panic,
        Self::WriteThenPanic,
        Self::Slow,
        Self::Spin,
        Self::Reject,
        Self::Recurse,
        Self::Overreach,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Panic => "panic",
            Self::WriteThenPanic => "write-then-panic",
            Self::Slow => "slow",
            Self::Spin => "spin",
            Self::Reject => "reject",
            Self::Recurse => "recurse",
            Self::Overreach => "overreach",
        }
    }
}

/// What the name of an entry asks for. Shown, it is that name, with the short name of the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drill {
    /// In which hook.
    pub hook: Hook,
    /// What.
    pub fault: Fault,
    /// How much of it; where a fault has no use for it, it only makes names differ.
    pub n: Option<u64>,
}

impl Drill {
    /// Reads a name. Names that are not of the form exactly ask for nothing.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("chaos.")?;
        let called = |hook: Hook| [hook.point(), hook.short()].into_iter().find_map(|name| after(rest, name));
        let (hook, rest) = Hook::ALL.into_iter().find_map(|hook| Some((hook, called(hook)?)))?;
        let (fault, n) = match rest.split_once('.') {
            Some((fault, n)) => (fault, Some(number(n)?)),
            None => (rest, None),
        };
        let fault = Fault::ALL.into_iter().find(|known| known.as_str() == fault)?;
        Some(Self { hook, fault, n })
    }
}

/// What follows `first` and a dot.
fn after<'a>(text: &'a str, first: &str) -> Option<&'a str> {
    text.strip_prefix(first)?.strip_prefix('.')
}

/// Digits and nothing else: what `parse` would take besides, such as `+1`, would not read back as itself.
fn number(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

impl fmt::Display for Drill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chaos.{}.{}", self.hook.short(), self.fault.as_str())?;
        match self.n {
            Some(n) => write!(f, ".{n}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Drill, Fault, Hook};
    use proptest::prelude::*;

    #[test]
    fn both_names_of_a_hook_are_understood() {
        let slow = Some(Drill { hook: Hook::Validation, fault: Fault::Slow, n: Some(250) });
        assert_eq!(Drill::parse("chaos.validation.slow.250"), slow);
        assert_eq!(Drill::parse("chaos.pagoda.entry.validation.slow.250"), slow);
        let write = Drill { hook: Hook::AfterCreate, fault: Fault::WriteThenPanic, n: None };
        assert_eq!(Drill::parse("chaos.after_create.write-then-panic"), Some(write));
        assert_eq!(Drill::parse("chaos.entry.after_create.write-then-panic"), Some(write));
    }

    #[test]
    fn other_names_ask_for_nothing() {
        for name in [
            "",
            "chaos",
            "chaos.",
            "chaos.validation",
            "chaos.validation.",
            "chaos.validation.tea",
            "chaos.before_delete.panic",
            "chaos.entry.validation.panic",
            "chaos.validation.panic.",
            "chaos.validation.panic.x",
            "chaos.validation.panic.1.2",
            "chaos.validation.panic.-1",
            "chaos.validation.panic.+1",
            "chaos.validation.panic.01",
            "chaos.validation.panic.99999999999999999999",
            "chaos.validation.panic written",
            " chaos.validation.panic",
            "Chaos.validation.panic",
            "my chaos.validation.panic",
        ] {
            assert_eq!(Drill::parse(name), None, "{name}");
        }
    }

    fn drill() -> impl Strategy<Value = Drill> {
        let (hooks, faults) = (0..Hook::ALL.len(), 0..Fault::ALL.len());
        (hooks, faults, proptest::option::of(any::<u64>())).prop_map(|(hook, fault, n)| Drill {
            hook: Hook::ALL[hook],
            fault: Fault::ALL[fault],
            n,
        })
    }

    proptest! {
        #[test]
        fn a_drill_reads_back_as_itself(drill in drill()) {
            prop_assert_eq!(Drill::parse(&drill.to_string()), Some(drill));
            let full = drill.to_string().replacen(drill.hook.short(), drill.hook.point(), 1);
            prop_assert_eq!(Drill::parse(&full), Some(drill));
        }

        #[test]
        fn what_is_read_shows_the_name_that_was_read(name in "chaos\\.[a-z_.]{0,24}[a-z-]{0,16}(\\.[0-9+-]{0,22})?") {
            if let Some(drill) = Drill::parse(&name) {
                let shown = drill.to_string();
                prop_assert!(shown == name || shown.replacen(drill.hook.short(), drill.hook.point(), 1) == name);
            }
        }

        #[test]
        fn reading_never_panics(name in "\\PC{0,60}") {
            let _ = Drill::parse(&name);
        }
    }
}
