use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [entries.read] }

#[get("/undeclared/")]
async fn undeclared(ctx: RouteContext<Plugin>) -> RouteResult<Json<usize>> {
    Ok(Json(ctx.secret(crate::secrets::SMTP)?.expose().len()))
}

fn main() {}
