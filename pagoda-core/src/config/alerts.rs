//! What raises alerts, and who is told of them.

use super::{Config, Secret, Setter, flag, number};
use lettre::message::{Mailbox, Mailboxes};
use percent_encoding::percent_decode_str;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use ureq::http::Uri;

/// Everything about alerts. Where a threshold may be 0, that means: no such alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertSettings {
    /// Whether there are any.
    pub enabled: bool,
    /// What is wrong for so long is an incident.
    pub after: Duration,
    /// What is well for so long is over.
    pub clear: Duration,
    /// Calls, refusals and waits count for so long.
    pub window: Duration,
    /// Faulty calls of a plugin, in percent.
    pub fault_percent: u32,
    /// Fewer calls than this say nothing about faults or latencies.
    pub least_calls: u64,
    /// What 99 of 100 calls of a function may take.
    pub latency: Option<Duration>,
    /// The same as a share of its budget in percent, where `latency` is absent.
    pub latency_percent: u32,
    /// Waits for a connection that were in vain.
    pub pool_timeouts: u64,
    /// Operations refused because there were too many.
    pub refusals: u64,
    /// Free space of the disk with the database, in percent.
    pub disk_free_percent: u32,
    /// Free space of that disk in bytes.
    pub disk_free_bytes: u64,
    /// Where alerts are posted.
    pub webhook: Option<Webhook>,
    /// What posted alerts are signed with.
    pub webhook_secret: Option<Secret>,
    /// Who gets mail.
    pub email_to: Vec<Mailbox>,
    /// Who sends it.
    pub email_from: Option<Mailbox>,
    /// The server that takes it.
    pub smtp: Option<Smtp>,
    /// Pause after a delivery that failed; twice as long after each further one.
    pub retry: Duration,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            after: Duration::from_secs(10),
            clear: Duration::from_secs(60),
            window: Duration::from_secs(300),
            fault_percent: 10,
            least_calls: 20,
            latency: None,
            latency_percent: 80,
            pool_timeouts: 5,
            refusals: 5,
            disk_free_percent: 5,
            disk_free_bytes: 0,
            webhook: None,
            webhook_secret: None,
            email_to: Vec::new(),
            email_from: None,
            smtp: None,
            retry: Duration::from_secs(5),
        }
    }
}

/// Where alerts are posted. Many such addresses have a secret in their path, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The address.
    pub url: Secret,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// It begins with TLS.
    Wrapped,
    /// It turns to TLS before anything is said, or is given up.
    StartTls,
    /// Not at all.
    None,
}

/// The server that takes mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// Whom to log in as, with the password.
    pub login: Option<(String, Secret)>,
}

impl Webhook {
    fn parse(text: &str) -> Result<Self, String> {
        let expected = || "expected http://HOST[:PORT]/PATH or https://…, without a user".to_owned();
        let uri: Uri = text.parse().map_err(|_| expected())?;
        let default = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(expected()),
        };
        let Some(Place { login: None, host, port }) = Place::of(&uri) else { return Err(expected()) };
        Ok(Self { url: Secret::new(text), host, port: port.unwrap_or(default) })
    }
}

impl Smtp {
    fn parse(text: &str) -> Result<Self, String> {
        let expected = || "expected smtp://[USER:PASSWORD@]HOST[:PORT][?tls=none] or smtps://…".to_owned();
        let uri: Uri = text.parse().map_err(|_| expected())?;
        let Place { login, host, port } = Place::of(&uri).ok_or_else(expected)?;
        if !matches!(uri.path(), "" | "/") {
            return Err(expected());
        }
        let tls = match (uri.scheme_str(), uri.query()) {
            (Some("smtps"), None) => SmtpTls::Wrapped,
            (Some("smtp"), Some("tls=none")) => SmtpTls::None,
            (Some("smtp"), None) if is_loopback(&host) => SmtpTls::None,
            (Some("smtp"), None) => SmtpTls::StartTls,
            _ => return Err(expected()),
        };
        let default = match tls {
            SmtpTls::Wrapped => 465,
            SmtpTls::StartTls => 587,
            SmtpTls::None => 25,
        };
        let login = match login {
            None => None,
            Some(login) => {
                let (user, password) = login.split_once(':').ok_or_else(expected)?;
                let decoded =
                    |text: &str| percent_decode_str(text).decode_utf8().map(|text| text.into_owned());
                let user = decoded(user).map_err(|_| expected())?;
                Some((user, Secret::new(decoded(password).map_err(|_| expected())?)))
            }
        };
        // Whoever listens would read it.
        if login.is_some() && tls == SmtpTls::None && !is_loopback(&host) {
            return Err("a password is not sent without TLS; leave ?tls=none out, or the user".to_owned());
        }
        Ok(Self { port: port.unwrap_or(default), host, tls, login })
    }
}

