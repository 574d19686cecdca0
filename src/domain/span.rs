//! A span of time that is shown in points, as charts ask for it.

use crate::clock::Micros;
use crate::domain::Result;
use crate::domain::error::field;
use crate::limits::METRIC_POINTS;
use std::time::Duration;

/// The time that is wanted, and in how many points.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from: Micros,
    pub to: Micros,
    pub points: i64,
}

impl Span {
    /// # Errors
    /// A validation error for a span that is empty, or too few or too many points.
    pub fn check(self) -> Result<Self> {
        if self.from >= self.to {
            return Err(field("from", "must be before `to`"));
        }
        if !METRIC_POINTS.contains(&self.points) {
            let (least, most) = (METRIC_POINTS.start(), METRIC_POINTS.end());
            let text = format!("must be from {least} to {most}");
            return Err(field("points", &text));
        }
        Ok(self)
    }

    /// The same span in points that each hold whole stretches of this length, and begin with one: so that a chart has no points
    /// between two rows of what it shows. There may be one more than was asked for, since the first stretch begins earlier.
    pub fn in_stretches(self, stretch: Duration) -> Self {
        let length = i64::try_from(stretch.as_micros())
            .unwrap_or(i64::MAX)
            .max(1);
        // Rounded: a week and half a second is a week.
        let asked = self
            .to
            .0
            .saturating_sub(self.from.0)
            .saturating_add(length / 2)
            / length;
        let in_a_point = (asked.saturating_add(self.points - 1) / self.points).max(1);
        let step = in_a_point.saturating_mul(length);
        let from = self.from.floor(stretch);
        let covered = self.to.0.saturating_sub(from.0);
        let points = (covered.saturating_add(step - 1) / step).max(1);
        let to = Micros(from.0.saturating_add(points.saturating_mul(step)));
        Self { from, to, points }
    }

    /// How long a point is, in microseconds.
    pub fn step(self) -> i64 {
        let span = self.to.0.saturating_sub(self.from.0);
        // Rounded up, so that the points cover all of it.
        let rest = self.points - 1;
        (span.saturating_add(rest) / self.points).max(1)
    }

    /// The point that an instant is in; `None` outside of the span.
    pub fn point_of(self, at: Micros) -> Option<usize> {
        let place = at.0.checked_sub(self.from.0)?.div_euclid(self.step());
        usize::try_from(place).ok().filter(|_| at < self.to)
    }

    /// When the points begin.
    pub fn times(self) -> Vec<Micros> {
        let steps = (0..self.points).map(|n| Micros(self.from.0 + n * self.step()));
        steps.take_while(|at| *at < self.to).collect()
    }
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
    fn a_span_that_does_not_divide_ends_where_it_should() {
        for points in METRIC_POINTS {
            let span = span(points);
            let times = span.times();
            assert!(times.len() <= usize::try_from(points).unwrap());
            assert!(times.iter().all(|t| *t < span.to));
            assert_eq!(span.point_of(Micros(span.to.0 - 1)), Some(times.len() - 1));
        }
        assert!(span(1).check().is_err());
        let empty = Span {
            to: at(100),
            ..span(10)
        };
        assert!(empty.check().is_err());
    }

    #[test]
    fn points_hold_whole_minutes() {
        let minute = Duration::from_secs(60);
        for (seconds, points) in [
            (100, 300),
            (3_600, 60),
            (86_400, 300),
            (61, 2),
            (200_000, 7),
        ] {
            let wanted = Span {
                from: at(100),
                to: at(100 + seconds),
                points,
            };
            let span = wanted.in_stretches(minute);
            assert_eq!(span.from, at(60));
            assert_eq!(span.step() % 60_000_000, 0, "{wanted:?}");
            assert!(
                span.points <= points + 1 && span.to >= wanted.to,
                "{span:?}"
            );
            assert!(
                span.to.0 - wanted.to.0 < span.step(),
                "no point behind the end: {span:?}"
            );
            assert_eq!(span.times().len(), usize::try_from(span.points).unwrap());
        }
    }
}
