//! Products (docs/protocol/rest.md, "Products over REST").

use crate::access::scope::{Org, Product, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent, path};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::catalog::products::{self, Changes, ProductRow};
use crate::domain::error::{INVALID, field};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A product.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Product")]
pub(in crate::api) struct ProductView {
    /// Unique in the organization.
    name: String,
    /// Whether a version can be uploaded once only for a platform and architecture.
    require_unique_firmware_version: bool,
    /// Which kinds of firmware it takes.
    allowed_update_tools: Vec<String>,
    /// Whether ESP-IDF images need no signature.
    allow_unsigned_esp_idf_firmware: bool,
}

pub(in crate::api) fn view(p: &ProductRow) -> ProductView {
    ProductView {
        name: p.name.clone(),
        require_unique_firmware_version: p.require_unique_firmware_version,
        allowed_update_tools: p.tools().into_iter().map(str::to_owned).collect(),
        allow_unsigned_esp_idf_firmware: p.allow_unsigned_esp_idf_firmware,
    }
}

/// Settings of a product.
const SETTINGS: &[Field] = &[
    optional_field(
        "require_unique_firmware_version",
        FieldType::Flag,
        "Whether a version can be uploaded once only",
    ),
    optional_field(
        "allowed_update_tools",
        FieldType::Tags,
        "Which kinds of firmware it takes: `fwup`, `esp-idf`",
    ),
    optional_field(
        "allow_unsigned_esp_idf_firmware",
        FieldType::Flag,
        "Whether ESP-IDF images need no signature",
    ),
];

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Products);
    contract
        .get("products.list", "/orgs/{org}/products", Auth::VIEW, list)
        .summary("The products");
    contract
        .post(
            "products.create",
            "/orgs/{org}/products",
            Auth::ADMIN,
            create,
        )
        .summary("Make a product")
        .body_fields(&[required("name", FieldType::Text, "Its name")]);
    contract
        .get(
            "products.show",
            "/orgs/{org}/products/{product}",
            Auth::VIEW,
            show,
        )
        .summary("One product");
    contract
        .put(
            "products.update",
            "/orgs/{org}/products/{product}",
            Auth::MANAGE,
            update,
        )
        .summary("Change settings; a product cannot be renamed")
        .body_fields_only(SETTINGS);
    contract
        .patch(
            "products.update_patch",
            "/orgs/{org}/products/{product}",
            Auth::MANAGE,
            update,
        )
        .summary("The same")
        .body_fields_only(SETTINGS);
    contract
        .delete(
            "products.delete",
            "/orgs/{org}/products/{product}",
            Auth::ADMIN,
            delete,
        )
        .summary("Delete an empty product")
        .error(409, "It still holds something");
}

/// `GET /products`.
async fn list(State(app): State<App>, scope: Scope<Org>) -> Result<Data<Vec<ProductView>>> {
    let all = products::list(&app.db, &scope).await?;
    Ok(Data(all.iter().map(view).collect()))
}

/// `POST /products`.
async fn create(
    State(app): State<App>,
    scope: Scope<Org>,
    p: Params,
) -> Result<Created<ProductView>> {
    let scope = scope.allow(Role::Admin)?;
    let product = products::create(&app.db, &scope, p.text("name")).await?;
    let location = path(&["orgs", &scope.at().name, "products", &product.name]);
    Ok(Created::at(location, view(&product)))
}

/// `GET /products/:product`.
async fn show(State(app): State<App>, scope: Scope<Product>) -> Result<Data<ProductView>> {
    Ok(Data(view(&products::show(&app.db, &scope).await?)))
}

/// `PUT` and `PATCH /products/:product`.
async fn update(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Data<ProductView>> {
    let scope = scope.allow(Role::Manage)?;
    let product = match changes(&p)? {
        Some(changes) => products::update(&app, &scope, changes).await?,
        None => products::show(&app.db, &scope).await?,
    };
    Ok(Data(view(&product)))
}

/// Takes the settings, none if there are none; anything else in the body is refused by name.
fn changes(p: &Params) -> Result<Option<Changes>> {
    const KNOWN: [&str; 3] = [
        "require_unique_firmware_version",
        "allowed_update_tools",
        "allow_unsigned_esp_idf_firmware",
    ];
    let foreign: Vec<String> =
        p.0.keys()
            .filter(|k| !KNOWN.contains(&k.as_str()))
            .map(|k| format!("{k:?}"))
            .collect();
    if !foreign.is_empty() {
        let text = format!(
            "These fields cannot be set on a product: {}. A product cannot be renamed; its name identifies it in every URL.",
            foreign.join(", ")
        );
        let strangers = p.0.keys().filter(|k| !KNOWN.contains(&k.as_str()));
        let named = strangers.map(|k| (k.clone(), json!(["cannot be set on a product"])));
        let mut errors: Map<String, Value> = named.collect();
        errors.insert("detail".into(), text.into());
        return Err(DomainError::Fields(errors.into()).into());
    }
    if p.0.is_empty() {
        return Ok(None);
    }
    let tools = p.0.get("allowed_update_tools");
    Ok(Some(Changes {
        unique_versions: p.switch("require_unique_firmware_version")?,
        tools: tools.map(names).transpose()?,
        unsigned_esp_idf: p.switch("allow_unsigned_esp_idf_firmware")?,
    }))
}

/// A list of names.
fn names(value: &Value) -> Result<Vec<String>> {
    let texts = value.as_array().map(|all| {
        let texts = all.iter().map(|v| v.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<_>>>()
    });
    match texts {
        Some(Some(names)) if names.len() <= 100 => Ok(names),
        _ => Err(field("allowed_update_tools", INVALID).into()),
    }
}

/// `DELETE /products/:product`.
async fn delete(State(app): State<App>, scope: Scope<Product>) -> Result<NoContent> {
    let scope = scope.allow(Role::Admin)?;
    products::delete(&app.db, &scope).await?;
    Ok(NoContent)
}
