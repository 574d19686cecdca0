//! An operation of the document while it is described.

use super::answer::Documented;
use super::body::{BodyCheck, Field, FieldType, object};
use super::contract::Auth;
use super::error;
use super::tag::Tag;
use axum::http::StatusCode;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// What 422 means.
const REFUSED: &str = "A value is refused; `errors` names it";

/// What is known of an operation so far.
pub struct Draft {
    id: &'static str,
    path: &'static str,
    method: &'static str,
    auth: Auth,
    tag: Tag,
    body_check: BodyCheck,
    summary: &'static str,
    description: Option<&'static str>,
    parameters: Vec<Value>,
    /// Those of a list in pages; they come after the others.
    page_parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
}

/// An operation being described, with the schemas of the whole document.
pub struct Operation<'c> {
    draft: &'c mut Draft,
    schemas: &'c mut SchemaGenerator,
}

impl Draft {
    /// An operation with what follows from its route: parts of the path as parameters, and what anything that asks for a
    /// token or names something may refuse.
    pub fn new(
        id: &'static str,
        path: &'static str,
        method: &'static str,
        auth: Auth,
        tag: Tag,
    ) -> Self {
        let parameters: Vec<Value> = path
            .split('/')
            .filter_map(|p| p.strip_prefix('{')?.strip_suffix('}'))
            .map(|p| {
                let name = p.trim_start_matches('*');
                json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}})
            })
            .collect();
        let mut responses = Map::new();
        let mut refuses = |status: u16, description| {
            responses.insert(status.to_string(), problem(description));
        };
        if !matches!(auth, Auth::Anyone) {
            refuses(401, "No valid token, or a role too low");
        }
        if !parameters.is_empty() {
            refuses(404, "No such thing, or it is not yours to see");
        }
        Self {
            id,
            path,
            method,
            auth,
            tag,
            body_check: BodyCheck::default(),
            summary: "",
            description: None,
            parameters,
            page_parameters: Vec::new(),
            body: None,
            responses,
        }
    }

    /// The path and the method, as they were filed.
    pub fn route(&self) -> (&'static str, &'static str) {
        (self.path, self.method)
    }

    /// What bodies are held against; it knows the fields as soon as the operation names them.
    pub fn body_check(&self) -> BodyCheck {
        self.body_check.clone()
    }

    /// Path, method and operation, as the document has them.
    pub fn document(mut self) -> (String, &'static str, Value) {
        self.parameters.append(&mut self.page_parameters);
        let security = match self.auth {
            Auth::Anyone => json!([]),
            auth => json!([{"bearer_auth": [auth.word()]}, {"session": [auth.word()]}]),
        };
        let publishes = matches!(self.auth, Auth::Publisher(_));
        let mut operation = Map::new();
        let mut set = |key: &str, value: Value| operation.insert(key.to_owned(), value);
        set("operationId", self.id.into());
        set("tags", json!([self.tag.name()]));
        set("summary", self.summary.into());
        set("x-role", self.auth.word().into());
        set("x-publish", publishes.into());
        set("security", security);
        set("parameters", self.parameters.into());
        set("responses", self.responses.into());
        if let Some(description) = self.description {
            set("description", description.into());
        }
        if let Some(body) = self.body {
            set("requestBody", body);
        }
        // Axum writes `{*key}` for a part that may hold slashes; OpenAPI has no such mark.
        let path = format!("/api{}", self.path.replace("{*", "{"));
        (path, self.method, operation.into())
    }
}

fn problem(description: &str) -> Value {
    json!({
        "description": description,
        "content": {"application/json": {"schema": error::schema()}},
    })
}

/// A parameter of a query or a header; both hold texts only.
fn parameter(place: &str, field: &Field) -> Value {
    let Field(name, kind, needed, description) = *field;
    let schema = match kind {
        FieldType::Number => json!({"type": "integer", "minimum": 1}),
        FieldType::Flag => json!({"type": "boolean"}),
        FieldType::Tags | FieldType::Map | FieldType::Maps | FieldType::Object(_) => {
            json!({"type": "string"})
        }
        other => other.schema(),
    };
    json!({
        "name": name, "in": place, "required": needed, "description": description, "schema": schema,
    })
}

// For answers, which describe themselves.
impl<'c> Operation<'c> {
    /// An operation whose schemas go into the document.
    pub fn new(draft: &'c mut Draft, schemas: &'c mut SchemaGenerator) -> Self {
        Self { draft, schemas }
    }

