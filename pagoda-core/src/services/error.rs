//! Why an operation failed, as far as a caller can act on it.

use crate::limits::shares::Crowded;
use crate::plugins::dispatch::Refusal;
use crate::store::StoreError;
use crate::store::constraint::{ATTR_VALUE_LATEST, ATTRIBUTE_ENTRY_ATTR};
use crate::wire::{Fields, leaf};
use pagoda_plugin_sdk::bridge::BridgeError;
use pagoda_plugin_sdk::model::{Level, ObjectRef};
use pagoda_plugin_sdk::{Code, Reject};
use serde_json::{Value, json};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// The input breaks a rule; the value is the body of the answer.
    #[error("invalid input: {0}")]
    Invalid(Value),
    /// The request itself cannot be read; found where the operation needed it, after it was known whether
    /// the addressed object is there and allowed.
    #[error("{1}")]
    Unreadable(Code, String),
    /// The acting user lacks a permission.
    #[error("permission denied")]
    Denied {
        /// On what; absent for rights that belong to no object.
        object: Option<ObjectRef>,
        /// How much was needed.
        level: Level,
    },
    /// Who acts must be known.
    #[error("not authenticated")]
    Unauthenticated,
    /// There is no such object.
    #[error("{what} {id} does not exist")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Its id or name.
        id: String,
    },
    /// A plugin decided against it.
    #[error("refused by plugin {plugin}: {reject}")]
    Rejected {
        /// Its id.
        plugin: &'static str,
        /// Its reasons.
        reject: Reject,
    },
    /// A plugin failed without which going on would be worse.
    #[error("plugin {plugin} failed in {hook}")]
    PluginFault {
        /// Its id.
        plugin: &'static str,
        /// The hook point.
        hook: &'static str,
    },
    /// A plugin without which going on would be worse is not called for now.
    #[error("plugin {plugin} is {state}: {reason}")]
    PluginUnavailable {
        /// Its id.
        plugin: &'static str,
        /// Its state.
        state: &'static str,
        /// Why.
        reason: String,
        /// When to try again, in microseconds since the epoch.
        retry_at: Option<i64>,
    },
    /// A plugin did not come back.
    #[error("plugin {plugin} hangs in {function}")]
    PluginHung {
        /// Its id.
        plugin: &'static str,
        /// Its function.
        function: &'static str,
    },
    /// The process is about to be replaced.
    #[error("the server restarts")]
    GivenUp,
    /// A plugin's time is over; its calls are not served any more.
    #[error("the time of plugin {0} is over")]
    OutOfTime(&'static str),
    /// Plugins are nested too deeply.
    #[error("plugins are nested more than {limit} deep ({chain})")]
    TooDeep {
        /// The limit.
        limit: usize,
        /// The plugins, outermost first.
        chain: String,
    },
    /// A write where only reading is possible.
    #[error("nothing can be written while data is being read")]
    ReadOnly,
    /// A plugin's share of the server is used up.
    #[error("{0}")]
    Crowded(#[from] Crowded),
    /// The database cannot do it now.
    #[error("{0}")]
    Unavailable(StoreError),
    /// Anything else.
    #[error("{0:#}")]
    Internal(anyhow::Error),
}

impl OpError {
    /// What a rule or a plugin has against the input, for those who go on without it.
    ///
    /// # Errors
    /// It is about something else, and nothing goes on.
    pub fn objection(self) -> Result<String, Self> {
        match self {
            Self::Invalid(body) => Ok(body.to_string()),
            Self::Rejected { .. } => Ok(self.to_string()),
            other => Err(other),
        }
    }

    /// `[{"message", "code"}]`: a rule that is about no field. *Source: spec, entity §0.2.*
    pub fn rule(code: Code, message: impl Into<String>) -> Self {
        Self::Invalid(json!([leaf(code, message)]))
    }

    /// `{"field": [{"message", "code"}]}`.
    pub fn field(field: &str, code: Code, message: impl Into<String>) -> Self {
        Fields::of(field, code, message).into()
    }

    /// `{"non_field_errors": [{"message", "code"}]}`.
    pub fn whole(code: Code, message: impl Into<String>) -> Self {
        Fields::whole(code, message).into()
    }

    /// An object that is not there.
    pub fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// As a bridge tells it to a plugin.
    #[must_use]
    pub fn into_bridge(self) -> BridgeError {
        match self {
            Self::Invalid(body) => BridgeError::Invalid(body),
            Self::Denied { object, level } => BridgeError::Denied { object, level },
            Self::Unauthenticated => BridgeError::Denied { object: None, level: Level::Readable },
            Self::NotFound { what, id } => BridgeError::NotFound { what, id },
            Self::Rejected { plugin, reject } => BridgeError::Rejected { plugin: plugin.to_owned(), reject },
            Self::TooDeep { limit, chain } => BridgeError::TooDeep { limit, chain },
            Self::ReadOnly => BridgeError::ReadOnly("this transaction"),
            Self::Crowded(crowded) => BridgeError::Busy(crowded.to_string()),
            Self::Unavailable(error) => BridgeError::Unavailable(error.to_string()),
            error @ (Self::PluginUnavailable { .. }
            | Self::PluginHung { .. }
            | Self::GivenUp
            | Self::OutOfTime(_)) => BridgeError::Unavailable(error.to_string()),
            other @ (Self::PluginFault { .. } | Self::Unreadable(..) | Self::Internal(_)) => {
                BridgeError::Internal(other.to_string())
            }
        }
    }
}

impl From<Fields> for OpError {
    fn from(fields: Fields) -> Self {
        Self::Invalid(fields.to_json())
    }
}

impl From<StoreError> for OpError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Other(error) => Self::Internal(error),
            // Two transactions wrote the same value or the same attribute first; one has to try again.
            StoreError::Conflict { constraint }
                if [ATTR_VALUE_LATEST, ATTRIBUTE_ENTRY_ATTR].contains(&constraint.as_str()) =>
            {
                Self::Unavailable(StoreError::Serialization)
            }
            error @ (StoreError::NotFound
            | StoreError::Conflict { .. }
            | StoreError::Migration(_)
            | StoreError::Locked { .. }) => Self::Internal(error.into()),
            error => Self::Unavailable(error),
        }
    }
}

impl From<Refusal> for OpError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected { plugin, reject } => Self::Rejected { plugin: plugin.id, reject },
            Refusal::Faulted { plugin, hook } => Self::PluginFault { plugin: plugin.id, hook },
            Refusal::Unavailable { plugin, refused, .. } => Self::PluginUnavailable {
                plugin: plugin.id,
                state: refused.state.as_str(),
                reason: refused.reason,
                retry_at: refused.retry_at,
            },
            Refusal::Broken(error) => Self::Internal(error),
        }
    }
}
