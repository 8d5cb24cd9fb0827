//! Pages for people: what they show, as HTML. Without scripts and without a build step.
//!
//! Knows nothing of HTTP: who may see a page and which cookies go with it is `http/pages.rs`'s affair. What is
//! escaped is askama's: templates are compiled, and their values escaped.

mod account;
mod api;
pub mod assets;
mod chart;
mod page;
mod plugins;
mod text;

pub use account::{Link, Login, Terms, forgotten, login, renewal};
pub use api::api_browser;
pub use page::{Frame, Notice, message};
pub use plugins::{Shown, plugin, plugins};
