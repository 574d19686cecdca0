//! What went wrong among the devices of a product in a span of time.

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::error::field;
use crate::domain::{Context, Result};
use crate::limits::{
    CONNECTION_LIFE, FAILURE_GROUPS, FAILURE_SAMPLE, FLAPPING_DEVICES, READ_WAIT, TROUBLE_SPAN,
};
use crate::store::devices::trouble::{self, FailureCount, Flapping};
use std::collections::HashMap;
use std::time::Duration;

/// What failed attempts are grouped by.
pub const BY: [&str; 5] = ["reason", "stage", "version", "target", "group"];

/// Failed attempts that have something in common, with some of their devices.
#[derive(Debug)]
pub struct Failures {
    pub common: FailureCount,
    /// Those that failed last.
    pub sample: Vec<String>,
}

/// What the failed attempts of a product that ended in a span of time have in common, most devices first.
///
/// # Errors
/// A validation error for a word that is none of [`BY`], or for a span that is empty or too long;
/// [`crate::domain::DomainError::Busy`] when too many queries that read as much run already.
pub async fn failures(
    context: &Context,
    scope: &Scope<Product>,
    by: &str,
    span: (Micros, Micros),
) -> Result<Vec<Failures>> {
    if !BY.contains(&by) {
        return Err(field("by", &format!("must be one of: {}", BY.join(", "))));
    }
    let (from, to) = span;
    if from >= to {
        return Err(field("from", "must be before `to`"));
    }
    if to.since(from) > TROUBLE_SPAN {
        let days = TROUBLE_SPAN.as_secs() / 86_400;
        let text = format!("must be at most {days} days before `to`");
        return Err(field("from", &text));
    }
    let lane = &context.limiters.scan_lane;
    let _lane = lane.enter(&scope.product().org.id, READ_WAIT).await?;
    let mut r = context.db.read().await?;
    let product = scope.product().id;
    let all = trouble::failures(&mut r, product, span, by, FAILURE_GROUPS).await?;
    let mut sample: HashMap<String, Vec<String>> = HashMap::new();
    if !all.is_empty() {
        for (value, device) in
            trouble::failed_devices(&mut r, product, span, by, FAILURE_SAMPLE).await?
        {
            sample.entry(value).or_default().push(device);
        }
    }
    let with_sample = |common: FailureCount| Failures {
        sample: sample.remove(&common.value).unwrap_or_default(),
        common,
    };
    Ok(all.into_iter().map(with_sample).collect())
}

/// The devices of a product whose connections ended at least `least` times in the last `hours`, most often first.
///
/// # Errors
/// A validation error for a number that is not positive, or for more hours than are kept;
/// [`crate::domain::DomainError::Busy`] when too many queries that read as much run already.
pub async fn flapping(
    context: &Context,
    scope: &Scope<Product>,
    hours: u64,
    least: i64,
) -> Result<Vec<Flapping>> {
    let most = CONNECTION_LIFE.as_secs() / 3600;
    if !(1..=most).contains(&hours) {
        return Err(field("hours", &format!("must be from 1 to {most}")));
    }
    if least < 1 {
        return Err(field("least", "must be at least 1"));
    }
    let lane = &context.limiters.scan_lane;
    let _lane = lane.enter(&scope.product().org.id, READ_WAIT).await?;
    let mut r = context.db.read().await?;
    let since = context.now().before(Duration::from_secs(hours * 3600));
    let product = scope.product().id;
    Ok(trouble::flapping(&mut r, product, since, least, FLAPPING_DEVICES).await?)
}
