//! Whether there may be more entries. *Source: spec, entity §1.1.*

use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{entry_count, lock};
use pagoda_plugin_sdk::Code;

/// Whatever makes entries asks this first, with how many it will make. Where there is a limit, nobody else makes any
/// until the transaction ends.
///
/// # Errors
/// There would be more than this server may have.
pub fn require_room(op: &mut OpCtx, new: usize) -> Result<(), OpError> {
    let Some(most) = op.host.limits.entries else { return Ok(()) };
    lock::new_entries(&mut op.db)?;
    let there = usize::try_from(entry_count::all(&mut op.db)?).unwrap_or(usize::MAX);
    if there.saturating_add(new) > most {
        let message = "there are as many entries as this server may have";
        return Err(OpError::whole(Code::LimitExceeded, message));
    }
    Ok(())
}
