//! Mail rules: routes of our own.

use super::webhooks::events;
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent, in_product};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Word;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain;
use crate::domain::support::mail_rules::{self, MailRule, MailRuleForm};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// Fields of a new rule.
const FIELDS: &[Field] = &[
    required(
        "email",
        FieldType::Text,
        "Who is told: a member of the organization",
    ),
    required("events", FieldType::Tags, "As for webhooks"),
    optional_field(
        "active",
        FieldType::Flag,
        "Whether mails are sent; true unless given",
    ),
];

/// Fields of a change.
const CHANGES: &[Field] = &[
    optional_field("events", FieldType::Tags, "As for webhooks"),
    optional_field("active", FieldType::Flag, "Whether mails are sent"),
];

/// A mail rule.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MailRule")]
struct MailRuleView {
    /// A number.
    id: i64,
    /// Who is told.
    email: String,
    /// Kinds of messages.
    events: Vec<String>,
    /// Whether mails are sent.
    active: bool,
    /// How the last mail stands: `pending`, `sent` or `failed`.
    last_status: Option<String>,
    /// Why its last attempt failed.
    last_error: Option<String>,
    /// When it was sent or given up, `2026-08-22T08:33:49Z`.
    last_at: Option<String>,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// `2026-08-22T08:33:49`.
    updated_at: String,
}

fn view(r: &MailRule) -> MailRuleView {
    MailRuleView {
        id: r.id,
        email: r.email.clone(),
        events: r.events.lines().map(str::to_owned).collect(),
        active: r.active,
        last_status: r.last_status.clone(),
        last_error: r.last_error.clone(),
        last_at: r.last_at.map(|t| t.zulu()),
        inserted_at: r.inserted_at.naive(),
        updated_at: r.updated_at.naive(),
    }
}

fn form(p: &Params) -> domain::Result<MailRuleForm> {
    Ok(MailRuleForm {
        email: p.string("email"),
        events: events(p)?,
        active: p.switch("active")?,
    })
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::MailRules);
    contract
        .get(
            "mail_rules.list",
            "/orgs/{org}/products/{product}/mail_rules",
            Auth::MANAGE,
            list,
        )
        .summary("The product's mail rules");
    contract
        .post(
            "mail_rules.create",
            "/orgs/{org}/products/{product}/mail_rules",
            Auth::MANAGE,
            create,
        )
        .summary("Make a mail rule")
        .body_fields(FIELDS);
    contract
        .get(
            "mail_rules.show",
            "/orgs/{org}/products/{product}/mail_rules/{rule}",
            Auth::MANAGE,
            show,
        )
        .summary("One mail rule, with how its last mail went");
    contract
        .put(
            "mail_rules.update",
            "/orgs/{org}/products/{product}/mail_rules/{rule}",
            Auth::MANAGE,
            update,
        )
        .summary("Change a mail rule")
        .body_fields(CHANGES);
    contract
        .delete(
            "mail_rules.delete",
            "/orgs/{org}/products/{product}/mail_rules/{rule}",
            Auth::MANAGE,
            delete,
        )
        .summary("Delete a mail rule");
    contract
        .post(
            "mail_rules.test",
            "/orgs/{org}/products/{product}/mail_rules/{rule}/test",
            Auth::MANAGE,
            test,
        )
        .summary("Send a mail that says it is a test")
        .error(422, "This server sends no mail");
}

/// `GET /mail_rules`.
async fn list(State(app): State<App>, scope: Scope<Product>) -> Result<Data<Vec<MailRuleView>>> {
    let scope = scope.allow(Role::Manage)?;
    let all = mail_rules::list(&app.db, &scope).await?;
    Ok(Data(all.iter().map(view).collect()))
}

/// `POST /mail_rules`.
async fn create(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Created<MailRuleView>> {
    let scope = scope.allow(Role::Manage)?;
    let made = mail_rules::create(&app, &scope, form(&p)?).await?;
    let id = made.id.to_string();
    let location = in_product(&scope, &["mail_rules", &id]);
    Ok(Created::at(location, view(&made)))
}

/// `GET /mail_rules/:rule`.
async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    rule: Word,
) -> Result<Data<MailRuleView>> {
    let scope = scope.allow(Role::Manage)?;
    let found = mail_rules::show(&app.db, &scope, rule.number()?).await?;
    Ok(Data(view(&found)))
}

/// `PUT /mail_rules/:rule`.
async fn update(
    State(app): State<App>,
    scope: Scope<Product>,
    rule: Word,
    p: Params,
) -> Result<Data<MailRuleView>> {
    let scope = scope.allow(Role::Manage)?;
    let changed = mail_rules::update(&app, &scope, rule.number()?, form(&p)?).await?;
    Ok(Data(view(&changed)))
}

/// `DELETE /mail_rules/:rule`.
async fn delete(State(app): State<App>, scope: Scope<Product>, rule: Word) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    mail_rules::delete(&app.db, &scope, rule.number()?).await?;
    Ok(NoContent)
}

/// `POST /mail_rules/:rule/test`.
async fn test(
    State(app): State<App>,
    scope: Scope<Product>,
    rule: Word,
) -> Result<Created<MailRuleView>> {
    let scope = scope.allow(Role::Manage)?;
    let filed = mail_rules::test(&app, &scope, rule.number()?).await?;
    Ok(Created::without_location(view(&filed)))
}
