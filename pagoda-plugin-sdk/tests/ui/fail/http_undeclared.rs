use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [entries.read] }

#[get("/rate/")]
async fn rate(ctx: RouteContext<Plugin>) -> RouteResult<Json<u16>> {
    let answer = ctx.http().send(OutboundRequest::get("https://api.example.com/")).await?;
    Ok(Json(answer.status()))
}

#[hook(entry.after_create)]
fn tell(ctx: HookContext, _entry: &EntryAfterCreate) -> HookResult {
    ctx.http().send_blocking(OutboundRequest::post("https://api.example.com/"))?;
    Ok(())
}

fn main() {}
