//! Routes of every method and shape.
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::route;
use serde::{Deserialize, Serialize};

plugin! { id = "sample", capabilities = [entities.read] }

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub struct Page {
    #[serde(default)]
    pub limit: u32,
}

/// Nothing
/// at all.
///
/// Really.
#[get("/", auth = none)]
fn nothing() -> Response {
    Response::empty(204)
}

#[get("/many/{a}/{b}/", auth = required, budget = "2s")]
async fn many(ctx: RouteContext<Plugin>, Path((a, b)): Path<(i64, String)>, Query(page): Query<Page>) -> RouteResult<Json<Page>> {
    ctx.data(move |db| Ok(db.entity(a)?)).await?;
    if b.is_empty() { Err(Reject::field("b", "empty").into()) } else { Ok(Json(page)) }
}

#[post("/many/")]
async fn post_it(Json(page): Json<Page>) -> (u16, Json<Page>) {
    (201, Json(page))
}

#[put("/many/")]
fn put_it(ctx: RouteContext<Plugin>, Json(page): Json<Page>) -> RouteResult<(u16, Json<Page>)> {
    ctx.data_blocking(|db| Ok(db.entities(&EntityQuery::default())?))?;
    Ok((200, Json(page)))
}

#[patch("/many/")]
async fn patch_it(mut ctx: RouteContext) -> impl pagoda_plugin_sdk::route::IntoResponse {
    ctx = ctx.clone();
    Json(ctx.plugin().id)
}

#[delete("/many/")]
#[get("/gone/")]
fn r#delete_it() -> Result<Response, anyhow::Error> {
    Ok(Response::empty(204))
}

#[get("/eight/")]
#[rustfmt::skip]
fn eight(_: RouteContext, _: RouteContext, _: RouteContext, _: RouteContext, _: RouteContext, _: RouteContext, _: RouteContext, _: RouteContext) -> Response {
    Response::empty(200)
}

fn main() {
    let routes = route::linked();
    let found: Vec<_> = routes.iter().map(|r| (r.method.as_str(), r.path, r.function, r.summary)).collect();
    assert_eq!(
        found,
        [
            ("GET", "/", "nothing", "Nothing at all."),
            ("GET", "/eight/", "eight", ""),
            ("GET", "/gone/", "delete_it", ""),
            ("POST", "/many/", "post_it", ""),
            ("PUT", "/many/", "put_it", ""),
            ("PATCH", "/many/", "patch_it", ""),
            ("DELETE", "/many/", "delete_it", ""),
            ("GET", "/many/{a}/{b}/", "many", ""),
        ]
    );
}
