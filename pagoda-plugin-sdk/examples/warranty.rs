//! The plugin of `docs/outbound.md`, in one file and with its tests.
//!
//! The document shows this code; a test compares them.
#![forbid(unsafe_code)]

use pagoda_plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};

plugin! {
    id = "warranty",
    name = "Warranty",
    capabilities = [http.out, secrets:vendor-key],
    http_hosts = ["api.vendor.example", "*.hooks.example:8443"],
}

/// What the vendor knows of a device.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Warranty {
    until: String,
}

/// Until when a device is under warranty.
#[get("/until/{serial}/")]
async fn until(ctx: RouteContext<Plugin>, Path(serial): Path<u64>) -> RouteResult<Json<Warranty>> {
    let key = ctx.secret(secrets::VENDOR_KEY)?;
    let request = OutboundRequest::get(format!("https://api.vendor.example/devices/{serial}"))
        .header("Authorization", format!("Bearer {}", key.expose()));
    let answer = ctx.http().send(request).await?;
    match answer.status() {
        404 => Err(RouteError::not_found("the vendor knows no such device")),
        _ => Ok(Json(answer.success()?.json()?)),
    }
}

/// Tells a chat room of each new device.
#[hook(entry.after_create, entity = "device")]
async fn announce(ctx: HookContext<Plugin>, created: &EntryAfterCreate) -> HookResult {
    let text = serde_json::json!({"text": format!("new: {}", created.entry.name)});
    let request = OutboundRequest::post("https://chat.hooks.example:8443/devices").json(&text)?;
    ctx.http().send(request).await?.success()?;
    Ok(())
}

fn main() {}

#[cfg(test)]
mod tests {
    use super::PLUGIN;
    use pagoda_plugin_sdk::http::OutboundResponse;
    use pagoda_plugin_sdk::route::Method;
    use pagoda_plugin_sdk::serde_json::json;
    use pagoda_plugin_sdk::testing::World;

    #[test]
    fn the_vendor_is_asked_with_the_key() {
        let world = World::new().secret("vendor-key", "s3cret").with_http(|request| {
            assert_eq!(request.headers(), [("Authorization".to_owned(), "Bearer s3cret".to_owned())]);
            Ok(match request.url() {
                "https://api.vendor.example/devices/7" => {
                    OutboundResponse::new(200).with_body(r#"{"until": "2030-01-01"}"#)
                }
                _ => OutboundResponse::new(404),
            })
        });
        let answer = world.call(&PLUGIN, Method::Get, "/until/7/").send();
        assert_eq!((answer.status(), answer.json()), (200, json!({"until": "2030-01-01"})));
        assert_eq!(world.call(&PLUGIN, Method::Get, "/until/8/").send().status(), 404);
    }
}
