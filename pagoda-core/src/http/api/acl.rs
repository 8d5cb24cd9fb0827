//! `/acl/api/v2/`. *Source: spec, acl-role §5.*

use crate::http::endpoint::{Cx, json};
use crate::http::error::ApiResult;
use crate::services::acl::history;
use crate::services::acl::settings::{self, AclInput, AclUpdate};
use actix_web::http::StatusCode;

/// `GET /acl/api/v2/acls/<id>`
pub(in crate::http) async fn retrieve(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let detail = cx.read(move |op| settings::detail(op, id)).await?;
    json(StatusCode::OK, &detail)
}

/// `PUT /acl/api/v2/acls/<id>`
pub(in crate::http) async fn update(cx: Cx) -> ApiResult {
    let (id, body) = (cx.id("id")?, cx.body.clone());
    let detail = cx
        .write(move |op| {
            let target = AclUpdate::open(op, id)?;
            settings::update(op, target, AclInput::read(&body.json()?)?)
        })
        .await?;
    json(StatusCode::OK, &detail)
}

/// `GET /acl/api/v2/acls/<id>/history`
pub(in crate::http) async fn history(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let steps = cx.read(move |op| history::history(op, id)).await?;
    json(StatusCode::OK, &steps)
}
