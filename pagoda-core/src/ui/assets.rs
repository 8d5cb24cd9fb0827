//! Files that pages refer to; they are part of the binary.

use sha2::{Digest, Sha256};
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
}

const STYLE: Asset = Asset {
    name: "pagoda.css",
    content_type: "text/css; charset=utf-8",
    bytes: include_bytes!("assets/pagoda.css"),
};

const ICON: Asset =
    Asset { name: "icon.svg", content_type: "image/svg+xml", bytes: include_bytes!("assets/icon.svg") };

static VERSIONS: LazyLock<[(Asset, String); 2]> =
    LazyLock::new(|| [STYLE, ICON].map(|asset| (asset, version(asset.bytes))));

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

#[cfg(test)]
mod tests {
    use super::{find, style};

    #[test]
    fn an_address_names_the_content() {
        let (asset, version) = find("pagoda.css").unwrap();
        assert!(!asset.bytes.is_empty() && version.len() == 16);
        assert_eq!(style(), format!("/ui/static/pagoda.css?v={version}"));
        assert_eq!(find("../pagoda.css"), None);
    }
}
