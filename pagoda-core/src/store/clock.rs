//! How long the statements of a request may take.
//!
//! PostgreSQL has a setting for each statement of it. SQLite would need a handler that only unsafe code can register; instead statements that may
//! take long ask `pagoda_in_time(…)` for each row that they look at, which fails when the time is over.

use diesel::QueryResult;
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Bool};
use diesel::sqlite::{Sqlite, SqliteConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the database says when the time is over.
pub(super) const TIME_IS_OVER: &str = "the time of this search is over";

/// Rows after which the clock is looked at.
const ROWS_PER_LOOK: u64 = 256;

/// The clock of a connection.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    began: Instant,
    /// Milliseconds after that; 0 when nothing is limited.
    until: Arc<AtomicU64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { began: Instant::now(), until: Arc::default() }
    }
}

impl Clock {
    /// Limits what follows, or does not.
    pub(super) fn set(&self, limit: Option<Duration>) {
        let until = limit.map_or(0, |limit| {
            let until = self.began.elapsed().saturating_add(limit).as_millis();
            u64::try_from(until).unwrap_or(u64::MAX).max(1)
        });
        self.until.store(until, Ordering::Relaxed);
    }

    /// Whether the time is over.
    pub(super) fn is_over(&self) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until != 0 && self.began.elapsed().as_millis() >= u128::from(until)
    }

    /// Makes `pagoda_in_time` known to a connection.
    pub(super) fn register(&self, conn: &mut SqliteConnection) -> QueryResult<()> {
        let (clock, mut rows) = (self.clone(), 0_u64);
        conn.register_sql_function::<BigInt, Bool, i64, InTime, _>("pagoda_in_time", false, move |_| {
            rows = rows.wrapping_add(1);
            InTime(!(rows.is_multiple_of(ROWS_PER_LOOK) && clock.is_over()))
        })
    }
}

/// True, or an error.
#[derive(Debug)]
struct InTime(bool);

impl ToSql<Bool, Sqlite> for InTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> diesel::serialize::Result {
        if !self.0 {
            return Err(TIME_IS_OVER.into());
        }
        out.set_value(1_i32);
        Ok(IsNull::No)
    }
}
