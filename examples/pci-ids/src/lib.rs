//! Loads the PCI ID database into Pagoda through its HTTP API.
//!
//! The `pci-ids` program is a thin shell around [`load()`]; tests call the same function in their own process.
//! The way of the data: [`parse`] reads the file, [`client`] speaks to the server, `setup` makes sure that the
//! two entities exist, [`names`] recognises what is there already, [`mod@load`] does the work and
//! [`summary`] says what became of every record. Start reading in `load.rs`.

pub mod client;
pub mod load;
pub mod names;
pub mod parse;
mod pool;
pub mod report;
mod setup;
pub mod summary;

pub use load::{LoadError, Options, load};
pub use setup::{DEVICE_ENTITY, VENDOR_ENTITY};
pub use summary::Summary;
