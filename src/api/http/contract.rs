//! The contract as a value. A route is filed once, with who may ask, what it takes and what it answers; the router and the
//! OpenAPI document (3.1, at `/api/openapi`) both come from that, so that neither can forget what the other has.

use super::before::Shadows;
use super::body::{BodyCheck, object};
use super::error;
use crate::access::scope::Role;
use crate::app::App;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension};
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

pub use super::body::{Field, FieldType, optional_field, required};

/// Who may ask.
#[derive(Debug, Clone, Copy)]
pub enum Auth {
    /// Anyone, without a token.
    Anyone,
    /// Any person with a token.
    Person,
    /// A member with at least this role.
    Member(Role),
    /// The same, and a token that is for publishing firmware is enough.
    Publisher(Role),
}

impl Auth {
    fn word(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Person => "person",
            Self::Member(role) | Self::Publisher(role) => role.word(),
        }
    }
}

/// The routes filed so far.
pub struct Contract {
    router: Router<App>,
    schemas: SchemaGenerator,
    paths: Map<String, Value>,
    routes: Vec<(&'static str, &'static str)>,
    tags: Vec<Value>,
    tag: &'static str,
}

/// A route being filed.
pub struct Operation<'c> {
    takes: BodyCheck,
    schemas: &'c mut SchemaGenerator,
    operation: &'c mut Map<String, Value>,
}

impl Contract {
    /// An empty one.
    pub fn new() -> Self {
        let settings = SchemaSettings::draft2020_12()
            .for_serialize()
            .with(|s| s.definitions_path = "/components/schemas".into());
        Self {
            router: Router::new(),
            schemas: settings.into_generator(),
            paths: Map::new(),
            routes: Vec::new(),
            tags: Vec::new(),
            tag: "",
        }
    }

    /// Begins a chapter of the document.
    pub fn tag(&mut self, tag: &'static str, says: &str) {
        self.tag = tag;
        self.tags.push(json!({"name": tag, "description": says}));
    }

    /// Files a route for reading.
    pub fn get<H, T>(&mut self, path: &'static str, asks: Auth, handler: H) -> Operation<'_>
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.file(
            path,
            "get",
            asks,
            on(MethodFilter::GET, handler),
            name::<H>(),
        )
    }

    /// Files a route that acts or adds.
    pub fn post<H, T>(&mut self, path: &'static str, asks: Auth, handler: H) -> Operation<'_>
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.file(
            path,
            "post",
            asks,
            on(MethodFilter::POST, handler),
            name::<H>(),
        )
    }

    /// Files a route that takes a file; its handler bounds what it reads.
    pub fn upload<H, T>(&mut self, path: &'static str, asks: Auth, handler: H) -> Operation<'_>
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let route = on(MethodFilter::POST, handler).layer(DefaultBodyLimit::disable());
        self.file(path, "post", asks, route, name::<H>())
    }

    /// Files a route that changes.
    pub fn put<H, T>(&mut self, path: &'static str, asks: Auth, handler: H) -> Operation<'_>
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.file(
            path,
            "put",
            asks,
            on(MethodFilter::PUT, handler),
            name::<H>(),
        )
    }

    /// Files a route that changes, by its other method.
    pub fn patch<H, T>(&mut self, path: &'static str, asks: Auth, handler: H) -> Operation<'_>
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.file(
            path,
            "patch",
            asks,
            on(MethodFilter::PATCH, handler),
            name::<H>(),
        )
    }

    /// Files a route that removes.
    pub fn delete<H, T>(&mut self, path: &'static str, asks: Auth, handler: H) -> Operation<'_>
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.file(
            path,
            "delete",
            asks,
            on(MethodFilter::DELETE, handler),
            name::<H>(),
        )
    }

