//! `/entry/api/v2/`. *Source: spec, entry §2.*

use crate::http::endpoint::{Cx, empty, json};
use crate::http::error::ApiResult;
use crate::http::page::{self, Window};
use crate::services::entry::{self, EntryInput, EntryUpdate, value_history};
use actix_web::http::StatusCode;

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
        entry::update(op, target, EntryInput::read(&body.json()?, false)?)
    })
    .await?;
    empty(StatusCode::ACCEPTED)
}

/// `DELETE /entry/api/v2/<id>/`
pub(in crate::http) async fn delete(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    cx.write(move |op| entry::delete(op, id)).await?;
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
