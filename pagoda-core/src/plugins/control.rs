//! Whether a plugin may be called at all: what an administrator, the start, the watchdog and its breaker say.

use super::breaker::{Ask, Breaker, BreakerSettings, BreakerState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The state of a plugin, as operators see it. *Source: design §4.*
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginState {
    /// It runs.
    Active,
    /// It runs, but something of it is left out or on trial.
    Degraded,
    /// Its breaker is open: nothing of it runs for a while.
    Open,
    /// An administrator switched it off, or `ENABLED_PLUGINS` does not name it.
    Disabled,
    /// It could not be started, or was quarantined.
    Failed,
}

impl PluginState {
    /// The word for it. *Source: design §4.*
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::Open => "open",
            Self::Disabled => "disabled",
            Self::Failed => "failed",
        }
    }
}

/// What keeps a plugin from running, apart from its breaker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its configuration or its registrations are wrong; only a new start can mend that.
    pub broken: Option<String>,
    /// An administrator switched it off: who and why.
    pub disabled: Option<String>,
    /// It hung and was cut out: which function, and for how long.
    pub quarantined: Option<String>,
    /// Its start failed.
    pub not_started: Option<String>,
}

impl Standing {
    /// Whether nothing speaks against running it.
    #[must_use]
    pub fn is_good(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a function is not called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The state of its plugin, or of the function where the plugin itself is well.
    pub state: PluginState,
    /// A sentence.
    pub reason: String,
    /// When it may be tried again, in microseconds since the epoch; absent when somebody has to act first.
    pub retry_at: Option<i64>,
}

/// What decides about one plugin.
#[derive(Debug)]
pub struct Control {
    /// Whether the rest must be asked: while it is false, the plugin simply runs.
    consult: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    standing: Standing,
    breaker: Breaker,
    /// Why the breaker last opened.
    opened_for: String,
}

impl Control {
    /// A plugin against which nothing speaks.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        let inner = Inner {
            standing: Standing::default(),
            breaker: Breaker::new(settings),
            opened_for: String::new(),
        };
        Self { consult: AtomicBool::new(false), inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.lock();
        let outcome = change(&mut inner);
        let free = inner.standing.is_good() && inner.breaker.state() == BreakerState::Closed;
        self.consult.store(!free, Ordering::Release);
        outcome
    }

    /// Whether somebody must be asked before a call.
    #[inline]
    pub(super) fn must_consult(&self) -> bool {
        self.consult.load(Ordering::Relaxed)
    }

    /// Whether a call may go through at `now`. On [`Ask::Trial`] the trial has begun.
    pub(super) fn admit(&self, now: i64) -> Result<Ask, Refused> {
        self.change(|inner| {
            if let Some(refused) = refused(inner) {
                return Err(refused);
            }
            match inner.breaker.ask(now) {
                Ask::Refuse(retry_at) => Err(Refused {
                    state: PluginState::Open,
                    reason: inner.opened_for.clone(),
                    retry_at: Some(retry_at),
                }),
                ask => {
                    if ask == Ask::Trial {
                        inner.breaker.begin_trial(now);
                    }
                    Ok(ask)
                }
            }
        })
    }

    /// Notes a fault; the new state when that opened the breaker.
    pub(super) fn fault(&self, now: i64, reason: &str) -> Option<BreakerState> {
        self.change(|inner| {
            inner.breaker.fault(now).then(|| {
                reason.clone_into(&mut inner.opened_for);
                inner.breaker.state()
            })
        })
    }

    /// Notes how a trial ended; true when that closed the breaker.
    pub(super) fn trial_ended(&self, well: Option<bool>) -> bool {
        self.change(|inner| match well {
            Some(true) => inner.breaker.success(),
            _ => {
                inner.breaker.abandon_trial();
                false
            }
        })
    }

    /// What keeps it from running.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.lock().standing.clone()
    }

    /// Changes what keeps it from running.
    pub fn set_standing(&self, change: impl FnOnce(&mut Standing)) {
        self.change(|inner| change(&mut inner.standing));
    }

    /// Its breaker, and why it last opened.
    #[must_use]
    pub fn breaker(&self) -> (BreakerState, String) {
        let inner = self.lock();
        (inner.breaker.state(), inner.opened_for.clone())
    }

    /// Takes over what another instance found, or what the database remembers.
    pub fn adopt(&self, state: BreakerState, reason: &str) {
        self.change(|inner| {
            inner.breaker.adopt(state);
            reason.clone_into(&mut inner.opened_for);
        });
    }

    /// Its state and why, not looking at its functions.
    #[must_use]
    pub fn state(&self) -> (PluginState, Option<String>) {
        let inner = self.lock();
        if let Some(refused) = refused(&inner) {
            return (refused.state, Some(refused.reason));
        }
        match inner.breaker.state() {
            BreakerState::Closed => (PluginState::Active, None),
            BreakerState::Open { .. } => (PluginState::Open, Some(inner.opened_for.clone())),
            BreakerState::HalfOpen { .. } => {
                (PluginState::Degraded, Some(format!("on trial after: {}", inner.opened_for)))
            }
        }
    }
}

fn refused(inner: &Inner) -> Option<Refused> {
    let standing = &inner.standing;
    let failed = standing.broken.as_ref().or(standing.quarantined.as_ref()).or(standing.not_started.as_ref());
    let (state, reason) = match (failed, &standing.disabled) {
        (Some(reason), _) => (PluginState::Failed, reason),
        (None, Some(reason)) => (PluginState::Disabled, reason),
        (None, None) => return None,
    };
    Some(Refused { state, reason: reason.clone(), retry_at: None })
}
