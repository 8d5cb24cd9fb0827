//! Sends alerts by mail, over a connection of their own.

use super::delivery::Channel;
use super::notice::Notice;
use super::system;
use crate::config::{AlertSettings, Smtp, SmtpTls};
use anyhow::Context;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{SmtpTransport, Transport};
use std::time::Duration;

/// For each step of the conversation.
const LIMIT: Duration = Duration::from_secs(10);

pub(super) struct Mail {
    from: Mailbox,
    to: Vec<Mailbox>,
    transport: SmtpTransport,
}

impl Mail {
    /// None when nobody is to get mail.
    ///
    /// # Errors
    /// There is no TLS for that server.
    pub(super) fn new(settings: &AlertSettings) -> anyhow::Result<Option<Self>> {
        let AlertSettings { email_to, email_from, smtp, .. } = settings;
        let (Some(from), Some(smtp)) = (email_from, smtp) else { return Ok(None) };
        if email_to.is_empty() {
            return Ok(None);
        }
        let transport = transport(smtp).context("smtp_url")?;
        Ok(Some(Self { from: from.clone(), to: email_to.clone(), transport }))
    }

    fn message(&self, notice: &Notice) -> anyhow::Result<Message> {
        let domain = self.from.email.domain();
        let id = |id: String| format!("<pagoda-alert-{id}@{domain}>");
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(notice.title())
            .message_id(Some(id(format!("{}-{}", notice.id(), notice.at()))))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        // Mail programs show a recovery below its opening.
        if let Some(opening) = notice.id_of_opening() {
            builder = builder.in_reply_to(id(format!("{opening}-{}", notice.opened_at())));
        }
        Ok(builder.body(notice.text())?)
    }
}

fn transport(smtp: &Smtp) -> anyhow::Result<SmtpTransport> {
    let parameters = || TlsParameters::new(smtp.host.clone());
    let tls = match smtp.tls {
        SmtpTls::None => Tls::None,
        SmtpTls::StartTls => Tls::Required(parameters()?),
        SmtpTls::Wrapped => Tls::Wrapper(parameters()?),
    };
    // "Dangerous" is that it begins without TLS; what comes then is decided above.
    let mut builder = SmtpTransport::builder_dangerous(&smtp.host)
        .port(smtp.port)
        .tls(tls)
        .hello_name(ClientId::Domain(system::host_name()))
        .timeout(Some(LIMIT));
    if let Some((user, password)) = &smtp.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(builder.build())
}

impl Channel for Mail {
    fn name(&self) -> &'static str {
        "email"
    }

    fn tell(&self, notice: &Notice) -> anyhow::Result<()> {
        self.transport.send(&self.message(notice)?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::notice::Notice;
    use super::super::notice::tests::row;
    use super::Mail;
    use crate::config::{AlertSettings, Config, Flags};
    use crate::store::rows::Stage;

    fn settings(smtp: &str) -> AlertSettings {
        let variables = [
            ("PAGODA_ALERT_EMAIL_TO", "Ops <ops@example.com>, second@example.com"),
            ("PAGODA_ALERT_EMAIL_FROM", "pagoda@example.com"),
            ("PAGODA_SMTP_URL", smtp),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Config::load(&Flags::default(), variables).unwrap().alerts
    }

    #[test]
    fn recoveries_answer_their_openings() {
        let mail = Mail::new(&settings("smtp://127.0.0.1")).unwrap().unwrap();
        let sent = |stage| {
            let message = mail.message(&Notice::of(&row(), stage)).unwrap().formatted();
            String::from_utf8(message).unwrap()
        };
        let (opened, recovered) = (sent(Stage::Opening), sent(Stage::Opened));
        let line = |text: &str, name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)).map(|line| line.trim().to_owned())
        };
        assert_eq!(line(&opened, "Subject:").as_deref(), Some("[pagoda] alert: breaker_open p"));
        assert_eq!(line(&recovered, "Subject:").as_deref(), Some("[pagoda] recovered: breaker_open p"));
        assert_eq!(line(&recovered, "In-Reply-To:"), line(&opened, "Message-ID:"));
        assert!(line(&opened, "To:").unwrap().contains("second@example.com"), "{opened}");
        // What is in the sentence stays in the text.
        assert_eq!(opened.matches("Subject:").count(), 2, "{opened}");
        assert!(opened.find("\r\n\r\n").unwrap() < opened.rfind("Subject:").unwrap(), "{opened}");
    }

    #[test]
    fn every_kind_of_protection_can_be_had() {
        for smtp in [
            "smtp://mail.example.com",
            "smtps://u:p@mail.example.com",
            "smtp://10.0.0.1",
            "smtp://m?tls=none",
        ] {
            assert!(Mail::new(&settings(smtp)).unwrap().is_some(), "{smtp}");
        }
    }
}
