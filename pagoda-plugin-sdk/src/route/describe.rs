//! What routes take and answer, as schemas: how a plugin's routes come into the OpenAPI document.

use super::RouteReg;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::{RecursiveTransform, ReplaceBoolSchemas, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A type that the OpenAPI document can describe: every one that implements [`JsonSchema`].
///
/// ```
/// use pagoda_plugin_sdk::prelude::*;
///
/// /// An order, which is also what the document says about it.
/// #[derive(serde::Deserialize, JsonSchema)]
/// #[serde(crate = "pagoda_plugin_sdk::serde")]
/// #[schemars(crate = "pagoda_plugin_sdk::schemars")]
/// struct Order {
///     /// At least one.
///     #[schemars(range(min = 1))]
///     count: u8,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the OpenAPI document cannot describe `{Self}`",
    label = "does not implement `JsonSchema`",
    note = "derive it beside serde's: `#[derive(Deserialize, JsonSchema)]` and `#[schemars(crate = \"pagoda_plugin_sdk::schemars\")]`",
    note = "`Json<serde_json::Value>` is described as anything"
)]
pub trait Described: JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema + ?Sized> Described for T {}

/// What one route takes and answers.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct RouteDescription {
    /// The schema of all parameters of the path: of the one value, of a tuple in path order, or of an object by name.
    pub path: Option<Value>,
    /// The schema of the query string, an object by key.
    pub query: Option<Value>,
    /// The schema of the body in JSON.
    pub body: Option<Value>,
    /// What it answers by status, which is a number, or a class of them such as `2XX`.
    pub answers: BTreeMap<String, AnswerBody>,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AnswerBody {
    /// None.
    Empty,
    /// JSON of this schema.
    Json(Value),
    /// A body of this media type; `*/*` is any.
    Media(&'static str),
}

/// Writes down what a route takes and answers. What implements [`FromRequest`](super::FromRequest) or
/// [`IntoResponse`](super::IntoResponse) is asked for it once, when the document is made.
#[derive(Debug)]
pub struct Describer<'a> {
    schemas: &'a mut Schemas,
    route: RouteDescription,
    is_declared: bool,
}

impl Describer<'_> {
    /// The route takes the parameters of its path as a `T`.
    pub fn path<T: Described>(&mut self) {
        self.route.path = Some(of::<T>(&mut self.schemas.taken));
    }

    /// The route takes its query string as a `T`.
    pub fn query<T: Described>(&mut self) {
        self.route.query = Some(of::<T>(&mut self.schemas.taken));
    }

    /// The route takes its body as JSON, a `T`.
    pub fn body<T: Described>(&mut self) {
        self.route.body = Some(of::<T>(&mut self.schemas.taken));
    }

    /// The route answers a `T` in JSON with this status, or one of this class: `200`, `2XX`.
    pub fn answer<T: Described>(&mut self, status: &str) {
        let schema = of::<T>(&mut self.schemas.given);
        self.route.answers.insert(status.to_owned(), AnswerBody::Json(schema));
    }

    /// The route answers with this status, or one of this class, whatever body it likes.
    pub fn answer_anything(&mut self, status: &str) {
        self.route.answers.insert(status.to_owned(), AnswerBody::Media("*/*"));
    }

    /// What `answers = { 200: T }` says.
    #[doc(hidden)]
    pub fn declare<T: Described>(&mut self, status: u16) {
        let schema = of::<T>(&mut self.schemas.given);
        self.declare_body(status, AnswerBody::Json(schema));
    }

    /// What `answers = { 200: "text/csv" }` and `answers = { 204: () }` say.
    #[doc(hidden)]
    pub fn declare_body(&mut self, status: u16, body: AnswerBody) {
        // Who says which successes there are says it instead of the type of the result.
        if status < 400 && !self.is_declared {
            self.route.answers.retain(|known, _| !known.starts_with(['2', '3']));
            self.is_declared = true;
        }
        self.route.answers.insert(status.to_string(), body);
    }
}

/// What these routes take and answer, each in its place, and the schemas that theirs refer to: those of a type
/// `Order` as `#/components/schemas/<prefix>.Order`.
#[must_use]
pub fn describe<'r>(
    prefix: &str,
    routes: impl IntoIterator<Item = &'r RouteReg>,
) -> (Vec<RouteDescription>, Map<String, Value>) {
    let mut schemas = Schemas::new();
    let mut described: Vec<RouteDescription> = routes
        .into_iter()
        .map(|route| {
            let mut describer =
                Describer { schemas: &mut schemas, route: RouteDescription::default(), is_declared: false };
            (route.describe)(&mut describer);
            describer.route
        })
        .collect();
    let taken = schemas.taken.take_definitions(true);
    let given = schemas.given.take_definitions(true);
    let different = different(&taken, &given);
    let mut components = Components { prefix, taken: HashMap::new() };
    let taken_names = components.names_of(taken.keys().map(|name| (name, "")));
    let given_names = components.names_of(given.keys().map(|name| {
        // A type that is read as it is written is one schema.
        (name, if different.contains(name) { "Answer" } else { "" })
    }));
    for route in &mut described {
        for schema in [&mut route.path, &mut route.query, &mut route.body].into_iter().flatten() {
            finish(schema, &taken_names);
        }
        for answer in route.answers.values_mut() {
            if let AnswerBody::Json(schema) = answer {
                finish(schema, &given_names);
            }
        }
    }
    let mut all = Map::new();
    for (definitions, names) in [(taken, &taken_names), (given, &given_names)] {
        for (name, mut schema) in definitions {
            finish(&mut schema, names);
            if let Some(component) = names.get(&name) {
                all.insert(component.clone(), schema);
            }
        }
    }
    (described, all)
}

