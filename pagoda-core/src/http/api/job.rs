//! `/job/api/v2/`. *Source: spec, job §5.*

use crate::http::endpoint::{Cx, empty, json};
use crate::http::error::{ApiError, ApiResult};
use crate::http::page::{self, Window};
use crate::services::error::OpError;
use crate::services::job::control::{self, Left, Product};
use crate::services::job::{self, JobQuery};
use crate::wire::coerce;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_DISPOSITION;
use encoding_rs::{EncoderResult, Encoding};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::time::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;

/// What is written otherwise in the name of a file.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-').remove(b'~');

/// `GET /job/api/v2/jobs`
pub(in crate::http) async fn list(cx: Cx) -> ApiResult {
    let window = Window::of(&cx);
    let created_after = match cx.query("created_after") {
        None => None,
        Some(text) => {
            Some(moment(&cx, &text).ok_or_else(|| bad("created_after", "expected a day or a time"))?)
        }
    };
    let id = |text| coerce::integer(&Value::String(text)).map_err(|_| bad("target_id", "expected an id"));
    let target_id = cx.query("target_id").map(id).transpose()?;
    let all_users = cx.query("all_users").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let (limit, offset) = (window.limit, window.offset);
    let query = JobQuery { all_users, created_after, target_id, limit, offset };
    let page = cx.read(move |op| job::list(op, &query)).await?;
    page::window(&cx, window, page.rows, page.total)
}

/// A day or a time; an offset's `+` that was read as a blank is one again.
fn moment(cx: &Cx, text: &str) -> Option<Timestamp> {
    cx.state.host.zone.parse(text.trim()).or_else(|| cx.state.host.zone.parse(&text.trim().replace(' ', "+")))
}

fn bad(field: &str, message: &str) -> ApiError {
    OpError::field(field, Code::Invalid, message).into()
}

/// `GET /job/api/v2/<id>/`
pub(in crate::http) async fn retrieve(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let item = cx.read(move |op| job::detail(op, id)).await?;
    json(StatusCode::OK, &item)
}

/// `DELETE /job/api/v2/<id>/`
pub(in crate::http) async fn cancel(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    cx.write(move |op| control::cancel(op, id)).await.map_err(ApiError::denied_in_words)?;
    empty(StatusCode::NO_CONTENT)
}

/// `PATCH /job/api/v2/<id>/rerun`
pub(in crate::http) async fn rerun(cx: Cx) -> ApiResult {
    cx.patch_only()?;
    let id = cx.id("id")?;
    let said = cx.write(move |op| control::rerun(op, id)).await?;
    json(StatusCode::OK, &said)
}

/// `GET /job/api/v2/<id>/download`
pub(in crate::http) async fn download(cx: Cx) -> ApiResult {
    product(cx, Product::File).await
}

/// `GET /job/api/v2/<id>/preview`
pub(in crate::http) async fn preview(cx: Cx) -> ApiResult {
    product(cx, Product::Preview).await
}

/// `GET /job/api/v2/<id>/preview/download`
pub(in crate::http) async fn preview_download(cx: Cx) -> ApiResult {
    product(cx, Product::PreviewFile).await
}

async fn product(cx: Cx, product: Product) -> ApiResult {
    let id = cx.id("id")?;
    let encoding = match cx.query("encode").as_deref() {
        None | Some("utf-8") => Some(encoding_rs::UTF_8),
        Some("shift_jis") => Some(encoding_rs::SHIFT_JIS),
        Some(_) => None,
    };
    let left = cx.read(move |op| control::product(op, id, product, encoding.is_some())).await;
    let Left { name, content } = left.map_err(ApiError::denied_in_words)?;
    let name = percent_encode(name.as_bytes(), ENCODED);
    Ok(HttpResponse::Ok()
        .content_type("application/force-download")
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(encoded(content, encoding.unwrap_or(encoding_rs::UTF_8))))
}

/// A text in another encoding; what that cannot say becomes `?`. *Source: spec, job §5.5.*
fn encoded(content: Vec<u8>, encoding: &'static Encoding) -> Vec<u8> {
    if encoding == encoding_rs::UTF_8 {
        return content;
    }
    let text = String::from_utf8_lossy(&content);
    let (mut encoder, mut rest, mut bytes) = (encoding.new_encoder(), &*text, Vec::with_capacity(text.len()));
    loop {
        let room = encoder.max_buffer_length_from_utf8_without_replacement(rest.len()).unwrap_or(rest.len());
        bytes.reserve(room.max(16));
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut bytes, true);
        rest = rest.get(read..).unwrap_or_default();
        match result {
            EncoderResult::InputEmpty => return bytes,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => bytes.push(b'?'),
        }
    }
}
