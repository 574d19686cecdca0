//! Firmware (docs/protocol/rest.md, "Uploads").

use super::upload::{FileLink, Form, host_of, received};
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent, in_product};
use crate::api::http::contract::{Auth, Contract};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::page::{Listed, Paging};
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::blob::download_urls::StoredFileLink;
use crate::domain::catalog::firmwares::{self, FirmwareRow};
use axum::extract::State;
use axum::http::HeaderMap;
use schemars::JsonSchema;
use serde::Serialize;

/// A firmware.
#[derive(Serialize, JsonSchema)]
pub(super) struct Firmware {
    /// Names this very image.
    uuid: String,
    /// Semantic version.
    version: String,
    /// Such as `arm`.
    architecture: String,
    /// Such as `rpi4`.
    platform: String,
    /// The product that it was built for.
    product: String,
    /// Who built it.
    author: Option<String>,
    /// `fwup` or `esp-idf`.
    tool: String,
    /// Bytes of the file.
    size: i64,
    /// SHA-256 of the file in upper-case hex.
    sha256: String,
    /// What its metadata says of it.
    description: Option<String>,
    /// `meta-misc` of its metadata.
    misc: Option<String>,
    /// The commit that it was built of.
    vcs_identifier: Option<String>,
    /// The signing key that its signature fits; null when it has none, or when the key was deleted.
    signed_by: Option<String>,
    /// Whether its file was found missing or damaged; it is offered to no device then.
    damaged: bool,
    /// When it was uploaded, `2026-08-22T08:33:49Z`.
    inserted_at: String,
}

pub(super) fn view(f: &FirmwareRow) -> Firmware {
    Firmware {
        uuid: f.uuid.clone(),
        version: f.version.clone(),
        architecture: f.architecture.clone(),
        platform: f.platform.clone(),
        product: f.product.clone(),
        author: f.author.clone(),
        tool: f.tool.clone(),
        size: f.size,
        sha256: f.checksum.clone(),
        description: f.description.clone(),
        misc: f.misc.clone(),
        vcs_identifier: f.vcs_identifier.clone(),
        signed_by: f.signed_by.clone(),
        damaged: f.damaged_at.is_some(),
        inserted_at: f.inserted_at.zulu(),
    }
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Firmwares);
    contract
        .get(
            "firmwares.list",
            "/orgs/{org}/products/{product}/firmwares",
            Auth::Publisher(Role::View),
            list,
        )
        .summary("Firmware, highest version first");
    contract
        .upload(
            "firmwares.upload",
            "/orgs/{org}/products/{product}/firmwares",
            Auth::Publisher(Role::Manage),
            upload,
        )
        .summary("Upload a firmware")
        .file("firmware");
    contract
        .get(
            "firmwares.show",
            "/orgs/{org}/products/{product}/firmwares/{uuid}",
            Auth::Publisher(Role::View),
            show,
        )
        .summary("One firmware");
    contract
        .delete(
            "firmwares.delete",
            "/orgs/{org}/products/{product}/firmwares/{uuid}",
            Auth::MANAGE,
            delete,
        )
        .summary("Delete a firmware that no release ever used")
        .error(422, "A release uses it, or did");
    contract
        .get(
            "firmwares.download",
            "/orgs/{org}/products/{product}/firmwares/{uuid}/download",
            Auth::MANAGE,
            download,
        )
        .summary("To a signed link that expires");
}

/// `GET /firmwares`.
async fn list(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Listed<Firmware, 100>> {
    let Some(at) = Paging::asked(&p)? else {
        let all = firmwares::list(&app.db, &scope).await?;
        return Ok(Listed::All(all.iter().map(view).collect()));
    };
    let (found, total) = firmwares::page(&app.db, &scope, at.number, at.size).await?;
    let shown = found.iter().map(view).collect();
    Ok(Listed::Page(at.page(shown, total)))
}

/// `GET /firmwares/:uuid`.
async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(uuid): Name,
) -> Result<Data<Firmware>> {
    Ok(Data(view(&firmwares::show(&app.db, &scope, &uuid).await?)))
}

/// `POST /firmwares`: the part `firmware`, streamed to disk; other parts are ignored.
async fn upload(
    State(app): State<App>,
    scope: Scope<Product>,
    form: Form,
) -> Result<Created<Firmware>> {
    let scope = scope.allow(Role::Manage)?;
    let upload = received(&app, &scope, form, "firmware").await?;
    let firmware = upload.finish(&app, &scope).await?;
    let location = in_product(&scope, &["firmwares", &firmware.uuid]);
    Ok(Created::at(location, view(&firmware)))
}

/// `DELETE /firmwares/:uuid`.
async fn delete(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(uuid): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    firmwares::delete(&app, &scope, &uuid).await?;
    Ok(NoContent)
}

/// `GET /firmwares/:uuid/download`: to a signed link on the host that was asked.
async fn download(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(uuid): Name,
    headers: HeaderMap,
) -> Result<FileLink> {
    let scope = scope.allow(Role::Manage)?;
    let firmware = firmwares::show(&app.db, &scope, &uuid).await?;
    let file = StoredFileLink::firmware(&firmware);
    let url = app.download_urls.url(host_of(&headers), &file, app.now());
    Ok(FileLink(url))
}
