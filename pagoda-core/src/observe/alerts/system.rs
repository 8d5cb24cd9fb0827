//! What the operating system says: the space on its disk.

use std::path::Path;

/// The space of a file system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Space {
    /// Bytes that can still be written.
    pub(super) free: u64,
    /// Bytes in all.
    pub(super) all: u64,
}

impl Space {
    /// How much is free, in percent.
    #[expect(clippy::cast_precision_loss, reason = "a share, to a tenth of a percent")]
    pub(super) fn percent(self) -> f64 {
        if self.all == 0 { 100.0 } else { self.free as f64 * 100.0 / self.all as f64 }
    }
}

/// The space of the file system that a directory is on.
#[cfg(unix)]
pub(super) fn space(directory: &Path) -> std::io::Result<Space> {
    let found = rustix::fs::statvfs(directory)?;
    // Of what is free, a part may be the administrator's alone.
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(Space { free: bytes(found.f_bavail), all: bytes(found.f_blocks) })
}

/// There is no way to ask.
#[cfg(not(unix))]
pub(super) fn space(_directory: &Path) -> std::io::Result<Space> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::{Space, space};

    #[test]
    fn the_disk_is_there() {
        let here = space(std::path::Path::new(".")).unwrap();
        assert!(here.all > 0 && here.free < here.all, "{here:?}");
        assert!(here.percent() < 100.0);
        assert!(space(std::path::Path::new("./no/such/place")).is_err());
        assert!((Space { free: 1, all: 4 }.percent() - 25.0).abs() < 1e-9);
    }
}
