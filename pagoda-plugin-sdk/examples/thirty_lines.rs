//! A plugin in thirty lines: assets are named by tags, `A-` and digits.
//!
//! `README.md` and the beginning of `docs/first-plugin.md` show this code; a test compares them.
#![forbid(unsafe_code)]

use pagoda_plugin_sdk::prelude::*;

plugin! { id = "asset-tags", name = "Asset tags", capabilities = [entities.read, entries.read] }

/// Tags are written in capitals.
#[hook(entry.before_create, entity = "asset")]
fn capitals(_ctx: &mut HookContext, asset: &mut EntryBeforeCreate) -> HookResult {
    asset.name = asset.name.to_uppercase();
    Ok(())
}

/// What is no tag is refused.
#[hook(pagoda.entry.validation, entity = "asset")]
fn only_tags(_ctx: &mut HookContext, asset: &EntryValidation) -> HookResult {
    match asset.entry.name.strip_prefix("A-").map(str::parse::<u32>) {
        Some(Ok(_)) => Ok(()),
        _ => Err(Reject::field("name", "an asset is named A- and digits").into()),
    }
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

#[allow(clippy::print_stdout, reason = "an example is a program that says something")]
fn main() {
    println!("{} {}: {}", PLUGIN.id, PLUGIN.version, PLUGIN.name);
}
