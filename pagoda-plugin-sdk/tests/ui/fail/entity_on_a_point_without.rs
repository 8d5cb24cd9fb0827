use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(user.after_login, entity = "rack")]
fn handler(_ctx: HookContext, _login: &UserAfterLogin) -> HookResult {
    Ok(())
}

fn main() {}