/// What stands between the slashes.
pub(super) struct Place<'a> {
    pub(super) login: Option<&'a str>,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl<'a> Place<'a> {
    pub(super) fn of(uri: &'a Uri) -> Option<Self> {
        let authority = uri.authority()?;
        let (login, rest) = match authority.as_str().rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, authority.as_str()),
        };
        let (host, port) = (authority.host(), authority.port_u16());
        // What is no port would otherwise be passed over.
        let whole = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        if host.is_empty() || whole != rest || port == Some(0) {
            return None;
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Self { login, host: bare.to_owned(), port })
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl AlertSettings {
    /// What is missing for others to make sense.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.email_to.is_empty() {
            if self.smtp.is_none() {
                problems
                    .push("alert_email_to: smtp_url is missing, the server that takes the mail".to_owned());
            }
            if self.email_from.is_none() {
                problems.push("alert_email_to: alert_email_from is missing, who sends the mail".to_owned());
            }
        }
        if self.webhook_secret.is_some() && self.webhook.is_none() {
            problems.push("alert_webhook_secret: alert_webhook_url is missing".to_owned());
        }
        problems
    }
}

/// Settings that are not repeated in messages.
pub(super) fn is_secret(key: &str) -> bool {
    matches!(key, "alert_webhook_url" | "alert_webhook_secret" | "smtp_url")
}

pub(super) fn setter(key: &str) -> Option<Setter> {
    Some(match key {
        "alerts" => |config, value| flag(value).map(|on| config.alerts.enabled = on),
        "alert_after_ms" => |config, value| milliseconds(value).map(|time| config.alerts.after = time),
        "alert_clear_ms" => |config, value| milliseconds(value).map(|time| config.alerts.clear = time),
        "alert_retry_ms" => |config, value| milliseconds(value).map(|time| config.alerts.retry = time),
        "alert_window_s" => |config, value| {
            number(value, 1, 86_400).map(|time| config.alerts.window = Duration::from_secs(time))
        },
        "alert_fault_percent" => {
            |config, value| number(value, 0, 100).map(|percent| config.alerts.fault_percent = percent)
        }
        "alert_least_calls" => {
            |config, value| number(value, 1, 1_000_000).map(|calls| config.alerts.least_calls = calls)
        }
        "alert_latency_ms" => {
            |config, value| milliseconds(value).map(|time| config.alerts.latency = Some(time))
        }
        "alert_latency_percent" => {
            |config, value| number(value, 0, 1_000).map(|percent| config.alerts.latency_percent = percent)
        }
        "alert_pool_timeouts" => {
            |config, value| number(value, 0, 1_000_000).map(|times| config.alerts.pool_timeouts = times)
        }
        "alert_refusals" => {
            |config, value| number(value, 0, 1_000_000).map(|times| config.alerts.refusals = times)
        }
        "alert_disk_free_percent" => {
            |config, value| number(value, 0, 100).map(|percent| config.alerts.disk_free_percent = percent)
        }
        "alert_disk_free_bytes" => {
            |config, value| number(value, 0, u64::MAX).map(|bytes| config.alerts.disk_free_bytes = bytes)
        }
        "alert_webhook_url" => {
            |config, value| Webhook::parse(value).map(|webhook| config.alerts.webhook = Some(webhook))
        }
        "alert_webhook_secret" => set_webhook_secret,
        "alert_email_to" => set_email_to,
        "alert_email_from" => set_email_from,
        "smtp_url" => |config, value| Smtp::parse(value).map(|smtp| config.alerts.smtp = Some(smtp)),
        _ => return None,
    })
}

/// From a hundredth of a second to a day.
fn milliseconds(value: &str) -> Result<Duration, String> {
    Ok(Duration::from_millis(number(value, 10, 86_400_000)?))
}

/// Shorter ones could be guessed by whoever has a signed alert.
const LEAST_SECRET: usize = 16;

fn set_webhook_secret(config: &mut Config, value: &str) -> Result<(), String> {
    if value.chars().count() < LEAST_SECRET {
        return Err(format!("expected a secret of at least {LEAST_SECRET} characters"));
    }
    config.alerts.webhook_secret = Some(Secret::new(value));
    Ok(())
}

fn set_email_to(config: &mut Config, value: &str) -> Result<(), String> {
    let parsed: Mailboxes =
        value.parse().map_err(|_| "expected addresses separated by commas, such as ops@example.com")?;
    config.alerts.email_to = parsed.into_iter().collect();
    Ok(())
}

