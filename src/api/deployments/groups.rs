//! Deployment groups; the path says deployments (docs/protocol/rest.md, "Deployment groups over REST").

use super::fields::{CHANGES, NEW_GROUP, changes, conditions};
use super::view::{DeploymentGroup, ListedRelease, listed, row, view};
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent, in_product};
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field, required};
use crate::api::http::error::{Error, Result};
use crate::api::http::extract::Name;
use crate::api::http::page::{Listed, Paging};
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain;
use crate::domain::deployments::groups::{self, NewGroup, NewRelease};
use crate::domain::deployments::short_progress;
use crate::domain::devices::iroh_takeover;
use crate::domain::error::field;
use crate::domain::events::broadcast;
use crate::limits::PROGRESS_PAGE;
use axum::extract::State;
use serde_json::{Value, json};
use std::collections::HashMap;

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::DeploymentGroups);
    contract
        .get(
            "deployments.list",
            "/orgs/{org}/products/{product}/deployments",
            Auth::VIEW,
            list,
        )
        .summary("Deployment groups, by name")
        .query(&[optional_field(
            "progress",
            FieldType::Flag,
            "Whether each shows how far its current release is, in short. Beyond NervesHub",
        )]);
    contract
        .post(
            "deployments.create",
            "/orgs/{org}/products/{product}/deployments",
            Auth::MANAGE,
            create,
        )
        .summary("Make a deployment group; it is off")
        .body_fields(NEW_GROUP);
    contract
        .get(
            "deployments.releases",
            "/orgs/{org}/products/{product}/deployments/{name}/releases",
            Auth::VIEW,
            releases,
        )
        .summary("A group's releases, newest first. Beyond NervesHub");
    contract
        .get(
            "deployments.show",
            "/orgs/{org}/products/{product}/deployments/{name}",
            Auth::VIEW,
            show,
        )
        .summary("One deployment group");
    contract.put("deployments.update", "/orgs/{org}/products/{product}/deployments/{name}", Auth::MANAGE, update)
        .summary("Make a new release, or change settings")
        .description("With `firmware` or `archive` in it, `deployment` makes a release and everything else but `description` and `notes` is ignored; without them it changes settings.")
        .body_fields(&[required("deployment", FieldType::Object(CHANGES), "A release, or settings")]);
    contract
        .delete(
            "deployments.delete",
            "/orgs/{org}/products/{product}/deployments/{name}",
            Auth::MANAGE,
            delete,
        )
        .summary("Delete a deployment group; devices keep running");
}

/// `GET /deployments`.
async fn list(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Listed<DeploymentGroup, 100>> {
    let with_progress = p.switch("progress")?.unwrap_or(false);
    // How far releases are is counted, for a page at a time.
    let at = match Paging::asked(&p)? {
        None if with_progress => Some(Paging::of(&p)?),
        asked => asked,
    };
    let at = at.map(|at| {
        if with_progress {
            at.at_most(PROGRESS_PAGE)
        } else {
            at
        }
    });
    let (found, total) = match at {
        Some(at) => groups::page(&app.db, &scope, at.number, at.size).await?,
        None => (groups::list(&app.db, &scope).await?, 0),
    };
    let mut progress = match with_progress {
        true => short_progress::of(&app.db, &found, app.now()).await?,
        false => HashMap::new(),
    };
    let shown = found.iter().map(|g| row(g, progress.remove(&g.row.id)));
    let shown = shown.collect();
    Ok(match at {
        Some(at) => Listed::Page(at.page(shown, total)),
        None => Listed::All(shown),
    })
}

/// `GET /deployments/:name/releases`: newest first.
async fn releases(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
) -> Result<Data<Vec<ListedRelease>>> {
    let all = groups::releases(&app.db, &scope, &name).await?;
    Ok(Data(all.iter().map(listed).collect()))
}

/// `GET /deployments/:name`.
async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
) -> Result<Data<DeploymentGroup>> {
    Ok(Data(view(
        &groups::show(&app.db, &scope, &name).await?,
        true,
    )))
}

/// `POST /deployments`: always off.
async fn create(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Created<DeploymentGroup>> {
    let scope = scope.allow(Role::Manage)?;
    let form = NewGroup {
        name: p.string("name"),
        firmware: p.string("firmware"),
        archive: p.string("archive"),
        conditions: p
            .0
            .get("conditions")
            .filter(|c| !c.is_null())
            .map(conditions)
            .transpose()?,
        delta_updatable: p.flag("delta_updatable"),
        notes: p.string("notes"),
        platform: p.string("platform"),
        architecture: p.string("architecture"),
    };
    let group = groups::create(&app.db, &scope, form).await?;
    let location = in_product(&scope, &["deployments", &group.row.name]);
    Ok(Created::at(location, view(&group, false)))
}

/// `PUT /deployments/:name`: a new release when the body names a firmware, else settings.
async fn update(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: std::result::Result<Params, Error>,
) -> Result<Data<DeploymentGroup>> {
    let scope = scope.allow(Role::Manage)?;
    match change(&app, &scope, &name, p).await {
        // Several things may have been wanted at once: that none was done is seen from what stays.
        Err(Error::Refused(domain::DomainError::Fields(errors))) => {
            let group = groups::show(&app.db, &scope, &name).await?;
            let data = json!(view(&group, true));
            Err(Error::Unchanged { errors, data })
        }
        done => done,
    }
}

async fn change(
    app: &App,
    scope: &Scope<Product>,
    name: &str,
    p: std::result::Result<Params, Error>,
) -> Result<Data<DeploymentGroup>> {
    let p = p?;
    let body = p.map("deployment").ok_or(Error::Malformed)?;
    for (number, uuid) in [("firmware_id", "firmware"), ("archive_id", "archive")] {
        if body.get(number).is_some_and(|v| !v.is_null()) {
            let text = format!(
                "is a number of a row, which this server does not show; give the uuid as {uuid}"
            );
            return Err(field(number, &text).into());
        }
    }
    let release = ["firmware", "archive"]
        .iter()
        .any(|k| body.contains_key(*k));
    let group = if release {
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        let form = NewRelease {
            firmware: text("firmware"),
            archive: text("archive"),
            description: text("description"),
            notes: text("notes"),
        };
        groups::release(&app.db, &app.bus, scope, name, form).await?
    } else {
        let group = groups::update(&app.db, &app.bus, scope, name, changes(body)?).await?;
        iroh_takeover::begin(app, &group.row);
        group
    };
    if group.archive.is_some() {
        // An archive only reaches devices that are told; to be told twice does no harm.
        broadcast::of_archive(app, group.row.id);
    }
    Ok(Data(view(&group, true)))
}

/// `DELETE /deployments/:name`.
async fn delete(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    groups::delete(&app.db, &scope, &name).await?;
    Ok(NoContent)
}
