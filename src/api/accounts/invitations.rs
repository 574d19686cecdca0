//! Invitations into an organization, beyond NervesHub.

use super::members::MEMBER;
use crate::access::scope::{Org, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent};
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::accounts::logins;
use axum::extract::{Extension, Path, State};
use schemars::JsonSchema;
use serde::Serialize;

/// An open invitation.
#[derive(Serialize, JsonSchema)]
struct Invitation {
    /// Who is invited.
    email: String,
    /// The role that they will have.
    role: String,
    /// Who invited them.
    invited_by: String,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
}

/// An invitation that was just made.
#[derive(Serialize, JsonSchema)]
struct MadeInvitation {
    #[serde(flatten)]
    invitation: Invitation,
    /// Where they accept it, shown this once: whoever has it can join in their place. It is a path unless the server was told
    /// its public address (`--web-url`): a request's `Host` header is never believed. Null on a server that sends mail: there the link
    /// shows that its user reads the mail of that address, and nobody else sees it.
    url: Option<String>,
}

/// An invitation, as whoever has its link sees it.
#[derive(Serialize, JsonSchema)]
struct OwnInvitation {
    /// What it is to.
    org: String,
    /// Who is invited.
    email: String,
    /// The role that they will have.
    role: String,
    /// Who invited them.
    invited_by: String,
}

impl From<logins::Invite> for Invitation {
    fn from(i: logins::Invite) -> Self {
        Self {
            inserted_at: i.inserted_at.naive(),
            email: i.email,
            role: i.role,
            invited_by: i.invited_by,
        }
    }
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::OrganizationMembers);
    contract
        .get("pages.invites", "/orgs/{org}/invites", Auth::ADMIN, invites)
        .summary("Open invitations. Beyond NervesHub");
    contract.post("pages.make_invite", "/orgs/{org}/invites", Auth::ADMIN, make_invite)
        .summary("Invite somebody and get the link, which is shown this once. Inviting the same address again makes a new link. Beyond NervesHub")
        .body_fields(MEMBER);
    contract
        .delete(
            "users.rescind",
            "/orgs/{org}/invites/{email}",
            Auth::ADMIN,
            rescind,
        )
        .summary("Take an invitation back. Beyond NervesHub");
    contract
        .get("invites.show", "/invites/{link}", Auth::Anyone, show)
        .summary("The invitation of a link, by what follows `/invite/` in it. Beyond NervesHub");
    contract
        .post("invites.accept", "/invites/{link}", Auth::Anyone, accept)
        .summary("Accept an invitation: an account is made, or yours on this server becomes a member. Beyond NervesHub")
        .body_fields(&[
            optional_field(
                "name",
                FieldType::Text,
                "Your name, for a new account; 2 to 100 characters",
            ),
            required(
                "password",
                FieldType::Text,
                "Of your account here, if you have one; else of the new one, 12 to 1,024 characters",
            ),
        ]);
}

/// `POST /orgs/:org/invites`.
async fn make_invite(
    State(app): State<App>,
    scope: Scope<Org>,
    p: Params,
) -> Result<Created<MadeInvitation>> {
    let scope = scope.allow(Role::Admin)?;
    let (Some(email), Some(role)) = (p.text("email"), p.text("role")) else {
        return Err(DomainError::Bad("email and role are needed".into()).into());
    };
    let (invite, link) = logins::invite(&app, &scope, email, role).await?;
    let base = app.policy.web_url.clone().unwrap_or_default();
    let made = MadeInvitation {
        invitation: invite.into(),
        url: (!app.policy.mail).then(|| format!("{base}{link}")),
    };
    Ok(Created::without_location(made))
}

/// `GET /orgs/:org/invites`.
async fn invites(State(app): State<App>, scope: Scope<Org>) -> Result<Data<Vec<Invitation>>> {
    let all = logins::invitations(&app, &scope).await?;
    let views: Vec<Invitation> = all.into_iter().map(Invitation::from).collect();
    Ok(Data(views))
}

/// `DELETE /orgs/:org/invites/:email`.
async fn rescind(
    State(app): State<App>,
    scope: Scope<Org>,
    Name(email): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Admin)?;
    logins::rescind(&app.db, &scope, &email).await?;
    Ok(NoContent)
}

/// `GET /invites/:link`.
async fn show(State(app): State<App>, Path(link): Path<String>) -> Result<Data<OwnInvitation>> {
    let invite = logins::invited(&app, &link).await?;
    Ok(Data(OwnInvitation {
        org: invite.org,
        email: invite.email,
        role: invite.role,
        invited_by: invite.invited_by,
    }))
}

/// `POST /invites/:link`.
async fn accept(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Path(link): Path<String>,
    p: Params,
) -> Result<NoContent> {
    let text = |key: &str| p.text(key).unwrap_or_default();
    let from = address_of(peer);
    logins::accept(&app, &link, text("name"), text("password"), from).await?;
    Ok(NoContent)
}