    fn file(
        &mut self,
        path: &'static str,
        method: &'static str,
        asks: Auth,
        route: MethodRouter<App>,
        name: String,
    ) -> Operation<'_> {
        let router = std::mem::take(&mut self.router);
        let takes = BodyCheck::default();
        let route: MethodRouter<App> = route.layer(Extension(takes.clone()));
        self.router = router.route(path, route.layer(Extension(asks)));
        self.routes.push((path, method));
        let shown = format!("/api{}", path.replace("{*", "{"));
        let parameters: Vec<Value> = path
            .split('/')
            .filter_map(|p| p.strip_prefix('{')?.strip_suffix('}'))
            .map(|p| {
                let name = p.trim_start_matches('*');
                json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}})
            })
            .collect();
        let mut answers = Map::new();
        let mut problem = |status: u16, says: &str| {
            answers.insert(status.to_string(), problem(says));
        };
        if !matches!(asks, Auth::Anyone) {
            problem(401, "No valid token, or a role too low");
        }
        if !parameters.is_empty() {
            problem(404, "No such thing, or it is not yours to see");
        }
        let security = match asks {
            Auth::Anyone => json!([]),
            asks => json!([{"bearer_auth": [asks.word()]}]),
        };
        // One path has short and long forms, whose handlers are the same.
        let twin = if path.starts_with("/devices/") {
            "_by_identifier"
        } else {
            ""
        };
        let operation = json!({
            "operationId": format!("{name}{twin}{}", if method == "patch" { "_patch" } else { "" }),
            "tags": [self.tag], "x-role": asks.word(), "security": security,
            "x-publish": matches!(asks, Auth::Publisher(_)),
            "parameters": parameters, "responses": answers,
        });
        let methods = self
            .paths
            .entry(shown)
            .or_insert_with(|| Value::Object(Map::new()));
        let slot = methods
            .as_object_mut()
            .expect("paths hold objects")
            .entry(method)
            .or_insert(operation);
        Operation {
            takes,
            schemas: &mut self.schemas,
            operation: slot.as_object_mut().expect("operations are objects"),
        }
    }

    /// The router, the words in it that may be names, and the document.
    pub fn done(mut self) -> (Router<App>, Shadows, Value) {
        let schemas = self.schemas.take_definitions(true);
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Nervecenter API",
                "version": env!("CARGO_PKG_VERSION"),
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
                "description": "Compatible with the API of NervesHub 2.0; what is beyond it says so. \
                    Names in paths are names, not ids. Times have three forms, which each field names. \
                    Roles include the ones before them: view, manage, admin. \
                    Any operation may answer 429 when the asker has its share of the server already, and 503 while the server \
                    is full, cannot reach its database or has no room left; both carry Retry-After, in seconds.",
            },
            "servers": [{"url": "/"}],
            "tags": self.tags,
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {"bearer_auth": {
                    "type": "http", "scheme": "bearer",
                    "description": "`Authorization: Bearer nhu_…`; the scheme `token` works as well.",
                }},
            },
        });
        (self.router, Shadows::of(&self.routes), document)
    }
}

/// What 422 means.
const REFUSED: &str = "A value is refused; `errors` names it";

/// `keys::list` as `keys.list`.
fn name<H>() -> String {
    let mut words = std::any::type_name::<H>().rsplit("::");
    let verb = words.next().unwrap_or_default();
    format!("{}.{verb}", words.next().unwrap_or_default())
}

fn problem(says: &str) -> Value {
    json!({
        "description": says,
        "content": {"application/json": {"schema": error::schema()}},
    })
}

