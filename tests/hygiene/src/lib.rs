//! Everything that could get into the way of the plugin macros, in one crate: no prelude, modules and types
//! with the names of the standard library's, a renamed SDK, the 2021 edition, `unsafe` forbidden, and
//! attributes that come from a `macro_rules!`.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings)]

// Without a prelude the name of a dependency is only there after `::`, or imported.
use ::sdk;
use ::sdk::payload::{EntryAfterCreate, EntryBeforeCreate, EntryValidation};
use ::sdk::{HookContext, HookError};

/// Not the standard library.
pub mod std {}
/// Not the core library.
pub mod core {}
/// Not the registry.
pub mod linkme {}
/// Not the registry either.
pub mod inventory {}
/// Not the crate of that name.
pub mod pagoda_plugin_sdk {}

/// Not the box.
#[derive(Debug)]
pub struct Box;
/// Not the result.
#[derive(Debug)]
pub struct Result;
/// Not the option.
#[derive(Debug)]
pub enum Option {
    /// Not some.
    Some,
    /// Not none.
    None,
}
/// Not those of the prelude.
#[allow(non_camel_case_types, dead_code, reason = "names that expansions might use")]
mod names {
    pub(crate) struct request;
    pub(crate) struct payload;
    pub(crate) struct ctx;
}
#[allow(unused_imports, reason = "names that expansions might use")]
use names::{ctx, payload, request};

/// The configuration.
#[derive(Debug, ::sdk::serde::Deserialize)]
#[serde(crate = "::sdk::serde")]
pub struct Limits {}
impl ::sdk::PluginConfig for Limits {}

::sdk::plugin! {
    id = "hygiene",
    config = Limits,
    budget = "1s",
    capabilities = [entries.read, plugin.act, http.out, secrets:key],
    http_hosts = ["localhost:9"],
    crate = sdk,
}

type Answer = ::core::result::Result<(), HookError>;

#[::sdk::hook(entry.before_create, before = "a1", budget = "5ms", entity = "rack", crate = ::sdk)]
fn transform(_: &mut HookContext, _: &mut EntryBeforeCreate) -> Answer {
    ::core::result::Result::Ok(())
}

#[::sdk::hook(entry.after_create, crate = sdk)]
async fn observe(_: HookContext, _: &EntryAfterCreate) -> Answer {
    ::core::result::Result::Ok(())
}

#[::sdk::hook(entry.before_create, crate = sdk)]
fn transform_data(cx: &mut HookContext<Plugin>, entry: &mut EntryBeforeCreate) -> Answer {
    cx.db()?.entry(entry.entity.id)?;
    ::core::result::Result::Ok(())
}

#[::sdk::hook(entry.after_create, crate = sdk)]
async fn observe_data(cx: HookContext<Plugin>, entry: &EntryAfterCreate) -> Answer {
    let id = entry.entry.id;
    cx.as_plugin().read(move |db| ::core::result::Result::Ok(db.entry(id)?)).await?;
    ::core::result::Result::Ok(())
}

#[::sdk::hook(entry.after_create, crate = sdk)]
fn observe_data_plainly(_: HookContext<Plugin>, _: &EntryAfterCreate) -> Answer {
    ::core::result::Result::Ok(())
}

#[::sdk::subscribe("other.event", budget = "1s", crate = sdk)]
async fn hears(_: HookContext, _: &::sdk::event::PluginEvent) -> Answer {
    ::core::result::Result::Ok(())
}

#[::sdk::get("/{name}/", auth = none, crate = sdk)]
async fn route(
    name: ::sdk::route::Path<::std::string::String>,
    config: ::sdk::route::Config<Limits>,
) -> ::sdk::route::Json<::std::string::String> {
    let _ = config;
    ::sdk::route::Json(name.0)
}

#[::sdk::post("/plain/", budget = "1s", crate = sdk)]
fn plain(
    _: ::sdk::RouteContext,
    _: ::sdk::RouteContext<Plugin>,
) -> ::sdk::RouteResult<::sdk::route::Response> {
    ::core::result::Result::Ok(::sdk::route::Response::empty(204))
}

macro_rules! checks {
    ($($name:ident $context:ty, $payload:ty, $answer:ty, $priority:expr, $entity:literal;)*) => {
        $(
            #[::sdk::hook(pagoda.entry.validation, priority = $priority, entity = $entity, crate = sdk)]
            fn $name(_: &mut $context, _: &$payload) -> $answer {
                ::core::result::Result::Ok(())
            }
        )*
    };
    (by reference: $($name:ident $context:ty, $payload:ty;)*) => {
        $(
            #[::sdk::hook(pagoda.entry.validation, crate = sdk)]
            fn $name(_: $context, _: $payload) -> Answer {
                ::core::result::Result::Ok(())
            }
        )*
    };
}

checks! {
    first HookContext, EntryValidation, Answer, 40 + 2, "rack";
    second HookContext, EntryValidation, Answer, -1, "room";
}
checks! { by reference: third &mut HookContext, &EntryValidation; }
