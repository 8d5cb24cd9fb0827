//! The API browser: Swagger UI over the server's OpenAPI document. The one page that is made by scripts.

use super::assets;
use askama::Template;

#[derive(Template)]
#[template(path = "api_browser.html")]
struct Page {
    style: String,
    library: String,
    script: String,
    icon: String,
}

/// The page.
///
/// # Errors
/// It cannot be written.
pub fn api_browser() -> Result<String, String> {
    let [style, library, script] = assets::api_browser();
    let page = Page { style, library, script, icon: assets::icon() };
    page.render().map_err(|error| error.to_string())
}
