//! Connections to mail servers.

use crate::config::{Smtp, SmtpTls};
use anyhow::Context;
use lettre::SmtpTransport;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use std::time::Duration;

/// For each step of the conversation.
const LIMIT: Duration = Duration::from_secs(10);

/// The way to the mail server of the settings.
///
/// # Errors
/// There is no TLS for that server.
pub fn transport(smtp: &Smtp) -> anyhow::Result<SmtpTransport> {
    let parameters = || TlsParameters::new(smtp.host.clone()).context("smtp_url");
    let tls = match smtp.tls {
        SmtpTls::None => Tls::None,
        SmtpTls::StartTls => Tls::Required(parameters()?),
        SmtpTls::Wrapped => Tls::Wrapper(parameters()?),
    };
    // "Dangerous" is that it begins without TLS; what comes then is decided above.
    let mut builder = SmtpTransport::builder_dangerous(&smtp.host)
        .port(smtp.port)
        .tls(tls)
        .hello_name(ClientId::Domain(host_name()))
        .timeout(Some(LIMIT));
    if let Some((user, password)) = &smtp.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(builder.build())
}

/// The name of the machine.
#[must_use]
#[cfg(unix)]
pub fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

/// The name of the machine.
#[cfg(not(unix))]
pub fn host_name() -> String {
    "localhost".to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_machine_has_a_name() {
        assert!(!super::host_name().is_empty());
    }
}
