//! Pages for who has not logged in: the login, and passwords set anew with a link that came by mail.

use super::{Frame, Notice, text};
use crate::services::user::reset;
use askama::Template;

/// The login page. What operators say on it is text.
#[derive(Debug, Clone, Default)]
pub struct Login<'a> {
    /// The heading.
    pub title: Option<&'a str>,
    /// What stands below it.
    pub subtitle: Option<&'a str>,
    /// A sentence below the form.
    pub note: Option<&'a str>,
    /// Where it leads.
    pub note_url: Option<&'a str>,
    /// What is to be agreed to.
    pub terms: Option<Terms<'a>>,
    /// Where one goes on to.
    pub next: &'a str,
    /// The name that was tried.
    pub username: &'a str,
    /// Whether there is a way for who has forgotten the password.
    pub can_reset: bool,
}

/// Terms of service that whoever logs in agrees to. *Source: spec, auth-user §2.1.*
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Where they are.
    pub url: Option<&'a str>,
    /// Whether this browser has sent the agreement before.
    pub are_known: bool,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: &'a Frame,
    notice: Option<&'a Notice>,
    page: &'a Login<'a>,
}

/// The login page.
///
/// # Errors
/// The page cannot be written.
pub fn login(frame: &Frame, notice: Option<&Notice>, page: &Login<'_>) -> Result<String, String> {
    LoginPage { frame, notice, page }.render().map_err(|error| error.to_string())
}

#[derive(Template)]
#[template(path = "forgotten.html")]
struct Forgotten<'a> {
    frame: &'a Frame,
    notice: Option<&'a Notice>,
    username: &'a str,
}

/// The page that asks whose password is forgotten.
///
/// # Errors
/// The page cannot be written.
pub fn forgotten(frame: &Frame, notice: Option<&Notice>, username: &str) -> Result<String, String> {
    Forgotten { frame, notice, username }.render().map_err(|error| error.to_string())
}

/// What a link holds, as forms hand it on.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// Whose it is.
    pub uid: &'a str,
    /// The secret.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "renewal.html")]
struct Renewal<'a> {
    frame: &'a Frame,
    complaints: Vec<String>,
    link: Link<'a>,
    least: usize,
}

/// The page of a link: it asks for the new password.
///
/// # Errors
/// The page cannot be written.
pub fn renewal(frame: &Frame, complaints: &[String], link: Link<'_>) -> Result<String, String> {
    let complaints = complaints.iter().map(|message| text::sentence(message)).collect();
    Renewal { frame, complaints, link, least: reset::LEAST }.render().map_err(|error| error.to_string())
}
