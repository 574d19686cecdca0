//! The products of an organization at a glance, for who looks after several fleets. Beyond NervesHub.

use super::summary::map;
use crate::access::scope::{Org, Scope};
use crate::api::http::contract::{Auth, Contract};
use crate::api::http::error::Result;
use crate::api::http::page::{Page, Paging};
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::catalog::org_summary::{self, ProductSummary};
use crate::limits::ORG_SUMMARY_PRODUCTS;
use crate::store::words::RolloutState;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A product among those of its organization.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProductGlance")]
struct GlanceView {
    /// Its name.
    product: String,
    /// When it was counted, `2026-08-22T08:33:49Z`.
    at: String,
    /// Devices of the product.
    devices: i64,
    /// Devices that are `connected`, `disconnected` and `not_seen`; of the disconnected, those that were not seen for seven and for
    /// fourteen days, as `unseen_7d` and `unseen_14d`.
    connection: BTreeMap<String, i64>,
    /// Devices by the status of their newest health report: `healthy`, `warning`, `unhealthy`, `unknown`.
    health: BTreeMap<String, i64>,
    /// Devices with an update in flight.
    inflight: i64,
    /// Releases that are not everywhere yet, `running`, `paused`, `stopped` and `aborted`, of the largest active groups.
    rollouts: BTreeMap<String, i64>,
    /// What waits for a person, by `error` and `warning`.
    attention: BTreeMap<String, i64>,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Organizations);
    contract
        .get("orgs.summary", "/orgs/{org}/summary", Auth::VIEW, show)
        .summary("The products at a glance, by name; 50 a page at most")
        .description(
            "Each is what the product's own summary says, in short, from the same counts.",
        );
}

/// How many of `all` each word names; also the words that none has.
fn counted<'w>(words: &[&str], all: impl Iterator<Item = &'w str>) -> BTreeMap<String, i64> {
    let mut counts: BTreeMap<String, i64> = words.iter().map(|w| ((*w).to_owned(), 0)).collect();
    for word in all {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

fn view(found: &ProductSummary) -> GlanceView {
    let summary = &found.summary;
    let states = summary.rollouts.iter().map(|r| r.progress.state.word());
    let severities = summary.attention.iter().map(|a| a.severity);
    GlanceView {
        product: found.product.clone(),
        at: summary.at.zulu(),
        devices: summary.devices,
        connection: map(&summary.connection),
        health: map(&summary.health),
        inflight: summary.updating,
        rollouts: counted(RolloutState::WORDS, states),
        attention: counted(&["error", "warning"], severities),
    }
}

/// `GET /orgs/:org/summary`.
async fn show(
    State(app): State<App>,
    scope: Scope<Org>,
    p: Params,
) -> Result<Page<GlanceView, 20>> {
    let at = Paging::of(&p)?.at_most(ORG_SUMMARY_PRODUCTS);
    let (found, total) = org_summary::page(&app, &scope, at.number, at.size).await?;
    Ok(at.page(found.iter().map(view).collect(), total))
}
