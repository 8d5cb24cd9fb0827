use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [entries.read] }

#[get("/groups/")]
async fn groups(ctx: RouteContext<Plugin>) -> RouteResult<Json<Vec<String>>> {
    Ok(Json(ctx.bridges(|bridges| Ok(bridges.auth().groups()?)).await?))
}

#[get("/first/")]
async fn first(ctx: RouteContext<Plugin>) -> RouteResult<Json<String>> {
    Ok(Json(ctx.read(|db| Ok(db.entity(1)?.name)).await?))
}

fn main() {}
