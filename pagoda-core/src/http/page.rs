//! Paging: what a request asks for, and the envelope of the answer. *Source: spec, entity §0.4.*

use super::endpoint::{Cx, json};
use super::error::{ApiError, ApiResult};
use crate::services::search_words;
use crate::wire::leaf;
use actix_web::http::StatusCode;
use actix_web::http::header::HOST;
use pagoda_plugin_sdk::Code;
use serde::Serialize;

/// Rows per page unless said otherwise.
pub(super) const PAGE_SIZE: i64 = 30;

/// Rows per page, whatever a request asks for; the links of the answer lead to the rest.
pub(super) const MOST_ROWS: i64 = 1_000;

/// `limit` and `offset`; unusable values fall back to the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) limit: i64,
    pub(super) offset: i64,
}

impl Window {
    pub(super) fn of(cx: &Cx) -> Self {
        let number = |name: &str| cx.query(name).and_then(|text| text.trim().parse::<i64>().ok());
        Self {
            limit: number("limit").filter(|limit| *limit > 0).unwrap_or(PAGE_SIZE).min(MOST_ROWS),
            offset: number("offset").filter(|offset| *offset >= 0).unwrap_or(0),
        }
    }
}

/// `page`: a number from 1, or the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Number(i64),
    Last,
}

impl Page {
    pub(super) fn of(cx: &Cx) -> Result<Self, ApiError> {
        match cx.query("page").as_deref().map(str::trim) {
            None | Some("") => Ok(Self::Number(1)),
            Some("last") => Ok(Self::Last),
            Some(text) => match text.parse::<i64>() {
                Ok(number) if number >= 1 => Ok(Self::Number(number)),
                _ => Err(Self::out_of_range()),
            },
        }
    }

    /// Reads the page: its number, its rows, and how many rows there are in all. `read` gets the rows before the
    /// page.
    ///
    /// # Errors
    /// Those of `read`.
    pub(super) fn read<T, E>(
        self,
        mut read: impl FnMut(i64) -> Result<(Vec<T>, i64), E>,
    ) -> Result<(i64, Vec<T>, i64), E> {
        let number = match self {
            Self::Number(number) => number,
            Self::Last => {
                let (rows, total) = read(0)?;
                let last = ((total + PAGE_SIZE - 1) / PAGE_SIZE).max(1);
                if last == 1 {
                    return Ok((1, rows, total));
                }
                last
            }
        };
        let (rows, total) = read((number - 1).saturating_mul(PAGE_SIZE))?;
        Ok((number, rows, total))
    }

    pub(super) fn out_of_range() -> ApiError {
        ApiError::not_found("there is no such page")
    }
}

#[derive(Serialize)]
struct Envelope<T> {
    count: i64,
    next: Option<String>,
    previous: Option<String>,
    results: T,
}

/// The answer to a `limit`/`offset` request.
pub(super) fn window<T: Serialize>(cx: &Cx, window: Window, rows: Vec<T>, total: i64) -> ApiResult {
    let Window { limit, offset } = window;
    let link = |offset: i64| {
        let mut own = vec![("limit", limit.to_string())];
        if offset > 0 {
            own.push(("offset", offset.to_string()));
        }
        link(cx, &["limit", "offset"], own)
    };
    let next = offset.checked_add(limit).filter(|next| *next < total).map(link);
    let previous = (offset > 0).then(|| link((offset - limit).max(0)));
    json(StatusCode::OK, &Envelope { count: total, next, previous, results: rows })
}

/// The answer to a `page` request.
pub(super) fn numbered(cx: &Cx, number: i64, rows: impl Serialize, total: i64) -> ApiResult {
    let link = |number: i64| {
        let own = if number > 1 { vec![("page", number.to_string())] } else { Vec::new() };
        link(cx, &["page"], own)
    };
    let next = (number.saturating_mul(PAGE_SIZE) < total).then(|| link(number + 1));
    let previous = (number > 1).then(|| link(number - 1));
    json(StatusCode::OK, &Envelope { count: total, next, previous, results: rows })
}

/// The same request with other paging: absolute, all parameters kept, sorted by key.
fn link(cx: &Cx, replaced: &[&str], own: Vec<(&str, String)>) -> String {
    let query = cx.http.query_string().as_bytes();
    let kept = form_urlencoded::parse(query).filter(|(key, _)| !replaced.contains(&key.as_ref()));
    let mut pairs: Vec<(String, String)> =
        kept.map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    pairs.extend(own.into_iter().map(|(key, value)| (key.to_owned(), value)));
    pairs.sort_by(|left, right| left.0.cmp(&right.0));
    // The host that the client asked for, not what a forwarding header claims: that is anybody's to send.
    let host = cx.http.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = if cx.http.connection_info().scheme() == "https" { "https" } else { "http" };
    let base = format!("{scheme}://{host}{}", cx.http.path());
    if pairs.is_empty() {
        return base;
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{base}?{query}")
}

/// More words than this, or longer ones than a name can be, are no search that a person makes; a database
/// may fail on them.
const MOST_TERMS: usize = 50;
const LONGEST_TERM: usize = 400;

/// The words of a search: separated by blanks or commas, each once.
///
/// # Errors
/// There are too many, or one is too long.
pub(super) fn terms(search: Option<String>) -> Result<Vec<String>, ApiError> {
    let search = search.unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    for word in search_words(&search) {
        if words.len() >= MOST_TERMS || word.chars().count() > LONGEST_TERM {
            let message = format!("search: at most {MOST_TERMS} words of at most {LONGEST_TERM} characters");
            let body = serde_json::json!([leaf(Code::InvalidValue, message)]);
            return Err(ApiError::with_body(StatusCode::BAD_REQUEST, body));
        }
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Ok(words)
}

/// The keys of an `ordering` parameter, descending where true; unknown ones are left out, and of one that is
/// repeated only the first counts, as it would in any order.
pub(super) fn ordering<O: PartialEq>(
    text: Option<String>,
    key: impl Fn(&str) -> Option<O>,
) -> Vec<(O, bool)> {
    let text = text.unwrap_or_default();
    let one = |part: &str| {
        let part = part.trim();
        let (name, descending) = part.strip_prefix('-').map_or((part, false), |name| (name, true));
        Some((key(name)?, descending))
    };
    let mut keys: Vec<(O, bool)> = Vec::new();
    for (key, descending) in text.split(',').filter_map(one) {
        if !keys.iter().any(|(known, _)| *known == key) {
            keys.push((key, descending));
        }
    }
    keys
}
