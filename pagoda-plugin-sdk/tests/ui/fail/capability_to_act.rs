use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [entries.write] }

#[delete("/first/")]
async fn first(ctx: RouteContext<Plugin>) -> RouteResult<Response> {
    ctx.as_plugin().data(|db| Ok(db.delete_entry(1)?)).await?;
    Ok(Response::empty(204))
}

fn main() {}
