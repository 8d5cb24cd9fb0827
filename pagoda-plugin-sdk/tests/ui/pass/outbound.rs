//! A client and secrets in every place that may have them.

use pagoda_plugin_sdk::prelude::*;

plugin! {
    id = "sample",
    capabilities = [http.out, secrets:api-key],
    http_hosts = ["api.example.com"],
}

fn request(key: &pagoda_plugin_sdk::secret::SecretValue) -> OutboundRequest {
    OutboundRequest::get("https://api.example.com/").header("X-Api-Key", key.expose())
}

#[get("/rate/")]
async fn rate(ctx: RouteContext<Plugin>) -> RouteResult<Json<u16>> {
    let key = ctx.secret(secrets::API_KEY)?;
    Ok(Json(ctx.http().send(request(&key)).await?.success()?.status()))
}

#[get("/plain/")]
fn plain(ctx: RouteContext<Plugin>) -> RouteResult<Json<u16>> {
    let key = ctx.secret(secrets::API_KEY)?;
    Ok(Json(ctx.http().send_blocking(request(&key))?.status()))
}

#[hook(entry.after_create)]
async fn tell(ctx: HookContext<Plugin>, _entry: &EntryAfterCreate) -> HookResult {
    let key = ctx.secret(secrets::API_KEY)?;
    ctx.http().send(request(&key)).await?;
    Ok(())
}

#[hook(entry.before_create)]
fn sign(ctx: &mut HookContext<Plugin>, entry: &mut EntryBeforeCreate) -> HookResult {
    entry.name = format!("{}-{}", entry.name, ctx.secret(secrets::API_KEY)?.expose().len());
    Ok(())
}

fn main() {}
