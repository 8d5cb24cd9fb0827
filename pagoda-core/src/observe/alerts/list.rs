//! Incidents as administrators see them.

use crate::services::acl;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::alert;
use crate::store::rows::{AlertDeliveryRow, AlertRow, Stage};
use pagoda_plugin_sdk::time::Timestamp;
use serde::Serialize;

/// An incident.
#[derive(Debug, Serialize)]
pub struct AlertItem {
    /// Its id.
    pub id: i64,
    /// `open` or `recovered`.
    pub state: &'static str,
    /// The word for its kind.
    pub kind: String,
    /// The plugin, function, pool or directory.
    pub subject: String,
    /// What is the matter.
    pub sentence: String,
    /// What was measured when it was opened.
    pub value: Option<f64>,
    /// What that was compared with.
    pub threshold: Option<f64>,
    /// The instance that opened it.
    pub instance: String,
    /// When it was opened.
    pub opened_at: String,
    /// When it was over.
    pub recovered_at: Option<String>,
    /// Why it was closed, if not because it was well.
    pub recovered_because: Option<String>,
    /// Who was told.
    pub deliveries: Vec<AlertDelivery>,
}

/// How a channel does with an incident.
#[derive(Debug, Serialize)]
pub struct AlertDelivery {
    /// `webhook` or `email`.
    pub channel: String,
    /// What it was told so far: `nothing`, `opened`, `recovered`; or `given_up`.
    pub told: &'static str,
    /// Tries of what it is to be told next.
    pub tries: i32,
    /// Why the last try failed.
    pub problem: Option<String>,
}

impl From<AlertDeliveryRow> for AlertDelivery {
    fn from(row: AlertDeliveryRow) -> Self {
        let told = match Stage::of(row.stage) {
            Stage::Opening => "nothing",
            Stage::Opened => "opened",
            Stage::Recovered => "recovered",
            Stage::GivenUp => "given_up",
        };
        Self { channel: row.channel, told, tries: row.tries, problem: row.problem }
    }
}

fn item(row: AlertRow, deliveries: Vec<AlertDelivery>) -> AlertItem {
    let time = |at: i64| Timestamp::from_micros(at).utc_iso();
    AlertItem {
        id: row.id,
        state: if row.closed_at.is_none() { "open" } else { "recovered" },
        kind: row.kind,
        subject: row.subject,
        sentence: row.sentence,
        value: row.value,
        threshold: row.threshold,
        instance: row.instance,
        opened_at: time(row.opened_at),
        recovered_at: row.closed_at.map(time),
        recovered_because: row.closed_because,
        deliveries,
    }
}

/// A page of incidents for administrators, newest first, and how many there are; only those that are open, or only
/// others, if asked for.
///
/// # Errors
/// The acting user is no administrator.
pub fn list(
    op: &mut OpCtx,
    is_open: Option<bool>,
    limit: i64,
    offset: i64,
) -> Result<(Vec<AlertItem>, i64), OpError> {
    acl::require_superuser(op)?;
    let page = alert::list(&mut op.db, is_open, limit, offset)?;
    let ids: Vec<i64> = page.rows.iter().map(|row| row.id).collect();
    let mut deliveries = alert::deliveries(&mut op.db, &ids)?;
    let items = page.rows.into_iter().map(|row| {
        let own = deliveries.extract_if(.., |delivery| delivery.alert_id == row.id);
        let own = own.map(AlertDelivery::from).collect();
        item(row, own)
    });
    Ok((items.collect(), page.total))
}
