//! The attributes of the Pagoda plugin SDK. Use them through `pagoda_plugin_sdk`, which re-exports them.
//!
//! What holds for all of them:
//!
//! * The annotated function is emitted unchanged and stays callable: a unit test calls it like any other.
//! * What a macro adds stands in one `const _: () = { … };`, so no names leak and two attributes on one
//!   function register it twice.
//! * Every mistake is answered at the smallest token, all mistakes of one use together, and the function is
//!   emitted all the same.
//! * `crate = path` says where the SDK is, if the dependency is renamed.
//!
//! Start reading in `hook.rs`. `catalogue.rs` reads the table of hook points, `function.rs` the signature,
//! `diagnostics.rs` the argument lists.
#![forbid(unsafe_code)]

mod capability;
mod catalogue;
mod diagnostics;
mod function;
mod hook;
mod names;
mod plugin;
mod route;
mod subscribe;

use proc_macro::TokenStream;

/// Declares the plugin. Stands once, in the root of its crate, and makes `crate::PLUGIN` and `crate::Plugin`.
///
/// ```standalone_crate
/// use pagoda_plugin_sdk::prelude::*;
///
/// plugin! { id = "rack-names" }
/// # fn main() { assert_eq!(PLUGIN.id, "rack-names") }
/// ```
///
/// # Arguments
///
/// | | |
/// |---|---|
/// | `id = "rack-names"` | required: id, URL segment, key of the configuration; `[a-z][a-z0-9-]{1,63}`, none of `enable`, `disable`, `reset` |
/// | `alias = "racks"` | a second name by which operators enable the plugin |
/// | `name = "Rack names"` | for people; the id unless given |
/// | `version = "1.2.0"` | of the crate unless given |
/// | `description = "…"` | of the crate unless given |
/// | `config = Limits` | the type of its configuration, which implements `PluginConfig` |
/// | `capabilities = [entries.read]` | what it may do: `entries.read`, `entries.write`, `entities.read`, `entities.write`, `users.read`, `jobs`, `http.out`, `secrets:<name>`, `plugin.act`. To write does not include to read |
/// | `http_hosts = ["api.example.com"]` | the hosts that it may reach with `http.out`; `*.example.org:8443` for all below a name, on that port |
/// | `budget = "500ms"` | time of one call of any of its functions that says nothing else: a whole number and `ms`, `s` or `m` |
/// | `crate = sdk` | where the SDK is |
///
/// ```standalone_crate
/// use pagoda_plugin_sdk::prelude::*;
///
/// // A plugin that depends on the SDK only says where serde is.
/// #[derive(serde::Deserialize)]
/// #[serde(crate = "pagoda_plugin_sdk::serde")]
/// struct Limits {
///     #[serde(default)]
///     most: u32,
/// }
/// impl PluginConfig for Limits {}
///
/// plugin! {
///     id = "rack-names",
///     name = "Rack names",
///     description = "Racks are named by one rule.",
///     config = Limits,
/// }
/// # fn main() { assert!(PLUGIN.config.is_some()) }
/// ```
///
/// # Capabilities
///
/// A plugin does to the host's objects only what it declares. Beside `crate::PLUGIN` there is
/// `crate::Plugin`, a type that carries what is declared; a function that reaches data takes its context with
/// it. What is missing does not compile, and the compiler names it.
///
/// ```standalone_crate
/// use pagoda_plugin_sdk::prelude::*;
///
/// plugin! { id = "rack-names", capabilities = [entities.read, entries.read] }
///
/// #[get("/count/")]
/// async fn count(ctx: RouteContext<Plugin>) -> RouteResult<Json<usize>> {
///     let racks = ctx.read(|db| {
///         let mut query = EntryQuery::default();
///         query.entity = Some(db.entity_by_name("rack")?.id);
///         Ok(db.entries(&query)?)
///     });
///     Ok(Json(racks.await?.len()))
/// }
/// # fn main() {}
/// ```
///
/// # Expansion
///
/// ```text
/// pub struct Plugin;
/// impl Declared for Plugin { const PLUGIN: &PluginDecl = &PLUGIN; }
/// impl MayReadEntries for Plugin {}
/// pub static PLUGIN: PluginDecl = PluginDecl::new("rack-names", "Rack names", env!("CARGO_PKG_VERSION"))
///     .with_about(…).with_config(ConfigSpec::of::<Limits>()).with_capabilities(&[Capability::ReadEntries])
///     .at(file!(), line!());
/// const _: () = { inventory::submit! { PluginReg(&crate::PLUGIN) } };
/// ```
///
/// # Mistakes
///
/// * "cannot find `PLUGIN` in the crate root": `plugin!` is missing, stands in a module, or below a `#[cfg]`
///   that is off. Put it into `src/lib.rs`.
/// * "the name `PLUGIN` is defined multiple times": a crate is one plugin.
/// * A bad id is answered at the literal, with a proposal where there is one.
/// * "the trait bound `Limits: PluginConfig` is not satisfied": write `impl PluginConfig for Limits {}`.
/// * A misspelt capability is answered with the near one, a bad host and a bad budget with the right form.
/// * "the plugin has not declared the capability `entries.write`", at a call of a bridge: declare it, and
///   take the context as `HookContext<Plugin>` or `RouteContext<Plugin>`.
#[proc_macro]
pub fn plugin(input: TokenStream) -> TokenStream {
    plugin::expand(input.into()).into()
}

