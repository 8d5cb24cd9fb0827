//! Times as people write them in filters.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use pagoda_plugin_sdk::time::Timestamp;

/// A time such as `2026-01-31T12:00:00Z` or `2026-01-31T12:00:00+09:00`, or a day, which begins at midnight UTC.
///
/// # Errors
/// It is neither; says what is expected.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    // In a query an unescaped plus is a blank.
    let text = text.trim().replace(' ', "+");
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_micros(time.as_microsecond()));
    }
    let day = text.parse::<Date>().ok().filter(|_| text.len() == 10);
    match day.map(|day| day.to_zoned(TimeZone::UTC)) {
        Some(Ok(midnight)) => Ok(Timestamp::from_micros(midnight.timestamp().as_microsecond())),
        _ => Err("expected a time such as 2026-01-31T12:00:00Z, or a day such as 2026-01-31".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_time;

    #[test]
    fn times_and_days() {
        let of = |text: &str| parse_time(text).map(|time| time.utc_iso());
        assert_eq!(of("2026-01-31").unwrap(), "2026-01-31T00:00:00.000000+00:00");
        assert_eq!(of("2026-01-31T09:00:00.000001+09:00").unwrap(), "2026-01-31T00:00:00.000001+00:00");
        assert_eq!(of("2026-01-31T09:00:00 09:00").unwrap(), "2026-01-31T00:00:00.000000+00:00");
        assert_eq!(of("2026-01-31T12:00:00Z").unwrap(), "2026-01-31T12:00:00.000000+00:00");
        for wrong in ["", "yesterday", "2026-02-30", "2026-01-31T12:00:00", "1700000000"] {
            assert!(of(wrong).unwrap_err().contains("2026-01-31T12:00:00Z"), "{wrong}");
        }
    }
}
