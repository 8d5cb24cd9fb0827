//! Hooks and routes in unit tests, without a host.
//!
//! A [`World`] is a small Pagoda in memory: entities, entries and users, and the three bridges over them. It
//! knows access levels, names that must be unique, and transactions. It does not check values by their type
//! or names by a pattern, and its writes fire no hooks: what a plugin's own functions do is under test here,
//! what the host does is tested with the host.
//!
//! ```standalone_crate
//! use pagoda_plugin_sdk::prelude::*;
//! use pagoda_plugin_sdk::route::Method;
//! use pagoda_plugin_sdk::serde_json::json;
//! use pagoda_plugin_sdk::{hooks, testing};
//!
//! plugin! { id = "rack-names", capabilities = [entities.read, entries.read] }
//!
//! #[hook(entry.before_create, entity = "rack")]
//! fn capitals(_ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
//!     entry.name = entry.name.to_uppercase();
//!     Ok(())
//! }
//!
//! #[get("/floor/{name}/")]
//! async fn floor(ctx: RouteContext<Plugin>, Path(name): Path<String>) -> RouteResult<Json<serde_json::Value>> {
//!     let rack = ctx.data(move |db| {
//!         let entity = db.entity_by_name("rack")?;
//!         Ok(db.entry_by_name(entity.id, &name)?)
//!     });
//!     Ok(Json(rack.await?.attrs[0]["value"]["as_string"].clone()))
//! }
//!
//! # fn main() {
//! let world = testing::World::new()
//!     .entity("rack", &[("floor", AttrType::String)])
//!     .entry("rack", "R-1", json!({"floor": "3F"}));
//!
//! // A handler is a function: call it.
//! let mut entry = EntryBeforeCreate::default();
//! entry.name = "r-2".into();
//! capitals(&mut world.context::<hooks::entry::before_create>(&PLUGIN), &mut entry).unwrap();
//! assert_eq!(entry.name, "R-2");
//!
//! // Or fire the point: all handlers that the plugin registered for it run, filtered and in order.
//! entry.name = "r-3".into();
//! entry.entity.name = "room".into();
//! world.fire::<hooks::entry::before_create>(&PLUGIN, &mut entry).unwrap();
//! assert_eq!(entry.name, "r-3");
//!
//! // A route is called by its path.
//! let answer = world.call(&PLUGIN, Method::Get, "/floor/R-1/").send();
//! assert_eq!((answer.status(), answer.json()), (200, json!("3F")));
//! assert_eq!(world.call(&PLUGIN, Method::Get, "/floor/R-9/").send().status(), 404);
//! # }
//! ```
#![allow(clippy::panic, reason = "a test that is set up wrongly fails with a sentence")]

mod bridges;
mod call;
mod everything;
mod fire;
mod outbound;
mod state;

pub use call::{Answer, Call};
pub use everything::Everything;
pub use fire::Run;

use crate::capability::Capability;
use crate::catalogue::{HookPoint, Kind, PointInfo};
use crate::config::{AnyConfig, PluginConfig};
use crate::context::{HookContext, Origin, RequestInfo};
use crate::event::{EVENT_POINT, PluginEvent};
use crate::hook::kind::Observe;
use crate::http::{OutboundRequest, OutboundResponse, OutboundResult};
use crate::model::{AttrType, Entity, Entry, Level, User};
use crate::plugin::PluginDecl;
use crate::route::Method;
use crate::secret::SecretValue;
use crate::time::Zone;
use bridges::{FakeBridges, FakeGate};
use serde_json::{Value, json};
use state::{Acting, State};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A small Pagoda in memory, and who acts in it.
///
/// It begins empty, and the user `tester` acts, who may do everything.
#[derive(Debug)]
pub struct World {
    shared: Arc<Shared>,
    acting: Acting,
    config: Option<AnyConfig>,
    zone: Zone,
}

