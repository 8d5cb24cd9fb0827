//! Incidents, and who was told of them.

use crate::store::schema::{alert, alert_delivery};
use diesel::{Insertable, Queryable, Selectable};

/// An incident.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = alert)]
pub struct AlertRow {
    /// Its id.
    pub id: i64,
    /// What it is about; only one of a key is open at a time.
    pub key: String,
    /// The word for its kind.
    pub kind: String,
    /// The plugin, function, pool or directory.
    pub subject: String,
    /// The instance that opened it.
    pub instance: String,
    /// What is the matter.
    pub sentence: String,
    /// What was measured.
    pub value: Option<f64>,
    /// What it was compared with.
    pub threshold: Option<f64>,
    /// When it was opened.
    pub opened_at: i64,
    /// When an instance last said that it goes on, to the minute.
    pub seen_at: i64,
    /// For how long it must be well until it is over, in microseconds.
    pub clear_after: i64,
    /// When it was over.
    pub closed_at: Option<i64>,
    /// Why it was closed, if not because it was well.
    pub closed_because: Option<String>,
}

/// What an incident begins with.
#[derive(Clone, Debug, PartialEq, Insertable)]
#[diesel(table_name = alert, treat_none_as_default_value = false)]
pub struct NewAlert {
    /// See [`AlertRow::key`].
    pub key: String,
    /// See [`AlertRow::kind`].
    pub kind: String,
    /// See [`AlertRow::subject`].
    pub subject: String,
    /// See [`AlertRow::instance`].
    pub instance: String,
    /// See [`AlertRow::sentence`].
    pub sentence: String,
    /// See [`AlertRow::value`].
    pub value: Option<f64>,
    /// See [`AlertRow::threshold`].
    pub threshold: Option<f64>,
    /// See [`AlertRow::opened_at`].
    pub opened_at: i64,
    /// See [`AlertRow::seen_at`].
    pub seen_at: i64,
    /// See [`AlertRow::clear_after`].
    pub clear_after: i64,
}

/// How far a channel has come with an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The opening is to be told.
    Opening,
    /// The opening was told; once the incident is over, the recovery is to be.
    Opened,
    /// Both were told.
    Recovered,
    /// It was tried for too long.
    GivenUp,
}

impl Stage {
    /// How it is stored.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Opening => 0,
            Self::Opened => 1,
            Self::Recovered => 2,
            Self::GivenUp => 3,
        }
    }

    /// The one that is stored as `number`.
    #[must_use]
    pub const fn of(number: i32) -> Self {
        match number {
            0 => Self::Opening,
            1 => Self::Opened,
            2 => Self::Recovered,
            _ => Self::GivenUp,
        }
    }
}

/// How a channel does with an incident.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = alert_delivery, treat_none_as_default_value = false)]
pub struct AlertDeliveryRow {
    /// The incident.
    pub alert_id: i64,
    /// `webhook` or `email`.
    pub channel: String,
    /// See [`Stage`].
    pub stage: i32,
    /// How often this stage was tried.
    pub tries: i32,
    /// Not to be tried before this time.
    pub due_at: i64,
    /// Why the last try failed.
    pub problem: Option<String>,
}
