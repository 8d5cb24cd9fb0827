//! What Pagoda is compared with: actix-web handlers that do the same work and nothing else.

use crate::Greeting;
use actix_web::web::{self, Data, Path, ServiceConfig};
use actix_web::{HttpResponse, error};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use pagoda_core::store::rows::{AttrValueRow, AttributeRow, EntityAttrRow};
use pagoda_core::store::rows::{ChildRow, DetailRow, EntityRow, EntryRow};
use pagoda_core::store::schema::{attr_value, attribute, entity, entity_attr, entry};
use pagoda_plugin_sdk::model::AttrType;
use serde::Serialize;

/// Answers the bytes of the benchmark plugin's route.
pub fn greeting(service: &mut ServiceConfig) {
    service.route("/api/v2/plugins/bench/open/", web::get().to(greet));
}

async fn greet() -> actix_web::Result<HttpResponse> {
    let body = serde_json::to_vec(&Greeting::new()).map_err(error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}

/// Connections to an SQLite file.
pub type Connections = Pool<ConnectionManager<SqliteConnection>>;

/// The settings that Pagoda gives its readers.
#[derive(Debug)]
struct Settings;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Settings {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        connection
            .batch_execute(
                "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA foreign_keys = ON; PRAGMA cache_size = -4096; PRAGMA mmap_size = 268435456; \
                 PRAGMA temp_store = MEMORY; PRAGMA query_only = ON",
            )
            .map_err(diesel::r2d2::Error::QueryError)
    }
}

/// Opens a file that is there.
///
/// # Errors
/// It cannot be opened.
pub fn connections(path: &std::path::Path) -> anyhow::Result<Connections> {
    let manager = ConnectionManager::new(path.to_string_lossy());
    Ok(Pool::builder()
        .max_size(8)
        .test_on_check_out(false)
        .connection_customizer(Box::new(Settings))
        .build(manager)?)
}

/// Answers what Pagoda answers to `GET /entry/api/v2/<id>/`, to everybody.
pub fn detail(pool: Connections) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |service| {
        service.app_data(Data::new(pool.clone()));
        service.route("/entry/api/v2/{id:[0-9]+}/", web::get().to(retrieve));
    }
}

async fn retrieve(id: Path<i64>, pool: Data<Connections>) -> actix_web::Result<HttpResponse> {
    let body = web::block(move || read(&pool, *id)).await?.map_err(error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}

#[derive(Serialize)]
struct Named<'a> {
    id: i64,
    name: &'a str,
}

#[derive(Serialize)]
struct Schema<'a> {
    id: i64,
    name: &'a str,
    is_public: bool,
    permission: i32,
}

#[derive(Serialize)]
struct Referred<'a> {
    id: i64,
    name: &'a str,
    schema: Named<'a>,
}