/// Makes a function a handler of a hook point.
///
/// ```standalone_crate
/// use pagoda_plugin_sdk::prelude::*;
/// # plugin! { id = "rack-names" }
///
/// #[hook(entry.before_create, entity = "rack")]
/// fn capitals(_ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
///     entry.name = entry.name.to_uppercase();
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// The kind of the point decides the signature:
///
/// | Kind | Handler |
/// |---|---|
/// | Transform, Filter | `fn(&mut HookContext, &mut Payload) -> HookResult` |
/// | Check | `fn(&mut HookContext, &Payload) -> HookResult` |
/// | Observe | `fn` or `async fn(HookContext, &Payload) -> HookResult` |
///
/// A handler that reaches data takes `HookContext<Plugin>` in place of `HookContext`, with
/// `use crate::Plugin`; what it may do is what [`plugin!`](macro@plugin) declares.
///
/// # Arguments
///
/// First the point, as a dotted name; `pagoda_plugin_sdk::hooks` has one type per point, and its
/// documentation says what happens there. Then, all optional:
///
/// | | |
/// |---|---|
/// | `priority = 50` | an `i32`; lower runs first, 100 unless given |
/// | `entity = "rack"` | only events of this entity; on points that are about one |
/// | `before = "audit"`, `before = ["audit", "mail"]` | among handlers of the same priority, runs before those of these plugins |
/// | `after = "audit"` | likewise after |
/// | `on_fault = "reject"` | a failure of the handler refuses the operation with 503; `"isolate"` unless given. Only on Transform and Check points: on the others there is nothing to refuse |
/// | `budget = "250ms"` | time of one call: a whole number and `ms`, `s` or `m`; the plugin's default unless given |
/// | `crate = sdk` | where the SDK is |
///
/// ```standalone_crate
/// use pagoda_plugin_sdk::prelude::*;
/// # plugin! { id = "rack-names", capabilities = [entities.read] }
///
/// /// One function may be a handler of several points that have the same payload, or of one point twice.
/// #[hook(entry.after_create, entity = "rack", priority = 50, before = "audit")]
/// #[hook(entry.after_create, entity = "room", budget = "2s")]
/// async fn announce(ctx: HookContext<Plugin>, created: &EntryAfterCreate) -> HookResult {
///     let entity = created.entry.entity.id;
///     let entity = ctx.data(move |db| Ok(db.entity(entity)?)).await?;
///     tracing::info!(entry = created.entry.name, entity = entity.name, "created");
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// # Expansion
///
/// ```text
/// fn capitals(…) -> HookResult { … }                                   // untouched
/// const _: () = {
///     const _: () = {                                                  // at the types that you wrote
///         __private::hook_context::<HookContext>();
///         __private::payload_of::<hooks::entry::before_create, EntryBeforeCreate>();
///         __private::hook_output::<HookResult>();
///     };
///     #[linkme::distributed_slice(slices::PAGODA_V1_ENTRY_BEFORE_CREATE)]
///     static __PAGODA_HOOK: HookReg<hooks::entry::before_create> = HookReg {
///         info: HookInfo { plugin: &crate::PLUGIN, function: "capitals", entity: Some("rack"), … },
///         handler: capitals,
///     };
/// };
/// ```
///
/// Of a handler that takes `&mut HookContext<Plugin>` the registered function is
/// `|ctx, payload| __private::lend(ctx, |ctx| capitals(ctx, payload))`: the host's context knows nothing
/// of a plugin's types.
///
/// # Mistakes
///
/// * A misspelt point or argument is answered with the near one.
/// * A wrong signature is answered with the right one.
/// * `async fn` on a Transform, Check or Filter point: it runs inside a transaction, and nothing waits on the
///   network there. Use a point that observes.
/// * "cannot find `PLUGIN` in the crate root": see [`plugin!`](macro@plugin).
/// * Old names of points (`validate_entry`, `airone.entry.validation`) work and warn.
#[proc_macro_attribute]
pub fn hook(args: TokenStream, item: TokenStream) -> TokenStream {
    hook::expand(args.into(), &item.into()).into()
}

