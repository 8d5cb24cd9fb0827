//! The bare program over a generated site, on either database: the statements that Pagoda runs for an administrator's list,
//! detail and creation, in transactions of the same kind and with the same durability, and nothing else. It knows no
//! users, rights, hooks, complaints or plugins. Its rates are the limit that Pagoda's are measured against.

use crate::bare::document;
use actix_web::web::{self, Bytes, Data, Path, Query, ServiceConfig};
use actix_web::{HttpResponse, error};
use anyhow::Context;
use pagoda_core::services::attribute::{Content, element_rows, row_of};
use pagoda_core::services::search::index::postings;
use pagoda_core::store::queries::{alias, audit, entity, entry, entry_name, job, lock, value};
use pagoda_core::store::rows::{NewAttribute, NewAudit, NewEntry, NewEntryName, NewJob};
use pagoda_core::store::search::{self, Entered};
use pagoda_core::store::{Store, ids};
use pagoda_plugin_sdk::model::AttrType;
use pagoda_plugin_sdk::time::{Timestamp, Zone};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The administrator, as whom everything is done.
const ADMIN: i64 = 1;

/// Answers lists, details and creations over an open store, to everybody.
pub fn site(store: Store, zone: Zone) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |service| {
        service.app_data(Data::new((store.clone(), zone.clone())));
        service.route("/entity/api/v2/{id:[0-9]+}/entries/", web::get().to(list));
        service.route("/entity/api/v2/{id:[0-9]+}/entries/", web::post().to(create));
        service.route("/entry/api/v2/{id:[0-9]+}/", web::get().to(detail));
    }
}

type Shared = Data<(Store, Zone)>;

async fn blocking(
    work: impl FnOnce() -> anyhow::Result<Vec<u8>> + Send + 'static,
) -> actix_web::Result<HttpResponse> {
    let body = web::block(work).await?.map_err(error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}

async fn detail(id: Path<i64>, shared: Shared) -> actix_web::Result<HttpResponse> {
    blocking(move || {
        let db = &mut shared.0.reader()?;
        db.begin()?;
        let (row, schema) = entry::with_entity(db, *id)?.context("no such entry")?;
        let rows = value::detail_of(db, row.id, schema.id)?;
        let is_list = |code: i32| code & 1_024 != 0;
        let lists = rows.iter().filter(|row| is_list(row.attr.attr_type));
        let lists: Vec<i64> = lists.filter_map(|row| row.value.as_ref().map(|value| value.id)).collect();
        let children = value::children_of(db, &lists)?;
        db.commit()?;
        document(&row, &schema, &rows, &children)
    })
    .await
}

#[derive(Deserialize)]
struct Window {
    page: i64,
}

/// Rows of a page.
const PAGE: i64 = 30;

#[derive(Serialize)]
struct Page<'a> {
    count: i64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    id: i64,
    name: &'a str,
    schema: Value,
    is_active: bool,
    deleted_user: Option<()>,
    deleted_time: Option<()>,
    updated_time: String,
    aliases: Vec<Value>,
    permission: i32,
}

async fn list(id: Path<i64>, window: Query<Window>, shared: Shared) -> actix_web::Result<HttpResponse> {
    blocking(move || {
        let (store, zone) = &**shared;
        let db = &mut store.reader()?;
        db.begin()?;
        let schema = entity::by_id(db, *id)?.context("no such entity")?;
        let filter = entry::EntryFilter {
            entity_id: schema.id,
            is_active: Some(true),
            terms: Vec::new(),
            with_alias: false,
            order: Vec::new(),
            limit: PAGE,
            offset: (window.page - 1) * PAGE,
        };
        let page = entry::list(db, &filter)?;
        let ids: Vec<i64> = page.rows.iter().map(|row| row.id).collect();
        let aliases = alias::of_entries(db, &ids)?;
        db.commit()?;
        let link = |page: i64| format!("/entity/api/v2/{}/entries/?is_active=true&page={page}", schema.id);
        let item = |row| {
            let row: &pagoda_core::store::rows::EntryRow = row;
            let own = aliases.iter().filter(|alias| alias.entry_id == row.id);
            Item {
                id: row.id,
                name: &row.name,
                schema: json!({"id": schema.id, "name": schema.name, "is_public": schema.is_public, "permission": 8}),
                is_active: row.is_active,
                deleted_user: None,
                deleted_time: None,
                updated_time: zone.iso(Timestamp::from_micros(row.updated_time)),
                aliases: own.map(|alias| json!({"id": alias.id, "name": alias.name, "entry": alias.entry_id})).collect(),
                permission: 8,
            }
        };
        let shown = Page {
            count: page.total,
            next: (window.page * PAGE < page.total).then(|| link(window.page + 1)),
            previous: (window.page > 1).then(|| link(window.page - 1)),
            results: page.rows.iter().map(item).collect(),
        };
        Ok(serde_json::to_vec(&shown)?)
    })
    .await
}

