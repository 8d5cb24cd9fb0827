//! `/role/api/v2/`. *Source: spec, acl-role §6.2.*

use crate::http::endpoint::{Cx, empty, json, yaml};
use crate::http::error::ApiResult;
use crate::http::page;
use crate::services::acl;
use crate::services::role::{self, RoleInput, RoleQuery};
use crate::store::queries::role::RoleOrder;
use actix_web::http::StatusCode;
use serde_json::json as value;

/// `GET /role/api/v2/`
pub(in crate::http) async fn list(cx: Cx) -> ApiResult {
    let key = |name: &str| match name {
        "id" => Some(RoleOrder::Id),
        "name" => Some(RoleOrder::Name),
        _ => None,
    };
    let mut order = page::ordering(cx.query("ordering"), key);
    if order.is_empty() {
        order.push((RoleOrder::Name, false));
    }
    let query = RoleQuery { terms: page::terms(cx.query("search"))?, order };
    let rows = cx.read(move |op| role::list(op, query.clone())).await?;
    json(StatusCode::OK, &rows)
}

/// `POST /role/api/v2/`
pub(in crate::http) async fn create(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let created = cx
        .write(move |op| {
            // Whether one may comes before what one sent.
            acl::require_not_readonly(op)?;
            role::create(op, RoleInput::read(&body.json()?)?)
        })
        .await?;
    json(StatusCode::CREATED, &created)
}

/// `GET /role/api/v2/<id>`
pub(in crate::http) async fn retrieve(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let detail = cx.read(move |op| role::detail(op, id)).await?;
    json(StatusCode::OK, &detail)
}

/// `PUT /role/api/v2/<id>`
pub(in crate::http) async fn update(cx: Cx) -> ApiResult {
    let (id, body) = (cx.id("id")?, cx.body.clone());
    let updated = cx
        .write(move |op| {
            let target = role::open_to_change(op, id)?;
            role::update(op, target, RoleInput::read(&body.json()?)?)
        })
        .await?;
    json(StatusCode::OK, &updated)
}

/// `DELETE /role/api/v2/<id>`
pub(in crate::http) async fn delete(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    cx.write(move |op| role::delete(op, id)).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `POST /role/api/v2/import`
pub(in crate::http) async fn import(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let job = cx
        .write(move |op| {
            acl::require_superuser(op)?;
            role::import(op, body.yaml()?)
        })
        .await?;
    json(StatusCode::OK, &value!({"result": {"job_ids": [job], "error": []}}))
}

/// `GET /role/api/v2/export`
pub(in crate::http) async fn export(cx: Cx) -> ApiResult {
    yaml(&cx.read(role::export).await?)
}
