//! `/user/api/v2/`. *Source: spec, auth-user §4.*

use crate::auth::secret as keys;
use crate::http::auth::SESSION_COOKIE;
use crate::http::endpoint::{Cx, empty, json, yaml};
use crate::http::error::{ApiError, ApiResult};
use crate::http::login::in_a_place;
use crate::http::page::{self, PAGE_SIZE, Page};
use crate::services::error::OpError;
use crate::services::user::password::{self, PasswordChange};
use crate::services::user::{self, Period, UserCreate, UserOrder, UserQuery, UserUpdate, reset};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use pagoda_plugin_sdk::model::User;
use serde_json::{Value, json as value};

/// `GET /user/api/v2/`
pub(in crate::http) async fn list(cx: Cx) -> ApiResult {
    let asked = Page::of(&cx)?;
    let terms = page::terms(cx.query("search"))?;
    let order = page::ordering(cx.query("ordering"), |name| match name {
        "id" => Some(UserOrder::Id),
        "username" => Some(UserOrder::Username),
        "email" => Some(UserOrder::Email),
        "date_joined" => Some(UserOrder::DateJoined),
        "is_superuser" => Some(UserOrder::IsSuperuser),
        _ => None,
    });
    let query = UserQuery { terms, order, limit: PAGE_SIZE, offset: 0 };
    let (number, rows, total) = cx
        .read(move |op| {
            asked.read(|offset| {
                let page = user::list(op, &UserQuery { offset, ..query.clone() })?;
                Ok::<_, OpError>((page.rows, page.total))
            })
        })
        .await?;
    if rows.is_empty() && number > 1 {
        return Err(Page::out_of_range());
    }
    page::numbered(&cx, number, rows, total)
}

/// `POST /user/api/v2/`
pub(in crate::http) async fn create(cx: Cx) -> ApiResult {
    let body = cx.body.json()?;
    let asked = cx.read(move |op| UserCreate::judge(op, &body)).await?;
    let hashed = asked.clone();
    let hash = in_a_place(&cx.state, move || user::hash_password(hashed.password())).await??;
    let created = cx.write(move |op| user::create_user(op, asked.clone(), hash.clone())).await?;
    json(StatusCode::CREATED, &created)
}

/// `GET /user/api/v2/<id>/`
pub(in crate::http) async fn retrieve(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let detail = cx.read(move |op| user::detail(op, id)).await?;
    private(json(StatusCode::OK, &detail)?)
}

/// `PUT /user/api/v2/<id>/`
pub(in crate::http) async fn update(cx: Cx) -> ApiResult {
    let (id, body) = (cx.id("id")?, cx.body.clone());
    let updated = cx
        .write(move |op| {
            let target = UserUpdate::open(op, id)?;
            user::update_user(op, target, &body.json()?)
        })
        .await?;
    cx.state.recent.clear();
    json(StatusCode::OK, &updated)
}

/// `DELETE /user/api/v2/<id>/`
pub(in crate::http) async fn delete(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    cx.write(move |op| user::delete_user(op, id)).await?;
    cx.state.recent.clear();
    empty(StatusCode::NO_CONTENT)
}

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

/// `POST /user/api/v2/<id>/token/`
pub(in crate::http) async fn refresh_token_of(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let key = cx.write(move |op| user::issue_token_of(op, id)).await.map_err(|error| {
        if error.status() == StatusCode::FORBIDDEN { error.without_body() } else { error }
    })?;
    cx.state.recent.clear();
    secret(&key)
}

/// An answer that nobody in between may keep.
fn secret(key: &str) -> ApiResult {
    private(json(StatusCode::OK, &value!({"key": key}))?)
}

fn private(mut answer: HttpResponse) -> ApiResult {
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// `PATCH /user/api/v2/<id>/edit_passwd`
pub(in crate::http) async fn edit_password(cx: Cx) -> ApiResult {
    cx.patch_only()?;
    let (id, body) = (cx.id("id")?, cx.body.clone());
    let change = cx.read(move |op| password::edit(op, id, || body.json())).await?;
    change_password(cx, change).await
}

/// `PATCH /user/api/v2/<id>/su_edit_passwd`
pub(in crate::http) async fn edit_password_as_administrator(cx: Cx) -> ApiResult {
    cx.patch_only()?;
    let (id, body) = (cx.id("id")?, cx.body.clone());
    let change = cx.read(move |op| password::edit_as_administrator(op, id, || body.json())).await?;
    change_password(cx, change).await
}

async fn change_password(cx: Cx, change: PasswordChange) -> ApiResult {
    let hashed = in_a_place(&cx.state, move || password::judge(change)).await??;
    let own = cx.http.cookie(SESSION_COOKIE).map(|cookie| keys::digest(cookie.value()));
    cx.write(move |op| password::store(op, hashed.clone(), own.as_deref())).await?;
    json(StatusCode::OK, &value!({}))
}

/// `PATCH /user/api/v2/<id>/auth`
pub(in crate::http) async fn switch_to_ldap(cx: Cx) -> ApiResult {
    cx.patch_only()?;
    let (id, body) = (cx.id("id")?, cx.body.clone());
    match cx.write(move |op| user::switch_to_ldap(op, id, || body.json())).await? {}
}

/// `POST /user/api/v2/import/`
pub(in crate::http) async fn import(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let outcome = cx.write(move |op| user::import(op, || body.yaml())).await?;
    // What is remembered of users with their tokens may have changed, also where a later row was refused.
    cx.state.recent.clear();
    match outcome {
        Ok(()) => empty(StatusCode::OK),
        Err(complaint) => Err(ApiError::with_body(StatusCode::BAD_REQUEST, complaint)),
    }
}

/// `GET /user/api/v2/export/`
pub(in crate::http) async fn export(cx: Cx) -> ApiResult {
    yaml(&cx.read(user::export).await?)
}

/// `POST /user/api/v2/password_reset`
pub(in crate::http) async fn request_reset(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let base = cx.state.reached_at(&cx.http);
    let (name, letter) = cx.write(move |op| reset::request(op, || body.json(), &base)).await?;
    if let Some(letter) = letter {
        cx.state.host.post(letter);
    }
    json(StatusCode::OK, &value!({"username": name}))
}

/// `POST /user/api/v2/password_reset/confirm`
pub(in crate::http) async fn confirm_reset(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let confirmed = cx.read(move |op| reset::confirm(op, || body.json())).await?;
    let to_hash = confirmed.clone();
    let hash = in_a_place(&cx.state, move || to_hash.hash()).await??;
    cx.write(move |op| reset::store(op, &confirmed, &hash)).await?;
    json(StatusCode::OK, &value!({}))
}

/// `GET /user/api/v2/<id>/activity`
pub(in crate::http) async fn activity(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let [since, to, minutes] = ["since", "to", "within_minutes"].map(|name| cx.query(name));
    let found = cx
        .read(move |op| {
            user::activity(op, id, |now| {
                let period = Period::read(since.as_deref(), to.as_deref(), minutes.as_deref(), now);
                // Its own form, one text by the name of the parameter. *Source: spec, auth-user §4.11.*
                period.map_err(|(name, message)| OpError::Invalid(value!({name: message})))
            })
        })
        .await?;
    json(StatusCode::OK, &found)
}
