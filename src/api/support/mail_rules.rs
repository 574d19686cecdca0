//! Mail rules: routes of our own.

use super::webhooks::events;
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{created, in_product, none, ok};
use crate::api::http::contract::{Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Word;
use crate::api::http::params::Params;
use crate::app::App;
use crate::domain;
use crate::domain::support::mail_rules::{self, MailRule, MailRuleForm};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// Fields of a new rule.
pub const FIELDS: &[Field] = &[
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
pub const CHANGES: &[Field] = &[
    optional_field("events", FieldType::Tags, "As for webhooks"),
    optional_field("active", FieldType::Flag, "Whether mails are sent"),
];

/// A mail rule.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MailRule")]
pub struct MailRuleView {
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

/// `GET /mail_rules`.
pub async fn list(State(app): State<App>, scope: Scope<Product>) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let all = mail_rules::list(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// `POST /mail_rules`.
pub async fn create(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let made = mail_rules::create(&app, &scope, form(&p)?).await?;
    let id = made.id.to_string();
    let location = in_product(&scope, &["mail_rules", &id]);
    Ok(created(Some(&location), &view(&made)))
}

/// `GET /mail_rules/:rule`.
pub async fn show(State(app): State<App>, scope: Scope<Product>, rule: Word) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let found = mail_rules::show(&app.db, &scope, rule.number()?).await?;
    Ok(ok(&view(&found)))
}

/// `PUT /mail_rules/:rule`.
pub async fn update(
    State(app): State<App>,
    scope: Scope<Product>,
    rule: Word,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let changed = mail_rules::update(&app, &scope, rule.number()?, form(&p)?).await?;
    Ok(ok(&view(&changed)))
}

/// `DELETE /mail_rules/:rule`.
pub async fn delete(State(app): State<App>, scope: Scope<Product>, rule: Word) -> Result {
    let scope = scope.allow(Role::Manage)?;
    mail_rules::delete(&app.db, &scope, rule.number()?).await?;
    Ok(none())
}

/// `POST /mail_rules/:rule/test`.
pub async fn test(State(app): State<App>, scope: Scope<Product>, rule: Word) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let filed = mail_rules::test(&app, &scope, rule.number()?).await?;
    Ok(created(None, &view(&filed)))
}
