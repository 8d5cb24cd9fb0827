//! What is wrong: a kind, whom it is about, what was measured.

use std::fmt;

/// Kinds of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Too many calls of a plugin fail.
    PluginFaults,
    /// A function of a plugin is too slow.
    PluginLatency,
    /// The breaker of a plugin or of a function of it is not closed.
    BreakerOpen,
    /// A plugin hung and was cut out.
    PluginQuarantined,
    /// A plugin could not be started.
    PluginFailed,
    /// Nobody gets a connection to the database.
    PoolExhausted,
    /// Operations are refused because there are too many.
    Busy,
    /// The disk with the database is nearly full.
    DiskLow,
    /// Something could not be written to the audit log.
    AuditLost,
}

impl Kind {
    /// All kinds, in the order of the documents.
    pub const ALL: [Self; 9] = [
        Self::BreakerOpen,
        Self::PluginQuarantined,
        Self::PluginFailed,
        Self::PluginFaults,
        Self::PluginLatency,
        Self::PoolExhausted,
        Self::Busy,
        Self::DiskLow,
        Self::AuditLost,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PluginFaults => "plugin_faults",
            Self::PluginLatency => "plugin_latency",
            Self::BreakerOpen => "breaker_open",
            Self::PluginQuarantined => "plugin_quarantined",
            Self::PluginFailed => "plugin_failed",
            Self::PoolExhausted => "pool_exhausted",
            Self::Busy => "busy",
            Self::DiskLow => "disk_low",
            Self::AuditLost => "audit_lost",
        }
    }

    /// Whether it is the same on all instances that share the database, because it is read from there.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        matches!(self, Self::BreakerOpen | Self::PluginQuarantined)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    pub(super) kind: Kind,
    /// The plugin, function, pool or directory.
    pub(super) subject: String,
    pub(super) value: Option<f64>,
    pub(super) threshold: Option<f64>,
    /// What is the matter, for people.
    pub(super) sentence: String,
}

impl Reading {
    /// Something that was counted, beyond what is allowed.
    #[expect(clippy::cast_precision_loss, reason = "for people, and no count is that large")]
    pub(super) fn counted(kind: Kind, subject: &str, count: u64, allowed: u64, sentence: String) -> Self {
        Self {
            kind,
            subject: subject.to_owned(),
            value: Some(count as f64),
            threshold: Some(allowed as f64),
            sentence,
        }
    }

    /// Something that is so or is not.
    pub(super) fn plain(kind: Kind, subject: impl Into<String>, sentence: String) -> Self {
        Self { kind, subject: subject.into(), value: None, threshold: None, sentence }
    }

    /// What tells incidents apart. One that is not shared is the instance's own.
    pub(super) fn key(&self, instance: &str) -> String {
        let Self { kind, subject, .. } = self;
        if kind.is_shared() { format!("{kind} {subject}") } else { format!("{kind} {subject} @{instance}") }
    }
}

/// Whom an alert about a function is about.
pub(super) fn of_function(plugin: &str, function: &str) -> String {
    if function.is_empty() { plugin.to_owned() } else { format!("{plugin}: {function}") }
}
