//! A product at a glance: how its fleet is, what rolls out, and what waits for a person. What is counted is kept for some seconds,
//! so that any number of people may look at it.

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::deployments::groups::{self, Group};
use crate::domain::deployments::rollouts::{self, Progress, StepKind};
use crate::domain::deployments::status::GroupStatus;
use crate::domain::devices::facets::{FacetValue, facets};
use crate::domain::devices::{self, DeviceFilter, Test};
use crate::domain::{Context, Result};
use crate::ids::ProductId;
use crate::limits::{SUMMARY_KEPT, SUMMARY_ROLLOUTS, SUMMARY_VERSIONS};
use crate::store::words::{HealthState, RolloutState};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many devices a state has.
pub type Counts = Vec<(&'static str, i64)>;

/// A product at a glance.
#[derive(Debug)]
pub struct Summary {
    /// When it was counted.
    pub at: Micros,
    pub devices: i64,
    pub connection: Counts,
    /// Devices that were online once, and not in this many days.
    pub unseen: [(u64, i64); 2],
    pub health: Counts,
    pub updates: Counts,
    /// Devices with an update in flight.
    pub updating: i64,
    /// The versions that most devices run.
    pub versions: Vec<FacetValue>,
    pub rollouts: Vec<RolloutSummary>,
    pub attention: Vec<Attention>,
}

/// How far the current release of a group is.
#[derive(Debug)]
pub struct RolloutSummary {
    pub group: String,
    pub version: String,
    pub progress: Progress,
}

/// What waits for a person.
#[derive(Debug, PartialEq, Eq)]
pub struct Attention {
    pub kind: &'static str,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// A sentence.
    pub title: String,
    /// The group that it is about.
    pub group: Option<String>,
    /// How many devices it is about.
    pub devices: Option<i64>,
    /// A query that finds them.
    pub query: Option<String>,
}

/// The summaries that were counted a moment ago. Whoever asks while one is counted waits for it.
#[derive(Debug, Default)]
pub struct SummaryCache(Mutex<HashMap<ProductId, Arc<Kept>>>);

type Kept = tokio::sync::Mutex<Option<Arc<Summary>>>;

impl SummaryCache {
    fn place(&self, product: ProductId, now: Micros) -> Arc<Kept> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody looks at any more makes place; what is being counted is locked, and stays.
        all.retain(|id, kept| {
            let fresh = |s: &Option<Arc<Summary>>| s.as_ref().is_none_or(|s| is_fresh(s, now));
            *id == product || kept.try_lock().map_or(true, |s| fresh(&s))
        });
        all.entry(product).or_default().clone()
    }
}

fn is_fresh(summary: &Summary, now: Micros) -> bool {
    now.since(summary.at) < SUMMARY_KEPT
}

/// A product at a glance, as it was at most [`SUMMARY_KEPT`] ago.
///
/// # Errors
/// [`crate::domain::DomainError::Busy`] when too many queries that read all devices run already.
pub async fn summary(context: &Context, scope: &Scope<Product>) -> Result<Arc<Summary>> {
    let place = context.summaries.place(scope.product().id, context.now());
    let mut kept = place.lock().await;
    if let Some(summary) = kept.as_ref().filter(|s| is_fresh(s, context.now())) {
        return Ok(summary.clone());
    }
    let summary = Arc::new(count(context, scope).await?);
    *kept = Some(summary.clone());
    Ok(summary)
}

/// The values of a column in this order, also those that no device has.
fn in_order(words: &[&'static str], found: &[FacetValue]) -> Counts {
    let count = |word: &&'static str| {
        let own = found.iter().find(|v| v.value.as_deref() == Some(*word));
        (*word, own.map_or(0, |v| v.devices))
    };
    words.iter().map(count).collect()
}

async fn matching(context: &Context, scope: &Scope<Product>, test: Test) -> Result<i64> {
    let mut filter = DeviceFilter::default();
    filter.and(test);
    devices::count(context, scope, &filter).await
}

