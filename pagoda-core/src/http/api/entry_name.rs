//! Names of entries: those they had, and other ones that they have. *Source: spec, entry §11 and §12.*

use crate::http::endpoint::{Cx, empty, json};
use crate::http::error::ApiResult;
use crate::http::page::{self, Window};
use crate::services::entry::{alias, name_history};
use actix_web::http::StatusCode;
use serde_json::json as value;

/// `GET /entry/api/v2/<id>/self_histories/`
pub(in crate::http) async fn history(cx: Cx) -> ApiResult {
    let (id, window) = (cx.id("id")?, Window::of(&cx));
    let page = cx.read(move |op| name_history::list(op, id, window.limit, window.offset)).await?;
    page::window(&cx, window, page.rows, page.total)
}

/// `POST /entry/api/v2/<id>/restore_self_history/`
pub(in crate::http) async fn restore(cx: Cx) -> ApiResult {
    let (id, body) = (cx.id("id")?, cx.body.clone());
    let name = cx.write(move |op| name_history::restore(op, id, || body.json())).await?;
    json(StatusCode::OK, &value!({"message": "the entry has its name back", "restored_name": name}))
}

/// `GET /entry/api/v2/<id>/alias/`
pub(in crate::http) async fn aliases(cx: Cx) -> ApiResult {
    let (id, window) = (cx.id("id")?, Window::of(&cx));
    let page = cx.read(move |op| alias::list(op, id, window.limit, window.offset)).await?;
    page::window(&cx, window, page.rows, page.total)
}

/// `POST /entry/api/v2/alias/`
pub(in crate::http) async fn add_alias(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let alias = cx.write(move |op| alias::create(op, || body.json())).await?;
    json(StatusCode::CREATED, &alias)
}

/// `POST /entry/api/v2/alias/bulk/`
pub(in crate::http) async fn add_aliases(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let aliases = cx.write(move |op| alias::create_many(op, || body.json())).await?;
    json(StatusCode::OK, &aliases)
}

/// `DELETE /entry/api/v2/alias/<id>`
pub(in crate::http) async fn remove_alias(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    cx.write(move |op| alias::remove(op, id)).await?;
    empty(StatusCode::NO_CONTENT)
}