impl Operation<'_> {
    fn set(self, key: &str, value: Value) -> Self {
        self.operation.insert(key.into(), value);
        self
    }

    fn answer(self, status: u16, answer: Value) -> Self {
        if let Some(Value::Object(all)) = self.operation.get_mut("responses") {
            all.insert(status.to_string(), answer);
        }
        self
    }

    fn parameter(self, place: &str, f: &Field) -> Self {
        let Field(name, kind, needed, says) = *f;
        // A query holds texts only.
        let schema = match kind {
            FieldType::Number => json!({"type": "integer", "minimum": 1}),
            FieldType::Flag => json!({"type": "boolean"}),
            FieldType::Tags | FieldType::Map | FieldType::Object(_) => json!({"type": "string"}),
            other => other.schema(),
        };
        if let Some(Value::Array(all)) = self.operation.get_mut("parameters") {
            all.push(json!({
                "name": name, "in": place, "required": needed, "description": says, "schema": schema,
            }));
        }
        self
    }

    /// Another name than its handler's, which several routes share.
    pub fn operation_id(self, id: &str) -> Self {
        self.set("operationId", id.into())
    }

    /// What it does, in a line.
    pub fn summary(self, text: &str) -> Self {
        self.set("summary", text.into())
    }

    /// What is to be known beside that.
    pub fn description(self, text: &str) -> Self {
        self.set("description", text.into())
    }

    /// Parameters of the query.
    pub fn query(mut self, fields: &[Field]) -> Self {
        for f in fields {
            self = self.parameter("query", f);
        }
        self.reads().error(422, REFUSED)
    }

    /// Reads parameters, from the query or a body, though it may name none.
    pub fn reads(self) -> Self {
        self.error(
            400,
            "The request cannot be read, or lacks what the action is about",
        )
        .error(413, "The body is too large")
    }

    /// Reads a body.
    fn reads_body(self, body: Value) -> Self {
        self.reads().error(422, REFUSED).set("requestBody", body)
    }

    /// Refuses no value of what it reads.
    pub fn accepts_any_value(self) -> Self {
        if let Some(Value::Object(all)) = self.operation.get_mut("responses") {
            all.remove("422");
        }
        self
    }

    /// Headers that it reads.
    pub fn headers(mut self, fields: &[Field]) -> Self {
        for f in fields {
            self = self.parameter("header", f);
        }
        self
    }

    /// Fields of the body, which may also stand in the query.
    pub fn body_fields(self, fields: &[Field]) -> Self {
        self.takes.set(fields, true);
        self.of_fields(fields)
    }

    /// The same, when the handler itself refuses by name what it does not know.
    pub fn body_fields_only(self, fields: &[Field]) -> Self {
        self.takes.set(fields, false);
        self.of_fields(fields)
    }

    fn of_fields(self, fields: &[Field]) -> Self {
        let schema = object(fields);
        let required = fields.iter().any(|f| f.2);
        self.reads_body(
            json!({"required": required, "content": {"application/json": {"schema": schema}}}),
        )
    }

    /// A body of another kind.
    pub fn body(self, kind: &str, schema: Value) -> Self {
        self.reads_body(json!({"required": true, "content": {kind: {"schema": schema}}}))
    }

    /// A body of one of several kinds.
    pub fn body_of(self, kinds: &[(&str, Value)]) -> Self {
        let content: Map<String, Value> = kinds
            .iter()
            .map(|(kind, schema)| ((*kind).to_owned(), json!({ "schema": schema })))
            .collect();
        self.reads_body(json!({"required": true, "content": content}))
    }

    /// A file in this part of a multipart body.
    pub fn file(self, part: &str) -> Self {
        let schema = json!({
            "type": "object", "required": [part],
            "properties": {part: {"type": "string", "format": "binary"}},
        });
        self.body("multipart/form-data", schema)
    }

    /// Bytes as they are.
    pub fn bytes(self) -> Self {
        let schema = json!({"type": "string", "format": "binary"});
        self.body("application/octet-stream", schema)
    }

    /// Answers 200 with data.
    pub fn ok<D: JsonSchema>(self) -> Self {
        self.data::<D>(200, "Found")
    }

    /// Answers 201 with data.
    pub fn created<D: JsonSchema>(self) -> Self {
        self.data::<D>(201, "Made")
    }

    /// Answers with `{"data": …}`.
    pub fn data<D: JsonSchema>(self, status: u16, says: &str) -> Self {
        let data: Schema = self.schemas.subschema_for::<D>();
        let schema = json!({"type": "object", "required": ["data"], "properties": {"data": data}});
        let answer = json!({
            "description": says, "content": {"application/json": {"schema": schema}},
        });
        self.answer(status, answer)
    }

    /// Answers 200 with a page of data.
    pub fn page<D: JsonSchema>(self, size: u64) -> Self {
        let data: Schema = self.schemas.subschema_for::<Vec<D>>();
        let pagination: Schema = self
            .schemas
            .subschema_for::<crate::api::http::answer::Pagination>();
        let schema = json!({
            "type": "object", "required": ["data", "pagination"],
            "properties": {"data": data, "pagination": pagination},
        });
        let text = format!("Entries a page, {size} unless given");
        let page = optional_field("pagination[page]", FieldType::Number, "The page, from 1");
        let mut row = self.parameter("query", &page).reads();
        if let Some(Value::Array(all)) = row.operation.get_mut("parameters") {
            all.push(json!({
                "name": "pagination[page_size]", "in": "query", "required": false,
                "description": text,
                "schema": {"type": "integer", "minimum": 1, "default": size},
            }));
        }
        row = row.answer(
            200,
            json!({"description": "A page", "content": {"application/json": {"schema": schema}}}),
        );
        row
    }

    /// Answers 204.
    pub fn no_content(self) -> Self {
        self.answer(204, json!({"description": "Done"}))
    }

    /// Answers with a body of this media type.
    pub fn media(self, status: u16, kind: &str, says: &str) -> Self {
        let of = if kind == "application/json" {
            "object"
        } else {
            "string"
        };
        let answer = json!({
            "description": says, "content": {kind: {"schema": {"type": of}}},
        });
        self.answer(status, answer)
    }

    /// The same answer may also be JSON.
    pub fn also_json(self, says: &str) -> Self {
        if let Some(content) = self
            .operation
            .get_mut("responses")
            .and_then(|r| r.get_mut("200"))
            .and_then(|r| r.get_mut("content"))
            .and_then(Value::as_object_mut)
        {
            let schema = json!({"type": "array", "description": says});
            content.insert("application/json".into(), json!({ "schema": schema }));
        }
        self
    }

    /// Answers with a status and no body that matters.
    pub fn status(self, status: u16, says: &str) -> Self {
        self.answer(status, json!({ "description": says }))
    }

    /// May also refuse with this status.
    pub fn error(self, status: u16, says: &str) -> Self {
        self.answer(status, problem(says))
    }
}
