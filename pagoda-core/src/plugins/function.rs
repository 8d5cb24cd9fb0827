//! One function of a plugin, handler, subscriber or route: what it may take, what it did, whether it is
//! called at all.

use super::breaker::{Ask, Breaker, BreakerSettings, BreakerState};
use super::control::{Control, PluginState, Refused};
use super::note::{Note, What};
use super::stats::{Counters, Ended};
use super::trust::Trust;
use super::watch::{Inside, Seat, Ticket, Watch};
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::time::Timestamp;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a function is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It handles a hook point.
    Hook {
        /// The point.
        hook: &'static str,
        /// See [`pagoda_plugin_sdk::hook::HookInfo::entity`].
        entity: Option<&'static str>,
        /// See [`pagoda_plugin_sdk::hook::HookInfo::priority`].
        priority: i32,
    },
    /// It hears of a plugin's own event.
    Subscriber {
        /// The event.
        event: &'static str,
    },
    /// It answers requests.
    Route {
        /// In capitals.
        method: &'static str,
        /// Below the plugin's prefix.
        path: &'static str,
    },
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hook { hook, entity: None, .. } => f.write_str(hook),
            Self::Hook { hook, entity: Some(entity), .. } => write!(f, "{hook}[{entity}]"),
            Self::Subscriber { event } => write!(f, "event {event}"),
            Self::Route { method, path } => write!(f, "{method} {path}"),
        }
    }
}

/// What a function may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Longer than this is a fault; async work is cut off.
    pub budget: Duration,
    /// Longer than this in a function that cannot be cut off, and its plugin is quarantined.
    pub hard_limit: Duration,
}

/// The last failure of a function.
#[derive(Debug, Clone)]
pub struct LastFault {
    /// When.
    pub at: Timestamp,
    /// In which request.
    pub trace_id: Arc<str>,
    /// What it said.
    pub message: String,
}

/// What stands in a registration, for whoever shows it.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// Its plugin.
    pub plugin: &'static PluginDecl,
    /// What it is there for.
    pub role: Role,
    /// Its name.
    pub name: &'static str,
    /// Source file of its registration.
    pub file: &'static str,
    /// Line of its registration.
    pub line: u32,
}

/// A function of a plugin that runs.
#[derive(Debug)]
pub struct Function {
    /// What its registration says.
    pub is: Described,
    /// What it may take.
    pub times: Times,
    /// Its place in the registry's list.
    pub(super) index: usize,
    /// Whether its breaker must be asked: false while it is closed.
    consult: AtomicBool,
    breaker: Mutex<Own>,
    pub(super) counters: Counters,
    last_fault: Mutex<Option<LastFault>>,
    control: Arc<Control>,
    watch: Arc<Watch>,
    notes: Sender<Note>,
    /// Whether it may run among the requests, if it is an async route.
    pub(crate) trust: Trust,
}

#[derive(Debug)]
struct Own {
    breaker: Breaker,
    opened_for: String,
}

/// What all functions of one plugin share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) settings: BreakerSettings,
    pub(super) control: Arc<Control>,
    pub(super) watch: Arc<Watch>,
    pub(super) notes: Sender<Note>,
}

/// Leave to call, and what follows from how the call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leave {
    trial_of_function: bool,
    trial_of_plugin: bool,
}

const PLAIN: Leave = Leave { trial_of_function: false, trial_of_plugin: false };

impl Function {
    pub(super) fn new(is: Described, times: Times, index: usize, shared: Shared) -> Self {
        let Shared { settings, control, watch, notes } = shared;
        Self {
            is,
            times,
            index,
            consult: AtomicBool::new(false),
            breaker: Mutex::new(Own { breaker: Breaker::new(settings), opened_for: String::new() }),
            counters: Counters::default(),
            last_fault: Mutex::new(None),
            control,
            watch,
            notes,
            trust: Trust::default(),
        }
    }