/// Makes a function hear an event that a plugin emits with `HookBridge::emit`.
///
/// ```standalone_crate
/// use pagoda_plugin_sdk::prelude::*;
/// # plugin! { id = "mailer" }
///
/// #[subscribe("stock-take.finished")]
/// async fn mail(_ctx: HookContext, event: &PluginEvent) -> HookResult {
///     tracing::info!(data = %event.data, "stock-take is over");
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// # Arguments
///
/// The event as `"<plugin id>.<name>"`, the name in `[a-z][a-z0-9_.]*`; then `budget = "2s"`, the time of one
/// call, and `crate = path`. The function is
/// a `fn` or an `async fn`, takes the context by value and the event by `&`, and runs after the commit.
///
/// # Expansion
///
/// As of [`macro@hook`], with a `SubscriberReg` in place of the `HookReg`.
///
/// # Mistakes
///
/// A malformed name and a wrong signature are answered where they stand. Whether the other plugin exists is
/// known to operators only: a subscriber of a plugin that is not linked just hears nothing.
#[proc_macro_attribute]
pub fn subscribe(args: TokenStream, item: TokenStream) -> TokenStream {
    subscribe::expand(args.into(), &item.into()).into()
}

macro_rules! routes {
    ($($attribute:ident $method:literal $link:literal;)*) => {
        $(
            #[doc = concat!("Makes a function the answer to `", $method, "` requests below `/api/v2/plugins/<id>`.")]
            #[doc = ""]
            #[doc = $link]
            #[proc_macro_attribute]
            pub fn $attribute(args: TokenStream, item: TokenStream) -> TokenStream {
                route::expand(stringify!($attribute), args.into(), &item.into()).into()
            }
        )*
    };
}

