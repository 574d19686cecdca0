//! The span of time of a chart, as requests ask for it.

use super::contract::{Field, FieldType, optional_field};
use super::params::{Params, time};
use crate::clock::Micros;
use crate::domain;
use crate::domain::error::{INVALID, field};
use crate::domain::span::Span;
use crate::limits::{CHART_UNTOLD, METRIC_POINTS_UNTOLD};

/// The parameters of a span.
pub const SPAN: [Field; 3] = [
    optional_field(
        "from",
        FieldType::Text,
        "`2026-08-22T08:33:49Z`; 24 hours before the end unless told",
    ),
    optional_field("to", FieldType::Text, "Now unless told"),
    optional_field(
        "points",
        FieldType::Number,
        "From 2 to 2,000, 300 unless told",
    ),
];

/// The span that a request asks for.
///
/// # Errors
/// A validation error for a time or a number that is none.
pub fn span(p: &Params, now: Micros) -> domain::Result<Span> {
    let to = time(p, "to")?.unwrap_or(now);
    let points = match p.text("points") {
        None => METRIC_POINTS_UNTOLD,
        Some(text) => text.parse().map_err(|_| field("points", INVALID))?,
    };
    Ok(Span {
        from: time(p, "from")?.unwrap_or_else(|| to.before(CHART_UNTOLD)),
        to,
        points,
    })
}
