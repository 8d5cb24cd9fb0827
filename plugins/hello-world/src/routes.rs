//! What the plugin answers below `/api/v2/plugins/hello-world-plugin`.

use crate::wire::{
    Answer, Core, OwnError, Plugin as About, ShownDetail, ShownEntity, ShownEntry, answer, answer_about,
    own_error, reading_failed,
};
use crate::{PLUGIN, Plugin};
use pagoda_plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// Rows per call of the bridge, which is what it allows. *Source: SDK, `EntryQuery::limit`.*
const BATCH: u32 = 1_000;

/// A greeting to everybody.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Hello {
    message: &'static str,
}

/// Says hello.
#[get("/hello/")]
async fn hello(ctx: RouteContext) -> Json<Answer<Hello>> {
    answer(&ctx, Core::Host, Hello { message: "Hello from a Pagoda plugin!" })
}

/// A greeting to somebody.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Greeting {
    greeting: String,
    requested_name: String,
}

/// Greets somebody.
#[get("/greet/{name}/")]
async fn greet(ctx: RouteContext, Path(name): Path<String>) -> Json<Answer<Greeting>> {
    answer(&ctx, Core::Host, Greeting { greeting: format!("Hello, {name}!"), requested_name: name })
}

/// What this plugin is, at length.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Status {
    #[serde(flatten)]
    plugin: About,
    status: &'static str,
    author: &'static str,
    installation: &'static str,
}

/// Where it is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Place {
    system: System,
}

/// How it is built in.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct System {
    django_app: &'static str,
    package_name: &'static str,
    /// The paths of its plain routes.
    endpoints: Vec<String>,
}

/// What this plugin is.
#[get("/status/")]
async fn status(ctx: RouteContext) -> Json<Answer<Place, Status>> {
    let about = Status {
        plugin: About::of(Core::Host),
        status: "active",
        author: "Pagoda Development Team",
        installation: "external_package",
    };
    let endpoints = ["hello", "greet/<name>", "status", "test"];
    let system = System {
        django_app: "pagoda_hello_world_plugin",
        package_name: "pagoda-hello-world-plugin",
        endpoints: endpoints.map(|path| format!("/api/v2/plugins/{}/{path}/", PLUGIN.id)).into(),
    };
    answer_about(&ctx, Core::Host, Place { system }, about)
}

/// What everybody is answered.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Test {
    message: &'static str,
    test: &'static str,
}

/// Answers everybody.
#[get("/test/", auth = none)]
async fn test(ctx: RouteContext) -> Json<Answer<Test>> {
    let own = Test { message: "This route needs no credentials.", test: "no-auth" };
    answer(&ctx, Core::Host, own)
}

/// Entities.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Entities {
    count: usize,
    entities: Vec<ShownEntity>,
}

/// The entities that the requester may read.
#[get("/entities/", answers = { 500: OwnError, 503: OwnError })]
async fn entities(ctx: RouteContext<Plugin>) -> RouteResult<Json<Answer<Entities>>> {
    let found = ctx.read(|db| {
        let mut rows = Vec::new();
        let mut query = EntityQuery::default();
        query.limit = BATCH;
        loop {
            let batch = db.entities(&query)?;
            rows.extend(batch.iter().map(ShownEntity::from));
            match batch.last() {
                Some(last) => query.after = last.id,
                None => return Ok(rows),
            }
        }
    });
    let entities = found.await.map_err(|error| reading_failed(&ctx, error))?;
    Ok(answer(&ctx, Core::Sdk, Entities { count: entities.len(), entities }))
}

/// An entity.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct OneEntity {
    entity: ShownEntity,
}

/// One entity.
#[get("/entities/{id}/", answers = { 404: OwnError, 500: OwnError, 503: OwnError })]
async fn one_entity(
    ctx: RouteContext<Plugin>,
    Path(id): Path<String>,
) -> RouteResult<Json<Answer<OneEntity>>> {
    let id = row_id(&id)?;
    let found = ctx.read(move |db| Ok(db.entity(id)?)).await;
    let found = found.map_err(|error| reading_failed(&ctx, error))?;
    Ok(answer(&ctx, Core::Sdk, OneEntity { entity: (&found).into() }))
}

/// The query string as it is sent, where of several values under one key the last counts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde", transparent)]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Pairs(#[schemars(with = "Filters")] Vec<(String, String)>);

/// Which entries are wanted.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Filters {
    /// Those of this entity.
    entity_id: Option<i64>,
    /// The first so many.
    #[schemars(range(min = 0))]
    limit: Option<i64>,
}

/// Entries.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Entries {
    count: usize,
    entries: Vec<ShownEntry>,
    filters: Filters,
}