fn set_email_from(config: &mut Config, value: &str) -> Result<(), String> {
    let parsed = value.parse().map_err(|_| "expected an address such as pagoda@example.com")?;
    config.alerts.email_from = Some(parsed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::{Smtp, SmtpTls, Webhook};
    use proptest::prelude::*;

    #[test]
    fn mail_servers() {
        let parsed = |text: &str| {
            let smtp = Smtp::parse(text).unwrap();
            (smtp.host, smtp.port, smtp.tls, smtp.login.map(|(user, word)| (user, word.expose().to_owned())))
        };
        let login = |user: &str, word: &str| Some((user.to_owned(), word.to_owned()));
        assert_eq!(
            parsed("smtp://mail.example.com"),
            ("mail.example.com".into(), 587, SmtpTls::StartTls, None)
        );
        assert_eq!(
            parsed("smtps://me%40home:p%3A%2Fq@mail:1465/"),
            ("mail".into(), 1465, SmtpTls::Wrapped, login("me@home", "p:/q"))
        );
        assert_eq!(parsed("smtp://mail?tls=none"), ("mail".into(), 25, SmtpTls::None, None));
        assert_eq!(parsed("smtp://u:p@[::1]:2525"), ("::1".into(), 2525, SmtpTls::None, login("u", "p")));
        for bad in [
            "",
            "mail",
            "http://mail",
            "smtp://",
            "smtp://u@mail",
            "smtp://mail/x",
            "smtp://mail?tls=no",
            "smtps://mail?tls=none",
            "smtp://mail:x",
            "smtp://mail:0",
            "smtp://mail:70000",
        ] {
            assert!(Smtp::parse(bad).unwrap_err().starts_with("expected smtp://"), "{bad}");
        }
        assert!(Smtp::parse("smtp://u:p@mail?tls=none").unwrap_err().contains("without TLS"));
    }

    #[test]
    fn addresses_to_post_to() {
        let parsed = |text: &str| format!("{:?}", Webhook::parse(text).unwrap());
        assert_eq!(parsed("https://hooks.example.com/secret"), "hooks.example.com:443");
        assert_eq!(parsed("http://[::1]:81/"), "::1:81");
        for bad in ["", "hooks", "/x", "ftp://a/", "https://u:p@a/", "http://:80/", "http://a:b/"] {
            assert!(Webhook::parse(bad).unwrap_err().starts_with("expected http://"), "{bad}");
        }
    }

    #[test]
    fn settings_that_need_each_other() {
        let problems =
            load(&[("PAGODA_ALERT_EMAIL_TO", "Ops <ops@example.com>, b@example.com")]).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.starts_with("alert_email_to: ")), "{problems:?}");
        let problems = load(&[("PAGODA_ALERT_WEBHOOK_SECRET", "0123456789abcdef")]).unwrap_err();
        assert_eq!(problems, ["alert_webhook_secret: alert_webhook_url is missing"]);
        let config = load(&[
            ("PAGODA_ALERT_EMAIL_TO", "Ops <ops@example.com>, b@example.com"),
            ("PAGODA_ALERT_EMAIL_FROM", "pagoda@example.com"),
            ("PAGODA_SMTP_URL", "smtp://u:verysecret@mail"),
            ("PAGODA_ALERT_WEBHOOK_URL", "https://hooks.example.com/verysecret"),
            ("PAGODA_ALERT_AFTER_MS", "20"),
        ]);
        let config = config.unwrap();
        assert_eq!((config.alerts.email_to.len(), config.alerts.after.as_millis()), (2, 20));
        assert!(!format!("{config:?}").contains("verysecret"));
    }

    #[test]
    fn secrets_are_not_repeated_and_mistakes_name_what_is_expected() {
        let problems = load(&[
            ("PAGODA_SMTP_URL", "smtp:/verysecret"),
            ("PAGODA_ALERT_WEBHOOK_URL", "verysecret"),
            ("PAGODA_ALERT_WEBHOOK_SECRET", "verysecret"),
            ("PAGODA_ALERT_EMAIL_FROM", "nobody"),
            ("PAGODA_ALERT_DISK_FREE_PERCENT", "101"),
        ]);
        let problems = problems.unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:?}");
        let repeats = |problem: &String| problem.contains("verysecret");
        assert!(
            problems.iter().all(|problem| problem.contains("expected") && !repeats(problem)),
            "{problems:?}"
        );
    }

    proptest! {
        #[test]
        fn reading_addresses_never_panics(text in "\\PC{0,40}", near in "smtps?://[a-z:%@0-9\\[\\]]{0,20}[/?a-z=]{0,9}") {
            for text in [text, near] {
                let _ = (Smtp::parse(&text), Webhook::parse(&text));
            }
        }
    }
}
