//! Files that pages refer to; they are part of the binary.

use sha2::{Digest, Sha256};
use std::io::Read;
use std::sync::LazyLock;

/// Where they are served.
pub const PREFIX: &str = "/ui/static/";

/// A file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Below [`PREFIX`].
    pub name: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    /// Whether the content is packed with gzip.
    pub is_packed: bool,
}

const STYLE: Asset = Asset {
    name: "pagoda.css",
    content_type: "text/css; charset=utf-8",
    bytes: include_bytes!("assets/pagoda.css"),
    is_packed: false,
};

const ICON: Asset = Asset {
    name: "icon.svg",
    content_type: "image/svg+xml",
    bytes: include_bytes!("assets/icon.svg"),
    is_packed: false,
};

const BROWSER: Asset = Asset {
    name: "api-browser.js",
    content_type: "text/javascript; charset=utf-8",
    bytes: include_bytes!("assets/api-browser.js"),
    is_packed: false,
};

// Swagger UI, which `build.rs` has taken out of its archive.
const SWAGGER: Asset = Asset {
    name: "swagger-ui-bundle.js",
    content_type: "text/javascript; charset=utf-8",
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz")),
    is_packed: true,
};

const SWAGGER_STYLE: Asset = Asset {
    name: "swagger-ui.css",
    content_type: "text/css; charset=utf-8",
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz")),
    is_packed: true,
};

static VERSIONS: LazyLock<[(Asset, String); 5]> = LazyLock::new(|| {
    [STYLE, ICON, BROWSER, SWAGGER, SWAGGER_STYLE].map(|asset| (asset, version(asset.bytes)))
});

/// A name for a content.
fn version(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The file of this name, with the name of its content.
#[must_use]
pub fn find(name: &str) -> Option<(Asset, &'static str)> {
    let found = VERSIONS.iter().find(|(asset, _)| asset.name == name)?;
    Some((found.0, &found.1))
}

impl Asset {
    /// The content as it is without packing.
    ///
    /// # Errors
    /// It is not packed as it says.
    pub fn unpacked(&self) -> std::io::Result<Vec<u8>> {
        let mut content = Vec::new();
        flate2::read::GzDecoder::new(self.bytes).read_to_end(&mut content)?;
        Ok(content)
    }
}

/// The address of a file of this content, which may be kept for ever.
fn address(of: Asset) -> String {
    let version = find(of.name).map_or("", |(_, version)| version);
    format!("{PREFIX}{}?v={version}", of.name)
}

/// The address of the style sheet.
pub(super) fn style() -> String {
    address(STYLE)
}

/// The address of the icon.
pub(super) fn icon() -> String {
    address(ICON)
}

/// The addresses of what the API browser is made of: its style sheet, its library and its script.
pub(super) fn api_browser() -> [String; 3] {
    [SWAGGER_STYLE, SWAGGER, BROWSER].map(address)
}

#[cfg(test)]
mod tests {
    use super::{SWAGGER, SWAGGER_STYLE, find, style};

    #[test]
    fn what_is_packed_can_be_unpacked() {
        let text = |asset: super::Asset| String::from_utf8(asset.unpacked().unwrap()).unwrap();
        assert!(text(SWAGGER).contains("SwaggerUIBundle") && text(SWAGGER_STYLE).contains(".swagger-ui"));
    }

    #[test]
    fn an_address_names_the_content() {
        let (asset, version) = find("pagoda.css").unwrap();
        assert!(!asset.bytes.is_empty() && version.len() == 16);
        assert_eq!(style(), format!("/ui/static/pagoda.css?v={version}"));
        assert_eq!(find("../pagoda.css"), None);
    }
}
