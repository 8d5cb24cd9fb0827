//! `/job/api/v2/`. *Source: spec, job §5.*

use crate::http::endpoint::{Cx, empty, json};
use crate::http::error::{ApiError, ApiResult};
use crate::http::page::{self, Window};
use crate::services::error::OpError;
use crate::services::job::control::{self, Product};
use crate::services::job::{self, JobQuery};
use crate::wire::coerce;
use actix_web::http::StatusCode;
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::Value;

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
    let encoding = cx.query("encode").unwrap_or_else(|| "utf-8".to_owned());
    let is_good = matches!(encoding.as_str(), "utf-8" | "shift_jis");
    let never = cx.read(move |op| control::product(op, id, product, is_good)).await;
    match never.map_err(ApiError::denied_in_words)? {}
}
