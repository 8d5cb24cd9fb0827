use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [entries.read] }

#[get("/first/")]
async fn first(ctx: RouteContext) -> RouteResult<Json<String>> {
    Ok(Json(ctx.read(|db| Ok(db.entry(1)?.name)).await?))
}

fn main() {}
