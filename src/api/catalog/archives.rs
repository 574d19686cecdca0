//! Archives: signed files for the device's application. Routes of our own, shaped like those of firmware; the original has
//! them in its console only.

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
use crate::domain::catalog::archives::{self, ArchiveRow};
use axum::extract::State;
use axum::http::HeaderMap;
use schemars::JsonSchema;
use serde::Serialize;

/// An archive.
#[derive(Serialize, JsonSchema)]
pub(super) struct Archive {
    /// Names this very file.
    uuid: String,
    /// Semantic version.
    version: String,
    /// Such as `rpi4`, or `generic`.
    platform: String,
    /// Such as `arm`, or `generic`.
    architecture: String,
    /// Free text.
    description: Option<String>,
    /// Bytes.
    size: i64,
    /// `2026-08-22T08:33:49`.
    uploaded_at: String,
}

pub(super) fn view(a: &ArchiveRow) -> Archive {
    Archive {
        uuid: a.uuid.clone(),
        version: a.version.clone(),
        platform: a.platform.clone(),
        architecture: a.architecture.clone(),
        description: a.description.clone(),
        size: a.size,
        uploaded_at: a.inserted_at.naive(),
    }
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Archives);
    contract
        .get(
            "archives.list",
            "/orgs/{org}/products/{product}/archives",
            Auth::VIEW,
            list,
        )
        .summary("Archives, highest version first");
    contract
        .upload(
            "archives.upload",
            "/orgs/{org}/products/{product}/archives",
            Auth::MANAGE,
            upload,
        )
        .summary("Upload an archive")
        .file("archive");
    contract
        .get(
            "archives.show",
            "/orgs/{org}/products/{product}/archives/{uuid}",
            Auth::VIEW,
            show,
        )
        .summary("One archive");
    contract
        .delete(
            "archives.delete",
            "/orgs/{org}/products/{product}/archives/{uuid}",
            Auth::MANAGE,
            delete,
        )
        .summary("Delete an archive that no release uses")
        .error(422, "A release uses it");
    contract
        .get(
            "archives.download",
            "/orgs/{org}/products/{product}/archives/{uuid}/download",
            Auth::MANAGE,
            download,
        )
        .summary("To a signed link that expires");
}

/// `GET /archives`: highest version first.
async fn list(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Listed<Archive, 100>> {
    let Some(at) = Paging::asked(&p)? else {
        let all = archives::list(&app.db, &scope).await?;
        return Ok(Listed::All(all.iter().map(view).collect()));
    };
    let (found, total) = archives::page(&app.db, &scope, at.number, at.size).await?;
    let shown = found.iter().map(view).collect();
    Ok(Listed::Page(at.page(shown, total)))
}

/// `GET /archives/:uuid`.
async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(uuid): Name,
) -> Result<Data<Archive>> {
    Ok(Data(view(&archives::show(&app.db, &scope, &uuid).await?)))
}

/// `POST /archives`: the part `archive`, streamed to disk; other parts are ignored.
async fn upload(
    State(app): State<App>,
    scope: Scope<Product>,
    form: Form,
) -> Result<Created<Archive>> {
    let scope = scope.allow(Role::Manage)?;
    let upload = received(&app, &scope, form, "archive").await?;
    let archive = archives::finish(&app, &scope, upload).await?;
    let location = in_product(&scope, &["archives", &archive.uuid]);
    Ok(Created::at(location, view(&archive)))
}

/// `DELETE /archives/:uuid`.
async fn delete(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(uuid): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    archives::delete(&app, &scope, &uuid).await?;
    Ok(NoContent)
}

/// `GET /archives/:uuid/download`: to a signed link on the host that was asked.
async fn download(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(uuid): Name,
    headers: HeaderMap,
) -> Result<FileLink> {
    let scope = scope.allow(Role::Manage)?;
    let archive = archives::show(&app.db, &scope, &uuid).await?;
    let file = StoredFileLink::archive(&archive);
    let url = app.download_urls.url(host_of(&headers), &file, app.now());
    Ok(FileLink(url))
}
