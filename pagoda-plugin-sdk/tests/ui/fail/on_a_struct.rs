use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.before_create)]
pub struct Handler;

#[get("/x/")]
const ROUTE: u8 = 1;

#[subscribe("other.event")]
mod subscribers {}

fn main() {}
