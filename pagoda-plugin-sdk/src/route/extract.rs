//! What a route function may take.

use super::describe::{Described, Describer};
use super::params::PathParams;
use super::{RouteContext, RouteError, RouteRequest, RouteResult};
use crate::capability::Carried;
use crate::config::PluginConfig;
use crate::error::{Code, NON_FIELD, Reject};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use std::ops::Deref;

/// A parameter of a route function: the [`RouteContext`], [`Path`], [`Query`], [`Json`] or [`Config`].
#[diagnostic::on_unimplemented(
    message = "a route cannot take `{Self}`",
    label = "not a route parameter",
    note = "a route takes `RouteContext` or `RouteContext<Plugin>`, `Path<T>`, `Query<T>`, `Json<T>` and `Config<T>`, in any order"
)]
pub trait FromRequest: Sized {
    /// Takes it from the request.
    ///
    /// # Errors
    /// The answer to a request that does not have it in the right form.
    fn from_request(request: &mut RouteRequest) -> RouteResult<Self>;

    /// Says what it takes from the request, for the OpenAPI document; nothing unless it does.
    fn describe(_route: &mut Describer<'_>) {}
}

impl<C: Carried> FromRequest for RouteContext<C> {
    fn from_request(request: &mut RouteRequest) -> RouteResult<Self> {
        Ok(request.context.typed())
    }
}

/// The parameters of the path: one value, a tuple in path order, or a struct with fields of their names.
/// Texts are percent-decoded. A path whose parameter does not parse (a letter for a number, an encoded `/`,
/// no UTF-8) is not the route's: 404.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(
    /// The value.
    pub T,
);

impl<T: DeserializeOwned + Described> FromRequest for Path<T> {
    fn from_request(request: &mut RouteRequest) -> RouteResult<Self> {
        let not_found = || RouteError::not_found("there is nothing at this path");
        let mut decoded = Vec::with_capacity(request.params.len());
        for (name, text) in &request.params {
            let text = percent_decode_str(text).decode_utf8().map_err(|_| not_found())?;
            if text.contains('/') {
                return Err(not_found());
            }
            decoded.push((*name, text.into_owned()));
        }
        T::deserialize(PathParams::new(&decoded)).map(Self).map_err(|_| not_found())
    }

    fn describe(route: &mut Describer<'_>) {
        route.path::<T>();
    }
}

/// The query string: a struct whose fields are its keys. A value of the wrong kind is 400 with the key.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(
    /// The value.
    pub T,
);

impl<T: DeserializeOwned + Described> FromRequest for Query<T> {
    fn from_request(request: &mut RouteRequest) -> RouteResult<Self> {
        let mut track = serde_path_to_error::Track::new();
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(request.query.as_bytes()));
        T::deserialize(serde_path_to_error::Deserializer::new(pairs, &mut track))
            .map(Self)
            .map_err(|error| field_error(&track.path().to_string(), &error.to_string()).into())
    }

    fn describe(route: &mut Describer<'_>) {
        route.query::<T>();
    }
}

/// The body as JSON (an empty body counts as `{}`), or an answer in JSON.
///
/// A body that is no JSON is 400 `AE-140000`, another media type 415 `AE-130000`; a field of the wrong kind
/// is 400 `AE-121000` under its name, a missing one `AE-113000`.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(
    /// The value.
    pub T,
);

impl<T: DeserializeOwned + Described> FromRequest for Json<T> {
    fn from_request(request: &mut RouteRequest) -> RouteResult<Self> {
        let body = if request.body.is_empty() { b"{}" } else { request.body.as_slice() };
        let media_type = request.content_type.split(';').next().unwrap_or_default().trim();
        if !request.body.is_empty() && !media_type.eq_ignore_ascii_case("application/json") {
            return Err(RouteError::new(
                415,
                Code::UnsupportedMediaType,
                format!("send the body as application/json, not as `{media_type}`"),
            ));
        }
        let mut source = serde_json::Deserializer::from_slice(body);
        let parsed = serde_path_to_error::deserialize(&mut source).map_err(|error| {
            let path = error.path().to_string();
            let inner = error.into_inner();
            if inner.is_data() {
                field_error(&path, &inner.to_string()).into()
            } else {
                RouteError::new(400, Code::Unparsable, format!("the body is no JSON: {inner}"))
            }
        })?;
        source.end().map_err(|error| {
            RouteError::new(400, Code::Unparsable, format!("the body goes on after its JSON: {error}"))
        })?;
        Ok(Self(parsed))
    }

    fn describe(route: &mut Describer<'_>) {
        route.body::<T>();
    }
}

/// Puts what serde says under the field that it is about.
fn field_error(path: &str, text: &str) -> Reject {
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let top = |path: &str| path.split(['.', '[']).next().unwrap_or_default().to_owned();
    match (missing, path) {
        (Some(field), "." | "") => {
            Reject::field(field.to_owned(), "this field is required").with_code(Code::Required)
        }
        (Some(field), path) => {
            Reject::field(top(path), format!("`{field}` is required")).with_code(Code::Required)
        }
        (None, "." | "") => Reject::field(NON_FIELD, text.to_owned()),
        (None, path) => Reject::field(top(path), text.to_owned()),
    }
}

/// The plugin's configuration, as `plugin! { config = … }` names its type.
#[derive(Debug)]
pub struct Config<C>(std::sync::Arc<C>);

impl<C> Clone for Config<C> {
    fn clone(&self) -> Self {
        Self(std::sync::Arc::clone(&self.0))
    }
}

impl<C> Deref for Config<C> {
    type Target = C;
    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C: PluginConfig> FromRequest for Config<C> {
    fn from_request(request: &mut RouteRequest) -> RouteResult<Self> {
        // The check and its sentence are those of `RouteContext::config`.
        request.context.config::<C>()?;
        let config = request.context.config.clone().and_then(|config| config.downcast::<C>().ok());
        config.map(Self).ok_or_else(|| RouteError::fault(anyhow::anyhow!("configuration vanished")))
    }
}
