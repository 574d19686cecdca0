//! Webhooks: routes of our own.

use crate::access::scope::{Product, Role, Scope};
use crate::api::devices::extensions::document;
use crate::api::http::answer::{Created, Data, NoContent, in_product};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::{Word, number_of};
use crate::api::http::page::{Page, Paging};
use crate::api::http::params::{Params, tags};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain;
use crate::domain::support::webhooks::{self, Delivery, Webhook, WebhookForm};
use crate::store::words::DeliveryState;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;

/// Fields of a new webhook.
const FIELDS: &[Field] = &[
    required("url", FieldType::Text, "Where messages go, `https://…`"),
    required(
        "events",
        FieldType::Tags,
        "Among `device.online`, `device.offline`, `update.completed`, `update.failed`, `firmware.published`, `release.created`, `notification.raised`",
    ),
    optional_field("description", FieldType::Text, "Free text"),
    optional_field(
        "active",
        FieldType::Flag,
        "Whether it is told; true unless given",
    ),
];

/// Fields of a change.
const CHANGES: &[Field] = &[
    optional_field("url", FieldType::Text, "Where messages go, `https://…`"),
    optional_field("events", FieldType::Tags, "Kinds of messages"),
    optional_field("description", FieldType::Text, "Free text"),
    optional_field("active", FieldType::Flag, "Whether it is told"),
];

/// A webhook.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
struct WebhookView {
    /// A number.
    id: i64,
    /// Where messages go.
    url: String,
    /// Free text.
    description: Option<String>,
    /// Kinds of messages.
    events: Vec<String>,
    /// Whether it is told.
    active: bool,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// `2026-08-22T08:33:49`.
    updated_at: String,
}

/// A new webhook.
#[derive(Serialize, JsonSchema)]
struct NewWebhook {
    /// The webhook.
    #[serde(flatten)]
    view: WebhookView,
    /// What signs its messages, shown this once.
    secret: String,
}

/// A message of a webhook.
#[derive(Serialize, JsonSchema)]
struct WebhookDelivery {
    /// A number.
    id: i64,
    /// Names the message, the same at each attempt.
    message_id: String,
    /// Kind of message.
    event: String,
    /// What is sent.
    body: Value,
    /// `pending`, `delivered` or `failed`.
    status: String,
    /// Attempts so far.
    attempts: i64,
    /// When it is tried next, `2026-08-22T08:33:49Z`.
    next_attempt_at: Option<String>,
    /// Status of the last answer.
    response_status: Option<i64>,
    /// Why the last attempt failed.
    error: Option<String>,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// When it was told or given up, `2026-08-22T08:33:49Z`.
    ended_at: Option<String>,
}

fn view(h: &Webhook) -> WebhookView {
    WebhookView {
        id: h.id.number(),
        url: h.url.clone(),
        description: h.description.clone(),
        events: h.events.lines().map(str::to_owned).collect(),
        active: h.active,
        inserted_at: h.inserted_at.naive(),
        updated_at: h.updated_at.naive(),
    }
}

fn delivery(d: &Delivery) -> WebhookDelivery {
    WebhookDelivery {
        id: d.id,
        message_id: d.message.clone(),
        event: d.event.clone(),
        body: document(&d.body),
        status: d.status.word().into(),
        attempts: d.attempts,
        next_attempt_at: (d.status == DeliveryState::Pending).then(|| d.due_at.zulu()),
        response_status: d.answer,
        error: d.error.clone(),
        inserted_at: d.inserted_at.naive(),
        ended_at: d.ended_at.map(|t| t.zulu()),
    }
}

/// The kinds of messages of a form.
pub(super) fn events(p: &Params) -> domain::Result<Option<Vec<String>>> {
    let read = |v| tags(v).ok_or_else(webhooks::not_events);
    p.0.get("events").map(read).transpose()
}

fn form(p: &Params) -> domain::Result<WebhookForm> {
    Ok(WebhookForm {
        url: p.string("url"),
        description: p.nullable("description"),
        events: events(p)?,
        active: p.switch("active")?,
    })
}

pub(super) fn routes(contract: &mut Contract) {
    webhook_routes(contract);
    delivery_routes(contract);
}