    /// Takes what the answer says of itself.
    pub fn answered<A: Documented>(mut self) -> Self {
        A::document(&mut self);
        self
    }

    /// The schema of a type, filed under its name among those of the document.
    pub fn schema<T: JsonSchema>(&mut self) -> Schema {
        self.schemas.subschema_for::<T>()
    }

    /// Answers with a status and no body that matters.
    pub fn answers(&mut self, status: StatusCode, description: &str) {
        self.insert(status.as_u16(), json!({ "description": description }));
    }

    /// Answers with a body of one of these media types.
    pub fn answers_with(&mut self, status: StatusCode, description: &str, kinds: &[(&str, Value)]) {
        let answer = json!({"description": description, "content": content(kinds)});
        self.insert(status.as_u16(), answer);
    }

    /// Answers a list in pages of so many entries, unless the request says otherwise.
    pub fn paged(&mut self, page: &Field, size: u64) {
        self.draft.page_parameters = vec![
            parameter("query", page),
            json!({
                "name": "pagination[page_size]", "in": "query", "required": false,
                "description": format!("Entries a page, {size} unless given"),
                "schema": {"type": "integer", "minimum": 1, "default": size},
            }),
        ];
        self.may_be_unreadable();
    }

    fn may_be_unreadable(&mut self) {
        let unreadable = "The request cannot be read, or lacks what the action is about";
        self.insert(400, problem(unreadable));
        self.insert(413, problem("The body is too large"));
    }

    fn insert(&mut self, status: u16, answer: Value) {
        self.draft.responses.insert(status.to_string(), answer);
    }
}

fn content(kinds: &[(&str, Value)]) -> Map<String, Value> {
    kinds
        .iter()
        .map(|(kind, schema)| ((*kind).to_owned(), json!({ "schema": schema })))
        .collect()
}

// For routes, which say what answers cannot.
impl Operation<'_> {
    /// What it does, in a line.
    pub fn summary(self, text: &'static str) -> Self {
        self.draft.summary = text;
        self
    }

    /// What is to be known beside that.
    pub fn description(self, text: &'static str) -> Self {
        self.draft.description = Some(text);
        self
    }

    /// Parameters of the query.
    pub fn query(self, fields: &[Field]) -> Self {
        let parameters = fields.iter().map(|f| parameter("query", f));
        self.draft.parameters.extend(parameters);
        self.reads()
    }

    /// Headers that it reads.
    pub fn headers(self, fields: &[Field]) -> Self {
        let parameters = fields.iter().map(|f| parameter("header", f));
        self.draft.parameters.extend(parameters);
        self
    }

    /// Refuses no value of what it reads.
    pub fn accepts_any_value(self) -> Self {
        self.draft.responses.remove("422");
        self
    }

    fn reads(mut self) -> Self {
        self.may_be_unreadable();
        self.error(422, REFUSED)
    }

    fn reads_body(self, body: Value) -> Self {
        self.draft.body = Some(body);
        self.reads()
    }

    /// Fields of the body, which may also stand in the query. A body that holds none of them is refused.
    pub fn body_fields(self, fields: &[Field]) -> Self {
        self.draft.body_check.set(fields, true);
        self.of_fields(fields)
    }

    /// The same, when the handler itself refuses by name what it does not know.
    pub fn body_fields_only(self, fields: &[Field]) -> Self {
        self.draft.body_check.set(fields, false);
        self.of_fields(fields)
    }

    fn of_fields(self, fields: &[Field]) -> Self {
        let schema = object(fields);
        let required = fields.iter().any(|f| f.2);
        self.reads_body(
            json!({"required": required, "content": {"application/json": {"schema": schema}}}),
        )
    }

    /// A body of one of these media types.
    pub fn body_of(self, kinds: &[(&str, Value)]) -> Self {
        self.reads_body(json!({"required": true, "content": content(kinds)}))
    }

    /// A file in this part of a multipart body.
    pub fn file(self, part: &str) -> Self {
        let schema = json!({
            "type": "object", "required": [part],
            "properties": {part: {"type": "string", "format": "binary"}},
        });
        self.body_of(&[("multipart/form-data", schema)])
    }

    /// Bytes as they are.
    pub fn bytes(self) -> Self {
        let schema = json!({"type": "string", "format": "binary"});
        self.body_of(&[("application/octet-stream", schema)])
    }

    /// May also refuse with this status.
    pub fn error(mut self, status: u16, description: &str) -> Self {
        self.insert(status, problem(description));
        self
    }
}
