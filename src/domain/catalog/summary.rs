//! A product at a glance: how its fleet is, what rolls out, and what waits for a person. What is counted is kept for some seconds,
//! so that any number of people may look at it.

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::deployments::groups::{self, Group};
use crate::domain::deployments::rollouts::{self, Progress, StepKind};
use crate::domain::deployments::status::GroupStatus;
use crate::domain::devices::DeviceFilter;
use crate::domain::devices::facets::{FacetValue, facets, states};
use crate::domain::{Context, DomainError, Result};
use crate::ids::ProductId;
use crate::limits::{SUMMARY_KEPT, SUMMARY_ROLLOUTS, SUMMARY_SHARE, SUMMARY_VERSIONS};
use crate::store::devices::facets::StateCount;
use crate::store::words::{HealthState, RolloutState};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many devices a state has.
pub type Counts = Vec<(&'static str, i64)>;

/// A product at a glance.
#[derive(Debug)]
pub struct Summary {
    /// When it was counted.
    pub at: Micros,
    pub devices: i64,
    /// `connected`, `disconnected` and `not_seen`; of the disconnected, those that were not seen for seven and fourteen days.
    pub connection: Counts,
    pub health: Counts,
    pub updates: Counts,
    /// Devices with an update in flight.
    pub updating: i64,
    /// The versions that most devices run.
    pub versions: Vec<FacetValue>,
    pub rollouts: Vec<RolloutSummary>,
    pub attention: Vec<Attention>,
    /// How long it is good: the longer, the longer it took, so that a large fleet is not counted all the time.
    kept: Duration,
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
    now.since(summary.at) < summary.kept
}

/// A product at a glance, as it was at most [`SUMMARY_KEPT`] ago, or longer where it took long to count.
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

async fn count(context: &Context, scope: &Scope<Product>) -> Result<Summary> {
    let began = Instant::now();
    let at = context.now();
    let (states, unseen) = states(context, scope).await?;
    let all = DeviceFilter::default();
    let found = facets(context, scope, &all, "health_status,version").await?;
    let mut found: HashMap<_, _> = found.into_iter().collect();
    let mut take = |name: &str| found.remove(name).unwrap_or_default();
    let health = in_order(HealthState::WORDS, &take("health_status"));
    let mut versions = take("version");
    versions.truncate(SUMMARY_VERSIONS);
    let rollouts = rollouts_of(context, scope).await?;
    let attention = attention(&rollouts, &health, unseen.0);
    let sum = |of: &dyn Fn(&StateCount) -> bool| -> i64 {
        let those = states.iter().filter(|s| of(s));
        those.map(|s| s.devices).sum()
    };
    Ok(Summary {
        at,
        devices: sum(&|_| true),
        connection: vec![
            ("connected", sum(&|s| s.online)),
            ("disconnected", sum(&|s| !s.online && s.seen)),
            ("not_seen", sum(&|s| !s.online && !s.seen)),
            ("unseen_7d", unseen.0),
            ("unseen_14d", unseen.1),
        ],
        updates: vec![
            ("enabled", sum(&|s| s.updates_enabled && !s.resting)),
            ("disabled", sum(&|s| !s.updates_enabled)),
            ("penalty-box", sum(&|s| s.updates_enabled && s.resting)),
        ],
        updating: states.iter().map(|s| s.in_flight).sum(),
        health,
        versions,
        rollouts,
        attention,
        kept: SUMMARY_KEPT.max(began.elapsed() * SUMMARY_SHARE),
    })
}

/// Releases that are not everywhere, of the [`SUMMARY_ROLLOUTS`] largest active groups.
async fn rollouts_of(context: &Context, scope: &Scope<Product>) -> Result<Vec<RolloutSummary>> {
    let mut groups = groups::list(&context.db, scope).await?;
    groups.retain(|g| g.row.is_active && g.devices > 0);
    groups.sort_by_key(|g| std::cmp::Reverse(g.devices));
    groups.truncate(SUMMARY_ROLLOUTS);
    let mut all = Vec::new();
    for Group { row, release, .. } in groups {
        let Some(release) = release else { continue };
        let progress = match rollouts::progress(&context.db, scope, &row.name).await {
            Ok(progress) => progress,
            // The group has gone meanwhile.
            Err(DomainError::NotFound) => continue,
            Err(e) => return Err(e),
        };
        if progress.devices.0 > progress.devices.1 {
            all.push(RolloutSummary {
                group: row.name,
                version: release.version,
                progress,
            });
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
        let title = format!(
            "{group}: no delta could be made, or those there were are withdrawn since devices failed with them; devices get the whole file."
        );
        all.push(about("deltas_failed", "warning", title));
    }
    let failed: i64 = progress.steps.iter().map(|s| s.counts.failed).sum();
    if failed > 0 && progress.state == RolloutState::Running {
        let title = format!("{group}: the release failed on {}.", counted(failed));
        all.push(Attention {
            devices: Some(failed),
            ..about("failures", "warning", title)
        });
    }
    all
}

fn counted(devices: i64) -> String {
    match devices {
        1 => "1 device".into(),
        n => format!("{n} devices"),
    }
}

fn attention(rollouts: &[RolloutSummary], health: &Counts, unseen: i64) -> Vec<Attention> {
    let mut all: Vec<_> = rollouts.iter().flat_map(attention_of).collect();
    let unhealthy = health.iter().find(|(word, _)| *word == "unhealthy");
    let unhealthy = unhealthy.map_or(0, |(_, n)| *n);
    let of_devices =
        |kind, severity, devices: i64, (one, many): (&str, &str), query: &str| Attention {
            kind,
            severity,
            title: format!(
                "{} {}.",
                counted(devices),
                if devices == 1 { one } else { many }
            ),
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
            ("is unhealthy", "are unhealthy"),
            query,
        ));
    }
    if unseen > 0 {
        let what = ("was not seen for a week", "were not seen for a week");
        let query = "last_seen < \"7 days ago\"";
        all.push(of_devices("unseen", "warning", unseen, what, query));
    }
    all.sort_by_key(|a| a.severity != "error");
    all
}
