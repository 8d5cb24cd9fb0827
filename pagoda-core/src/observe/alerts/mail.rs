//! Sends alerts by mail, over a connection of their own.

use super::delivery::Channel;
use super::notice::Notice;
use crate::config::AlertSettings;
use crate::mail::smtp;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{SmtpTransport, Transport};

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
        let AlertSettings { email_to, email_from, smtp: server, .. } = settings;
        let (Some(from), Some(server)) = (email_from, server) else { return Ok(None) };
        if email_to.is_empty() {
            return Ok(None);
        }
        let transport = smtp::transport(server)?;
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