    /// Tells it apart from the other functions of its plugin, also in the database.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.is.role, self.is.name)
    }

    fn lock(&self) -> MutexGuard<'_, Own> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Own) -> T) -> T {
        let mut own = self.lock();
        let outcome = change(&mut own);
        self.consult.store(own.breaker.state() != BreakerState::Closed, Ordering::Release);
        outcome
    }

    /// Whether it may be called now. Two loads where nothing speaks against it.
    ///
    /// # Errors
    /// Why not, and until when.
    #[inline]
    pub fn admit(&self) -> Result<Leave, Box<Refused>> {
        if !self.control.must_consult() && !self.consult.load(Ordering::Relaxed) {
            return Ok(PLAIN);
        }
        self.admit_with_care()
    }

    #[cold]
    fn admit_with_care(&self) -> Result<Leave, Box<Refused>> {
        let now = Timestamp::now();
        let micros = now.as_micros();
        let own = self.change(|own| match own.breaker.ask(micros) {
            Ask::Refuse(retry_at) => Err(Box::new(Refused {
                state: PluginState::Open,
                reason: own.opened_for.clone(),
                retry_at: Some(retry_at),
            })),
            ask => {
                if ask == Ask::Trial {
                    own.breaker.begin_trial(micros);
                }
                Ok(ask == Ask::Trial)
            }
        })?;
        match self.control.admit(micros) {
            Ok(ask) => {
                let leave = Leave { trial_of_function: own, trial_of_plugin: ask == Ask::Trial };
                if own {
                    self.tell(now, Some(self.key()), self.breaker().0, "on trial");
                }
                if leave.trial_of_plugin {
                    self.tell(now, None, self.control.breaker().0, "on trial");
                }
                Ok(leave)
            }
            Err(refused) => {
                if own {
                    self.change(|own| own.breaker.abandon_trial());
                }
                Err(Box::new(refused))
            }
        }
    }

    /// Notes that this thread is inside, until the result is dropped.
    #[inline]
    pub(crate) fn enter(&self, now: Instant) -> Inside<'_> {
        self.watch.enter(self.index, now)
    }

    /// Tells `ticket` when this thread hangs, until the result is dropped.
    pub(crate) fn sit(&self, ticket: &Arc<Ticket>) -> Seat<'_> {
        self.watch.sit(Arc::clone(ticket))
    }

    /// Notes how a call ended that began with `leave`. A call that took longer than its budget is a fault,
    /// even if what it did stays; the result is how it counts.
    #[inline]
    pub(crate) fn ended(
        &self,
        leave: Leave,
        took: Duration,
        ended: Ended,
        trace_id: &Arc<str>,
        fault: Option<&dyn fmt::Display>,
    ) -> Ended {
        let overran = took > self.times.budget && ended != Ended::Faulted;
        let counted = if overran { Ended::Faulted } else { ended };
        self.counters.count(took, counted);
        if counted == Ended::Faulted {
            self.note_fault(took, overran, trace_id, fault);
        } else if leave != PLAIN {
            self.note_trial(leave);
        }
        counted
    }

    #[cold]
    fn note_fault(
        &self,
        took: Duration,
        overran: bool,
        trace_id: &Arc<str>,
        fault: Option<&dyn fmt::Display>,
    ) {
        let now = Timestamp::now();
        let message = match fault {
            Some(fault) => format!("{fault:#}"),
            None => format!("it took {took:.0?}, its budget is {:?}", self.times.budget),
        };
        if overran {
            tracing::warn!(
                plugin = self.is.plugin.id,
                function = self.is.name,
                role = %self.is.role,
                %trace_id,
                "plugin function overran its budget: {message}"
            );
        }
        let micros = now.as_micros();
        let key = self.key();
        // A route has no breaker of its own: its faults count for the plugin.
        if !matches!(self.is.role, Role::Route { .. }) {
            let opened = self.change(|own| {
                own.breaker.fault(micros).then(|| {
                    own.opened_for = format!("{key} failed too often; last: {message}");
                    (own.breaker.state(), own.opened_for.clone())
                })
            });
            if let Some((to, reason)) = opened {
                self.tell(now, Some(key.clone()), to, &reason);
            }
        }
        let reason = format!("its functions failed too often; last {key}: {message}");
        if let Some(to) = self.control.fault(micros, &reason) {
            self.tell(now, None, to, &reason);
        }
        *self.last_fault.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(LastFault { at: now, trace_id: Arc::clone(trace_id), message });
    }

    #[cold]
    fn note_trial(&self, leave: Leave) {
        let now = Timestamp::now();
        if leave.trial_of_function && self.change(|own| own.breaker.success()) {
            self.tell(now, Some(self.key()), BreakerState::Closed, "a trial went well");
        }
        if leave.trial_of_plugin && self.control.trial_ended(Some(true)) {
            self.tell(now, None, BreakerState::Closed, "a trial went well");
        }
    }

    /// Notes that a call for which there was leave did not take place.
    pub(crate) fn not_called(&self, leave: Leave) {
        if leave.trial_of_function {
            self.change(|own| own.breaker.abandon_trial());
        }
        if leave.trial_of_plugin {
            self.control.trial_ended(None);
        }
    }

    /// Notes that it was not called although it was its turn.
    pub(crate) fn skipped(&self) {
        self.counters.skip();
    }

    /// Notes that a call of it does not come back: it will never end, so it is counted now.
    pub(crate) fn gave_up(&self, reason: &str) {
        self.counters.count(self.times.hard_limit, Ended::Faulted);
        let fault = LastFault { at: Timestamp::now(), trace_id: "".into(), message: reason.to_owned() };
        *self.last_fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    fn tell(&self, at: Timestamp, function: Option<String>, to: BreakerState, reason: &str) {
        tracing::warn!(
            plugin = self.is.plugin.id,
            function = function.as_deref().unwrap_or("all"),
            state = to.as_str(),
            "breaker: {reason}"
        );
        // Without a listener, as in a test of this room alone, nobody writes it down.
        let what = What::Breaker { function, to };
        let _ = self.notes.send(Note { plugin: self.is.plugin, what, reason: reason.to_owned(), at });
    }

    /// Its breaker, and why it last opened.
    #[must_use]
    pub fn breaker(&self) -> (BreakerState, String) {
        let own = self.lock();
        (own.breaker.state(), own.opened_for.clone())
    }

    /// Takes over what another instance found, or what the database remembers.
    pub fn adopt(&self, state: BreakerState, reason: &str) {
        self.change(|own| {
            own.breaker.adopt(state);
            reason.clone_into(&mut own.opened_for);
        });
    }

    /// Its last failure.
    #[must_use]
    pub fn last_fault(&self) -> Option<LastFault> {
        self.last_fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it did since the server started.
    #[must_use]
    pub fn counts(&self) -> super::stats::Counts {
        self.counters.read()
    }
}
