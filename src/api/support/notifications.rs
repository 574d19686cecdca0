//! Notifications of a product: routes of our own.

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::NoContent;
use crate::api::http::contract::{Auth, Contract};
use crate::api::http::error::Result;
use crate::api::http::page::{Page, Paging};
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::support::notifications::{self, NotificationRow};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// What a product's people should know.
#[derive(Serialize, JsonSchema)]
struct Notification {
    /// A number.
    id: i64,
    /// What makes two of them the same.
    event_key: String,
    /// `info`, `warning` or `error`.
    level: String,
    /// A few words.
    title: String,
    /// A sentence.
    message: String,
    /// How often it happened.
    occurrence_count: i64,
    /// `2026-08-22T08:33:49Z`.
    last_occurred_at: String,
    /// `2026-08-22T08:33:49Z`.
    inserted_at: String,
}

fn notification_view(n: &NotificationRow) -> Notification {
    Notification {
        id: n.id,
        event_key: n.event_key.clone(),
        level: n.level.word().into(),
        title: n.title.clone(),
        message: n.message.clone(),
        occurrence_count: n.occurrences,
        last_occurred_at: n.last_at.zulu(),
        inserted_at: n.inserted_at.zulu(),
    }
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Notifications);
    contract
        .get(
            "history.notifications",
            "/orgs/{org}/products/{product}/notifications",
            Auth::VIEW,
            notifications,
        )
        .summary("Last occurrence first");
    contract
        .delete(
            "history.dismiss",
            "/orgs/{org}/products/{product}/notifications",
            Auth::MANAGE,
            dismiss,
        )
        .summary("Dismiss all of them, for everybody");
}

/// `GET /notifications`: last occurrence first.
async fn notifications(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Page<Notification, 25>> {
    let at = Paging::of(&p)?;
    let (rows, total) = notifications::list(&app.db, &scope, at.number, at.size).await?;
    let data: Vec<_> = rows.iter().map(notification_view).collect();
    Ok(at.page(data, total))
}

/// `DELETE /notifications`: all of them, for everybody.
async fn dismiss(State(app): State<App>, scope: Scope<Product>) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    notifications::dismiss(&app.db, &scope).await?;
    Ok(NoContent)
}
