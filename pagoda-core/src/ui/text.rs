//! Numbers and times as people read them.

use pagoda_plugin_sdk::time::Timestamp;
use std::time::Duration;

/// A count, its thousands apart: `12,345`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of milliseconds with two or three digits: `3.4 µs`, `120 ms`, `2.5 s`.
pub(super) fn length(ms: f64) -> String {
    let digits = |value: f64, unit: &str| {
        let decimals = usize::from(value < 9.95);
        let text = format!("{value:.decimals$}");
        format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
    };
    if ms < 0.9995 {
        digits(ms * 1e3, "µs")
    } else if ms < 999.5 {
        digits(ms, "ms")
    } else {
        digits(ms / 1e3, "s")
    }
}

/// A length, or a dash where nothing was measured.
pub(super) fn length_or_dash(ms: Option<f64>) -> String {
    ms.map_or_else(|| "–".to_owned(), length)
}

/// A setting's length.
pub(super) fn setting(time: Duration) -> String {
    length(time.as_secs_f64() * 1e3)
}

/// A message as a sentence: `it is so` becomes `It is so.`
pub(super) fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let mut text: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    text.push_str(chars.as_str());
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

/// How far a moment is from now: `5 min ago`, `in 8 s`.
pub(super) fn distance(now: Timestamp, at: Timestamp) -> String {
    let micros = now.as_micros().saturating_sub(at.as_micros());
    let seconds = micros.unsigned_abs() / 1_000_000;
    let text = match seconds {
        0 => return if micros >= 0 { "just now" } else { "in a moment" }.to_owned(),
        1..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    if micros >= 0 { format!("{text} ago") } else { format!("in {text}") }
}

#[cfg(test)]
mod tests {
    use super::{count, distance, length, sentence};
    use pagoda_plugin_sdk::time::Timestamp;

    #[test]
    fn counts_have_their_thousands_apart() {
        let of = [0, 999, 1_000, 12_345, 1_234_567].map(count);
        assert_eq!(of, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn messages_become_sentences() {
        let of = ["it is so", "It is so.", "ächz!"].map(sentence);
        assert_eq!(of, ["It is so.", "It is so.", "Ächz!"]);
    }

    #[test]
    fn lengths_have_the_unit_that_fits() {
        let of = [0.0034, 0.25, 0.9999, 1.0, 9.96, 120.4, 999.7, 2_500.0, 60_000.0].map(length);
        assert_eq!(of, ["3.4 µs", "250 µs", "1 ms", "1 ms", "10 ms", "120 ms", "1 s", "2.5 s", "60 s"]);
    }

    #[test]
    fn distances_look_both_ways() {
        let from_now = |seconds: i64| {
            let now = Timestamp::from_micros(1_714_521_600_000_000);
            distance(now, Timestamp::from_micros(now.as_micros() + seconds * 1_000_000))
        };
        let of = [0, 8, -8, -119, -300, -7_200, -200_000].map(from_now);
        assert_eq!(of, ["just now", "in 8 s", "8 s ago", "119 s ago", "5 min ago", "2 h ago", "2 days ago"]);
    }
}
