//! `/entity/api/v2/`. *Source: spec, entity §2.*

use crate::http::endpoint::{Cx, empty, json};
use crate::http::error::{ApiError, ApiResult};
use crate::http::page::{self, PAGE_SIZE, Page, Window};
use crate::services::acl;
use crate::services::entity::{self, EntityInput, EntityUpdate};
use crate::services::entry::{self, EntryInput, ListQuery};
use crate::services::error::OpError;
use crate::services::job::{self, Operation, Target};
use crate::services::search::hooks::Rows;
use crate::store::queries;
use crate::store::queries::entity::{EntityFilter, EntityOrder};
use crate::store::queries::entry::EntryOrder;
use crate::wire::leaf;
use actix_web::http::StatusCode;
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::Level;
use serde_json::json as value;

/// `GET /entity/api/v2/`
pub(in crate::http) async fn list(cx: Cx) -> ApiResult {
    let window = Window::of(&cx);
    let key = |name: &str| {
        Some(match name {
            "id" => EntityOrder::Id,
            "name" => EntityOrder::Name,
            "note" => EntityOrder::Note,
            "item_name_pattern" => EntityOrder::ItemNamePattern,
            "item_name_type" => EntityOrder::ItemNameType,
            "status" => EntityOrder::Status,
            _ => return None,
        })
    };
    let mut order = page::ordering(cx.query("ordering"), key);
    if order.is_empty() {
        order.push((EntityOrder::Name, false));
    }
    let filter = EntityFilter {
        toplevel: cx.query("is_toplevel").map(|text| toplevel(&text)).transpose()?,
        terms: page::terms(cx.query("search"))?,
        order,
        limit: window.limit,
        offset: window.offset,
    };
    let (rows, total) = cx.read(move |op| entity::list(op, &filter)).await?;
    page::window(&cx, window, rows, total)
}

fn toplevel(text: &str) -> Result<bool, ApiError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Ok(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Ok(false),
        _ => {
            let body = value!([leaf(Code::InvalidValue, "is_toplevel: expected true or false")]);
            Err(ApiError::with_body(StatusCode::BAD_REQUEST, body))
        }
    }
}

/// `POST /entity/api/v2/`
pub(in crate::http) async fn create(cx: Cx) -> ApiResult {
    let body = cx.body.clone();
    let (created, job) = cx
        .write(move |op| {
            // Whether one may comes before what one sent.
            acl::require_writer(op)?;
            let created = entity::create(op, EntityInput::read(&body.json()?, true)?)?;
            let job = job::record(op, Operation::CreateEntity, Target::Entity(created.id))?;
            Ok((created, job))
        })
        .await?;
    json(StatusCode::ACCEPTED, &value!({"id": created.id, "name": created.name, "job": job}))
}

/// `GET /entity/api/v2/<id>/`
pub(in crate::http) async fn retrieve(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let detail = cx.read(move |op| entity::detail(op, id)).await?;
    json(StatusCode::OK, &detail)
}

/// `PUT /entity/api/v2/<id>/`
pub(in crate::http) async fn update(cx: Cx) -> ApiResult {
    let (id, body) = (cx.id("id")?, cx.body.clone());
    cx.write(move |op| {
        let target = EntityUpdate::open(op, id)?;
        entity::update(op, target, EntityInput::read(&body.json()?, false)?)?;
        job::record(op, Operation::EditEntity, Target::Entity(id))
    })
    .await?;
    empty(StatusCode::ACCEPTED)
}

/// `DELETE /entity/api/v2/<id>/`
pub(in crate::http) async fn delete(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    cx.write(move |op| {
        entity::delete(op, id)?;
        job::record(op, Operation::DeleteEntity, Target::Entity(id))
    })
    .await?;
    empty(StatusCode::ACCEPTED)
}

/// `GET /entity/api/v2/<id>/histories/`
pub(in crate::http) async fn histories(cx: Cx) -> ApiResult {
    let (id, window) = (cx.id("id")?, Window::of(&cx));
    let page = cx.read(move |op| entity::history(op, id, window.limit, window.offset)).await?;
    page::window(&cx, window, page.rows, page.total)
}

/// `GET /entity/api/v2/attrs`
pub(in crate::http) async fn attr_names(cx: Cx) -> ApiResult {
    let (ids, referral) = (cx.query("entity_ids"), cx.query("referral_attr"));
    let names = cx.read(move |op| entity::attr_names(op, ids.as_deref(), referral.as_deref())).await?;
    json(StatusCode::OK, &names)
}

/// `GET /entity/api/v2/<id>/entries/`
pub(in crate::http) async fn list_entries(cx: Cx) -> ApiResult {
    let id = cx.id("id")?;
    let page = Page::of(&cx);
    let is_active = cx.query("is_active").and_then(|text| match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    });
    let key = |name: &str| match name {
        "name" => Some(EntryOrder::Name),
        "updated_time" => Some(EntryOrder::UpdatedTime),
        _ => None,
    };
    let query = ListQuery {
        is_active,
        terms: page::terms(cx.query("search"))?,
        with_alias: cx.query("with_alias").is_some_and(|text| !text.is_empty()),
        order: page::ordering(cx.query("ordering"), key),
        limit: PAGE_SIZE,
        offset: 0,
    };
    let words = cx.query("search").filter(|words| !words.is_empty());
    let asked = page.as_ref().ok().copied();
    let found = cx
        .read(move |op| {
            let entity = entity::open(op, id, Level::Readable)?;
            let Some(asked) = asked else { return Ok(None) };
            if let Some(words) = &words {
                return entry::search(op, &entity, words, &query, |read| asked.read(read)).map(Some);
            }
            let read = |offset| entry::list(op, &entity, ListQuery { offset, ..query.clone() });
            let (number, rows, total) = asked.read(read)?;
            Ok(Some((number, Rows::Own(rows), total)))
        })
        .await?;
    // A page that is none is said only to those who may see the entity.
    let (number, rows, total) = found.ok_or_else(Page::out_of_range)?;
    if rows.is_empty() && number > 1 {
        return Err(Page::out_of_range());
    }
    page::numbered(&cx, number, rows, total)
}

/// `POST /entity/api/v2/<id>/entries/`
pub(in crate::http) async fn create_entry(cx: Cx) -> ApiResult {
    let (id, body) = (cx.id("id")?, cx.body.clone());
    let (created, job) = cx
        .write(move |op| {
            queries::lock::entity_to_fill(&mut op.db, id)?;
            let found = queries::entity::by_id(&mut op.db, id)?;
            let Some(entity) = found else {
                acl::require_writer(op)?;
                let mut errors = EntryInput::read(&body.json()?, true)?.errors;
                errors.add("schema", Code::NotFound, format!("entity {id} does not exist"));
                return Err(errors.into());
            };
            acl::require(op, &acl::Subject::from(&entity), Level::Writable)?;
            if !entity.is_active {
                return Err(OpError::not_found("entity", id));
            }
            let created = entry::create(op, &entity, EntryInput::read(&body.json()?, true)?)?;
            let job = job::record(op, Operation::CreateEntry, Target::Entry(created.id))?;
            Ok((created, job))
        })
        .await?;
    json(StatusCode::ACCEPTED, &value!({"id": created.id, "name": created.name, "job": job}))
}
