//! Configuration of plugins: a struct of the plugin, filled from `[plugins.<id>]` and checked at start.

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::any::{Any, TypeId};
use std::sync::Arc;

/// A plugin's configuration. Named in `plugin! { config = … }`.
///
/// Every key of the section must be a field of the struct, whether or not it says
/// `#[serde(deny_unknown_fields)]`; fields with `#[serde(default)]` may be left out.
///
/// ```
/// use pagoda_plugin_sdk::PluginConfig;
///
/// #[derive(serde::Deserialize)]
/// struct Limits {
///     #[serde(default)]
///     most: u32,
/// }
///
/// impl PluginConfig for Limits {
///     fn validate(&self) -> Result<(), String> {
///         if self.most > 100 { Err("most: at most 100".into()) } else { Ok(()) }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the configuration of a plugin",
    label = "does not implement `PluginConfig`",
    note = "derive `serde::Deserialize` for it and write `impl PluginConfig for {Self} {{}}`"
)]
pub trait PluginConfig: DeserializeOwned + Send + Sync + 'static {
    /// Says what types cannot. Called once, at start.
    ///
    /// # Errors
    /// A sentence that starts with the key and says what is expected.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A configuration that was read.
pub type AnyConfig = Arc<dyn Any + Send + Sync>;

/// How the configuration of a plugin is read: what `plugin! { config = … }` leaves behind.
#[derive(Clone, Copy)]
pub struct ConfigSpec {
    type_name: fn() -> &'static str,
    type_id: fn() -> TypeId,
    parse: fn(Value) -> Result<AnyConfig, Vec<String>>,
}

impl std::fmt::Debug for ConfigSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ConfigSpec({})", (self.type_name)())
    }
}

impl ConfigSpec {
    /// Reads configurations of type `C`.
    #[must_use]
    pub const fn of<C: PluginConfig>() -> Self {
        Self { type_name: std::any::type_name::<C>, type_id: TypeId::of::<C>, parse: parse::<C> }
    }

    /// Whether it reads configurations of type `C`.
    #[must_use]
    pub fn is<C: PluginConfig>(&self) -> bool {
        (self.type_id)() == TypeId::of::<C>()
    }

    /// Reads and checks a section.
    ///
    /// # Errors
    /// Everything that is wrong with it, each a sentence that names the key.
    pub fn read(&self, section: Value) -> Result<AnyConfig, Vec<String>> {
        (self.parse)(section)
    }
}

fn parse<C: PluginConfig>(section: Value) -> Result<AnyConfig, Vec<String>> {
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(section, &mut track);
    let parsed: Result<C, _> =
        serde_ignored::deserialize(tracked, |path| unknown.push(format!("{path}: unknown key")));
    match parsed {
        Err(error) => {
            let path = track.path().to_string();
            unknown.push(if path == "." { error.to_string() } else { format!("{path}: {error}") });
            Err(unknown)
        }
        Ok(_) if !unknown.is_empty() => Err(unknown),
        Ok(config) => match config.validate() {
            Ok(()) => Ok(Arc::new(config)),
            Err(problem) => Err(vec![problem]),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{ConfigSpec, PluginConfig};
    use serde_json::json;
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize, Debug)]
    #[allow(dead_code, reason = "only read into")]
    struct Rule {
        #[serde(default)]
        prefix: String,
    }
    #[derive(serde::Deserialize, Debug)]
    #[allow(dead_code, reason = "only read into")]
    struct Sample {
        #[serde(default)]
        most: u8,
        #[serde(default)]
        rules: BTreeMap<String, Rule>,
    }
    impl PluginConfig for Sample {
        fn validate(&self) -> Result<(), String> {
            if self.most > 9 { Err("most: at most 9".into()) } else { Ok(()) }
        }
    }

    fn problems(section: serde_json::Value) -> Vec<String> {
        ConfigSpec::of::<Sample>().read(section).map(|_| ()).err().unwrap_or_default()
    }

    #[test]
    fn every_wrong_key_is_named() {
        assert_eq!(problems(json!({"most": 3, "rules": {"rack": {"prefix": "r-"}}})), Vec::<String>::new());
        assert_eq!(
            problems(json!({"mots": 3, "rules": {"rack": {"prefx": "r-"}}})),
            ["mots: unknown key", "rules.rack.prefx: unknown key"]
        );
        assert_eq!(problems(json!({"most": 12})), ["most: at most 9"]);
        let wrong_type = problems(json!({"rules": {"rack": {"prefix": 7}}}));
        assert!(
            wrong_type.first().is_some_and(|text| text.starts_with("rules.rack.prefix: invalid type")),
            "{wrong_type:?}"
        );
    }
}
