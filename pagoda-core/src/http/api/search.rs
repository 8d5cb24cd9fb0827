//! Searches over `/entry/api/v2/`. *Source: spec, search.*

use crate::http::endpoint::{Cx, json};
use crate::http::error::{ApiError, ApiResult};
use crate::services::search;
use actix_web::http::StatusCode;
use tracing::Instrument;

/// `GET /entry/api/v2/search/`
pub(in crate::http) async fn simple(cx: Cx) -> ApiResult {
    let query = cx.query("query").unwrap_or_default();
    let found = cx.search(move |op| search::simple::simple(op, &query)).await?;
    json(StatusCode::OK, &found)
}

/// `POST /entry/api/v2/advanced_search/`
pub(in crate::http) async fn advanced(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let found = cx.search(move |op| search::advanced::advanced(op, &body.json()?)).await?;
    json(StatusCode::OK, &found)
}

/// `POST /entry/api/v2/advanced_search_chain/`
pub(in crate::http) async fn chain(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let found = cx.search(move |op| search::chain::chain(op, &body.json()?)).await?;
    json(StatusCode::OK, &found)
}

/// `POST /entry/api/v2/advanced_search_result_export/`
pub(in crate::http) async fn export(cx: Cx) -> ApiResult {
    let body = cx.body.json()?;
    let (place, limit) = cx.search_place().await?;
    let runner = cx.runner();
    // A task of its own: when the client goes away the job still comes to its end.
    let whole = search::export::export(runner, body, place, limit);
    let echo = tokio::spawn(whole.in_current_span()).await;
    json(StatusCode::OK, &echo.map_err(|lost| ApiError::internal(lost.to_string()))??)
}
