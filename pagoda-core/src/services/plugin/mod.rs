//! What keeps plugins in order while the server runs: their start, their states in the database, the watchdog.

mod keeper;
mod start;
mod states;
mod switch;
mod view;
mod watchdog;

pub use keeper::keep;
pub use start::start_all;
pub use states::{Seen, quarantine_from_before, sync};
pub use switch::{Switch, happened, switch};
pub use view::{ChangeView, FunctionView, PluginView};
pub use watchdog::watch;
