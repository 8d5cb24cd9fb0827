use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [secrets:smtp-password] }

#[get("/declared/")]
async fn declared(ctx: RouteContext<Plugin>) -> RouteResult<Json<usize>> {
    Ok(Json(ctx.secret(crate::secrets::SMTP_PASSWORD)?.expose().len()))
}

#[get("/undeclared/")]
async fn undeclared(ctx: RouteContext<Plugin>) -> RouteResult<Json<usize>> {
    Ok(Json(ctx.secret(crate::secrets::SMTP_USER)?.expose().len()))
}

#[get("/uncarried/")]
async fn uncarried(ctx: RouteContext) -> RouteResult<Json<usize>> {
    Ok(Json(ctx.secret(crate::secrets::SMTP_PASSWORD)?.expose().len()))
}

fn main() {}
