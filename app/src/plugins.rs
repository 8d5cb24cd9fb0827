//! The plugins of this build: one line each, under the feature of its enable name.
//!
//! The line does three things: it links the plugin's crate, it checks the declaration while compiling, and
//! it lets the start compare what was linked with what was meant.

use pagoda_core::plugin::PluginDecl;

/// The plugins whose features are on.
pub(crate) static PLUGINS: &[&PluginDecl] = &[
    #[cfg(feature = "chaos")]
    pagoda_core::plugin::check_plugin(&pagoda_chaos::PLUGIN),
    #[cfg(feature = "hello-world")]
    pagoda_core::plugin::check_plugin(&pagoda_hello_world::PLUGIN),
    #[cfg(feature = "naming-policy")]
    pagoda_core::plugin::check_plugin(&pagoda_naming_policy::PLUGIN),
];
