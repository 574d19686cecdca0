//! How the fleet of a product was over time: what is counted each minute ([`Sampler`]), and shown in points.

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::error::field;
use crate::domain::span::Span;
use crate::domain::{Context, Result};
use crate::limits::{
    SERIES_CATCH_UP, SERIES_EVERY, SERIES_HOURS, SERIES_MINUTES, SERIES_SHARE, SWEEP_ROWS,
};
use crate::store::catalog::series::{self, SeriesRow};
use crate::store::{self, Db};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What is shown over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// All devices, and those that are connected.
    Connected,
    /// Devices by the status of their newest health report.
    Health,
    /// Updates in flight, and attempts by how they ended.
    Updates,
    /// Attempts that failed, by how.
    Failures,
    /// Bytes of the files that devices were sent.
    Bytes,
}

impl Metric {
    /// All of them, by their words.
    pub const WORDS: [(&str, Self); 5] = [
        ("connected", Self::Connected),
        ("health", Self::Health),
        ("updates", Self::Updates),
        ("failures", Self::Failures),
        ("bytes", Self::Bytes),
    ];

    /// # Errors
    /// A validation error under `metric` that names all words.
    pub fn parse(word: Option<&str>) -> Result<Self> {
        let found = Self::WORDS.iter().find(|(w, _)| Some(*w) == word);
        let words: Vec<_> = Self::WORDS.iter().map(|(w, _)| *w).collect();
        let text = format!("must be one of: {}", words.join(", "));
        found.map(|(_, m)| *m).ok_or_else(|| field("metric", &text))
    }

    fn lines(self) -> &'static [Line] {
        match self {
            Self::Connected => &[
                ("connected", Value::Counted(|r| r.connected)),
                ("devices", Value::Counted(|r| r.devices)),
            ],
            Self::Health => &[
                ("healthy", Value::Counted(|r| r.healthy)),
                ("warning", Value::Counted(|r| r.warning)),
                ("unhealthy", Value::Counted(|r| r.unhealthy)),
                ("unknown", Value::Counted(unknown)),
            ],
            Self::Updates => &[
                ("updating", Value::Counted(|r| r.updating)),
                ("installed", Value::Ended(|r| r.installed)),
                ("failed", Value::Ended(|r| r.failed)),
                ("reverted", Value::Ended(|r| r.reverted)),
                ("lapsed", Value::Ended(|r| r.lapsed)),
            ],
            Self::Failures => &[
                ("failed", Value::Ended(|r| r.failed)),
                ("reverted", Value::Ended(|r| r.reverted)),
                ("lapsed", Value::Ended(|r| r.lapsed)),
            ],
            Self::Bytes => &[
                ("full", Value::Ended(|r| r.full_bytes)),
                ("delta", Value::Ended(|r| r.delta_bytes)),
            ],
        }
    }
}

fn unknown(row: &SeriesRow) -> Option<i64> {
    Some(row.devices? - row.healthy? - row.warning? - row.unhealthy?)
}

