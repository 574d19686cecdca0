//! The metrics of a device's health reports over time, averaged so that a chart has as many points as it can show.

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::error::field;
use crate::domain::span::Span;
use crate::domain::{Result, devices};
use crate::limits::{METRIC_KEYS, METRIC_REPORTS};
use crate::store::Db;
use crate::store::devices::health_reports;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Metrics over time.
#[derive(Debug, Default, PartialEq)]
pub struct Metrics {
    /// Where each point begins.
    pub times: Vec<Micros>,
    /// The average of each metric in each point; `None` where no report has it.
    pub series: BTreeMap<String, Vec<Option<f64>>>,
    /// In how many reports of each point each alarm was set.
    pub alarms: BTreeMap<String, Vec<u32>>,
}

/// A metric's number, which some clients send as a text.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    number.filter(|n| n.is_finite())
}

/// A report as a device sent it; what is no JSON says nothing.
fn parsed(report: &str) -> Value {
    serde_json::from_str(report).unwrap_or_default()
}

/// The numbers of a report.
fn numbers(report: &Value) -> BTreeMap<String, f64> {
    let metrics = report.get("metrics").and_then(Value::as_object);
    let all = metrics.into_iter().flatten();
    all.filter_map(|(key, value)| Some((key.clone(), number(value)?)))
        .collect()
}

/// The names of the alarms that are set in a report.
fn alarms(report: &Value) -> impl Iterator<Item = &String> {
    let alarms = report.get("alarms").and_then(Value::as_object);
    alarms.into_iter().flatten().map(|(name, _)| name)
}

/// Sums of a metric in each point.
type Sums = Vec<(f64, u32)>;

/// Averages what reports say, point by point.
struct Averages<'r> {
    span: Span,
    times: Vec<Micros>,
    /// The metrics that are wanted; all without.
    wanted: Option<&'r [String]>,
    sums: BTreeMap<String, Sums>,
    alarms: BTreeMap<String, Vec<u32>>,
}

impl<'r> Averages<'r> {
    fn new(span: Span, wanted: Option<&'r [String]>) -> Self {
        let times = span.times();
        let empty = |key: &String| (key.clone(), vec![(0.0, 0); times.len()]);
        let sums = wanted.into_iter().flatten().map(empty).collect();
        Self {
            span,
            sums,
            alarms: BTreeMap::new(),
            times,
            wanted,
        }
    }

    fn add(&mut self, at: Micros, report: &str) {
        let Some(point) = self.span.point_of(at) else {
            return;
        };
        let report = parsed(report);
        self.count_alarms(point, &report);
        for (key, number) in numbers(&report) {
            let known = self.sums.contains_key(&key);
            if !known && (self.wanted.is_some() || self.sums.len() >= METRIC_KEYS) {
                continue;
            }
            let points = self.times.len();
            let sums = self
                .sums
                .entry(key)
                .or_insert_with(|| vec![(0.0, 0); points]);
            if let Some((sum, n)) = sums.get_mut(point) {
                *sum += number;
                *n += 1;
            }
        }
    }

    fn count_alarms(&mut self, point: usize, report: &Value) {
        for name in alarms(report) {
            if !self.alarms.contains_key(name) && self.alarms.len() >= METRIC_KEYS {
                continue;
            }
            let points = self.times.len();
            let counts = self.alarms.entry(name.clone());
            let counts = counts.or_insert_with(|| vec![0; points]);
            if let Some(n) = counts.get_mut(point) {
                *n += 1;
            }
        }
    }

    fn done(self) -> Metrics {
        let average = |(sum, n): (f64, u32)| (n > 0).then(|| sum / f64::from(n));
        let series = self
            .sums
            .into_iter()
            .map(|(key, sums)| (key, sums.into_iter().map(average).collect()));
        Metrics {
            series: series.collect(),
            alarms: self.alarms,
            times: self.times,
        }
    }
}