async fn count(context: &Context, scope: &Scope<Product>) -> Result<Summary> {
    let at = context.now();
    let by = "connection,health_status,updates,version";
    let all = facets(context, scope, &DeviceFilter::default(), by).await?;
    let mut found: HashMap<_, _> = all.into_iter().collect();
    let mut take = |name: &str| found.remove(name).unwrap_or_default();
    let connection = in_order(
        &["connected", "connecting", "disconnected", "not_seen"],
        &take("connection"),
    );
    let mut unseen = [(7, 0), (14, 0)];
    for (days, n) in &mut unseen {
        let later = false;
        let days = *days;
        *n = matching(context, scope, Test::LastSeen { days, later }).await?;
    }
    let health = in_order(HealthState::WORDS, &take("health_status"));
    let mut versions = take("version");
    versions.truncate(SUMMARY_VERSIONS);
    let rollouts = rollouts_of(context, scope).await?;
    let attention = attention(&rollouts, &health, unseen[0].1);
    Ok(Summary {
        at,
        devices: connection.iter().map(|(_, n)| n).sum(),
        connection,
        unseen,
        updates: in_order(&["enabled", "disabled", "penalty-box"], &take("updates")),
        updating: matching(context, scope, Test::Updating).await?,
        health,
        versions,
        rollouts,
        attention,
    })
}

/// Releases of active groups that are not everywhere, the largest groups first.
async fn rollouts_of(context: &Context, scope: &Scope<Product>) -> Result<Vec<RolloutSummary>> {
    let mut groups = groups::list(&context.db, scope).await?;
    groups.retain(|g| g.row.is_active && g.devices > 0);
    groups.sort_by_key(|g| std::cmp::Reverse(g.devices));
    let mut all = Vec::new();
    for Group { row, release, .. } in groups {
        let Some(release) = release else { continue };
        // The group may have gone meanwhile.
        let Ok(progress) = rollouts::progress(&context.db, scope, &row.name).await else {
            continue;
        };
        if progress.devices.0 > progress.devices.1 {
            all.push(RolloutSummary {
                group: row.name,
                version: release.version,
                progress,
            });
        }
        if all.len() >= SUMMARY_ROLLOUTS {
            break;
        }
    }
    Ok(all)
}

/// What a release waits for a person for.
fn attention_of(rollout: &RolloutSummary) -> Vec<Attention> {
    let progress = &rollout.progress;
    let group = &rollout.group;
    let about = |kind, severity, title: String| Attention {
        kind,
        severity,
        title,
        group: Some(group.clone()),
        devices: None,
        query: None,
    };
    let mut all = Vec::new();
    let current = progress.steps.iter().find(|s| s.state == "current");
    let waits = current.is_some_and(|s| matches!(s.kind, StepKind::Approval(_)));
    match progress.state {
        RolloutState::Stopped => {
            let title = format!("{group}: {}", progress.sentence);
            all.push(about("rollout_stopped", "error", title));
        }
        RolloutState::Running if waits => {
            let title = format!("{group}: {}", progress.sentence);
            all.push(about("approval", "warning", title));
        }
        _ => {}
    }
    if progress.status == GroupStatus::DeltasFailed {
        let title = format!("{group}: no delta could be made; devices get the whole file.");
        all.push(about("deltas_failed", "warning", title));
    }
    let failed: i64 = progress.steps.iter().map(|s| s.counts.failed).sum();
    if failed > 0 && progress.state == RolloutState::Running {
        let title = format!("{group}: the release failed on {failed} devices.");
        all.push(Attention {
            devices: Some(failed),
            ..about("failures", "warning", title)
        });
    }
    all
}

fn attention(rollouts: &[RolloutSummary], health: &Counts, unseen: i64) -> Vec<Attention> {
    let mut all: Vec<_> = rollouts.iter().flat_map(attention_of).collect();
    let unhealthy = health.iter().find(|(word, _)| *word == "unhealthy");
    let unhealthy = unhealthy.map_or(0, |(_, n)| *n);
    let of_devices = |kind, severity, devices: i64, what: &str, query: &str| Attention {
        kind,
        severity,
        title: format!("{devices} devices {what}."),
        group: None,
        devices: Some(devices),
        query: Some(query.to_owned()),
    };
    if unhealthy > 0 {
        let query = "health_status = unhealthy";
        all.push(of_devices(
            "unhealthy",
            "error",
            unhealthy,
            "are unhealthy",
            query,
        ));
    }
    if unseen > 0 {
        let (what, query) = ("were not seen for a week", "last_seen < \"7 days ago\"");
        all.push(of_devices("unseen", "warning", unseen, what, query));
    }
    all.sort_by_key(|a| a.severity != "error");
    all
}
