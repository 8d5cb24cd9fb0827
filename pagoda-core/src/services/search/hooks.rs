//! What plugins hear of searches, and may change.

use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use pagoda_plugin_sdk::hooks::pagoda::search as points;
use pagoda_plugin_sdk::payload::{SearchAfterQuery, SearchBeforeQuery, SearchResults};
use serde::Serialize;
use serde_json::Value;

/// The kinds of searches, as payloads name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One text over names and values.
    Simple,
    /// The entries of an entity by words of their names.
    Entry,
    /// Conditions on names, values and references.
    Advanced,
    /// Conditions on what entries refer to and are referred to by.
    Chain,
    /// The same conditions as [`Kind::Advanced`], for a file.
    Export,
}

/// Rows as the host has them, or as plugins left them.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Rows<T> {
    /// Nobody listens.
    Own(Vec<T>),
    /// Handlers of `pagoda.search.results_filter` ran over them.
    Filtered(Vec<Value>),
}

impl<T> Rows<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Own(rows) => rows.len(),
            Self::Filtered(rows) => rows.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Serialize> Rows<T> {
    /// As they are answered.
    ///
    /// # Errors
    /// A row cannot be said in JSON.
    pub fn into_values(self) -> Result<Vec<Value>, OpError> {
        match self {
            Self::Own(rows) => {
                let rows: Result<Vec<Value>, _> = rows.iter().map(serde_json::to_value).collect();
                rows.map_err(|error| OpError::Internal(error.into()))
            }
            Self::Filtered(rows) => Ok(rows),
        }
    }
}

impl Kind {
    fn word(self) -> String {
        match self {
            Self::Simple => "simple",
            Self::Entry => "entry",
            Self::Advanced => "advanced",
            Self::Chain => "chain",
            Self::Export => "export",
        }
        .to_owned()
    }

    /// Lets `pagoda.search.before_query` change the request; nothing where it stays as it is.
    ///
    /// # Errors
    /// A handler refused.
    pub fn transformed(self, op: &mut OpCtx, query: &Value) -> Result<Option<Value>, OpError> {
        if !op.wants::<points::before_query>() {
            return Ok(None);
        }
        let mut payload = SearchBeforeQuery::default();
        payload.kind = self.word();
        payload.query = query.clone();
        op.transform::<points::before_query>(&mut payload)?;
        Ok((payload.query != *query).then_some(payload.query))
    }

    /// Lets `pagoda.search.results_filter` change the rows.
    ///
    /// # Errors
    /// The operation is broken.
    pub fn filtered<T: Serialize>(self, op: &mut OpCtx, rows: Vec<T>) -> Result<Rows<T>, OpError> {
        if !op.wants::<points::results_filter>() {
            return Ok(Rows::Own(rows));
        }
        let mut payload = SearchResults::default();
        payload.kind = self.word();
        payload.rows = Rows::Own(rows).into_values()?.into();
        op.filter::<points::results_filter>(&mut payload)?;
        Ok(Rows::Filtered(payload.rows.into_vec()))
    }

    /// Notes `pagoda.search.after_query`.
    pub fn note(self, op: &mut OpCtx, query: &Value, count: i64) {
        op.observe::<points::after_query>(|| {
            let mut payload = SearchAfterQuery::default();
            payload.kind = self.word();
            payload.query = query.clone();
            payload.count = u64::try_from(count).unwrap_or_default();
            payload
        });
    }
}
