//! Calling routes.

use super::{World, block_on};
use crate::error::Code;
use crate::plugin::PluginDecl;
use crate::route::{
    self, Method, Response, RouteAuth, RouteContext, RouteError, RouteHandler, RouteReg, RouteRequest,
};
use serde_json::Value;

/// A request that is about to be sent to a route of a plugin. Made by [`World::call`].
#[derive(Debug)]
#[must_use = "nothing happens before `send`"]
pub struct Call<'a> {
    world: &'a World,
    plugin: &'static PluginDecl,
    method: Method,
    path: String,
    query: String,
    content_type: String,
    body: Vec<u8>,
}

impl<'a> Call<'a> {
    pub(super) fn new(world: &'a World, plugin: &'static PluginDecl, method: Method, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self {
            world,
            plugin,
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            content_type: String::new(),
            body: Vec::new(),
        }
    }

    /// Sets the query string, `a=b&c=d`.
    pub fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    /// Sets a JSON body and its content type.
    #[allow(clippy::needless_pass_by_value, reason = "callers write `json!(…)` in place")]
    pub fn body(self, body: Value) -> Self {
        self.raw_body(body.to_string()).content_type("application/json")
    }

    /// Sets a body of any kind; its content type is set with [`Call::content_type`].
    pub fn raw_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the content type.
    pub fn content_type(mut self, content_type: &str) -> Self {
        content_type.clone_into(&mut self.content_type);
        self
    }

    /// Finds the route among those that the plugin registered, calls it and waits for its answer.
    ///
    /// What the host answers before a route is called is answered here too: 404 for a path without a route,
    /// 405 for another method, 403 `AE-000000` where a user must act and nobody does.
    #[must_use]
    #[track_caller]
    pub fn send(self) -> Answer {
        match self.route() {
            Ok(route) => Answer::of(self.answer(route)),
            Err(error) => Answer::of(Err(error)),
        }
    }

    #[track_caller]
    fn answer(self, (route, params): (&'static RouteReg, Params)) -> Result<Response, RouteError> {
        let Self { world, plugin, query, content_type, body, .. } = self;
        let request = world.request();
        if route.auth == RouteAuth::Required && request.user.is_none() {
            return Err(RouteError::new(403, Code::Unauthenticated, "this route is for users"));
        }
        let context = RouteContext::new(plugin, world.config_of(plugin), request, world.gate(plugin));
        let request = RouteRequest { context, params, query, content_type, body };
        match route.handler {
            RouteHandler::Plain(handler) => handler(request),
            RouteHandler::Async(handler) => block_on(handler(request)),
        }
    }

    fn route(&self) -> Result<(&'static RouteReg, Params), RouteError> {
        let routes = route::linked();
        let mut fitting: Vec<_> = routes
            .into_iter()
            .filter(|route| route.plugin.id == self.plugin.id)
            .filter_map(|route| Some((route, matched(route.path, &self.path)?)))
            .collect();
        // A segment as written goes before a parameter, the leftmost first.
        fitting.sort_by_key(|(route, _)| {
            route.path.split('/').map(|segment| segment.starts_with('{')).collect::<Vec<_>>()
        });
        if fitting.is_empty() {
            let id = self.plugin.id;
            return Err(RouteError::not_found(format!("plugin {id} has no route {}", self.path)));
        }
        fitting.into_iter().find(|(route, _)| route.method == self.method).ok_or_else(|| {
            let method = self.method.as_str();
            RouteError::new(405, Code::Other, format!("{} does not answer {method}", self.path))
        })
    }
}

type Params = Vec<(&'static str, String)>;

/// The parameters of `path`, if `pattern` fits it.
fn matched(pattern: &'static str, path: &str) -> Option<Params> {
    let mut params = Vec::new();
    let mut segments = path.split('/');
    for part in pattern.split('/') {
        let segment = segments.next()?;
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(name) => params.push((name, segment.to_owned())),
            None if part == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(params)
}

/// What a route answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The answer as clients see it.
    pub response: Response,
    /// The error behind it, if the route returned one; [`RouteError::source`] has the failure behind a 500.
    pub error: Option<RouteError>,
}

impl Answer {
    fn of(result: Result<Response, RouteError>) -> Self {
        match result {
            Ok(response) => Self { response, error: None },
            Err(error) => {
                let body = error.body().to_string();
                Self { response: Response::new(error.status(), "application/json", body), error: Some(error) }
            }
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.response.body)
            .unwrap_or_else(|error| panic!("the body is no JSON ({error}): {}", self.text()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.response.body).into_owned()
    }

    /// The first header of this name, ignoring case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.response.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::matched;

    #[test]
    fn patterns() {
        assert_eq!(matched("/a/{x}/", "/a/b/"), Some(vec![("x", "b".to_owned())]));
        assert_eq!(matched("/", "/"), Some(vec![]));
        for path in ["/a/", "/a//", "/a/b", "/a/b/c/", "/b/b/", ""] {
            assert_eq!(matched("/a/{x}/", path), None, "{path}");
        }
    }
}
