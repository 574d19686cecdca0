//! Device queries as people write them. [`parse`] parses a query; this module checks that the values in it
//! exist in the product.

mod columns;
mod parse;

pub use columns::{COLUMNS, Column, METRIC_OPERATORS, Values};

use crate::access::scope::{Product, Scope};
use crate::domain::{DomainError, Result};
use crate::store::devices::Filter;
use crate::store::{self, Db};
use parse::{ErrorKind, Mistake};
use serde_json::json;

/// Narrows a device list by a query.
///
/// # Errors
/// A validation error with the column of a syntax error, or of a value that does not exist in the product.
pub async fn narrow(
    db: &Db,
    scope: &Scope<Product>,
    filter: &mut Filter,
    text: &str,
) -> Result<()> {
    let refuse =
        |m: &Mistake| DomainError::Fields(json!({"query": [m.to_string()], "column": m.at + 1}));
    let query = parse::parse(text, scope.person().id).map_err(|m| refuse(&m))?;
    let mut r = db.read().await?;
    for named in &query.named {
        let (known, what) = match named.kind {
            ErrorKind::Platform => {
                let known = store::devices::has_platform(&mut r, scope, &named.value).await?;
                (known, "no device has the platform")
            }
            ErrorKind::Architecture => {
                let known = store::devices::has_architecture(&mut r, scope, &named.value).await?;
                (known, "no device has the architecture")
            }
            ErrorKind::Version => {
                let known = store::devices::has_version(&mut r, scope, &named.value).await?;
                (known, "no device runs the version")
            }
            ErrorKind::Tag => {
                let known = store::devices::has_tag(&mut r, scope, &named.value).await?;
                (known, "no device has the tag")
            }
            ErrorKind::Firmware => {
                let found = crate::store::catalog::firmwares::by_uuid(
                    &mut r,
                    scope.product().id,
                    &named.value,
                )
                .await?;
                (found.is_some(), "the product has no firmware with the uuid")
            }
            ErrorKind::Group => {
                let found = crate::store::deployments::deployment_groups::by_name(
                    &mut r,
                    scope,
                    &named.value,
                )
                .await?;
                (found.is_some(), "the product has no deployment group named")
            }
        };
        if !known {
            let what = format!("{what} {:?}", named.value);
            return Err(refuse(&Mistake { at: named.at, what }));
        }
    }
    filter.with_deleted |= query.names_deleted;
    filter.all_of(query.cond);
    Ok(())
}
