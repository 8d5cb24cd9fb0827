//! Sends letters one after the other, on a thread of its own.
//!
//! The queue is in memory: a letter that waits when the process ends is lost, and whoever waits for it asks again.
//! More letters than fit are dropped and counted, so that neither requests nor memory pay for a mail server that is
//! slow.

use super::smtp;
use super::{Letter, Mailer};
use crate::config::MailSettings;
use anyhow::Context;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{SmtpTransport, Transport};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

/// Letters that wait at most.
const MOST_WAITING: usize = 100;

/// What became of letters so far.
#[derive(Debug, Default)]
pub struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    /// How many, by outcome.
    #[must_use]
    pub fn outcomes(&self) -> [(&'static str, u64); 3] {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [("sent", of(&self.sent)), ("failed", of(&self.failed)), ("dropped", of(&self.dropped))]
    }
}

/// The way on which letters leave.
enum Way {
    Smtp(Box<SmtpTransport>),
    Directory(PathBuf),
    /// Nothing is set up: whoever reads the log is the postman.
    Log,
}

/// A server's mailer; its thread ends with it.
#[derive(Debug)]
pub struct Postman {
    queue: SyncSender<Letter>,
    counts: Arc<Counts>,
}

impl Postman {
    /// A postman for these settings, with its thread.
    ///
    /// # Errors
    /// There is no TLS for the mail server, the directory cannot be made, or no thread.
    pub fn start(settings: MailSettings<'_>) -> anyhow::Result<Self> {
        let way = match (settings.smtp, settings.directory) {
            (Some(server), _) => Way::Smtp(Box::new(smtp::transport(server)?)),
            (None, Some(directory)) => {
                std::fs::create_dir_all(directory)
                    .with_context(|| format!("mail_directory {}", directory.display()))?;
                Way::Directory(directory.to_owned())
            }
            (None, None) => Way::Log,
        };
        let from = match settings.from {
            Some(from) => from.clone(),
            None => "Pagoda <pagoda@localhost>".parse()?,
        };
        let (queue, letters) = sync_channel::<Letter>(MOST_WAITING);
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        std::thread::Builder::new().name("pagoda-mail".to_owned()).spawn(move || {
            for letter in letters {
                match send(&way, &from, &letter) {
                    Ok(()) => counted.sent.fetch_add(1, Ordering::Relaxed),
                    Err(error) => {
                        tracing::error!("the mail \"{}\" was not sent: {error:#}", letter.subject);
                        counted.failed.fetch_add(1, Ordering::Relaxed)
                    }
                };
            }
        })?;
        Ok(Self { queue, counts })
    }

    /// What became of letters so far.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}

impl Mailer for Postman {
    fn post(&self, letter: Letter) {
        if let Err(TrySendError::Full(letter) | TrySendError::Disconnected(letter)) =
            self.queue.try_send(letter)
        {
            tracing::error!("the mail \"{}\" was not sent: too many wait", letter.subject);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn send(way: &Way, from: &Mailbox, letter: &Letter) -> anyhow::Result<()> {
    let message = message(from, letter)?;
    match way {
        Way::Smtp(transport) => {
            transport.send(&message)?;
        }
        Way::Directory(directory) => store(directory, &message)?,
        Way::Log => tracing::warn!(
            "neither smtp_url nor mail_directory is set; mail to {}: {}",
            letter.to,
            letter.text
        ),
    }
    Ok(())
}

fn message(from: &Mailbox, letter: &Letter) -> anyhow::Result<Message> {
    let to: Mailbox = letter.to.parse().context("the address of the user")?;
    let builder = Message::builder().from(from.clone()).to(to).subject(&letter.subject);
    // A domain of its own, or the library would look for the name of the machine.
    let id = format!("<{}@{}>", uuid::Uuid::new_v4(), from.email.domain());
    Ok(builder.message_id(Some(id)).header(ContentType::TEXT_PLAIN).body(letter.text.clone())?)
}

/// Writes a file that appears when it is whole.
fn store(directory: &Path, message: &Message) -> anyhow::Result<()> {
    let name = uuid::Uuid::new_v4();
    let (part, whole) = (directory.join(format!("{name}.part")), directory.join(format!("{name}.eml")));
    std::fs::write(&part, message.formatted()).with_context(|| format!("{}", part.display()))?;
    std::fs::rename(&part, &whole).with_context(|| format!("{}", whole.display()))
}

#[cfg(test)]
mod tests {
    use super::{Letter, MOST_WAITING, MailSettings, Mailer, Postman};
    use std::time::{Duration, Instant};

    fn letter(to: &str) -> Letter {
        Letter { to: to.to_owned(), subject: "A subject".to_owned(), text: "secret text".to_owned() }
    }

    fn wait(postman: &Postman, which: usize, count: u64) {
        let begun = Instant::now();
        while postman.counts().outcomes()[which].1 < count {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", postman.counts());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn letters_become_files_and_bad_addresses_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let mail = directory.path().join("mail");
        let settings = MailSettings { smtp: None, directory: Some(&mail), from: None };
        let postman = Postman::start(settings).unwrap();
        postman.post(letter("no address"));
        postman.post(letter("a@example.com"));
        wait(&postman, 0, 1);
        wait(&postman, 1, 1);
        let files: Vec<_> = std::fs::read_dir(&mail).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(&files[0]).unwrap();
        assert!(text.contains("To: a@example.com") && text.contains("secret text"), "{text}");
    }

    #[test]
    fn a_slow_server_stops_nobody_and_what_does_not_fit_is_counted() {
        // It takes connections and says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let smtp = crate::config::Smtp {
            host: "127.0.0.1".to_owned(),
            port: silent.local_addr().unwrap().port(),
            tls: crate::config::SmtpTls::None,
            login: None,
        };
        let postman =
            Postman::start(MailSettings { smtp: Some(&smtp), directory: None, from: None }).unwrap();
        let begun = Instant::now();
        for _ in 0..MOST_WAITING + 10 {
            postman.post(letter("a@example.com"));
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert!(postman.counts().outcomes()[2].1 >= 9, "{:?}", postman.counts());
    }

    #[test]
    fn a_letter_in_a_log_line_keeps_its_text() {
        assert!(!format!("{:?}", letter("a@example.com")).contains("secret text"));
    }
}
