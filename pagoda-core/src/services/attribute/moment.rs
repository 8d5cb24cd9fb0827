//! Days and points in time. Stored as text in one form, so that equal ones are equal.

use super::{Content, Shown, Stored, Surface, ValueError, ValueType, text_or_null};
use crate::services::ctx::OpCtx;
use crate::store::rows::EntityAttrRow;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{SignedDuration, civil};
use pagoda_plugin_sdk::time::Zone;
use serde_json::Value;

/// Type date (32).
pub(super) struct Date;

/// Type datetime (128).
pub(super) struct Datetime;

/// What counts as no value: everything that Python takes for false. *Source: spec, attribute-types §2.*
fn is_falsy(input: &Value) -> bool {
    match input {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// `YYYY-M-D`, zeros optional.
fn day(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let mut number = |least: usize, most: usize| -> Option<i16> {
        let part = parts.next()?;
        let fits = (least..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| fits)
    };
    let (year, month, day) = (number(4, 4)?, number(1, 2)?, number(1, 2)?);
    if parts.next().is_some() || year < 1 {
        return None;
    }
    let date = civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some(date.to_string())
}

/// ISO 8601, in UTC; what says no offset is meant in the server's zone.
fn moment(text: &str, zone: &Zone) -> Option<String> {
    let pieces = Pieces::parse(text).ok()?;
    let in_words = pieces.time_zone_annotation().is_some();
    let utc = match (pieces.to_numeric_offset(), pieces.time()) {
        _ if in_words => None,
        // Reckoned as days and hours, not as a moment: the last day that can be written, which many take for "for ever", is
        // beyond the moments that a clock counts.
        (Some(offset), Some(time)) => pieces
            .date()
            .to_datetime(time)
            .checked_sub(SignedDuration::from_secs(i64::from(offset.seconds())))
            .ok(),
        (Some(_), None) => None,
        (None, _) => {
            let time = jiff::Timestamp::from_microsecond(zone.parse(text)?.as_micros()).ok()?;
            Some(Offset::UTC.to_datetime(time))
        }
    };
    let utc = utc.filter(|utc| (1..=9999).contains(&utc.year()))?;
    let text = utc.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let micros = utc.subsec_nanosecond() / 1_000;
    Some(if micros == 0 { format!("{text}Z") } else { format!("{text}.{micros:06}Z") })
}

impl ValueType for Date {
    fn read(&self, _: &mut OpCtx, _: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        let text = match input {
            input if is_falsy(input) => String::new(),
            Value::String(text) => {
                day(text).ok_or_else(|| ValueError::invalid("expected a day as YYYY-MM-DD"))?
            }
            _ => return Err(ValueError::invalid("expected a day as YYYY-MM-DD")),
        };
        Ok(Content { text, ..Content::default() })
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.text.is_empty()
    }

    fn differs(&self, old: &Content, new: &Content) -> bool {
        old.text != new.text
    }

    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, _: Surface) -> Shown {
        Shown::Text(stored.row.text_value.clone())
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        text_or_null(&stored.row.text_value)
    }

    fn show_blank(&self) -> Shown {
        Shown::Text(String::new())
    }
}

impl ValueType for Datetime {
    fn read(&self, op: &mut OpCtx, _: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        let refused = || ValueError::invalid("expected a time as 2024-01-31T12:00:00Z");
        let text = match input {
            Value::Null => String::new(),
            Value::String(text) if text.is_empty() => String::new(),
            Value::String(text) => moment(text, &op.host.zone).ok_or_else(refused)?,
            _ => return Err(refused()),
        };
        Ok(Content { text, ..Content::default() })
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.text.is_empty()
    }

    fn differs(&self, old: &Content, new: &Content) -> bool {
        old.text != new.text
    }

    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, on: Surface) -> Shown {
        let text = &stored.row.text_value;
        Shown::Text(match (on, text.strip_suffix('Z')) {
            (Surface::History | Surface::Search, Some(bare)) => format!("{bare}+00:00"),
            _ => text.clone(),
        })
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        text_or_null(&stored.row.text_value)
    }

    fn show_blank(&self) -> Shown {
        Shown::Text(String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::{day, moment};
    use pagoda_plugin_sdk::time::Zone;
    use proptest::prelude::*;

    #[test]
    fn days() {
        for (text, stored) in
            [("2024-02-01", "2024-02-01"), ("2024-2-1", "2024-02-01"), ("0001-1-1", "0001-01-01")]
        {
            assert_eq!(day(text).as_deref(), Some(stored), "{text}");
        }
        for text in [
            "2024/02/01",
            "24-02-01",
            "2024-02-30",
            "2024-13-1",
            "2024-2",
            "2024-2-1-1",
            "2024-2- 1",
            "x",
            "2024-002-1",
            "0000-1-1",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn moments() {
        let tokyo = Zone::named("Asia/Tokyo").unwrap();
        for (text, stored) in [
            ("2024-02-01T00:00:00Z", "2024-02-01T00:00:00Z"),
            ("2024-02-01T09:00:00+09:00", "2024-02-01T00:00:00Z"),
            ("2024-02-01T09:00:00", "2024-02-01T00:00:00Z"),
            ("2024-02-01", "2024-01-31T15:00:00Z"),
            ("20240201T090000", "2024-02-01T00:00:00Z"),
            ("20240201T000000Z", "2024-02-01T00:00:00Z"),
            ("2024-02-01 09:00", "2024-02-01T00:00:00Z"),
            ("2024-02-01T00:00:00.25Z", "2024-02-01T00:00:00.250000Z"),
        ] {
            assert_eq!(moment(text, &tokyo).as_deref(), Some(stored), "{text}");
        }
        for text in ["x", "2024", "2024-02-30T00:00:00Z", "12:00", "2024-02-01T25:00:00", "2024-02-01Z"] {
            assert_eq!(moment(text, &tokyo), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_goes_in_again(year in 1_i16..9999, month in 1_i8..13, date in 1_i8..29, second in 0_u32..86_400) {
            let text = format!("{year:04}-{month:02}-{date:02}");
            prop_assert_eq!(day(&text), Some(text.clone()));
            let time = format!("{text}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
            prop_assert_eq!(moment(&time, &Zone::utc()), Some(time));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}", near in "[0-9TZ:+. -]{0,30}") {
            for text in [text, near] {
                let _ = (day(&text), moment(&text, &Zone::utc()));
            }
        }
    }
}
