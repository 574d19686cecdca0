//! Settings of an organization. Beyond NervesHub, where they are set in the database.

use crate::access::scope::{Org, Role, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::org_settings::{self, OrgSettings};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// Settings of an organization.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OrgSettings")]
struct SettingsView {
    /// Where devices fetch firmware from: the proxy is asked with the link to the file in the parameter `firmware`, in base64url. Null
    /// for this server itself.
    firmware_proxy_url: Option<String>,
}

fn view(settings: OrgSettings) -> SettingsView {
    SettingsView {
        firmware_proxy_url: settings.firmware_proxy_url,
    }
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::OrganizationMembers);
    contract
        .get("orgs.settings", "/orgs/{org}/settings", Auth::VIEW, show)
        .summary("Settings of the organization");
    contract
        .put(
            "orgs.update_settings",
            "/orgs/{org}/settings",
            Auth::ADMIN,
            update,
        )
        .summary("Change settings of the organization")
        .body_fields(&[optional_field(
            "firmware_proxy_url",
            FieldType::Text,
            "`https://` or `http://`, without a query; null for none",
        )]);
}

/// `GET /orgs/:org/settings`.
async fn show(State(app): State<App>, scope: Scope<Org>) -> Result<Data<SettingsView>> {
    Ok(Data(view(org_settings::show(&app.db, &scope).await?)))
}

/// `PUT /orgs/:org/settings`: what is left out stays.
async fn update(
    State(app): State<App>,
    scope: Scope<Org>,
    p: Params,
) -> Result<Data<SettingsView>> {
    let scope = scope.allow(Role::Admin)?;
    let mut settings = org_settings::show(&app.db, &scope).await?;
    if p.0.contains_key("firmware_proxy_url") {
        settings.firmware_proxy_url = p.string("firmware_proxy_url").filter(|u| !u.is_empty());
    }
    Ok(Data(view(
        org_settings::set(&app.db, &scope, settings).await?,
    )))
}
