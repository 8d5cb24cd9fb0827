//! What a user did to entries and their values, as far as whoever asks may see it. *Source: spec, auth-user §4.11.*

use super::require_active;
use crate::services::acl::{self, Subject};
use crate::services::attribute::Surface;
use crate::services::ctx::OpCtx;
use crate::services::entry::{show_versions, shown_json};
use crate::services::error::OpError;
use crate::store::queries::activity::{self as records, Span};
use crate::store::queries::{user as users, value as values};
use crate::store::rows::{AttrValueRow, EntityAttrRow, EntityRow, EntryRow, WrittenRow};
use pagoda_plugin_sdk::model::Level;
use pagoda_plugin_sdk::time::{Timestamp, Zone};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Records of each kind that are looked at where no time was asked for.
const NEWEST: i64 = 10;

/// Longest time between both ends, in microseconds.
const LONGEST: i64 = 60 * 86_400_000_000;

/// A year of 365 days, in microseconds.
const YEAR: i64 = 365 * 86_400_000_000;

/// When, what of one moment comes later, which id; and what is shown.
type Record = ((i64, u8, i64), Value);

/// From when to when: `since` is the later end, as the wire has it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Period {
    since: Option<i64>,
    to: Option<i64>,
    minutes: Option<i64>,
}

impl Period {
    /// Reads the parameters of a request; the first that is wrong is said, by its name.
    ///
    /// # Errors
    /// Which it is, and what is expected.
    pub fn read(
        since: Option<&str>,
        to: Option<&str>,
        minutes: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, (&'static str, &'static str)> {
        let read = |name, text: Option<&str>| match text {
            None => Ok(None),
            Some(text) => moment(text).map(Some).ok_or((name, "expected a time as 2024-01-31T12:00:00Z")),
        };
        let (since, to) = (read("since", since)?, read("to", to)?);
        if let Some(to) = to {
            let until = since.unwrap_or(now.as_micros());
            if to > until {
                return Err(("to", "it is later than since"));
            }
            if until.saturating_sub(to) >= LONGEST {
                return Err(("to", "it is 60 days or more before since"));
            }
        }
        let minutes = match minutes {
            None => None,
            Some(text) => {
                let minutes = text.trim().parse::<i64>().ok().filter(|minutes| *minutes > 0);
                Some(minutes.ok_or(("within_minutes", "expected a whole number above 0"))?)
            }
        };
        Ok(Self { since, to, minutes })
    }

    fn span(self, now: i64) -> Span {
        let until = self.since.unwrap_or(now);
        let from = match (self.to, self.minutes) {
            (Some(to), _) => Some(to),
            (None, Some(minutes)) => Some(until.saturating_sub(minutes.saturating_mul(60_000_000))),
            (None, None) => None,
        };
        let any = self.since.is_some() || from.is_some();
        Span { from, until: self.since, limit: (!any).then_some(NEWEST) }
    }
}

/// A moment of a query, in microseconds. What says no offset is meant in UTC; a `+` of an offset comes as a blank, and one
/// between day and time is none.
fn moment(text: &str) -> Option<i64> {
    let text = text.trim();
    let text = match text.split_at_checked(10).map(|(day, rest)| (day, rest.strip_prefix(' '))) {
        Some((day, Some(time))) => format!("{day}T{time}"),
        _ => text.to_owned(),
    };
    let text = text.replace(' ', "+");
    let parse = |text: &str| Zone::utc().parse(text).map(|time| time.as_micros());
    parse(&text).or_else(|| {
        // The last day that there is, which people write where they mean no end, is partly beyond what is parsed. Neither
        // of both years is a leap year.
        let year_before = parse(&format!("9998{}", text.strip_prefix("9999")?))?;
        Some(year_before + YEAR)
    })
}

/// What a user did, newest first: a constant number of statements. When is read once the user is found.
///
/// # Errors
/// There is no such user, `period` refuses, or the database does not answer.
pub fn activity(
    op: &mut OpCtx,
    id: i64,
    period: impl FnOnce(Timestamp) -> Result<Period, OpError>,
) -> Result<Vec<Value>, OpError> {
    require_active(op, id)?;
    let span = period(op.now)?.span(op.now.as_micros());
    let created = records::created(&mut op.db, id, span)?;
    let deleted = records::deleted(&mut op.db, id, span)?;
    let written = records::written(&mut op.db, id, span)?;
    let entries = created.iter().map(|(entry, entity)| Subject::entry(entry, entity));
    let subjects: Vec<Subject<'_>> = entries
        .chain(deleted.iter().map(|(_, entity)| Subject::from(entity)))
        .chain(written.iter().map(of_value))
        .collect();
    acl::look_ahead(op, subjects)?;

    // Of records of one moment the creation of an entry is older than its values, and later ids are newer.
    let mut found: Vec<Record> = Vec::new();
    for (entry, entity) in &created {
        if acl::allowed(op, &Subject::entry(entry, entity), Level::Readable)? {
            found.push((
                (entry.created_time, 0, entry.id),
                about_entry("create", entry, entity, entry.created_time),
            ));
        }
    }
    for (entry, entity) in &deleted {
        if acl::allowed(op, &Subject::from(entity), Level::Readable)? {
            let at = entry.deleted_time.unwrap_or_default();
            found.push(((at, 2, entry.id), about_entry("delete", entry, entity, at)));
        }
    }
    let mut readable = Vec::with_capacity(written.len());
    for row in written {
        if acl::allowed(op, &of_value(&row), Level::Readable)? {
            readable.push(row);
        }
    }
    found.extend(about_values(op, &readable)?);
    found.sort_by_key(|(key, _)| std::cmp::Reverse(*key));
    Ok(found.into_iter().map(|(_, record)| record).collect())
}

fn of_value(row: &WrittenRow) -> Subject<'_> {
    Subject::attribute(&row.attribute, &row.attr, &row.entry, &row.entity)
}

