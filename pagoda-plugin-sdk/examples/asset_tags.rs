//! The plugin of `docs/first-plugin.md` as it is at the end, in one file and with its tests.
//!
//! The document shows this code; a test compares them.
#![forbid(unsafe_code)]

use pagoda_plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};

plugin! {
    id = "asset-tags",
    name = "Asset tags",
    config = Tags,
    capabilities = [entities.read, entries.read, entries.write],
}

/// The section `[plugins.asset-tags]` of the configuration.
#[derive(Debug, Deserialize)]
#[serde(crate = "pagoda_plugin_sdk::serde", default)]
struct Tags {
    /// What every tag starts with.
    prefix: String,
    /// How many digits follow.
    digits: usize,
}

impl Default for Tags {
    fn default() -> Self {
        Self { prefix: "A-".to_owned(), digits: 4 }
    }
}

impl PluginConfig for Tags {
    fn validate(&self) -> Result<(), String> {
        if (1..=9).contains(&self.digits) { Ok(()) } else { Err("digits: from 1 to 9".to_owned()) }
    }
}

impl Tags {
    fn tag(&self, number: u32) -> String {
        format!("{}{number:0width$}", self.prefix, width = self.digits)
    }

    fn is_tag(&self, name: &str) -> bool {
        let digits = name.strip_prefix(&self.prefix).unwrap_or_default();
        digits.len() == self.digits && digits.chars().all(|c| c.is_ascii_digit())
    }
}

/// Tags are written in capitals.
#[hook(entry.before_create, entity = "asset")]
fn capitals(_ctx: &mut HookContext, asset: &mut EntryBeforeCreate) -> HookResult {
    asset.name = asset.name.to_uppercase();
    Ok(())
}

/// What is no tag is refused.
#[hook(pagoda.entry.validation, entity = "asset")]
fn only_tags(ctx: &mut HookContext, asset: &EntryValidation) -> HookResult {
    let tags = ctx.config::<Tags>()?;
    if tags.is_tag(&asset.entry.name) {
        return Ok(());
    }
    let sentence = format!("an asset is named by a tag, such as {}", tags.tag(1));
    Err(Reject::field("name", sentence).with_code(Code::InvalidValue).into())
}

/// Keeps a journal: an entry of the entity `journal` for every new asset.
#[hook(entry.after_create, entity = "asset")]
async fn note(ctx: HookContext<Plugin>, created: &EntryAfterCreate) -> HookResult {
    let mut line = NewEntry::default();
    line.name = format!("{} was created", created.entry.name);
    ctx.data(move |db| {
        let journal = db.entity_by_name("journal")?;
        Ok(db.create_entry(journal.id, line)?)
    })
    .await?;
    Ok(())
}

/// How many assets there are.
#[get("/count/")]
async fn count(ctx: RouteContext<Plugin>) -> RouteResult<Json<usize>> {
    let assets = ctx.read(|db| {
        let mut query = EntryQuery::default();
        query.entity = Some(db.entity_by_name("asset")?.id);
        Ok(db.entries(&query)?)
    });
    Ok(Json(assets.await?.len()))
}

/// What a name would mean.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Judged {
    name: String,
    is_tag: bool,
}

/// Whether a name is a tag.
#[get("/tags/{name}/", auth = none)]
fn judge(Path(name): Path<String>, tags: Config<Tags>) -> Json<Judged> {
    Json(Judged { is_tag: tags.is_tag(&name), name })
}

/// Numbers that want to be tags.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Numbers {
    numbers: Vec<u32>,
}

/// Writes numbers as tags.
#[post("/tags/")]
async fn tags(Json(sent): Json<Numbers>, tags: Config<Tags>) -> Json<Vec<String>> {
    Json(sent.numbers.iter().map(|number| tags.tag(*number)).collect())
}

/// The names of all assets, a line each; nothing where there are none.
#[get("/names/", answers = { 200: "text/csv", 204: () })]
async fn names(ctx: RouteContext<Plugin>) -> RouteResult<Response> {
    let assets = ctx.read(|db| {
        let mut query = EntryQuery::default();
        query.entity = Some(db.entity_by_name("asset")?.id);
        Ok(db.entries(&query)?)
    });
    let lines: String = assets.await?.iter().map(|asset| format!("{}\r\n", asset.name)).collect();
    if lines.is_empty() { Ok(Response::empty(204)) } else { Ok(Response::new(200, "text/csv", lines)) }
}

#[allow(clippy::print_stdout, reason = "an example is a program that says something")]
fn main() {
    println!("{} {}: {}", PLUGIN.id, PLUGIN.version, PLUGIN.name);
}

#[cfg(test)]
mod tests {
    use super::PLUGIN;
    use pagoda_plugin_sdk::prelude::*;
    use pagoda_plugin_sdk::route::Method;
    use pagoda_plugin_sdk::serde_json::json;
    use pagoda_plugin_sdk::{hooks, testing::World};

    fn world() -> World {
        World::new().entity("asset", &[]).entity("journal", &[]).entry("asset", "A-0001", json!({}))
    }

    #[test]
    fn names_become_capitals() {
        let mut asset = EntryBeforeCreate::default();
        asset.entity.name = "asset".to_owned();
        asset.name = "a-0002".to_owned();
        world().fire::<hooks::entry::before_create>(&PLUGIN, &mut asset).unwrap();
        assert_eq!(asset.name, "A-0002");
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        let named = |name: &str| {
            let mut asset = EntryValidation::default();
            asset.entry.entity.name = "asset".to_owned();
            asset.entry.name = name.to_owned();
            world().fire::<hooks::pagoda::entry::validation>(&PLUGIN, &mut asset)
        };
        named("A-0002").unwrap();
        let Err(HookError::Reject(reject)) = named("A-2") else { panic!("A-2 passed") };
        assert_eq!(reject.to_string(), "name: an asset is named by a tag, such as A-0001");
    }

    #[test]
    fn the_journal_is_kept() {
        let world = world();
        let mut created = EntryAfterCreate::default();
        created.entry.entity.name = "asset".to_owned();
        created.entry.name = "A-0002".to_owned();
        world.fire::<hooks::entry::after_create>(&PLUGIN, &mut created).unwrap();
        assert_eq!(world.find_entry("journal", "A-0002 was created").attrs.len(), 0);
    }

    #[test]
    fn the_routes_answer() {
        let world = world().section(&PLUGIN, json!({"prefix": "R", "digits": 2}));
        assert_eq!(world.call(&PLUGIN, Method::Get, "/count/").send().json(), json!(1));
        let judged = world.call(&PLUGIN, Method::Get, "/tags/R07/").send().json();
        assert_eq!(judged, json!({"name": "R07", "is_tag": true}));
        let tags = world.call(&PLUGIN, Method::Post, "/tags/").body(json!({"numbers": [1, 12]})).send();
        assert_eq!(tags.json(), json!(["R01", "R12"]));
        assert_eq!(world.call(&PLUGIN, Method::Post, "/tags/").body(json!({})).send().status(), 400);
        assert_eq!(world.call(&PLUGIN, Method::Get, "/names/").send().text(), "A-0001\r\n");
    }
}