/// The metrics of a device in a span: those that are named, else all, [`METRIC_KEYS`] at most.
///
/// # Errors
/// [`crate::domain::DomainError::NotFound`] when the product has no such device; a validation error for too many keys.
pub async fn metrics(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
    span: Span,
    keys: Option<&[String]>,
) -> Result<Metrics> {
    let span = span.check()?;
    if keys.is_some_and(|k| k.len() > METRIC_KEYS) {
        let text = format!("takes at most {METRIC_KEYS} names");
        return Err(field("keys", &text));
    }
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    let mut averages = Averages::new(span, keys);
    let mut after = span.from.before(Duration::from_micros(1));
    loop {
        // Page by page, so that a week of reports is never in memory at once.
        let page = health_reports::between(&mut r, device, after, span.to, METRIC_REPORTS).await?;
        let Some(last) = page.last() else { break };
        after = last.at;
        for report in &page {
            averages.add(report.at, &report.report);
        }
    }
    Ok(averages.done())
}

/// The names of the metrics in a device's newest reports.
///
/// # Errors
/// [`crate::domain::DomainError::NotFound`] when the product has no such device.
pub async fn keys(db: &Db, scope: &Scope<Product>, identifier: &str) -> Result<Vec<String>> {
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    let newest = health_reports::newest(&mut r, device, Micros(0), 20).await?;
    let all: BTreeSet<String> = newest
        .iter()
        .flat_map(|report| numbers(&parsed(&report.report)).into_keys())
        .collect();
    Ok(all.into_iter().take(METRIC_KEYS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Micros {
        Micros(seconds * 1_000_000)
    }

    fn span(points: i64) -> Span {
        Span {
            from: at(100),
            to: at(200),
            points,
        }
    }

    #[test]
    fn points_are_averages_and_gaps_stay_gaps() {
        let mut averages = Averages::new(span(4), None);
        for (seconds, report) in [
            (99, r#"{"metrics": {"cpu": 100}}"#),
            (100, r#"{"metrics": {"cpu": 1, "text": "no number"}}"#),
            (124, r#"{"metrics": {"cpu": 2.5}}"#),
            (199, r#"{"metrics": {"mem": "7"}}"#),
            (150, "no JSON"),
            (200, r#"{"metrics": {"cpu": 100}}"#),
        ] {
            averages.add(at(seconds), report);
        }
        let found = averages.done();
        assert_eq!(found.times, [at(100), at(125), at(150), at(175)]);
        let wanted = [
            ("cpu".to_owned(), vec![Some(1.75), None, None, None]),
            ("mem".to_owned(), vec![None, None, None, Some(7.0)]),
        ];
        assert_eq!(found.series, BTreeMap::from(wanted));
    }

    #[test]
    fn alarms_are_counted_in_each_point() {
        let mut averages = Averages::new(span(4), Some(&[]));
        for (seconds, report) in [
            (100, r#"{"alarms": {"Leak": "of memory", "Heat": 71}}"#),
            (110, r#"{"alarms": {"Leak": "of memory"}}"#),
            (150, r#"{"alarms": {"Leak": ""}, "metrics": {"cpu": 1}}"#),
            (199, r#"{"alarms": ["no object"]}"#),
        ] {
            averages.add(at(seconds), report);
        }
        let wanted = [
            ("Heat".to_owned(), vec![1, 0, 0, 0]),
            ("Leak".to_owned(), vec![2, 0, 1, 0]),
        ];
        let found = averages.done();
        assert_eq!(found.alarms, BTreeMap::from(wanted));
        assert!(found.series.is_empty());

        let mut averages = Averages::new(span(2), None);
        for n in 0..2 * METRIC_KEYS {
            averages.add(at(110), &format!(r#"{{"alarms": {{"a{n}": 1}}}}"#));
        }
        assert_eq!(averages.done().alarms.len(), METRIC_KEYS);
    }

    #[test]
    fn only_named_metrics_come_and_all_of_them() {
        let wanted = ["cpu".to_owned(), "disk".to_owned()];
        let mut averages = Averages::new(span(2), Some(&wanted));
        averages.add(at(110), r#"{"metrics": {"cpu": 1, "mem": 2}}"#);
        let found = averages.done();
        let keys: Vec<_> = found.series.keys().map(String::as_str).collect();
        assert_eq!(keys, ["cpu", "disk"]);
        assert_eq!(found.series["disk"], [None, None]);
    }
}