fn utc(at: i64) -> String {
    let text = Timestamp::from_micros(at).utc_iso();
    format!("{}Z", text.strip_suffix("+00:00").unwrap_or(&text))
}

fn about_entry(action: &str, entry: &EntryRow, entity: &EntityRow, at: i64) -> Value {
    json!({
        "action_type": action,
        "target_type": "item",
        "target": {"item_id": entry.id, "name": entry.name, "model": {"id": entity.id, "name": entity.name}},
        "timestamp": utc(at),
    })
}

/// The keys differ from those of entries. *Source: spec, auth-user §4.11 (quirk to keep).*
fn about_values(op: &mut OpCtx, rows: &[WrittenRow]) -> Result<Vec<Record>, OpError> {
    let previous: Vec<i64> = rows.iter().filter_map(|row| row.value.prev_id).collect();
    let previous: HashMap<i64, AttrValueRow> =
        values::by_ids(&mut op.db, &previous)?.into_iter().map(|row| (row.id, row)).collect();
    let before = |row: &WrittenRow| row.value.prev_id.and_then(|id| previous.get(&id));
    let mut versions: Vec<(&AttrValueRow, &EntityAttrRow)> = Vec::with_capacity(2 * rows.len());
    for row in rows {
        versions.push((&row.value, &row.attr));
        versions.extend(before(row).map(|value| (value, &row.attr)));
    }
    let shown = show_versions(op, &versions, Surface::History)?;
    let authors: Vec<i64> = versions.iter().filter_map(|(value, _)| value.created_user_id).collect();
    let names = users::usernames(&mut op.db, &authors)?;
    let version = |value: &AttrValueRow| {
        let shown = shown.get(&value.id).map(shown_json).unwrap_or_default();
        let user = value.created_user_id.map(|id| json!({"user_id": id, "username": names.get(&id)}));
        json!({"attribute_value_id": value.id, "value": bare(value.attr_type, shown), "user": user})
    };
    let record = |row: &WrittenRow| {
        let (value, attr, entry, entity) = (&row.value, &row.attr, &row.entry, &row.entity);
        let target = json!({
            "item_id": entry.id,
            "item_name": entry.name,
            "attr": {
                "attribute_id": attr.id,
                "attribute_name": attr.name,
                "type": attr.attr_type,
                "curr_value": version(value),
                "prev_value": before(row).map(version),
            },
            "model": {"model_id": entity.id, "model_name": entity.name},
        });
        let at = value.created_time;
        let record =
            json!({"action_type": "update", "target_type": "item", "target": target, "timestamp": utc(at)});
        ((at, 1, value.id), record)
    };
    Ok(rows.iter().map(record).collect())
}

/// The value without the key that says its type; references say `model` where entries say `schema`.
fn bare(attr_type: i32, shown: Value) -> Value {
    let Value::Object(fields) = shown else { return Value::Null };
    let bare = fields.into_iter().next().map(|(_, value)| value).unwrap_or_default();
    match (attr_type, bare) {
        // Days and moments are null where there is none.
        (32 | 128, Value::String(text)) if text.is_empty() => Value::Null,
        // Lists of references drop what is gone.
        (1025 | 1040 | 1088, Value::Array(list)) => {
            list.into_iter().filter(|element| !element.is_null()).map(with_model).collect()
        }
        (_, Value::Array(list)) => list.into_iter().map(with_model).collect(),
        (_, value) => with_model(value),
    }
}

fn with_model(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => {
            if let Some(schema) = fields.remove("schema") {
                fields.insert("model".to_owned(), schema);
            }
            if let Some(object) = fields.remove("object") {
                fields.insert("object".to_owned(), with_model(object));
            }
            Value::Object(fields)
        }
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn moments_of_a_query() {
        for text in [
            "2024-01-31T12:00:00Z",
            "2024-01-31T12:00:00",
            "2024-01-31 12:00:00",
            "2024-01-31T13:00:00 01:00",
        ] {
            assert_eq!(moment(text), Some(1_706_702_400_000_000), "{text}");
        }
        assert_eq!(moment("9999-12-31T23:59:59Z"), Some(253_402_300_799_000_000));
        assert_eq!(moment("9999-12-31T23:59:59"), Some(253_402_300_799_000_000));
        for text in ["", "x", "9999-12-32T00:00:00Z", "99990", "2024-02-30", "é2024-01-31"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
