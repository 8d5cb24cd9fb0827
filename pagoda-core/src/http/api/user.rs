//! `/user/api/v2/`. *Source: spec, auth-user §4.*

use crate::http::endpoint::{Cx, json};
use crate::http::error::ApiResult;
use crate::services::user;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use pagoda_plugin_sdk::model::User;
use serde_json::{Value, json as value};

/// `GET /user/api/v2/me`
pub(in crate::http) async fn me(cx: Cx) -> ApiResult {
    let (me, co_users) = cx.read(|op| Ok((op.user()?.clone(), user::co_users(op)?))).await?;
    let co_users: Vec<Value> = co_users.iter().map(short).collect();
    let mut body = short(&me);
    if let Value::Object(fields) = &mut body {
        fields.insert("co_users".to_owned(), Value::Array(co_users));
    }
    json(StatusCode::OK, &body)
}

fn short(user: &User) -> Value {
    value!({"user_id": user.id, "username": user.username, "email": user.email})
}

/// `GET /user/api/v2/token/`
pub(in crate::http) async fn token(cx: Cx) -> ApiResult {
    let key = cx.read(user::own_token).await?;
    secret(&key)
}

/// `POST /user/api/v2/token/`: a new token in place of the old one.
pub(in crate::http) async fn refresh_token(cx: Cx) -> ApiResult {
    let key = cx
        .write(|op| {
            let id = op.user()?.id;
            user::issue_token(op, id)
        })
        .await?;
    cx.state.recent.clear();
    secret(&key)
}

/// An answer that nobody in between may keep.
fn secret(key: &str) -> ApiResult {
    let mut answer = json(StatusCode::OK, &value!({"key": key}))?;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}
