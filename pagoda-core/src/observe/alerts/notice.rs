//! What is told: the opening of an incident, or the recovery from it.

use crate::store::rows::{AlertRow, Stage};
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// Something to tell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Notice {
    row: AlertRow,
    recovered: bool,
}

impl Notice {
    /// What comes after `stage`: after an opening that was told, the recovery.
    pub(super) fn of(row: &AlertRow, stage: Stage) -> Self {
        Self { row: row.clone(), recovered: stage != Stage::Opening }
    }

    /// When it came to it.
    pub(super) fn at(&self) -> i64 {
        if self.recovered { self.row.closed_at.unwrap_or(self.row.opened_at) } else { self.row.opened_at }
    }

    /// When the incident began.
    pub(super) fn opened_at(&self) -> i64 {
        self.row.opened_at
    }

    /// Tells it apart from all others; the same when it is told twice.
    pub(super) fn id(&self) -> String {
        format!("{}-{}", self.row.id, self.state())
    }

    /// What it is an answer to.
    pub(super) fn id_of_opening(&self) -> Option<String> {
        self.recovered.then(|| format!("{}-opened", self.row.id))
    }

    /// `opened` or `recovered`.
    pub(super) fn state(&self) -> &'static str {
        if self.recovered { "recovered" } else { "opened" }
    }

    /// For a webhook.
    pub(super) fn json(&self, now: Timestamp) -> Value {
        let row = &self.row;
        let time = |at: i64| Timestamp::from_micros(at).utc_iso();
        json!({
            "id": row.id,
            "state": self.state(),
            "kind": row.kind,
            "subject": row.subject,
            "sentence": row.sentence,
            "value": row.value,
            "threshold": row.threshold,
            "instance": row.instance,
            "opened_at": time(row.opened_at),
            "recovered_at": row.closed_at.filter(|_| self.recovered).map(time),
            "recovered_because": row.closed_because.as_ref().filter(|_| self.recovered),
            "sent_at": now.utc_iso(),
        })
    }

    /// One line: the subject of a mail.
    pub(super) fn title(&self) -> String {
        let word = if self.recovered { "recovered" } else { "alert" };
        one_line(&format!("[pagoda] {word}: {} {}", self.row.kind, self.row.subject))
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let row = &self.row;
        let time = |at: i64| Timestamp::from_micros(at).utc_iso();
        let mut text = String::new();
        if let Some(over) = row.closed_at.filter(|_| self.recovered) {
            let lasted = Duration::from_micros(u64::try_from(over - row.opened_at).unwrap_or(0));
            let because = row.closed_because.as_deref().unwrap_or("it is well again");
            text.push_str(&format!("Over after {} s: {because}.\n\nIt was: ", lasted.as_secs()));
        }
        text.push_str(&format!("{}\n\nkind: {}\nsubject: {}\n", row.sentence, row.kind, row.subject));
        if let (Some(value), Some(threshold)) = (row.value, row.threshold) {
            text.push_str(&format!("measured: {value:.1}, threshold: {threshold:.1}\n"));
        }
        text.push_str(&format!("instance: {}\nsince: {}\n", row.instance, time(row.opened_at)));
        if let Some(over) = row.closed_at.filter(|_| self.recovered) {
            text.push_str(&format!("until: {}\n", time(over)));
        }
        text.push_str("\nWhat it means and what to do is in docs/operations.md, \"Alerts\".\n");
        text
    }

    /// Tells it in the log.
    pub(super) fn log(&self) {
        let AlertRow { id, kind, subject, instance, sentence, .. } = &self.row;
        let sentence = one_line(sentence);
        if self.recovered {
            let because = self.row.closed_because.as_deref().unwrap_or("it is well again");
            tracing::info!(
                target: "pagoda::alert", incident = id, state = "recovered", kind, subject, instance,
                "recovered: {because}; it was: {sentence}"
            );
        } else {
            tracing::warn!(
                target: "pagoda::alert", incident = id, state = "opened", kind, subject, instance,
                "alert: {sentence}"
            );
        }
    }
}

/// A plugin's own words may be in it, and they are not to look like lines of ours.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::Notice;
    use crate::store::rows::{AlertRow, Stage};
    use pagoda_plugin_sdk::time::Timestamp;

    pub(in super::super) fn row() -> AlertRow {
        AlertRow {
            id: 7,
            key: "breaker_open p".to_owned(),
            kind: "breaker_open".to_owned(),
            subject: "p".to_owned(),
            instance: "here:80".to_owned(),
            sentence: "the breaker is open:\r\nSubject: x".to_owned(),
            value: Some(12.0),
            threshold: Some(10.0),
            opened_at: 1_000_000,
            seen_at: 1_000_000,
            clear_after: 0,
            closed_at: Some(63_000_000),
            closed_because: None,
        }
    }

    #[test]
    fn an_opening_that_is_told_late_is_still_an_opening() {
        let opened = Notice::of(&row(), Stage::Opening);
        let json = opened.json(Timestamp::from_micros(0));
        assert_eq!((json["state"].as_str(), json["recovered_at"].as_str()), (Some("opened"), None));
        assert_eq!((opened.id(), opened.id_of_opening(), opened.at()), ("7-opened".into(), None, 1_000_000));
        assert!(!opened.text().contains("Over"), "{}", opened.text());
        let recovered = Notice::of(&row(), Stage::Opened);
        let json = recovered.json(Timestamp::from_micros(0));
        assert_eq!(json["state"], "recovered");
        assert_eq!(json["recovered_at"], "1970-01-01T00:01:03.000000+00:00");
        assert_eq!((recovered.id(), recovered.at()), ("7-recovered".into(), 63_000_000));
        assert_eq!(recovered.id_of_opening().as_deref(), Some("7-opened"));
        assert!(recovered.text().starts_with("Over after 62 s: it is well again."), "{}", recovered.text());
    }

    #[test]
    fn titles_are_one_line() {
        let mut row = row();
        row.subject = "p: a\r\nBcc: everybody\u{7}@example.com".to_owned();
        let title = Notice::of(&row, Stage::Opening).title();
        assert_eq!(title, "[pagoda] alert: breaker_open p: a Bcc: everybody @example.com");
    }
}
