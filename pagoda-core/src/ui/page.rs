//! What all pages have around what they are about.

use super::{assets, text};
use askama::Template;
use pagoda_plugin_sdk::time::{Timestamp, Zone};

/// Who looks at a page, and when.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The user's name; absent when nobody is logged in.
    pub user: Option<String>,
    /// Whether the user administers this server.
    pub is_admin: bool,
    /// What forms repeat, so that other sites cannot send them.
    pub csrf: String,
    /// Now.
    pub now: Timestamp,
    /// The zone in which times are shown.
    pub zone: Zone,
}

/// A sentence about what was just done, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whether it went well.
    pub well: bool,
    /// The sentence.
    pub text: String,
}

/// A moment, as pages show it.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    /// For machines.
    pub(super) iso: String,
    /// For people.
    pub(super) clock: String,
    /// How far it is from now.
    pub(super) distance: String,
}

impl Frame {
    pub(super) fn moment(&self, at: Timestamp) -> Moment {
        Moment {
            iso: at.utc_iso(),
            clock: self.zone.format(at, "%Y-%m-%d %H:%M:%S %Z"),
            distance: text::distance(self.now, at),
        }
    }

    pub(super) fn style(&self) -> String {
        assets::style()
    }

    pub(super) fn icon(&self) -> String {
        assets::icon()
    }
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    frame: &'a Frame,
    title: &'a str,
    sentences: Vec<String>,
}

/// A page of a heading and sentences.
///
/// # Errors
/// The page cannot be written.
pub fn message(frame: &Frame, title: &str, sentences: &[String]) -> Result<String, String> {
    let sentences = sentences.iter().map(|message| text::sentence(message)).collect();
    Message { frame, title, sentences }.render().map_err(|error| error.to_string())
}