/// The entries that the requester may read, all or those of one entity.
#[get("/entries/", answers = { 400: OwnError, 500: OwnError, 503: OwnError })]
async fn entries(
    ctx: RouteContext<Plugin>,
    Query(Pairs(pairs)): Query<Pairs>,
) -> RouteResult<Json<Answer<Entries>>> {
    let entity_id = integer(&ctx, &pairs, "entity_id")?;
    let limit = integer(&ctx, &pairs, "limit")?;
    if limit.is_some_and(i64::is_negative) {
        return Err(own_error(&ctx, 400, "bad parameter", "`limit` is not negative"));
    }
    let most = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let found = ctx.read(move |db| {
        let mut rows = Vec::new();
        let mut query = EntryQuery::default();
        query.entity = entity_id;
        while rows.len() < most {
            query.limit = u32::try_from(most - rows.len()).unwrap_or(BATCH).min(BATCH);
            let batch = db.entries(&query)?;
            rows.extend(batch.iter().map(ShownEntry::from));
            match batch.last() {
                Some(last) => query.after = last.id,
                None => break,
            }
        }
        Ok(rows)
    });
    let entries = found.await.map_err(|error| reading_failed(&ctx, error))?;
    let filters = Filters { entity_id, limit };
    Ok(answer(&ctx, Core::Sdk, Entries { count: entries.len(), entries, filters }))
}

/// An entry.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct OneEntry {
    entry: ShownDetail,
}

/// One entry with its values.
#[get("/entries/{id}/", answers = { 404: OwnError, 500: OwnError, 503: OwnError })]
async fn one_entry(ctx: RouteContext<Plugin>, Path(id): Path<String>) -> RouteResult<Json<Answer<OneEntry>>> {
    let id = row_id(&id)?;
    let found = ctx.read(move |db| Ok(db.entry(id)?)).await;
    let found = found.map_err(|error| reading_failed(&ctx, error))?;
    Ok(answer(&ctx, Core::Sdk, OneEntry { entry: found.into() }))
}

/// The id in a path: digits. Anything else is a path that does not exist; a number that no row can have is
/// a row that does not exist, and no row has the id 0.
fn row_id(text: &str) -> RouteResult<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RouteError::not_found("there is nothing at this path"));
    }
    Ok(text.parse().unwrap_or(0))
}