/// As the wire names values.
#[derive(Serialize)]
#[expect(clippy::enum_variant_names, reason = "the names of the wire")]
enum Value<'a> {
    #[serde(rename = "as_string")]
    AsString(&'a str),
    #[serde(rename = "as_number")]
    AsNumber(Option<serde_json::Number>),
    #[serde(rename = "as_boolean")]
    AsBoolean(bool),
    #[serde(rename = "as_object")]
    AsObject(Option<Referred<'a>>),
    #[serde(rename = "as_array_string")]
    AsArrayString(Vec<&'a str>),
}

#[derive(Serialize)]
struct Attr<'a> {
    id: Option<i64>,
    #[serde(rename = "type")]
    attr_type: i32,
    is_mandatory: bool,
    is_readable: bool,
    value: Value<'a>,
    schema: Named<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    id: i64,
    name: &'a str,
    schema: Schema<'a>,
    is_active: bool,
    deleted_user: Option<()>,
    deleted_time: Option<()>,
    attrs: Vec<Attr<'a>>,
    is_public: bool,
    permission: i32,
}

/// The three statements of Pagoda's entry detail, each by itself: no transaction around them.
fn read(pool: &Connections, id: i64) -> anyhow::Result<Vec<u8>> {
    let c = &mut pool.get()?;
    let (entry, entity): (EntryRow, EntityRow) = entry::table
        .inner_join(entity::table)
        .filter(entry::id.eq(id))
        .select((EntryRow::as_select(), EntityRow::as_select()))
        .first(c)?;
    let rows: Vec<DetailRow> = entity_attr::table
        .left_join(
            attribute::table.on(attribute::attr_id.eq(entity_attr::id).and(attribute::entry_id.eq(entry.id))),
        )
        .left_join(
            attr_value::table.on(attr_value::attribute_id.eq(attribute::id).and(attr_value::is_latest)),
        )
        .left_join(entry::table.on(attr_value::ref_id.eq(entry::id.nullable())))
        .left_join(entity::table.on(entity::id.eq(entry::entity_id)))
        .filter(entity_attr::entity_id.eq(entity.id))
        .filter(entity_attr::is_active.eq(true))
        .order((entity_attr::sort_index, entity_attr::id))
        .select((
            EntityAttrRow::as_select(),
            Option::<AttributeRow>::as_select(),
            Option::<AttrValueRow>::as_select(),
            (entry::id, entry::name, entry::is_active, entry::entity_id, entity::name).nullable(),
        ))
        .load(c)?;
    let is_array = |row: &&DetailRow| row.attr.attr_type == AttrType::ArrayString.code();
    let arrays: Vec<i64> =
        rows.iter().filter(is_array).filter_map(|row| row.value.as_ref().map(|value| value.id)).collect();
    let array = arrays.first().copied().unwrap_or_default();
    let children: Vec<ChildRow> = attr_value::table
        .left_join(entry::table.on(attr_value::ref_id.eq(entry::id.nullable())))
        .left_join(entity::table.on(entity::id.eq(entry::entity_id)))
        .filter(attr_value::parent_id.eq(array))
        .order((attr_value::parent_id, attr_value::position))
        .select((
            AttrValueRow::as_select(),
            (entry::id, entry::name, entry::is_active, entry::entity_id, entity::name).nullable(),
        ))
        .load(c)?;
    document(&entry, &entity, &rows, &children)
}

/// The detail of an entry as Pagoda shows it to an administrator.
pub(crate) fn document(
    entry: &EntryRow,
    entity: &EntityRow,
    rows: &[DetailRow],
    children: &[ChildRow],
) -> anyhow::Result<Vec<u8>> {
    let attrs = rows.iter().map(|row| show(row, children)).collect::<Result<_, _>>()?;
    let detail = Detail {
        id: entry.id,
        name: &entry.name,
        schema: Schema { id: entity.id, name: &entity.name, is_public: entity.is_public, permission: 8 },
        is_active: entry.is_active,
        deleted_user: None,
        deleted_time: None,
        attrs,
        is_public: entry.is_public,
        permission: 8,
    };
    Ok(serde_json::to_vec(&detail)?)
}

fn show<'a>(row: &'a DetailRow, children: &'a [ChildRow]) -> anyhow::Result<Attr<'a>> {
    let text = row.value.as_ref().map_or("", |value| &value.text_value);
    let value = match AttrType::from_code(i64::from(row.attr.attr_type)) {
        Some(AttrType::String | AttrType::Text | AttrType::Date) => Value::AsString(text),
        Some(AttrType::Number) => Value::AsNumber(serde_json::from_str(text).ok()),
        Some(AttrType::Boolean) => Value::AsBoolean(row.value.as_ref().is_some_and(|value| value.bool_value)),
        Some(AttrType::Object) => Value::AsObject(row.referred.as_ref().map(|referred| Referred {
            id: referred.id,
            name: &referred.name,
            schema: Named { id: referred.entity_id, name: &referred.entity_name },
        })),
        Some(AttrType::ArrayString) => {
            let own = |child: &&ChildRow| {
                row.value.as_ref().is_some_and(|value| child.value.parent_id == Some(value.id))
            };
            Value::AsArrayString(
                children.iter().filter(own).map(|child| child.value.text_value.as_str()).collect(),
            )
        }
        other => anyhow::bail!("no type of the benchmark: {other:?}"),
    };
    Ok(Attr {
        id: row.attribute.as_ref().map(|attribute| attribute.id),
        attr_type: row.attr.attr_type,
        is_mandatory: row.attr.is_mandatory,
        is_readable: true,
        value,
        schema: Named { id: row.attr.id, name: &row.attr.name },
    })
}
