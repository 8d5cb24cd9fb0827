//! Webhooks of entities as requests write them and details show them. *Source: spec, entity §1.4.*
//!
//! Values of headers are secrets in effect: they are shown to whoever may read the entity, because the wire says so,
//! and stand in no log, no debug form and no audit record.

use super::probe::Probe;
use crate::services::attribute::MOST_BYTES;
use crate::services::audit::listed;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::webhook as webhooks;
use crate::store::rows::{NewWebhook, WebhookRow};
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::http::Destination;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Most characters of an address. *Source: spec, entity §1.4.*
const MOST_URL: usize = 200;

/// What is said of a webhook that could not be asked because the server asks none.
const SWITCHED_OFF: &str = "webhooks are switched off on this server";

/// One header, as the wire and the database have it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    header_key: String,
    header_value: String,
}

/// What a request says about one webhook. What a listed one leaves out is reset.
#[derive(Clone, Default)]
pub struct WebhookInput {
    id: Option<i64>,
    url: Option<String>,
    label: String,
    is_enabled: bool,
    headers: Vec<Header>,
    is_deleted: bool,
    pub(super) errors: Fields,
}

impl std::fmt::Debug for WebhookInput {
    /// Without the headers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookInput")
            .field("id", &self.id)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl WebhookInput {
    /// Reads the webhooks of a body; complaints are kept with each.
    pub(super) fn read_all(reader: &mut Reader<'_>) -> Option<Vec<Self>> {
        let list = reader.each("webhooks")?;
        Some(list.iter().map(Self::read).collect())
    }

    fn read(element: &Value) -> Self {
        let object = match coerce::element(element) {
            Ok(object) => object,
            Err(errors) => return Self { errors, ..Self::default() },
        };
        let mut reader = Reader::new(object);
        Self {
            id: reader.field("id", coerce::id),
            url: reader.field("url", |text| coerce::line(text, MOST_URL)),
            label: reader.field("label", |text| coerce::line(text, MOST_BYTES)).unwrap_or_default(),
            is_enabled: reader.field("is_enabled", coerce::boolean).unwrap_or_default(),
            headers: reader.list_of("headers", read_header).unwrap_or_default(),
            is_deleted: reader.field("is_deleted", coerce::boolean).unwrap_or_default(),
            errors: reader.errors,
        }
    }

    /// What is wrong with it as a whole.
    fn judge_as_whole(&self) -> Option<Fields> {
        match &self.url {
            None if self.id.is_none() => {
                Some(Fields::whole(Code::Required, "either `id` or `url` must be there"))
            }
            _ if self.is_deleted => None,
            None => {
                Some(Fields::whole(Code::Invalid, "the `url` of a webhook must be there when it is changed"))
            }
            Some(url) => address(url).err().map(|problem| Fields::whole(Code::Invalid, problem)),
        }
    }

    fn headers_text(&self) -> Result<String, OpError> {
        serde_json::to_string(&self.headers).map_err(|error| OpError::Internal(error.into()))
    }
}

fn read_header(element: &Value) -> Result<Header, Fields> {
    let mut reader = Reader::new(coerce::element(element)?);
    let key = reader.required("header_key", |text| coerce::name(text, MOST_BYTES));
    let value = reader.required("header_value", |text| coerce::name(text, MOST_BYTES));
    match (key, value) {
        (Some(header_key), Some(header_value)) => Ok(Header { header_key, header_value }),
        _ => Err(reader.errors),
    }
}

/// Whether a text is the address of a server. Browsers read more texts as addresses than anybody means.
fn address(url: &str) -> Result<(), String> {
    if !url.contains("://") || url.contains(char::is_whitespace) {
        return Err("expected an address such as https://hooks.example.com/path".to_owned());
    }
    Destination::parse(url).map(drop).map_err(|error| error.to_string())
}

/// The webhooks that an entity has; none are looked for where none are sent.
///
/// # Errors
/// The database does not answer.
pub(super) fn present(
    op: &mut OpCtx,
    entity_id: i64,
    inputs: Option<&[WebhookInput]>,
) -> Result<Vec<WebhookRow>, OpError> {
    if inputs.is_none() {
        return Ok(Vec::new());
    }
    Ok(webhooks::of_entity(&mut op.db, entity_id)?)
}

/// Judges webhooks and adds what is wrong with them. `present` is what the entity has; a new one has nothing.
pub(super) fn judge(
    op: &OpCtx,
    present: &[WebhookRow],
    inputs: Option<&mut Vec<WebhookInput>>,
    errors: &mut Fields,
) {
    let Some(inputs) = inputs else { return };
    let mut seen = HashSet::new();
    for input in inputs.iter_mut().filter(|input| !input.errors.is_whole()) {
        if let Some(id) = input.id {
            if present.iter().all(|row| row.id != id) {
                input.errors.add("id", Code::NotFound, "the entity has no webhook of this id");
            } else if !seen.insert(id) {
                input.errors.add("id", Code::Invalid, "the webhook is listed twice");
            }
        }
        if input.errors.is_empty()
            && let Some(errors) = input.judge_as_whole()
        {
            input.errors = errors;
        }
    }
    errors.nest_each("webhooks", inputs.iter().map(|input| &input.errors));
    // So that what was read can be sent back, but nothing is added. *Source: spec, entity §1.4.*
    if !errors.has("webhooks") && !op.host.webhooks.enabled && inputs.len() != present.len() {
        errors.add("webhooks", Code::Invalid, SWITCHED_OFF);
    }
}

/// Writes webhooks: a listed one is replaced or goes, others stay. Those that were written are asked when the
/// operation is committed. Says what changed, for the audit log: ids and labels.
///
/// # Errors
/// The database does not do it.
pub(super) fn write(
    op: &mut OpCtx,
    entity_id: i64,
    present: Vec<WebhookRow>,
    inputs: Vec<WebhookInput>,
) -> Result<Map<String, Value>, OpError> {
    let (mut added, mut changed, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    let of = |id: i64| inputs.iter().find(move |input| input.id == Some(id));
    let mut gone = Vec::new();
    for row in present {
        let Some(input) = of(row.id) else { continue };
        if input.is_deleted {
            gone.push(row.id);
            removed.push(called(row.id, &row.label));
            continue;
        }
        let new = replaced(op, &row, input)?;
        if (&new.label, &new.url, new.is_enabled, &new.headers)
            != (&row.label, &row.url, row.is_enabled, &row.headers)
        {
            changed.push(called(new.id, &new.label));
        }
        webhooks::update(&mut op.db, &new)?;
        ask(op, new.id, new.url, input.headers.clone(), new.headers);
    }
    webhooks::delete_many(&mut op.db, &gone)?;
    let new: Vec<&WebhookInput> =
        inputs.iter().filter(|input| input.id.is_none() && !input.is_deleted).collect();
    let mut rows = Vec::with_capacity(new.len());
    for input in &new {
        rows.push(NewWebhook {
            entity_id,
            label: input.label.clone(),
            url: input.url.clone().unwrap_or_default(),
            is_enabled: input.is_enabled,
            headers: input.headers_text()?,
            is_verified: false,
            verification_error: unasked(op),
        });
    }
    let ids = webhooks::insert_many(&mut op.db, &rows)?;
    for ((id, row), input) in ids.into_iter().zip(rows).zip(new) {
        added.push(called(id, &row.label));
        ask(op, id, row.url, input.headers.clone(), row.headers);
    }
    let mut detail = Map::new();
    for (key, names) in
        [("webhooks_added", added), ("webhooks_changed", changed), ("webhooks_removed", removed)]
    {
        if !names.is_empty() {
            detail.insert(key.to_owned(), listed(names));
        }
    }
    Ok(detail)
}

/// How the audit log calls a webhook.
fn called(id: i64, label: &str) -> String {
    format!("{id} {label}").trim_end().to_owned()
}

/// What is known of a webhook before it was asked.
fn unasked(op: &OpCtx) -> Option<String> {
    (!op.host.webhooks.enabled).then(|| SWITCHED_OFF.to_owned())
}

/// A webhook as it will be. What it answered holds on until it is asked anew, if it is still the same that is asked.
fn replaced(op: &OpCtx, row: &WebhookRow, input: &WebhookInput) -> Result<WebhookRow, OpError> {
    let mut new = WebhookRow {
        label: input.label.clone(),
        url: input.url.clone().unwrap_or_default(),
        is_enabled: input.is_enabled,
        headers: input.headers_text()?,
        ..row.clone()
    };
    if (&new.url, &new.headers) != (&row.url, &row.headers) {
        (new.is_verified, new.verification_error) = (false, unasked(op));
    }
    Ok(new)
}

/// Has a webhook asked, if any are. `url` and `headers_text` are as they are stored.
fn ask(op: &mut OpCtx, id: i64, url: String, headers: Vec<Header>, headers_text: String) {
    if op.host.webhooks.enabled {
        let headers = headers.into_iter().map(|header| (header.header_key, header.header_value)).collect();
        op.probes.push(Probe { id, url, headers, headers_text });
    }
}

/// A webhook as details show it, exactly the seven keys of the wire.
#[derive(Clone, Serialize)]
pub(super) struct WebhookItem {
    id: i64,
    label: String,
    url: String,
    is_enabled: bool,
    is_verified: bool,
    verification_error_details: Option<String>,
    headers: Vec<Header>,
}

impl std::fmt::Debug for WebhookItem {
    /// Without the headers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookItem")
            .field("id", &self.id)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// The webhooks of an entity: one statement.
///
/// # Errors
/// The database does not answer.
pub(super) fn shown(op: &mut OpCtx, entity_id: i64) -> Result<Vec<WebhookItem>, OpError> {
    let item = |row: WebhookRow| {
        let headers = serde_json::from_str(&row.headers)
            // The text of the error would repeat what it stumbled over.
            .map_err(|_| {
                OpError::Internal(anyhow::anyhow!("the headers of webhook {} cannot be read", row.id))
            })?;
        Ok(WebhookItem {
            id: row.id,
            label: row.label,
            url: row.url,
            is_enabled: row.is_enabled,
            is_verified: row.is_verified,
            verification_error_details: row.verification_error,
            headers,
        })
    };
    webhooks::of_entity(&mut op.db, entity_id)?.into_iter().map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::{WebhookInput, address};
    use serde_json::json;

    #[test]
    fn addresses() {
        for good in
            ["http://a", "https://hooks.example.com:8443/p?q=1", "HTTP://127.0.0.1/", "http://[::1]:80/"]
        {
            assert_eq!(address(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "hoge",
            "http:hoge",
            "http://",
            "ftp://a/",
            "//a/",
            "http://a b/",
            "http://u:p@a/",
            "mailto:a@b",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_stand_in_no_debug_form() {
        let headers = json!([{"header_key": "Authorization", "header_value": "s3cret"}]);
        let input = WebhookInput::read(&json!({"url": "http://a/", "headers": headers}));
        assert!(input.errors.is_empty() && input.headers.len() == 1);
        assert!(!format!("{input:?}").contains("s3cret"));
    }
}