#[derive(Deserialize)]
struct New {
    name: String,
    attrs: Vec<Given>,
}

#[derive(Deserialize)]
struct Given {
    id: i64,
    value: Value,
}

async fn create(id: Path<i64>, body: Bytes, shared: Shared) -> actix_web::Result<HttpResponse> {
    blocking(move || write(&shared.0, *id, &serde_json::from_slice(&body)?)).await
}

/// A value that was sent, as it is searched.
fn content(attr_type: AttrType, value: &Value) -> Content {
    match value {
        Value::Array(list) => {
            let elements = list.iter().map(|element| content(attr_type, element)).collect();
            Content { elements, ..Content::default() }
        }
        Value::Number(to) if attr_type == AttrType::Object => {
            Content { reference: to.as_i64(), ..Content::default() }
        }
        text => Content {
            text: text.as_str().map_or_else(|| text.to_string(), str::to_owned),
            ..Content::default()
        },
    }
}

/// The rows of a creation: what the entity has, whether the name is free and the references lead anywhere, then the rows.
fn write(store: &Store, entity_id: i64, new: &New) -> anyhow::Result<Vec<u8>> {
    let db = &mut store.writer()?;
    let now = Timestamp::now().as_micros();
    db.begin()?;
    lock::entity_to_fill(db, entity_id)?;
    let schema = entity::by_id(db, entity_id)?.context("no such entity")?;
    let held = value::detail_of(db, 0, entity_id)?;
    anyhow::ensure!(entry::active_by_name(db, entity_id, &new.name)?.is_none(), "the name is taken");
    anyhow::ensure!(alias::active_by_name(db, entity_id, &new.name)?.is_none(), "the name is taken");
    let id = ids::allocate(db, 1)?.first().copied().unwrap_or_default();
    let (mut values, mut contents, mut entered) = (Vec::new(), Vec::new(), Vec::new());
    for row in &held {
        let Some(given) = new.attrs.iter().find(|given| given.id == row.attr.id) else { continue };
        let attr_type = AttrType::from_code(row.attr.attr_type.into()).context("no such type")?;
        let content = content(attr_type, &given.value);
        if let Some(to) = content.reference {
            entry::by_id(db, to)?.context("no such entry")?;
        }
        let postings = postings(row.attr.id, attr_type, &content);
        entered.push(Entered { entry_id: id, attr_id: row.attr.id, postings });
        values.push(row_of(0, row.attr.attr_type, &content, Some(ADMIN), now, None));
        contents.push(content);
    }
    let row = NewEntry {
        id,
        entity_id: schema.id,
        name: new.name.clone(),
        status: 0,
        is_public: true,
        default_permission: 1,
        created_user_id: Some(ADMIN),
        created_time: now,
    };
    entry::insert(db, &row)?;
    let name =
        NewEntryName { entry_id: id, name: row.name.clone(), kind: "+", user_id: Some(ADMIN), at: now };
    entry_name::insert(db, &name)?;
    let own = ids::allocate(db, held.len())?;
    let attribute = |(row, id): (&pagoda_core::store::rows::DetailRow, &i64)| NewAttribute {
        id: *id,
        entry_id: name.entry_id,
        attr_id: row.attr.id,
        is_public: row.attr.is_public,
        default_permission: row.attr.default_permission,
        is_active: true,
        created_user_id: Some(ADMIN),
        created_time: now,
    };
    let attributes: Vec<NewAttribute> = held.iter().zip(&own).map(attribute).collect();
    value::insert_attributes(db, &attributes)?;
    for (value, attribute) in values.iter_mut().zip(&own) {
        value.attribute_id = *attribute;
    }
    let parents = value::insert_values(db, &values)?;
    let written = parents.iter().zip(&values).zip(&contents);
    let elements = written.flat_map(|((parent, value), content)| element_rows(*parent, value, content));
    value::insert_values(db, &elements.collect::<Vec<_>>())?;
    search::put(db, &entered)?;
    let record = NewJob {
        owner_id: ADMIN,
        operation: 27,
        status: 2,
        target_kind: Some("entry".to_owned()),
        target_id: Some(id),
        params: "{}".to_owned(),
        created_at: now,
        updated_at: now,
        ..NewJob::default()
    };
    let job = job::insert(db, &record)?;
    let record = NewAudit {
        at: now,
        actor_id: Some(ADMIN),
        actor: Some("admin".to_owned()),
        action: "entry.create".to_owned(),
        object_kind: Some("entry".to_owned()),
        object_id: Some(id),
        object_name: Some(row.name.clone()),
        plugin: None,
        trace_id: id.to_string(),
        origin: "http".to_owned(),
        detail: "{}".to_owned(),
    };
    audit::enqueue(db, &[record])?;
    db.commit()?;
    Ok(serde_json::to_vec(&json!({"id": id, "name": row.name, "job": job}))?)
}
