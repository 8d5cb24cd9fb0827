//! What plugins contribute: everything that was linked, or an explicit list.

use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::event::{self, SubscriberReg};
use pagoda_plugin_sdk::hook::{HookLists, HookReg, ListedPoint};
use pagoda_plugin_sdk::plugin;
use pagoda_plugin_sdk::route::{self, RouteReg};

/// Declarations and registrations, not yet checked.
#[derive(Debug, Clone, Default)]
pub struct Contributions {
    /// The declarations.
    pub plugins: Vec<&'static PluginDecl>,
    /// The handlers, point by point.
    pub hooks: HookLists,
    /// The routes.
    pub routes: Vec<RouteReg>,
    /// The subscribers to plugins' own events.
    pub subscribers: Vec<SubscriberReg>,
}

impl Contributions {
    /// Everything that the linker collected into this binary.
    #[must_use]
    pub fn linked() -> Self {
        Self {
            plugins: plugin::linked(),
            hooks: HookLists::linked(),
            routes: route::linked().into_iter().copied().collect(),
            subscribers: event::linked().into_iter().copied().collect(),
        }
    }

    /// What these plugins contribute to this binary, and nothing of others.
    #[must_use]
    pub fn of(plugins: &[&'static PluginDecl]) -> Self {
        let mut linked = Self::linked();
        let listed = |plugin: &PluginDecl| plugins.iter().any(|listed| std::ptr::eq(*listed, plugin));
        linked.plugins = plugins.to_vec();
        linked.hooks.retain(|info| listed(info.plugin));
        linked.routes.retain(|route| listed(route.plugin));
        linked.subscribers.retain(|subscriber| listed(subscriber.plugin));
        linked
    }

    /// Adds a plugin.
    #[must_use]
    pub fn with_plugin(mut self, plugin: &'static PluginDecl) -> Self {
        self.plugins.push(plugin);
        self
    }

    /// Adds a handler.
    #[must_use]
    pub fn with_hook<P: ListedPoint>(mut self, hook: HookReg<P>) -> Self {
        P::list(&mut self.hooks).push(hook);
        self
    }

    /// Adds a route.
    #[must_use]
    pub fn with_route(mut self, route: RouteReg) -> Self {
        self.routes.push(route);
        self
    }
}
