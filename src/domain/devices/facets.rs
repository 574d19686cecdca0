//! What the devices of a list have in common, and what the columns of a query may be compared with.

use crate::access::scope::{Product, Scope};
use crate::domain::devices::DeviceFilter;
use crate::domain::devices::query::{COLUMNS, Column, Values};
use crate::domain::error::field;
use crate::domain::{Context, Result};
use crate::limits::{FACET_VALUES, READ_WAIT};
use crate::store::devices::facets::{self, Facet, StateCount};
use std::time::Duration;

/// The columns that can be counted, by their names in queries.
const FACETS: [(&str, Facet); 8] = [
    ("version", Facet::Version),
    ("platform", Facet::Platform),
    ("architecture", Facet::Architecture),
    ("connection", Facet::Connection),
    ("health_status", Facet::Health),
    ("deployment_group", Facet::Group),
    ("tags", Facet::Tag),
    ("updates", Facet::Updates),
];

/// How many devices have a value.
#[derive(Debug)]
pub struct FacetValue {
    /// `None` for devices without a value.
    pub value: Option<String>,
    pub devices: i64,
}

/// A column with its values, most devices first.
pub type Counted = (&'static str, Vec<FacetValue>);

async fn counted(
    context: &Context,
    scope: &Scope<Product>,
    filter: &DeviceFilter,
    wanted: &[(&'static str, Facet)],
) -> Result<Vec<Counted>> {
    let lane = &context.limiters.scan_lane;
    let _lane = lane.enter(&scope.product().org.id, READ_WAIT).await?;
    let mut all = Vec::new();
    for (name, facet) in wanted {
        // Each has the time of a query for itself.
        let mut r = context.db.read().await?;
        let now = context.now();
        let found = facets::facet(&mut r, scope, filter, *facet, FACET_VALUES, now).await?;
        let values = found
            .into_iter()
            .map(|(value, devices)| FacetValue { value, devices });
        all.push((*name, values.collect()));
    }
    Ok(all)
}

/// Counts the values of some columns among the devices of a list: at most [`FACET_VALUES`] of each.
///
/// # Errors
/// A validation error under `by` for a column that cannot be counted; [`crate::domain::DomainError::Busy`] when too many queries
/// that read all devices run already.
pub async fn facets(
    context: &Context,
    scope: &Scope<Product>,
    filter: &DeviceFilter,
    by: &str,
) -> Result<Vec<Counted>> {
    let mut wanted = Vec::new();
    for name in by.split(',').map(str::trim).filter(|n| !n.is_empty()) {
        let Some(known) = FACETS.iter().find(|(known, _)| *known == name) else {
            let names = FACETS.map(|(known, _)| known).join(", ");
            return Err(field("by", &format!("takes, with commas, any of: {names}")));
        };
        if !wanted.contains(known) {
            wanted.push(*known);
        }
    }
    counted(context, scope, filter, &wanted).await
}

/// The devices of a product by state; those that were not seen for seven days, and for fourteen.
///
/// # Errors
/// As [`facets()`].
pub async fn states(
    context: &Context,
    scope: &Scope<Product>,
) -> Result<(Vec<StateCount>, (i64, i64))> {
    let lane = &context.limiters.scan_lane;
    let _lane = lane.enter(&scope.product().org.id, READ_WAIT).await?;
    let now = context.now();
    let days = |n: u64| now.before(Duration::from_secs(n * 86_400));
    let mut r = context.db.read().await?;
    let states = facets::states(&mut r, scope, now).await?;
    let unseen = facets::unseen(&mut r, scope, days(7), days(14)).await?;
    Ok((states, unseen))
}

/// The columns of queries, each with the values that devices of the product have where those are not words of the language.
///
/// # Errors
/// As [`facets()`].
pub async fn columns(
    context: &Context,
    scope: &Scope<Product>,
) -> Result<Vec<(Column, Vec<String>)>> {
    let of_devices = |name: &str| {
        let column = COLUMNS.iter().find(|c| c.name == name);
        column.is_some_and(|c| matches!(c.values, Values::OfDevices))
    };
    let wanted: Vec<_> = FACETS.into_iter().filter(|(n, _)| of_devices(n)).collect();
    let counted = counted(context, scope, &DeviceFilter::default(), &wanted).await?;
    let values_of = |column: &Column| {
        let own = counted.iter().find(|(name, _)| *name == column.name);
        let values = own.map(|(_, values)| values.iter().filter_map(|v| v.value.clone()));
        values.map(Iterator::collect).unwrap_or_default()
    };
    Ok(COLUMNS.iter().map(|c| (*c, values_of(c))).collect())
}
