//! `/entry/api/v2/`. *Source: spec, entry §2.*

use crate::http::endpoint::{Cx, empty, json};
use crate::http::error::{ApiError, ApiResult};
use crate::http::page::{self, Window};
use crate::services::acl;
use crate::services::entry::bulk::{self, BulkDelete};
use crate::services::entry::value_restore::{self, PastValue, Rollback};
use crate::services::entry::{self, EntryInput, EntryUpdate, copy, reference, value_history};
use crate::services::error::OpError;
use crate::services::job::{self, Operation, Target};
use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode};
use pagoda_plugin_sdk::Code;

/// `GET /entry/api/v2/<id>/`
pub(in crate::http) async fn retrieve(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let detail = cx.read(move |op| entry::detail(op, id)).await?;
    json(StatusCode::OK, &detail)
}

/// `PUT /entry/api/v2/<id>/`
pub(in crate::http) async fn update(cx: Cx) -> ApiResult {
    let (id, body) = (cx.id("id")?, cx.body.clone());
    cx.write(move |op| {
        let target = EntryUpdate::open(op, id)?;
        entry::update(op, target, EntryInput::read(&body.json()?, false)?)?;
        job::record(op, Operation::EditEntry, Target::Entry(id))
    })
    .await?;
    empty(StatusCode::ACCEPTED)
}

/// `DELETE /entry/api/v2/<id>/`
pub(in crate::http) async fn delete(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    cx.write(move |op| {
        entry::delete(op, id)?;
        job::record(op, Operation::DeleteEntry, Target::Entry(id))
    })
    .await?;
    empty(StatusCode::NO_CONTENT)
}

/// `GET /entry/api/v2/<id>/histories/`
pub(in crate::http) async fn histories(cx: Cx) -> ApiResult {
    let (id, window) = (cx.id("id")?, Window::of(&cx));
    let page = cx.read(move |op| value_history::list(op, id, window.limit, window.offset)).await?;
    page::window(&cx, window, page.rows, page.total)
}

/// `POST /entry/api/v2/<id>/restore/`
pub(in crate::http) async fn restore(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    cx.write(move |op| entry::restore(op, id)).await?;
    json(StatusCode::CREATED, &serde_json::json!({}))
}

/// Refuses read-only users ahead of everything else, without a body. *Source: spec, entity §0.2.*
async fn require_writer(cx: &Cx) -> Result<(), ApiError> {
    if cx.request.user.as_deref().is_none_or(|user| !user.is_readonly) {
        return Ok(());
    }
    cx.read(acl::require_writer).await.map_err(ApiError::without_body)
}

/// `PATCH /entry/api/v2/<attrv_id>/attrv_restore/`
pub(in crate::http) async fn restore_value(cx: Cx) -> ApiResult {
    require_writer(&cx).await?;
    let id = cx.id("id")?;
    // The whole value or nothing: PUT is known and refused. *Source: spec, entry §10.*
    let (in_part, body) = (cx.http.method() == Method::PATCH, cx.body.clone());
    cx.write(move |op| {
        let past = PastValue::find(op, id)?;
        if !in_part {
            return Err(OpError::rule(Code::Invalid, "use PATCH"));
        }
        value_restore::restore(op, past, || body.json())
    })
    .await?;
    json(StatusCode::OK, &serde_json::json!({}))
}

/// `POST /entry/api/v2/rollback/`
pub(in crate::http) async fn rollback(cx: Cx) -> ApiResult {
    require_writer(&cx).await?;
    let body = cx.body.clone();
    cx.write(move |op| {
        let asked = Rollback::read(op, &body.json()?)?;
        value_restore::rollback(op, &asked)
    })
    .await?;
    Ok(HttpResponse::Ok().finish())
}

/// `keyword`, where one was sent.
fn keyword(cx: &Cx) -> Option<String> {
    cx.query("keyword").filter(|keyword| !keyword.is_empty())
}

/// `GET /entry/api/v2/<id>/referral/`
pub(in crate::http) async fn referrers(cx: Cx) -> ApiResult {
    // More digits than an id can have are nobody's id, which is no error here. *Source: spec, entry §13.*
    let (id, keyword) = (cx.id("id").unwrap_or(i64::MAX), keyword(&cx));
    let Window { limit, offset } = Window::of(&cx);
    let window = Window { limit: limit.min(reference::MOST_REFERENCES), offset };
    let page = cx
        .read(move |op| reference::referrers(op, id, keyword.as_deref(), window.limit, window.offset))
        .await?;
    page::window(&cx, window, page.rows, page.total)
}

/// `GET /entry/api/v2/<attr_id>/attr_referrals/`
pub(in crate::http) async fn candidates(cx: Cx) -> ApiResult {
    let (id, keyword) = (cx.id("id")?, keyword(&cx));
    let found = cx.read(move |op| reference::candidates(op, id, keyword.as_deref())).await?;
    json(StatusCode::OK, &found)
}

/// `POST /entry/api/v2/<id>/copy/`
pub(in crate::http) async fn copy_entry(cx: Cx) -> ApiResult {
    let (id, body) = (cx.id("id")?, cx.body.clone());
    cx.write(move |op| copy::copy(op, id, || body.json())).await?;
    json(StatusCode::OK, &serde_json::json!({}))
}

/// `PUT /entry/api/v2/bulk/`, or PATCH
pub(in crate::http) async fn edit_many(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    cx.write(move |op| bulk::edit(op, &body.json()?)).await?;
    json(StatusCode::ACCEPTED, &serde_json::json!({}))
}

/// `DELETE /entry/api/v2/bulk_delete/`
pub(in crate::http) async fn delete_many(cx: Cx) -> ApiResult {
    let asked = BulkDelete {
        ids: cx.queries("ids"),
        is_all: cx.query("isAll").is_some_and(|text| text.eq_ignore_ascii_case("true")),
        attrinfo: cx.query("attrinfo"),
    };
    cx.write(move |op| bulk::delete_many(op, &asked)).await?;
    empty(StatusCode::NO_CONTENT)
}
