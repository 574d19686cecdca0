//! The contract as a value. A route is filed once, beside its handler, with its id, who may ask and what it takes; what it
//! answers is read from the handler's return type. The router and the OpenAPI document (3.1, at `/api/openapi`) both come
//! from that, so that neither can forget what the other has.

use super::before::Shadows;
use super::endpoint::Endpoint;
use super::operation::{Draft, Operation};
use super::tag::Tag;
use crate::access::scope::Role;
use crate::app::App;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
    /// Any member of the organization.
    pub const VIEW: Self = Self::Member(Role::View);
    /// A member who may change things.
    pub const MANAGE: Self = Self::Member(Role::Manage);
    /// An administrator of the organization.
    pub const ADMIN: Self = Self::Member(Role::Admin);

    /// The word in the document.
    pub fn word(self) -> &'static str {
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
    drafts: Vec<Draft>,
    tag: Tag,
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
            drafts: Vec::new(),
            tag: Tag::PlatformStatus,
        }
    }

    /// Puts the routes that follow into a chapter of the document.
    pub fn tag(&mut self, tag: Tag) {
        self.tag = tag;
    }

    /// Files a route for reading. The id names the operation in clients that are made of the document, so it stays when a
    /// function or a file is renamed.
    pub fn get<H, T>(
        &mut self,
        id: &'static str,
        path: &'static str,
        auth: Auth,
        handler: H,
    ) -> Operation<'_>
    where
        H: Endpoint<T>,
        T: 'static,
    {
        self.file(id, path, "get", auth, on(MethodFilter::GET, handler))
            .answered::<H::Answer>()
    }

    /// Files a route that acts or adds.
    pub fn post<H, T>(
        &mut self,
        id: &'static str,
        path: &'static str,
        auth: Auth,
        handler: H,
    ) -> Operation<'_>
    where
        H: Endpoint<T>,
        T: 'static,
    {
        self.file(id, path, "post", auth, on(MethodFilter::POST, handler))
            .answered::<H::Answer>()
    }

    /// Files a route that takes a file; its handler bounds what it reads.
    pub fn upload<H, T>(
        &mut self,
        id: &'static str,
        path: &'static str,
        auth: Auth,
        handler: H,
    ) -> Operation<'_>
    where
        H: Endpoint<T>,
        T: 'static,
    {
        let route = on(MethodFilter::POST, handler).layer(DefaultBodyLimit::disable());
        self.file(id, path, "post", auth, route)
            .answered::<H::Answer>()
    }

    /// Files a route that changes.
    pub fn put<H, T>(
        &mut self,
        id: &'static str,
        path: &'static str,
        auth: Auth,
        handler: H,
    ) -> Operation<'_>
    where
        H: Endpoint<T>,
        T: 'static,
    {
        self.file(id, path, "put", auth, on(MethodFilter::PUT, handler))
            .answered::<H::Answer>()
    }

    /// Files a route that changes, by its other method.
    pub fn patch<H, T>(
        &mut self,
        id: &'static str,
        path: &'static str,
        auth: Auth,
        handler: H,
    ) -> Operation<'_>
    where
        H: Endpoint<T>,
        T: 'static,
    {
        self.file(id, path, "patch", auth, on(MethodFilter::PATCH, handler))
            .answered::<H::Answer>()
    }

    /// Files a route that removes.
    pub fn delete<H, T>(
        &mut self,
        id: &'static str,
        path: &'static str,
        auth: Auth,
        handler: H,
    ) -> Operation<'_>
    where
        H: Endpoint<T>,
        T: 'static,
    {
        self.file(id, path, "delete", auth, on(MethodFilter::DELETE, handler))
            .answered::<H::Answer>()
    }

    fn file(
        &mut self,
        id: &'static str,
        path: &'static str,
        method: &'static str,
        auth: Auth,
        route: MethodRouter<App>,
    ) -> Operation<'_> {
        let draft = Draft::new(id, path, method, auth, self.tag);
        // Extractors read from these who may ask and which fields the body may have.
        let route: MethodRouter<App> = route.layer(Extension(draft.body_check()));
        let router = std::mem::take(&mut self.router);
        self.router = router.route(path, route.layer(Extension(auth)));
        self.drafts.push(draft);
        let draft = self.drafts.last_mut().expect("it was pushed just now");
        Operation::new(draft, &mut self.schemas)
    }

    /// The router, the words in it that may be names, and the document.
    pub fn done(mut self) -> (Router<App>, Shadows, Value) {
        let schemas = self.schemas.take_definitions(true);
        let routes: Vec<_> = self.drafts.iter().map(Draft::route).collect();
        let mut paths: BTreeMap<String, BTreeMap<&'static str, Value>> = BTreeMap::new();
        for draft in self.drafts {
            let (path, method, operation) = draft.document();
            paths.entry(path).or_default().insert(method, operation);
        }
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
            "tags": Tag::document(),
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "bearer_auth": {
                        "type": "http", "scheme": "bearer",
                        "description": "`Authorization: Bearer nhu_…`; the scheme `token` works as well.",
                    },
                    "session": {
                        "type": "apiKey", "in": "cookie", "name": "__Host-nc",
                        "description": "Of `POST /api/session`; called `nc` without https. For pages of this server only: \
                            changes also need `X-CSRF-Token`.",
                    },
                },
            },
        });
        (self.router, Shadows::of(&routes), document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::http::answer::{Created, Data, Either, NoContent};
    use crate::api::http::error::Result;
    use crate::api::http::page::{Page, Paging};
    use crate::api::http::params::Params;

    async fn listed(p: Params) -> Result<Page<String, 7>> {
        Ok(Paging::of(&p)?.page(Vec::new(), 0))
    }

    async fn made_or_known() -> Result<Either<Created<String>, Data<bool>>> {
        Ok(Either::B(Data(true)))
    }

    async fn removed() -> Result<NoContent> {
        Ok(NoContent)
    }

    fn document() -> Value {
        let mut contract = Contract::new();
        contract.tag(Tag::Devices);
        contract
            .get("things.list", "/things", Auth::VIEW, listed)
            .query(&[optional_field("sort", FieldType::Text, "A column")]);
        contract.post("things.add", "/things", Auth::MANAGE, made_or_known);
        contract.delete("things.remove", "/things/{*key}", Auth::Anyone, removed);
        let (_, _, document) = contract.done();
        document
    }

    fn statuses(operation: &Value) -> Vec<&str> {
        let responses = operation["responses"].as_object().unwrap();
        responses.keys().map(String::as_str).collect()
    }

    #[test]
    fn answers_are_those_of_the_return_type() {
        let document = document();
        let things = &document["paths"]["/api/things"];
        assert_eq!(
            statuses(&things["get"]),
            ["200", "400", "401", "413", "422"]
        );
        assert_eq!(statuses(&things["post"]), ["200", "201", "401"]);
        let made = &things["post"]["responses"]["201"]["content"]["application/json"];
        assert_eq!(made["schema"]["properties"]["data"]["type"], "string");
        let removed = &document["paths"]["/api/things/{key}"]["delete"];
        assert_eq!(statuses(removed), ["204", "404"]);
        assert_eq!(removed["operationId"], "things.remove");
    }

    #[test]
    fn a_page_brings_its_parameters_after_those_of_the_route() {
        let document = document();
        let list = &document["paths"]["/api/things"]["get"];
        let parameters = list["parameters"].as_array().unwrap();
        let names: Vec<_> = parameters.iter().map(|p| &p["name"]).collect();
        assert_eq!(names, ["sort", "pagination[page]", "pagination[page_size]"]);
        assert_eq!(parameters[2]["schema"]["default"], 7);
    }
}
