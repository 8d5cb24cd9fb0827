//! `/category/api/v2/`. *Source: spec, trigger-webhook-category, part C.*

use crate::http::endpoint::{Cx, empty, json};
use crate::http::error::ApiResult;
use crate::http::page::{self, Window};
use crate::services::acl;
use crate::services::category::{self, CategoryInput};
use crate::store::queries::category::{CategoryFilter, CategoryOrder};
use actix_web::http::StatusCode;
use pagoda_plugin_sdk::model::Level;

/// `GET /category/api/v2/`
pub(in crate::http) async fn list(cx: Cx) -> ApiResult {
    let window = Window::of(&cx);
    let key = |name: &str| match name {
        "id" => Some(CategoryOrder::Id),
        "name" => Some(CategoryOrder::Name),
        "note" => Some(CategoryOrder::Note),
        "priority" => Some(CategoryOrder::Priority),
        _ => None,
    };
    let mut order = page::ordering(cx.query("ordering"), key);
    if order.is_empty() {
        order.extend([(CategoryOrder::Priority, true), (CategoryOrder::Name, false)]);
    }
    let filter = CategoryFilter {
        reader: None,
        terms: page::terms(cx.query("search"))?,
        order,
        limit: Some(window.limit),
        offset: window.offset,
    };
    let (rows, total) = cx.read(move |op| category::list(op, filter.clone())).await?;
    page::window(&cx, window, rows, total)
}

/// `POST /category/api/v2/`
pub(in crate::http) async fn create(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let created = cx
        .write(move |op| {
            // Whether one may comes before what one sent.
            acl::require_writer(op)?;
            category::create(op, CategoryInput::read(&body.json()?)?)
        })
        .await?;
    json(StatusCode::CREATED, &created)
}

/// `GET /category/api/v2/<id>/`
pub(in crate::http) async fn retrieve(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let detail = cx.read(move |op| category::detail(op, id)).await?;
    json(StatusCode::OK, &detail)
}

/// `PUT /category/api/v2/<id>/`
pub(in crate::http) async fn update(cx: Cx) -> ApiResult {
    let (id, body) = (cx.id("id")?, cx.body.clone());
    let updated = cx
        .write(move |op| {
            let target = category::open_to_change(op, id, Level::Writable)?;
            category::update(op, target, CategoryInput::read(&body.json()?)?)
        })
        .await?;
    json(StatusCode::OK, &updated)
}

/// `DELETE /category/api/v2/<id>/`
pub(in crate::http) async fn delete(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    cx.write(move |op| category::delete(op, id)).await?;
    empty(StatusCode::NO_CONTENT)
}