/// An integer of the query string; of several under one key the last counts.
fn integer<C>(ctx: &RouteContext<C>, pairs: &[(String, String)], key: &str) -> RouteResult<Option<i64>> {
    let Some((_, text)) = pairs.iter().rev().find(|(name, _)| name == key) else { return Ok(None) };
    match text.trim().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(own_error(ctx, 400, "bad parameter", &format!("`{key}` is an integer"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::PLUGIN;
    use pagoda_plugin_sdk::prelude::*;
    use pagoda_plugin_sdk::route::Method;
    use pagoda_plugin_sdk::serde_json::{Value, json};
    use pagoda_plugin_sdk::testing::{Answer, World};

    fn get(world: &World, path: &str) -> Answer {
        world.call(&PLUGIN, Method::Get, path).send()
    }

    fn keys(value: &Value) -> Vec<&str> {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    fn world() -> World {
        World::new()
            .entity("rack", &[("floor", AttrType::String)])
            .entity("room", &[])
            .entry("rack", "r-1", json!({"floor": "3F"}))
            .entry("rack", "r-2", json!({}))
            .entry("room", "east", json!({}))
    }

    #[test]
    fn hello_and_greet() {
        let answer = get(&world(), "/hello/").json();
        assert_eq!(keys(&answer), ["message", "pagoda_core_version", "plugin", "timestamp", "user"]);
        assert_eq!(
            answer["plugin"],
            json!({
                "id": "hello-world-plugin", "name": "Hello World Plugin", "version": "1.0.0",
                "type": "external", "core": "pagoda-core",
            })
        );
        assert_eq!(answer["user"], json!({"username": "tester", "is_authenticated": true}));

        let answer = get(&world(), "/greet/%E5%A1%94/").json();
        assert_eq!(
            keys(&answer),
            ["greeting", "pagoda_core_version", "plugin", "requested_name", "timestamp", "user"]
        );
        assert_eq!(answer["requested_name"], "塔");
        assert!(answer["greeting"].as_str().unwrap().contains("塔"));
        assert_eq!(get(&world(), "/greet/a%2Fb/").status(), 404);
    }

    #[test]
    fn status_and_test() {
        let answer = get(&world(), "/status/").json();
        assert_eq!(keys(&answer), ["pagoda_core_version", "plugin", "system", "timestamp", "user"]);
        assert_eq!(
            keys(&answer["plugin"]),
            ["author", "core", "id", "installation", "name", "status", "type", "version"]
        );
        assert_eq!(
            answer["system"]["endpoints"],
            json!([
                "/api/v2/plugins/hello-world-plugin/hello/",
                "/api/v2/plugins/hello-world-plugin/greet/<name>/",
                "/api/v2/plugins/hello-world-plugin/status/",
                "/api/v2/plugins/hello-world-plugin/test/",
            ])
        );
        let answer = get(&world().anonymous(), "/test/").json();
        assert_eq!(keys(&answer), ["message", "pagoda_core_version", "plugin", "test", "timestamp", "user"]);
        assert_eq!(answer["user"], json!({"username": "anonymous", "is_authenticated": false}));
        let time = answer["timestamp"].as_str().unwrap();
        assert_eq!((time.len(), time.as_bytes()[10]), ("2024-05-01T00:00:00.000004".len(), b'T'));
    }

    #[test]
    fn entities_are_listed_and_shown() {
        let world = world();
        let answer = get(&world, "/entities/").json();
        assert_eq!(keys(&answer), ["count", "entities", "plugin", "timestamp", "user"]);
        assert_eq!((&answer["count"], &answer["entities"][0]["name"]), (&json!(2), &json!("rack")));
        assert_eq!(answer["plugin"]["core"], "pagoda-plugin-sdk");
        let shown = ["created_time", "created_user", "id", "is_active", "name", "note"];
        assert_eq!(keys(&answer["entities"][1]), shown);

        let id = world.find_entity("room").id;
        let answer = get(&world, &format!("/entities/{id}/")).json();
        assert_eq!(keys(&answer), ["entity", "plugin", "timestamp", "user"]);
        assert_eq!(keys(&answer["entity"]), shown);
    }

    #[test]
    fn entries_are_listed_and_shown() {
        let world = world();
        let answer = get(&world, "/entries/").json();
        assert_eq!(keys(&answer), ["count", "entries", "filters", "plugin", "timestamp", "user"]);
        assert_eq!(answer["filters"], json!({"entity_id": null, "limit": null}));
        assert_eq!(answer["count"], 3);
        let listed =
            ["created_time", "created_user", "entity", "id", "is_active", "name", "note", "updated_time"];
        assert_eq!(keys(&answer["entries"][0]), listed);
        assert_eq!(answer["entries"][0]["note"], "");

        let rack = world.find_entity("rack").id;
        let answer = get(&world, &format!("/entries/?entity_id={rack}&limit=1")).json();
        assert_eq!(answer["filters"], json!({"entity_id": rack, "limit": 1}));
        assert_eq!((&answer["count"], &answer["entries"][0]["name"]), (&json!(1), &json!("r-1")));
        for empty in ["/entries/?entity_id=-7", "/entries/?entity_id=99", "/entries/?limit=0"] {
            assert_eq!(get(&world, empty).json()["count"], 0, "{empty}");
        }

        let id = world.find_entry("rack", "r-1").id;
        let entry = &get(&world, &format!("/entries/{id}/")).json()["entry"];
        assert_eq!(keys(entry).len(), 9);
        assert_eq!(entry["attributes"][0]["value"], json!({"as_string": "3F"}));
        assert_eq!(entry["entity"], json!({"id": rack, "name": "rack"}));
    }

    #[test]
    fn own_errors_have_the_own_form() {
        let world = world();
        for (path, status) in [
            ("/entities/99/", 404),
            ("/entries/99/", 404),
            ("/entries/99999999999999999999999/", 404),
            ("/entries/?limit=-1", 400),
            ("/entries/?limit=many", 400),
            ("/entries/?limit=", 400),
            ("/entries/?entity_id=rack", 400),
        ] {
            let answer = get(&world, path);
            let body = answer.json();
            assert_eq!(answer.status(), status, "{path}");
            assert_eq!(keys(&body), ["error", "message", "plugin", "timestamp"], "{path}");
            assert_eq!(
                body["plugin"],
                json!({"id": "hello-world-plugin", "name": "Hello World Plugin"}),
                "{path}"
            );
        }
        let answer = get(&world, "/entities/rack/");
        assert_eq!((answer.status(), &answer.json()["code"]), (404, &json!("AE-230000")));
    }

    #[test]
    fn what_the_requester_cannot_read_stays_hidden() {
        let world = world().entity_level("room", Level::Nothing).entry_level("rack", "r-1", Level::Nothing);
        assert_eq!(get(&world, "/entities/").json()["count"], 1);
        assert_eq!(get(&world, "/entries/").json()["entries"][0]["name"], "r-2");
        let room = world.find_entity("room").id;
        let denied = get(&world, &format!("/entities/{room}/"));
        assert_eq!((denied.status(), &denied.json()["code"]), (403, &json!("AE-210000")));
        let world = world.anonymous();
        for path in
            ["/hello/", "/greet/x/", "/status/", "/entities/", "/entities/1/", "/entries/", "/entries/1/"]
        {
            let refused = get(&world, path);
            assert_eq!((refused.status(), &refused.json()["code"]), (403, &json!("AE-000000")), "{path}");
        }
    }
}