fn webhook_routes(contract: &mut Contract) {
    contract.tag(Tag::Webhooks);
    contract
        .get(
            "webhooks.list",
            "/orgs/{org}/products/{product}/webhooks",
            Auth::MANAGE,
            list,
        )
        .summary("The product's webhooks");
    contract
        .post(
            "webhooks.create",
            "/orgs/{org}/products/{product}/webhooks",
            Auth::MANAGE,
            create,
        )
        .summary("Make a webhook; its secret is shown once")
        .body_fields(FIELDS);
    contract
        .get(
            "webhooks.show",
            "/orgs/{org}/products/{product}/webhooks/{webhook}",
            Auth::MANAGE,
            show,
        )
        .summary("One webhook");
    contract
        .put(
            "webhooks.update",
            "/orgs/{org}/products/{product}/webhooks/{webhook}",
            Auth::MANAGE,
            update,
        )
        .summary("Change a webhook")
        .body_fields(CHANGES);
    contract
        .delete(
            "webhooks.delete",
            "/orgs/{org}/products/{product}/webhooks/{webhook}",
            Auth::MANAGE,
            delete,
        )
        .summary("Delete a webhook and its log");
}

fn delivery_routes(contract: &mut Contract) {
    contract.tag(Tag::Webhooks);
    contract
        .post(
            "webhooks.test",
            "/orgs/{org}/products/{product}/webhooks/{webhook}/test",
            Auth::MANAGE,
            test,
        )
        .summary("Send a message that says it is a test");
    contract
        .get(
            "webhooks.log",
            "/orgs/{org}/products/{product}/webhooks/{webhook}/deliveries",
            Auth::MANAGE,
            log,
        )
        .summary("What it was told, newest first; kept for 30 days");
    contract
        .post(
            "webhooks.retry",
            "/orgs/{org}/products/{product}/webhooks/{webhook}/deliveries/{delivery}/retry",
            Auth::MANAGE,
            retry,
        )
        .summary("Send a message again");
}

/// `GET /webhooks`.
async fn list(State(app): State<App>, scope: Scope<Product>) -> Result<Data<Vec<WebhookView>>> {
    let scope = scope.allow(Role::Manage)?;
    let all = webhooks::list(&app.db, &scope).await?;
    Ok(Data(all.iter().map(view).collect()))
}

/// `POST /webhooks`.
async fn create(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Created<NewWebhook>> {
    let scope = scope.allow(Role::Manage)?;
    let (made, secret) = webhooks::create(&app, &scope, form(&p)?).await?;
    let location = in_product(&scope, &["webhooks", &made.id.to_string()]);
    let new = NewWebhook {
        view: view(&made),
        secret: secret.reveal().to_owned(),
    };
    Ok(Created::at(location, new))
}

/// `GET /webhooks/:webhook`.
async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    hook: Word,
) -> Result<Data<WebhookView>> {
    let scope = scope.allow(Role::Manage)?;
    Ok(Data(view(
        &webhooks::show(&app.db, &scope, hook.number()?).await?,
    )))
}

/// `PUT /webhooks/:webhook`.
async fn update(
    State(app): State<App>,
    scope: Scope<Product>,
    hook: Word,
    p: Params,
) -> Result<Data<WebhookView>> {
    let scope = scope.allow(Role::Manage)?;
    let changed = webhooks::update(&app, &scope, hook.number()?, form(&p)?).await?;
    Ok(Data(view(&changed)))
}

/// `DELETE /webhooks/:webhook`.
async fn delete(State(app): State<App>, scope: Scope<Product>, hook: Word) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    webhooks::delete(&app.db, &scope, hook.number()?).await?;
    Ok(NoContent)
}

/// `POST /webhooks/:webhook/test`.
async fn test(
    State(app): State<App>,
    scope: Scope<Product>,
    hook: Word,
) -> Result<Created<WebhookDelivery>> {
    let scope = scope.allow(Role::Manage)?;
    let filed = webhooks::test(&app, &scope, hook.number()?).await?;
    Ok(Created::without_location(delivery(&filed)))
}

/// `GET /webhooks/:webhook/deliveries`.
async fn log(
    State(app): State<App>,
    scope: Scope<Product>,
    hook: Word,
    p: Params,
) -> Result<Page<WebhookDelivery, 25>> {
    let scope = scope.allow(Role::Manage)?;
    let at = Paging::of(&p)?;
    let (rows, total) = webhooks::log(&app.db, &scope, hook.number()?, at.number, at.size).await?;
    let data: Vec<_> = rows.iter().map(delivery).collect();
    Ok(at.page(data, total))
}

/// `POST /webhooks/:webhook/deliveries/:delivery/retry`.
async fn retry(
    State(app): State<App>,
    scope: Scope<Product>,
    Path(parts): Path<HashMap<String, String>>,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    let part = |key: &str| number_of(parts.get(key).map_or("", String::as_str));
    webhooks::again(&app.db, &scope, part("webhook")?, part("delivery")?).await?;
    Ok(NoContent)
}
