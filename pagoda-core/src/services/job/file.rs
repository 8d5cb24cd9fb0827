//! The files of exports: written while the job runs, kept with it when it is done. *Source: spec, job §1 and §5.5.*

use super::list::unfinished_since;
use super::{Operation, Running, Status, finish, new_job};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::job as jobs;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use pagoda_plugin_sdk::Code;
use serde_json::Value;
use std::io::Read;

/// A file that is being written. It is compressed as it grows, so that large ones need little memory.
pub type File = GzEncoder<Vec<u8>>;

/// The bytes of a file as they are kept.
#[derive(Debug, Clone)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// An empty file, to be written.
    #[must_use]
    pub fn open() -> File {
        GzEncoder::new(Vec::new(), Compression::fast())
    }

    /// Ends a file.
    ///
    /// # Errors
    /// It cannot be compressed.
    pub fn of(file: File) -> std::io::Result<Self> {
        file.finish().map(Self)
    }

    /// The file as it was written.
    pub(super) fn unsealed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut file = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut file)?;
        Ok(file)
    }
}

/// Refuses a job that the acting user asked for with the same parameters, and that is not finished. *Source: spec, search §6.*
///
/// # Errors
/// There is one.
pub fn refuse_while_alike(op: &mut OpCtx, operation: Operation, params: &Value) -> Result<(), OpError> {
    let wanted = new_job(op, operation, Status::Processing, None, params)?;
    let unfinished = [Status::Preparing as i32, Status::Processing as i32];
    let since = unfinished_since(op);
    if jobs::newest_alike(&mut op.db, &wanted, &unfinished, since)?.is_some() {
        return Err(OpError::rule(Code::Invalid, "the same export is being worked on already"));
    }
    Ok(())
}

/// Whether somebody called a job off.
///
/// # Errors
/// The database does not answer.
pub fn was_canceled(op: &mut OpCtx, running: Running) -> Result<bool, OpError> {
    let row = jobs::by_id(&mut op.db, running.id)?;
    Ok(row.is_none_or(|row| row.status == Status::Canceled as i32))
}

/// Ends a job with its file, unless somebody called it off. The text becomes the name of the file.
///
/// # Errors
/// The database does not do it.
pub fn keep(op: &mut OpCtx, running: Running, name: &str, file: &Sealed) -> Result<(), OpError> {
    if was_canceled(op, running)? {
        return Ok(());
    }
    jobs::put_result(&mut op.db, running.id, &file.0)?;
    finish(op, running, Status::Done, name)
}
