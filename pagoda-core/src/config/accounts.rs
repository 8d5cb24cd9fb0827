//! The login page, passwords that users set anew by mail, and the ways on which mail leaves.

use super::{Config, Setter, Smtp, flag};
use lettre::message::Mailbox;
use std::path::{Path, PathBuf};
use ureq::http::Uri;

/// What an operator decides about accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountSettings {
    /// Nobody changes a password but administrators.
    pub password_reset_disabled: bool,
    /// Where people reach the server, for links in mail, without a slash at the end.
    pub public_url: Option<String>,
    /// Where mail is written to when no server takes it.
    pub mail_directory: Option<PathBuf>,
    /// What the login page says and asks for.
    pub login_page: LoginPage,
}

/// What an operator decides about the login page. None of it is HTML. *Source: spec, auth-user §2.1.*
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginPage {
    /// Its heading.
    pub title: Option<String>,
    /// What stands below the heading.
    pub subtitle: Option<String>,
    /// A sentence below the form.
    pub note: Option<String>,
    /// Where the note leads.
    pub note_url: Option<String>,
    /// Whether nobody logs in without agreeing to the terms of service.
    pub check_terms: bool,
    /// Where the terms are.
    pub terms_url: Option<String>,
}

/// The ways on which mail leaves.
#[derive(Debug, Clone, Copy)]
pub struct MailSettings<'a> {
    /// The server that takes it.
    pub smtp: Option<&'a Smtp>,
    /// Where it is written to otherwise.
    pub directory: Option<&'a Path>,
    /// Who sends it.
    pub from: Option<&'a Mailbox>,
}

impl Config {
    /// The ways on which mail leaves.
    #[must_use]
    pub fn mail(&self) -> MailSettings<'_> {
        MailSettings {
            smtp: self.alerts.smtp.as_ref(),
            directory: self.accounts.mail_directory.as_deref(),
            from: self.alerts.email_from.as_ref(),
        }
    }
}

pub(super) fn setter(key: &str) -> Option<Setter> {
    Some(match key {
        "password_reset_disabled" => {
            |config, value| flag(value).map(|off| config.accounts.password_reset_disabled = off)
        }
        "public_url" => set_public_url,
        "mail_directory" => set_mail_directory,
        "check_term_service" => {
            |config, value| flag(value).map(|check| config.accounts.login_page.check_terms = check)
        }
        "terms_of_service_url" => {
            |config, value| link(value).map(|url| config.accounts.login_page.terms_url = url)
        }
        "login_title" => |config, value| {
            config.accounts.login_page.title = text(value);
            Ok(())
        },
        "login_subtitle" => |config, value| {
            config.accounts.login_page.subtitle = text(value);
            Ok(())
        },
        "login_note" => |config, value| {
            config.accounts.login_page.note = text(value);
            Ok(())
        },
        "login_note_url" => |config, value| link(value).map(|url| config.accounts.login_page.note_url = url),
        _ => return None,
    })
}

fn set_public_url(config: &mut Config, value: &str) -> Result<(), String> {
    let expected = || "expected http://HOST[:PORT] or https://HOST[:PORT], without a path".to_owned();
    let uri: Uri = value.parse().map_err(|_| expected())?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_host = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if !is_web || !has_host || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(expected());
    }
    config.accounts.public_url = Some(value.trim_end_matches('/').to_owned());
    Ok(())
}

/// A text; a blank one is none.
fn text(value: &str) -> Option<String> {
    Some(value.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Where a link leads; a browser must not take it for a script.
fn link(value: &str) -> Result<Option<String>, String> {
    let Some(url) = text(value) else { return Ok(None) };
    let is_path = url.starts_with('/') && !url.starts_with("//");
    let is_web = url.parse::<Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    if is_path || is_web {
        return Ok(Some(url));
    }
    Err("expected http://… or https://…, or a path of this server".to_owned())
}

fn set_mail_directory(config: &mut Config, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err("expected a directory".to_owned());
    }
    config.accounts.mail_directory = Some(PathBuf::from(value));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::load;

    #[test]
    fn addresses_of_the_server() {
        let parsed =
            |text: &str| load(&[("PAGODA_PUBLIC_URL", text)]).map(|config| config.accounts.public_url);
        assert_eq!(parsed("https://pagoda.example.com/"), Ok(Some("https://pagoda.example.com".to_owned())));
        assert_eq!(parsed("http://10.0.0.1:8080"), Ok(Some("http://10.0.0.1:8080".to_owned())));
        for bad in ["", "pagoda", "ftp://a", "https://a/path", "https://u@a", "https://a/?q"] {
            assert!(parsed(bad).unwrap_err()[0].contains("expected http://HOST"), "{bad}");
        }
    }

    #[test]
    fn the_login_page() {
        let config = load(&[
            ("PAGODA_LOGIN_TITLE", "Assets"),
            ("PAGODA_LOGIN_SUBTITLE", " "),
            ("PAGODA_LOGIN_NOTE", "Ask the help desk"),
            ("PAGODA_LOGIN_NOTE_URL", "/help"),
            ("PAGODA_CHECK_TERM_SERVICE", "true"),
            ("PAGODA_TERMS_OF_SERVICE_URL", "https://example.com/terms?x=1"),
        ]);
        let page = config.unwrap().accounts.login_page;
        assert_eq!((page.title.as_deref(), page.subtitle), (Some("Assets"), None));
        assert_eq!(
            (page.note.as_deref(), page.note_url.as_deref()),
            (Some("Ask the help desk"), Some("/help"))
        );
        assert!(page.check_terms);
        assert_eq!(page.terms_url.as_deref(), Some("https://example.com/terms?x=1"));
        for variable in ["PAGODA_LOGIN_NOTE_URL", "PAGODA_TERMS_OF_SERVICE_URL"] {
            for bad in ["javascript:alert(1)", "help", "//elsewhere", "ftp://a/b"] {
                assert!(load(&[(variable, bad)]).unwrap_err()[0].contains("expected http://"), "{bad}");
            }
        }
        assert!(load(&[("PAGODA_CHECK_TERM_SERVICE", "maybe")]).is_err());
    }

    #[test]
    fn mail_and_passwords() {
        let config =
            load(&[("PAGODA_MAIL_DIRECTORY", "/m"), ("PAGODA_PASSWORD_RESET_DISABLED", "on")]).unwrap();
        assert!(config.accounts.password_reset_disabled);
        assert_eq!(config.mail().directory, Some(std::path::Path::new("/m")));
        assert!(load(&[("PAGODA_MAIL_DIRECTORY", "")]).is_err());
    }
}