type Line = (&'static str, Value);

/// How a line of a chart is read of a row.
enum Value {
    /// Counted at instants: a point is the average.
    Counted(fn(&SeriesRow) -> Option<i64>),
    /// Ended in the time of the row: a point is the sum.
    Ended(fn(&SeriesRow) -> i64),
}

/// A metric over time.
#[derive(Debug, PartialEq)]
pub struct Series {
    /// Where each point begins.
    pub times: Vec<Micros>,
    /// How long a point is.
    pub step: Duration,
    /// The lines; null where nobody counted.
    pub lines: BTreeMap<&'static str, Vec<Option<f64>>>,
}

/// A metric of a product over a span of time. Minutes are kept for [`SERIES_MINUTES`]; what begins earlier is shown by the hour.
///
/// # Errors
/// A validation error for a span that is empty, or too few or too many points.
pub async fn read(
    context: &Context,
    scope: &Scope<Product>,
    metric: Metric,
    span: Span,
) -> Result<Series> {
    let span = span.check()?;
    let now = context.now();
    // What is ahead is not known yet.
    let to = span.to.min(now.after(MINUTE));
    let kept = now.before(SERIES_MINUTES);
    let hours = span.from < kept;
    let span = span.in_stretches(if hours { HOUR } else { MINUTE });
    let product = scope.product().id;
    let mut r = context.db.read().await?;
    // The hour that is not over has no row of its own yet, nor may have the one before it.
    let minutes_from = if hours {
        now.floor(HOUR).before(HOUR)
    } else {
        span.from
    };
    let mut rows = Vec::new();
    if hours {
        rows = series::rows(&mut r, product, true, (span.from, to)).await?;
    }
    let summed_until = rows.last().map(|r| r.at.after(HOUR));
    let from = summed_until.unwrap_or(minutes_from).max(minutes_from);
    rows.extend(series::rows(&mut r, product, false, (from.max(span.from), to)).await?);
    Ok(in_points(metric, span, &rows))
}

fn in_points(metric: Metric, span: Span, rows: &[SeriesRow]) -> Series {
    let times = span.times();
    let line = |value: &Value| {
        let mut sums = vec![(0.0, 0_u32); times.len()];
        for row in rows {
            let of_row = match value {
                Value::Counted(of) => of(row),
                Value::Ended(of) => Some(of(row)),
            };
            let sum = span.point_of(row.at).and_then(|n| sums.get_mut(n));
            if let (Some((sum, n)), Some(value)) = (sum, of_row) {
                *sum += value as f64;
                *n += 1;
            }
        }
        let point = |(sum, n): (f64, u32)| match value {
            _ if n == 0 => None,
            Value::Counted(_) => Some(sum / f64::from(n)),
            Value::Ended(_) => Some(sum),
        };
        sums.into_iter().map(point).collect()
    };
    let lines = metric.lines().iter();
    Series {
        lines: lines.map(|(name, value)| (*name, line(value))).collect(),
        step: Duration::from_micros(span.step().unsigned_abs()),
        times,
    }
}

/// Counts the devices of all products minute by minute, and sums minutes up into hours. What it writes may be written twice, so that
/// it needs no memory of its own, and any number of servers may do it.
#[derive(Debug, Default)]
pub struct Sampler {
    /// Attempts that ended before this are written.
    ended: Option<Micros>,
    /// Hours before this are summed up.
    summed: Option<Micros>,
    /// When devices are counted again.
    due: Option<Micros>,
}

impl Sampler {
    /// Does what is due.
    ///
    /// # Errors
    /// What the database says; nothing is written then, and the next call does it.
    pub async fn sample(&mut self, db: &Db, now: Micros) -> store::Result<()> {
        let minute = now.floor(MINUTE);
        let hour = now.floor(HOUR);
        let began = Instant::now();
        let counted = if self.due.is_none_or(|due| now >= due) {
            Some(series::count(&mut db.read().await?).await?)
        } else {
            None
        };
        let pause = SERIES_EVERY.max(began.elapsed() * SERIES_SHARE);
        let mut w = db.write().await?;
        let from = self
            .ended
            .unwrap_or(minute.before(SERIES_CATCH_UP).floor(HOUR));
        series::keep_ended(&mut w, from, minute).await?;
        series::keep_counts(&mut w, counted.as_deref().unwrap_or_default(), minute).await?;
        let from = match self.summed {
            Some(summed) => summed,
            // Whatever was left when the last server stopped.
            None => series::newest_hour(&mut w).await?.unwrap_or(Micros(0)),
        };
        if from < hour {
            series::roll_up(&mut w, from, hour).await?;
        }
        // Only here, so that no minute goes before it is summed up.
        let (minutes, hours) = (now.before(SERIES_MINUTES), now.before(SERIES_HOURS));
        series::sweep(&mut w, minutes, hours, SWEEP_ROWS).await?;
        w.commit().await?;
        self.ended = Some(minute);
        self.summed = Some(hour);
        if counted.is_some() {
            // A tick that comes a little early still counts.
            self.due = Some(now.after(pause).before(SERIES_EVERY / 2));
        }
        Ok(())
    }
}