/// Makes a function the answer to `GET` requests below `/api/v2/plugins/<id>`.
///
/// ```standalone_crate
/// use pagoda_plugin_sdk::prelude::*;
/// # plugin! { id = "greeter" }
///
/// /// Greets.
/// #[get("/greet/{name}/")]
/// async fn greet(ctx: RouteContext, Path(name): Path<String>) -> Json<String> {
///     let user = ctx.user().map_or("nobody", |user| user.username.as_str());
///     Json(format!("{user} greets {name}"))
/// }
///
/// /// Whether the plugin is there; open to everybody.
/// #[get("/ping/", auth = none)]
/// fn ping() -> Json<&'static str> {
///     Json("pong")
/// }
/// # fn main() {}
/// ```
///
/// A `fn` runs off the async threads, an `async fn` on them. It takes up to eight parameters that implement
/// `FromRequest` (`RouteContext` or `RouteContext<Plugin>`, `Path<T>`, `Query<T>`, `Json<T>`, `Config<T>`), in any order, and returns
/// what implements `IntoResponse` (`Json<T>`, `(u16, Json<T>)`, `Response`, or a `RouteResult` of these).
/// The first paragraph of its documentation becomes the summary in the OpenAPI document, which says what the route
/// takes and answers by these types: a `T` implements `JsonSchema`.
///
/// # Arguments
///
/// | | |
/// |---|---|
/// | `"/greet/{name}/"` | the path: starts with `/`, parameters are whole segments |
/// | `auth = none` | also anonymous requests; `required` unless given |
/// | `budget = "2s"` | time of one call: a whole number and `ms`, `s` or `m`; the plugin's default unless given |
/// | `answers = { 200: Report, 204: (), 409: "text/plain" }` | what it answers where the type of the result does not say so: by status a type in JSON, nothing, or a media type. Who names a success names all of them |
/// | `crate = sdk` | where the SDK is |
///
/// # Expansion
///
/// ```text
/// async fn greet(…) -> Json<String> { … }                              // untouched
/// const _: () = {
///     async fn __pagoda_route(mut request: RouteRequest) -> RouteResult<Response> {
///         let parameter0 = <RouteContext as FromRequest>::from_request(&mut request)?;
///         let parameter1 = <Path<String> as FromRequest>::from_request(&mut request)?;
///         drop(request);
///         IntoResponse::into_response(greet(parameter0, parameter1).await)
///     }
///     fn __pagoda_describe(route: &mut Describer<'_>) {
///         <RouteContext as FromRequest>::describe(route);
///         <Path<String> as FromRequest>::describe(route);
///         <Json<String> as IntoResponse>::describe(route);
///     }
///     inventory::submit! { RouteReg { plugin: &crate::PLUGIN, path: "/greet/{name}/", … } }
/// };
/// ```
///
/// # Mistakes
///
/// * A malformed path is answered with the character at which it goes wrong.
/// * A parameter or result of a type that is none is answered at the type, with the list.
/// * "the OpenAPI document cannot describe `Order`": derive `JsonSchema` for it.
/// * A future that is not `Send` is answered with the value that is held across the `await`.
/// * "cannot find `PLUGIN` in the crate root": see [`plugin!`](macro@plugin).
#[proc_macro_attribute]
pub fn get(args: TokenStream, item: TokenStream) -> TokenStream {
    route::expand("get", args.into(), &item.into()).into()
}

routes! {
    post "POST" "As [`macro@get`]; a body is taken as `Json<T>`.

```standalone_crate
use pagoda_plugin_sdk::prelude::*;
# plugin! { id = \"greeter\" }

#[post(\"/double/\")]
async fn double(Json(number): Json<u32>) -> (u16, Json<u64>) {
    (201, Json(u64::from(number) * 2))
}
# fn main() {}
```";
    put "PUT" "As [`macro@get`] and [`macro@post`].";
    patch "PATCH" "As [`macro@get`] and [`macro@post`].";
    delete "DELETE" "As [`macro@get`].

```standalone_crate
use pagoda_plugin_sdk::prelude::*;
# plugin! { id = \"greeter\", capabilities = [entries.write] }

#[delete(\"/entries/{id}/\")]
async fn remove(ctx: RouteContext<Plugin>, Path(id): Path<i64>) -> RouteResult<Response> {
    ctx.data(move |db| Ok(db.delete_entry(id)?)).await?;
    Ok(Response::empty(204))
}
# fn main() {}
```";
}

/// Declares the hook points inside the SDK. Not for plugins.
#[doc(hidden)]
#[proc_macro]
pub fn declare_hook_points(_input: TokenStream) -> TokenStream {
    catalogue::declare_hook_points().unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Hands the rows of the hook catalogue to another macro. Not for plugins.
#[doc(hidden)]
#[proc_macro]
pub fn with_hook_points(callback: TokenStream) -> TokenStream {
    catalogue::with_hook_points(&callback.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
