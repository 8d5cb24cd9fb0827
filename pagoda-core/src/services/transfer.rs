//! What imports and exports of users, groups and roles have in common: the points that fire around them.

use super::ctx::OpCtx;
use super::error::OpError;
use crate::wire::{Fields, yaml};
use pagoda_plugin_sdk::hooks::data;
use pagoda_plugin_sdk::payload::{DataAfterExport, DataAfterImport, DataBeforeExport, DataBeforeImport};
use serde_json::Value;

/// The rows of an import, read with `read`, after handlers had them.
///
/// # Errors
/// What is wrong with which row, or who refused.
pub(super) fn before_import<T>(
    op: &mut OpCtx,
    kind: &'static str,
    body: Value,
    read: impl Fn(&Value) -> Result<T, Fields>,
) -> Result<Vec<T>, OpError> {
    let rows = yaml::rows(&body, &read).map_err(OpError::Invalid)?;
    let Value::Array(list) = body else { return Ok(rows) };
    if !op.wants::<data::before_import>() {
        return Ok(rows);
    }
    let mut payload = DataBeforeImport::default();
    payload.kind = kind.to_owned();
    payload.rows = list.into();
    op.transform::<data::before_import>(&mut payload)?;
    yaml::rows(&Value::Array(payload.rows.into_vec()), read).map_err(OpError::Invalid)
}

/// Imports rows one by one. At the first that cannot be done it stops and gives the body of the answer, mostly a text;
/// those before it stay.
///
/// # Errors
/// Those of `apply`.
pub(super) fn import_until_one_fails<T>(
    op: &mut OpCtx,
    kind: &'static str,
    rows: Vec<T>,
    apply: impl Fn(&mut OpCtx, T) -> Result<Result<(), Value>, OpError>,
) -> Result<Result<(), Value>, OpError> {
    let total = rows.len();
    for (index, row) in rows.into_iter().enumerate() {
        if let Err(complaint) = apply(op, row)? {
            after_import(op, kind, index, total - index);
            return Ok(Err(complaint));
        }
    }
    after_import(op, kind, total, 0);
    Ok(Ok(()))
}

/// Tells what became of an import.
pub(super) fn after_import(op: &mut OpCtx, kind: &'static str, imported: usize, failed: usize) {
    op.observe::<data::after_import>(|| {
        let mut payload = DataAfterImport::default();
        payload.kind = kind.to_owned();
        payload.imported = imported as u64;
        payload.failed = failed as u64;
        payload
    });
}

/// The rows of an export, after handlers had them.
///
/// # Errors
/// Who refused.
pub(super) fn export(op: &mut OpCtx, kind: &'static str, rows: Vec<Value>) -> Result<Vec<Value>, OpError> {
    let mut payload = DataBeforeExport::default();
    payload.kind = kind.to_owned();
    payload.rows = rows.into();
    op.transform::<data::before_export>(&mut payload)?;
    let rows = payload.rows.into_vec();
    op.observe::<data::after_export>(|| {
        let mut payload = DataAfterExport::default();
        payload.kind = kind.to_owned();
        payload.exported = rows.len() as u64;
        payload
    });
    Ok(rows)
}
