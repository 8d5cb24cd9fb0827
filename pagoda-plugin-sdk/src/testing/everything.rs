//! A marker for tests that may do everything.

use crate::capability::{
    MayActAsPlugin, MayReachHttp, MayReadEntities, MayReadEntries, MayReadUsers, MayUseJobs,
    MayWriteEntities, MayWriteEntries,
};

/// Carries every capability, for contexts in tests and for handlers that are registered by hand:
/// `ctx.typed::<Everything>()` or `ctx.lend(|ctx: &mut HookContext<Everything>| …)`.
///
/// It satisfies types only. The host and [`super::World`] refuse what the declaration of the plugin does not
/// name, so a declaration made by hand says
/// [`with_capabilities`](crate::plugin::PluginDecl::with_capabilities) all the same. The attributes refuse
/// `HookContext<Everything>`: it is the type of no plugin.
///
/// ```
/// use pagoda_plugin_sdk::capability::Capability;
/// use pagoda_plugin_sdk::prelude::*;
/// use pagoda_plugin_sdk::{hooks, testing::{Everything, World}};
///
/// static PLUGIN: PluginDecl =
///     PluginDecl::new("by-hand", "By hand", "1").with_capabilities(&[Capability::ReadEntities]);
///
/// let world = World::new().entity("rack", &[]);
/// let mut ctx = world.context::<hooks::entry::before_create>(&PLUGIN).typed::<Everything>();
/// let rack = ctx.db().unwrap().entity_by_name("rack").unwrap();
/// let refused = ctx.db().unwrap().delete_entity(rack.id).unwrap_err();
/// assert_eq!(refused.to_string(), "plugin by-hand has not declared the capability `entities.write`");
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Everything {}

impl MayReadEntries for Everything {}
impl MayWriteEntries for Everything {}
impl MayReadEntities for Everything {}
impl MayWriteEntities for Everything {}
impl MayReadUsers for Everything {}
impl MayUseJobs for Everything {}
impl MayReachHttp for Everything {}
impl MayActAsPlugin for Everything {}
