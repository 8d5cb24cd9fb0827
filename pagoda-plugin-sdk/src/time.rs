//! Points in time, and the forms in which the wire shows them.

use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time: microseconds since 1970-01-01T00:00:00Z, as the database stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The current time of the machine.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// ISO 8601 in UTC with microseconds and `+00:00`: `2026-05-01T01:02:03.000004+00:00`.
    /// *Source: spec, time formats; users' `date_joined`, the sample plugin's `created_time`.*
    #[must_use]
    pub fn utc_iso(self) -> String {
        Zone::utc().format(self, "%Y-%m-%dT%H:%M:%S.%6f+00:00")
    }
}

impl Serialize for Timestamp {
    /// As [`Timestamp::utc_iso`].
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.utc_iso())
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// The time zone in which a server shows most of its times.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    #[must_use]
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// A zone of the IANA database, such as `Asia/Tokyo`; the database is part of the binary.
    ///
    /// # Errors
    /// The name is not in the database.
    pub fn named(name: &str) -> Result<Self, String> {
        TimeZone::get(name)
            .map(Self)
            .map_err(|_| format!("`{name}` is not a time zone of the IANA database, such as `Asia/Tokyo`"))
    }

    /// ISO 8601 with microseconds and offset: `2026-05-01T10:02:03.000004+09:00`.
    #[must_use]
    pub fn iso(&self, time: Timestamp) -> String {
        self.format(time, "%Y-%m-%dT%H:%M:%S.%6f%:z")
    }

    /// ISO 8601 with microseconds and without zone: `2026-05-01T10:02:03.000004`.
    #[must_use]
    pub fn local_iso(&self, time: Timestamp) -> String {
        self.format(time, "%Y-%m-%dT%H:%M:%S.%6f")
    }

    /// Reads ISO 8601: with `Z` or an offset, or without, which is meant in this zone; a day alone is its midnight.
    /// `None` for everything else.
    #[must_use]
    pub fn parse(&self, text: &str) -> Option<Timestamp> {
        let time = match text.parse::<jiff::Timestamp>() {
            Ok(time) => time,
            // With an offset and yet no moment: read as a local time the offset would be ignored.
            Err(_)
                if text.ends_with(['z', 'Z']) || text.get(10..).is_some_and(|t| t.contains(['+', '-'])) =>
            {
                return None;
            }
            Err(_) => {
                let local: jiff::civil::DateTime = text.parse().ok()?;
                local.to_zoned(self.0.clone()).ok()?.timestamp()
            }
        };
        Some(Timestamp(time.as_microsecond()))
    }

    /// With the directives of `strftime`.
    #[must_use]
    pub fn format(&self, time: Timestamp, directives: &str) -> String {
        let time = jiff::Timestamp::from_microsecond(time.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        time.to_zoned(self.0.clone()).strftime(directives).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, Zone};

    #[test]
    fn the_forms_of_the_wire() {
        let time = Timestamp::from_micros(1_714_521_600_000_004);
        assert_eq!(time.utc_iso(), "2024-05-01T00:00:00.000004+00:00");
        let tokyo = Zone::named("Asia/Tokyo").unwrap();
        assert_eq!(tokyo.iso(time), "2024-05-01T09:00:00.000004+09:00");
        assert_eq!(tokyo.local_iso(time), "2024-05-01T09:00:00.000004");
        for text in
            ["2024-05-01T00:00:00Z", "2024-05-01T09:00:00+09:00", "2024-05-01T09:00", "20240501T090000"]
        {
            assert_eq!(tokyo.parse(text), Some(Timestamp::from_micros(1_714_521_600_000_000)), "{text}");
        }
        assert_eq!(tokyo.parse("2024-05-01"), Some(Timestamp::from_micros(1_714_489_200_000_000)));
        for text in ["", "x", "2024-05-32", "2024-05-01Z", "2024-05-01T25:00", "2024-05-01+09:00"] {
            assert_eq!(tokyo.parse(text), None, "{text}");
        }
        assert!(Zone::named("Mars/Olympus").unwrap_err().contains("Mars/Olympus"));
    }
}
