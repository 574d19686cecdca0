//! Members of an organization (docs/protocol/rest.md, "Members and organizations").

use crate::access::scope::{Org, Role, Scope};
use crate::api::http::answer::{Created, Data, Documented, Either, NoContent, path};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::operation::Operation;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::accounts::logins;
use crate::domain::accounts::members::{self, Member};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

/// A member of an organization.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Member")]
struct MemberView {
    /// Full name.
    name: String,
    /// Login.
    email: String,
    /// `admin`, `manage` or `view`.
    role: String,
}

fn view(m: &Member) -> MemberView {
    MemberView {
        name: m.name.clone(),
        email: m.email.clone(),
        role: m.role.clone(),
    }
}

/// The roles of members.
pub(super) const ROLES: FieldType = FieldType::Words(&["view", "manage", "admin"]);

/// Who is to be a member, and as what.
pub(super) const MEMBER: &[Field] = &[
    required("email", FieldType::Text, "The person's login"),
    optional_field(
        "username",
        FieldType::Text,
        "The same, as older releases of `nh` say it",
    ),
    required("role", ROLES, "What the person may do"),
];

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::OrganizationMembers);
    contract
        .get("users.members", "/orgs/{org}/users", Auth::ADMIN, members)
        .summary("The members");
    contract
        .post(
            "users.add_member",
            "/orgs/{org}/users",
            Auth::ADMIN,
            add_member,
        )
        .summary("Make a person a member")
        .body_fields(MEMBER);
    contract
        .post(
            "users.invite",
            "/orgs/{org}/users/invite",
            Auth::ADMIN,
            add_member,
        )
        .summary("The same, by the newer path")
        .body_fields(MEMBER);
    contract
        .get(
            "users.member",
            "/orgs/{org}/users/{email}",
            Auth::ADMIN,
            member,
        )
        .summary("One member");
    contract
        .put(
            "users.set_role",
            "/orgs/{org}/users/{email}",
            Auth::ADMIN,
            set_role,
        )
        .summary("Change a member's role")
        .body_fields(&[required("role", ROLES, "The new role")]);
    contract
        .delete(
            "users.remove_member",
            "/orgs/{org}/users/{email}",
            Auth::ADMIN,
            remove_member,
        )
        .summary("Take a member out; the last administrator stays")
        .error(422, "The last administrator");
    contract
        .delete(
            "users.leave",
            "/orgs/{org}/membership",
            Auth::VIEW,
            leave,
        )
        .summary("Leave the organization yourself; for people with a token that grants all, or a session. Beyond NervesHub")
        .error(422, "The last administrator");
}

/// `GET /orgs/:org/users`.
async fn members(State(app): State<App>, scope: Scope<Org>) -> Result<Data<Vec<MemberView>>> {
    let scope = scope.allow(Role::Admin)?;
    let all = members::members(&app.db, &scope).await?;
    Ok(Data(all.iter().map(view).collect()))
}

/// The role that goes by another word in `nh`, which has those of before (docs/protocol/rest.md, "What nh relies on").
fn role_from_nh(role: &str) -> &str {
    match role {
        "delete" => "admin",
        "write" => "manage",
        "read" => "view",
        word => word,
    }
}

/// `POST /orgs/:org/users` and `/users/invite`.
async fn add_member(
    State(app): State<App>,
    scope: Scope<Org>,
    p: Params,
) -> Result<Either<Created<MemberView>, Invited>> {
    let scope = scope.allow(Role::Admin)?;
    // `nh` calls it username.
    let email = p.text("email").or_else(|| p.text("username"));
    let (Some(email), Some(role)) = (email, p.text("role")) else {
        return Err(DomainError::Bad("email and role are needed".into()).into());
    };
    let role = match p.text("email") {
        Some(_) => role,
        None => role_from_nh(role),
    };
    let Some(member) = members::add_member(&app, &scope, email, role).await? else {
        logins::invite(&app, &scope, email, role).await?;
        return Ok(Either::B(Invited));
    };
    let location = path(&["orgs", &scope.at().name, "users", email]);
    Ok(Either::A(Created::at(location, view(&member))))
}

/// `GET /orgs/:org/users/:email`.
async fn member(
    State(app): State<App>,
    scope: Scope<Org>,
    Name(email): Name,
) -> Result<Data<MemberView>> {
    let scope = scope.allow(Role::Admin)?;
    Ok(Data(view(&members::member(&app.db, &scope, &email).await?)))
}

/// `PUT /orgs/:org/users/:email`.
async fn set_role(
    State(app): State<App>,
    scope: Scope<Org>,
    Name(email): Name,
    p: Params,
) -> Result<Data<MemberView>> {
    let scope = scope.allow(Role::Admin)?;
    let role = p
        .text("role")
        .ok_or_else(|| DomainError::Bad("role is needed".into()))?;
    let member = members::set_role(&app.db, &scope, &email, role_from_nh(role)).await?;
    Ok(Data(view(&member)))
}

/// `DELETE /orgs/:org/users/:email`.
async fn remove_member(
    State(app): State<App>,
    scope: Scope<Org>,
    Name(email): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Admin)?;
    members::remove_member(&app, &scope, &email).await?;
    Ok(NoContent)
}

/// `DELETE /orgs/:org/membership`.
async fn leave(State(app): State<App>, scope: Scope<Org>) -> Result<NoContent> {
    members::leave(&app, &scope).await?;
    Ok(NoContent)
}

/// 204 for an address that has no account yet: the person gets an invitation.
struct Invited;

impl IntoResponse for Invited {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Documented for Invited {
    fn document(operation: &mut Operation<'_>) {
        let text = "Nobody has this email; an invitation waits for them";
        operation.answers(StatusCode::NO_CONTENT, text);
    }
}
