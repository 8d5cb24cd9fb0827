//! Payloads of the `data.*`, `pagoda.search.*` and `pagoda.job.*` points.
//!
//! Not all of their operations are there yet; the shapes are settled so that plugins can be written against them.

use super::{List, payloads};
use serde_json::Value;

payloads! {
    /// `data.before_import`: the rows of an import file.
    DataBeforeImport {
        /// What is imported: `entity`, `entry`, `user`, `group`, `role`.
        kind: String,
        /// The rows as parsed; may be changed, added and removed.
        rows: List<Value>,
    };
    /// `data.after_import`: the outcome of an import.
    DataAfterImport {
        /// What was imported, as in [`DataBeforeImport`].
        kind: String,
        /// Rows that were applied.
        imported: u64,
        /// Rows that were skipped or failed.
        failed: u64,
    };
    /// `data.before_export`: the rows that are about to leave.
    DataBeforeExport {
        /// What is exported, as in [`DataBeforeImport`].
        kind: String,
        /// The rows; may be changed, added and removed.
        rows: List<Value>,
    };
    /// `data.after_export`: the outcome of an export.
    DataAfterExport {
        /// What was exported, as in [`DataBeforeImport`].
        kind: String,
        /// Rows that left.
        exported: u64,
    };
    /// `pagoda.search.before_query`: a search that is about to run.
    SearchBeforeQuery {
        /// The kind of search: `simple`, `entry`, `advanced`, `chain`, `export`.
        kind: String,
        /// The request in the wire's form; may be changed and is validated again.
        query: Value,
    };
    /// `pagoda.search.after_query`: a search that ran.
    SearchAfterQuery {
        /// The kind of search.
        kind: String,
        /// The request in the wire's form.
        query: Value,
        /// How many entries it found.
        count: u64,
    };
    /// `pagoda.search.results_filter`: the results that are about to be shown.
    SearchResults {
        /// The kind of search.
        kind: String,
        /// The result rows in the wire's form; may be changed and removed.
        rows: List<Value>,
    };
    /// `pagoda.job.before_run`: a job that is about to run.
    JobBeforeRun {
        /// Its id.
        id: i64,
        /// Its operation code.
        operation: i32,
        /// Its parameters.
        params: Value,
    };
    /// `pagoda.job.after_run`: a job that ended.
    JobAfterRun {
        /// Its id.
        id: i64,
        /// Its operation code.
        operation: i32,
        /// Its final status code.
        status: i32,
    };
    /// `pagoda.job.on_error`: a job that failed.
    JobOnError {
        /// Its id.
        id: i64,
        /// Its operation code.
        operation: i32,
        /// What went wrong.
        error: String,
    };
}
