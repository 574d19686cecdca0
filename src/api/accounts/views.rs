//! Saved views of pages. Beyond NervesHub's API.

use crate::access::scope::{Product, Scope};
use crate::api::http::answer::{Created, Data, NoContent, in_product};
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Word;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::views::{self, View, ViewForm};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// A saved view.
#[derive(Serialize, JsonSchema)]
struct SavedView {
    /// A number.
    id: i64,
    /// The page of the console that it is of, such as `devices`.
    page: String,
    /// Unique among the views of its owner on the page.
    name: String,
    /// What the page is narrowed to, as its address has it.
    search: String,
    /// Whether all members see it.
    shared: bool,
    /// Whose it is: an email address.
    owner: String,
    /// Whether it is yours.
    own: bool,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Products);
    let search = optional_field(
        "search",
        FieldType::Text,
        "What the page is narrowed to, at most 4,096 bytes",
    );
    let shared = optional_field(
        "shared",
        FieldType::Flag,
        "Whether all members see it; for this it takes the role `manage`",
    );
    contract
        .get(
            "views.list",
            "/orgs/{org}/products/{product}/views",
            Auth::VIEW,
            list,
        )
        .summary("Your views of this product and those that others share");
    contract
        .post(
            "views.add",
            "/orgs/{org}/products/{product}/views",
            Auth::VIEW,
            add,
        )
        .summary("Save a view")
        .body_fields(&[
            required("name", FieldType::Text, "Its name"),
            required(
                "page",
                FieldType::Text,
                "The page of the console, such as `devices`",
            ),
            search,
            shared,
        ]);
    contract
        .put(
            "views.change",
            "/orgs/{org}/products/{product}/views/{view}",
            Auth::VIEW,
            change,
        )
        .summary("Change a view of yours; administrators may change those that others share")
        .body_fields(&[
            optional_field("name", FieldType::Text, "Its name"),
            optional_field("page", FieldType::Text, "The page of the console"),
            search,
            shared,
        ]);
    contract
        .delete(
            "views.remove",
            "/orgs/{org}/products/{product}/views/{view}",
            Auth::VIEW,
            remove,
        )
        .summary("Delete a view of yours; administrators may delete those that others share");
}

fn shown(v: View) -> SavedView {
    SavedView {
        id: v.id,
        page: v.page,
        name: v.name,
        search: v.search,
        shared: v.shared,
        owner: v.owner,
        own: v.own,
    }
}

fn form(p: &Params) -> ViewForm<'_> {
    ViewForm {
        page: p.text("page"),
        name: p.text("name"),
        search: p.text("search"),
        shared: p.flag("shared"),
    }
}

/// `GET …/views`.
async fn list(State(app): State<App>, scope: Scope<Product>) -> Result<Data<Vec<SavedView>>> {
    let all = views::list(&app.db, &scope).await?;
    Ok(Data(all.into_iter().map(shown).collect()))
}

/// `POST …/views`.
async fn add(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Created<SavedView>> {
    let made = views::add(&app.db, &scope, &form(&p)).await?;
    let location = in_product(&scope, &["views", &made.id.to_string()]);
    Ok(Created::at(location, shown(made)))
}

/// `PUT …/views/:view`.
async fn change(
    State(app): State<App>,
    scope: Scope<Product>,
    view: Word,
    p: Params,
) -> Result<Data<SavedView>> {
    let changed = views::change(&app.db, &scope, view.number()?, &form(&p)).await?;
    Ok(Data(shown(changed)))
}

/// `DELETE …/views/:view`.
async fn remove(State(app): State<App>, scope: Scope<Product>, view: Word) -> Result<NoContent> {
    views::remove(&app.db, &scope, view.number()?).await?;
    Ok(NoContent)
}