/// What a world and the contexts made from it share.
#[derive(Debug, Default)]
struct Shared(Mutex<State>, outbound::Others);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work`, and undoes what it wrote if it fails.
    fn transaction<T, E>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let before = self.state().clone();
        let outcome = work();
        if outcome.is_err() {
            *self.state() = before;
        }
        outcome
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// An empty world in which the user `tester` acts.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
            acting: Acting::User(Arc::new(user("tester"))),
            config: None,
            zone: Zone::utc(),
        }
    }

    /// Adds an entity with these attributes.
    ///
    /// # Panics
    /// There is one of this name.
    #[must_use]
    #[track_caller]
    pub fn entity(self, name: &str, attrs: &[(&str, AttrType)]) -> Self {
        if let Err(error) = self.shared.state().add_entity(name, attrs) {
            panic!("the world cannot have the entity `{name}`: {error}");
        }
        self
    }

    /// Adds an entry; `values` is an object of attribute names and values in the wire's input form.
    ///
    /// # Panics
    /// There is no such entity or attribute, or there is an entry of this name.
    #[must_use]
    #[track_caller]
    pub fn entry(self, entity: &str, name: &str, values: Value) -> Self {
        if let Err(error) = self.shared.state().add_entry(entity, name, &values) {
            panic!("the world cannot have the entry `{name}`: {error}");
        }
        self
    }

    /// Limits what users may do with an entity and its entries; superusers are not limited.
    ///
    /// # Panics
    /// There is no such entity.
    #[must_use]
    #[track_caller]
    pub fn entity_level(self, entity: &str, level: Level) -> Self {
        let id = self.find_entity(entity).id;
        self.shared.state().limit(id, level);
        self
    }

    /// Limits what users may do with an entry; superusers are not limited.
    ///
    /// # Panics
    /// There is no such entry.
    #[must_use]
    #[track_caller]
    pub fn entry_level(self, entity: &str, entry: &str, level: Level) -> Self {
        let id = self.find_entry(entity, entry).id;
        self.shared.state().limit(id, level);
        self
    }

    /// Lets this user act.
    ///
    /// ```
    /// use pagoda_plugin_sdk::testing::{World, user};
    /// let mut admin = user("admin");
    /// admin.is_superuser = true;
    /// let world = World::new().user(admin);
    /// ```
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.acting = Acting::User(Arc::new(user));
        self
    }

    /// Lets nobody act, as in a request without credentials: nothing is permitted.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.acting = Acting::Anonymous;
        self
    }

    /// Lets the server itself act, as at its start: everything is permitted.
    #[must_use]
    pub fn server(mut self) -> Self {
        self.acting = Acting::Server;
        self
    }

    /// Puts the acting users into these groups.
    #[must_use]
    pub fn groups(self, names: &[&str]) -> Self {
        self.shared.state().groups = names.iter().map(ToString::to_string).collect();
        self
    }

    /// Gives the acting users these roles.
    #[must_use]
    pub fn roles(self, names: &[&str]) -> Self {
        self.shared.state().roles = names.iter().map(ToString::to_string).collect();
        self
    }

    /// Makes `key` an API token of a user.
    #[must_use]
    pub fn token(self, key: &str, user: User) -> Self {
        self.shared.state().tokens.insert(key.to_owned(), user);
        self
    }

    /// Withholds capabilities from the plugins, as an operator does with `withhold = ["entries.write"]`.
    ///
    /// # Panics
    /// One of the names is no capability's.
    #[must_use]
    #[track_caller]
    pub fn withhold(self, capabilities: &[&str]) -> Self {
        if let Some(name) = capabilities.iter().find(|name| !Capability::is_name(name)) {
            panic!("there is no capability `{name}`");
        }
        self.shared.state().withheld = capabilities.iter().map(ToString::to_string).collect();
        self
    }

    /// Answers the requests that plugins send to other servers. As with the host, what the plugin has not
    /// declared is refused before `answer` sees it; redirects are not followed, nothing is resolved.
    ///
    /// ```
    /// use pagoda_plugin_sdk::http::{OutboundError, OutboundResponse};
    /// use pagoda_plugin_sdk::testing::World;
    /// let world = World::new().with_http(|request| match request.url() {
    ///     "https://api.example.com/rate" => Ok(OutboundResponse::new(200).with_body("7")),
    ///     _ => Ok(OutboundResponse::new(404)),
    /// });
    /// let offline = World::new().with_http(|_| Err(OutboundError::Busy));
    /// ```
    #[must_use]
    pub fn with_http(
        self,
        answer: impl Fn(&OutboundRequest) -> OutboundResult<OutboundResponse> + Send + Sync + 'static,
    ) -> Self {
        self.shared.1.answer_with(answer);
        self
    }

    /// Keeps a secret for the plugins, as an operator does in the configuration of the server.
    #[must_use]
    pub fn secret(self, name: &str, value: &str) -> Self {
        self.shared.state().secrets.insert(name.to_owned(), SecretValue::new(value));
        self
    }

    /// Sets the configuration.
    ///
    /// Without one, the plugin's configuration is read from an empty section, as the host does.
    ///
    /// # Panics
    /// It is not valid.
    #[must_use]
    #[track_caller]
    pub fn config<C: PluginConfig>(mut self, config: C) -> Self {
        if let Err(problem) = config.validate() {
            panic!("the configuration is not valid: {problem}");
        }
        self.config = Some(Arc::new(config));
        self
    }

    /// Reads the configuration from a section, with all checks that the host makes at its start.
    ///
    /// # Panics
    /// The plugin takes no configuration, or the section is not valid.
    #[must_use]
    #[track_caller]
    pub fn section(mut self, plugin: &PluginDecl, section: Value) -> Self {
        let Some(spec) = &plugin.config else { panic!("plugin {} takes no configuration", plugin.id) };
        match spec.read(section) {
            Ok(config) => self.config = Some(config),
            Err(problems) => panic!("the configuration is not valid: {}", problems.join("; ")),
        }
        self
    }

    /// Sets the time zone of the server, which is UTC otherwise.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// The context that a handler of `P` is called with: inside a transaction, or after the commit where
    /// the point observes. What the handler writes stays; [`World::fire`] undoes it on an error.
    ///
    /// A handler that takes `HookContext<Plugin>` is called with `context.typed()`, and one that takes
    /// `&mut HookContext<Plugin>` with `&mut context.typed()`.
    #[must_use]
    #[track_caller]
    pub fn context<P: HookPoint>(&self, plugin: &'static PluginDecl) -> HookContext {
        let point = P::info();
        match point.kind {
            Kind::Observe => self.outside(plugin, point),
            kind => {
                let mut bridges = FakeBridges::new(&self.shared, self.acting.clone(), plugin);
                if kind == Kind::Filter {
                    bridges.read_only = Some(point.name);
                }
                let mut context = HookContext::inside(plugin, point, self.request(), Box::new(bridges));
                context.turn_to(plugin, self.config_of(plugin).as_ref());
                context
            }
        }
    }

    /// As [`World::context`], for points that observe and nothing else.
    #[must_use]
    #[track_caller]
    pub fn observing<P: HookPoint<Kind = Observe>>(&self, plugin: &'static PluginDecl) -> HookContext {
        self.outside(plugin, P::info())
    }

    /// The context that a function with `#[subscribe]` is called with.
    #[must_use]
    #[track_caller]
    pub fn hearing(&self, plugin: &'static PluginDecl) -> HookContext {
        self.outside(plugin, &EVENT_POINT)
    }

    /// Calls a route of a plugin; `path` is below `/api/v2/plugins/<id>` and percent-encoded.
    pub fn call(&self, plugin: &'static PluginDecl, method: Method, path: &str) -> Call<'_> {
        Call::new(self, plugin, method, path)
    }

    /// The active entity of this name, with its definitions.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    #[track_caller]
    pub fn find_entity(&self, name: &str) -> Entity {
        let found = self.shared.state().entity_by_name(name).cloned();
        found.unwrap_or_else(|| panic!("the world has no entity `{name}`"))
    }

    /// The active entry of this name, with its values.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    #[track_caller]
    pub fn find_entry(&self, entity: &str, name: &str) -> Entry {
        let state = self.shared.state();
        let found = state
            .entity_by_name(entity)
            .and_then(|entity| state.entry_by_name(entity.id, name))
            .map(|entry| state.detail(entry));
        drop(state);
        found.unwrap_or_else(|| panic!("the world has no entry `{name}` of `{entity}`"))
    }

    /// The events that plugins emitted, oldest first. They are recorded and delivered to nobody.
    #[must_use]
    pub fn events(&self) -> Vec<PluginEvent> {
        self.shared.state().events.clone()
    }

    fn outside(&self, plugin: &'static PluginDecl, point: &'static PointInfo) -> HookContext {
        HookContext::outside(plugin, point, self.config_of(plugin), self.request(), self.gate(plugin))
    }

    fn gate(&self, plugin: &'static PluginDecl) -> Arc<FakeGate> {
        Arc::new(FakeGate::new(&self.shared, self.acting.clone(), plugin))
    }

    fn request(&self) -> Arc<RequestInfo> {
        let (user, origin) = match &self.acting {
            Acting::User(user) => (Some(Arc::clone(user)), Origin::Http),
            Acting::Anonymous => (None, Origin::Http),
            Acting::Server => (None, Origin::Server),
        };
        Arc::new(RequestInfo::new(user, "test".into(), origin, self.zone.clone()))
    }

    #[track_caller]
    fn config_of(&self, plugin: &PluginDecl) -> Option<AnyConfig> {
        let spec = plugin.config.as_ref()?;
        if let Some(config) = &self.config {
            return Some(Arc::clone(config));
        }
        match spec.read(json!({})) {
            Ok(config) => Some(config),
            Err(problems) => panic!(
                "plugin {} needs a configuration, set it with `World::config` or `World::section`: {}",
                plugin.id,
                problems.join("; ")
            ),
        }
    }
}

/// A user of this name who is neither superuser nor read-only.
#[must_use]
pub fn user(username: &str) -> User {
    User { id: 1, username: username.to_owned(), ..User::default() }
}

/// Waits for a future on this thread: for async handlers and routes that a test calls by themselves.
///
/// ```
/// assert_eq!(pagoda_plugin_sdk::testing::block_on(async { 42 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