/// The types that the routes of one plugin mention. What may be left out when a type is read is there when it is
/// written, so that each direction has schemas of its own.
#[derive(Debug)]
struct Schemas {
    taken: SchemaGenerator,
    given: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
        Self {
            taken: settings().for_deserialize().into_generator(),
            given: settings().for_serialize().into_generator(),
        }
    }
}

fn of<T: Described>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// The names of types that are both read and written, and whose two schemas differ or refer to ones that do.
fn different(taken: &Map<String, Value>, given: &Map<String, Value>) -> HashSet<String> {
    let shared = || given.iter().filter_map(|(name, schema)| Some((name, schema, taken.get(name)?)));
    let mut different: HashSet<String> =
        shared().filter(|(_, given, taken)| given != taken).map(|(name, _, _)| name.clone()).collect();
    loop {
        let more: Vec<String> = shared()
            .filter(|(name, schema, _)| !different.contains(*name) && refers_to(schema, &different))
            .map(|(name, _, _)| name.clone())
            .collect();
        if more.is_empty() {
            return different;
        }
        different.extend(more);
    }
}

fn refers_to(schema: &Value, names: &HashSet<String>) -> bool {
    match schema {
        Value::Object(fields) => {
            fields.get("$ref").and_then(referred).is_some_and(|name| names.contains(&name))
                || fields.values().any(|field| refers_to(field, names))
        }
        Value::Array(elements) => elements.iter().any(|element| refers_to(element, names)),
        _ => false,
    }
}

/// The name in a reference to one of the definitions.
fn referred(reference: &Value) -> Option<String> {
    let name = reference.as_str()?.strip_prefix("#/$defs/")?;
    let name = percent_encoding::percent_decode_str(name).decode_utf8().ok()?;
    Some(name.replace("~1", "/").replace("~0", "~"))
}

/// The names of a plugin's schemas in the document.
struct Components<'a> {
    prefix: &'a str,
    /// With whose they are.
    taken: HashMap<String, (String, &'static str)>,
}

impl Components<'_> {
    /// The name in the document for each name of a type; two types never share one, but the same type may come twice.
    fn names_of<'n>(
        &mut self,
        types: impl Iterator<Item = (&'n String, &'static str)>,
    ) -> BTreeMap<String, String> {
        types
            .map(|(name, suffix)| {
                let plain: String = name
                    .chars()
                    .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' })
                    .collect();
                let mut component = format!("{}.{plain}{suffix}", self.prefix);
                let owner = (name.clone(), suffix);
                while self.taken.get(&component).is_some_and(|other| *other != owner) {
                    component.push('_');
                }
                self.taken.insert(component.clone(), owner);
                (name.clone(), component)
            })
            .collect()
    }
}

/// Points the references of a schema into the document, says how far its integers go where only their format does,
/// and writes "anything" as an object, which all generators of clients understand.
fn finish(described: &mut Value, names: &BTreeMap<String, String>) {
    // All of them come from schemars, and are schemas.
    let Ok(schema) = <&mut Schema>::try_from(described) else { return };
    let mut bools = ReplaceBoolSchemas::default();
    bools.skip_additional_properties = true;
    bools.transform(schema);
    let mut one = RecursiveTransform(|schema: &mut Schema| {
        let component = schema.get("$ref").and_then(referred).and_then(|name| names.get(&name));
        if let Some(component) = component {
            schema.insert("$ref".to_owned(), format!("#/components/schemas/{component}").into());
        }
        let range = schema.get("format").and_then(Value::as_str).and_then(range);
        if let (Some((least, most)), Some(fields)) = (range, schema.as_object_mut()) {
            fields.entry("minimum").or_insert(least);
            fields.entry("maximum").or_insert(most);
        }
    });
    one.transform(schema);
}

/// The numbers of a format.
fn range(format: &str) -> Option<(Value, Value)> {
    Some(match format {
        "int32" => (json!(i32::MIN), json!(i32::MAX)),
        "int64" | "int" => (json!(i64::MIN), json!(i64::MAX)),
        "uint32" => (json!(u32::MIN), json!(u32::MAX)),
        "uint64" | "uint" => (json!(u64::MIN), json!(u64::MAX)),
        _ => return None,
    })
}
