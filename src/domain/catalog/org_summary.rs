//! The products of an organization at a glance: each from the summary that is kept for everybody who looks at the product.

use super::pages::page_of;
use super::products;
use super::summary::{self, Summary};
use crate::access::scope::{Org, Scope};
use crate::domain::accounts::scopes;
use crate::domain::{Context, DomainError, Result};
use std::sync::Arc;

/// A product and its summary.
#[derive(Debug)]
pub struct ProductSummary {
    /// Unique in the organization.
    pub product: String,
    pub summary: Arc<Summary>,
}

/// The summaries of `size` products of an organization by name, from page `number` on (the first is 1), and how many products there
/// are. They are counted one after the other, so that one request never reads more than one fleet at once.
///
/// # Errors
/// [`DomainError::Busy`] when too many queries that read all devices run already.
pub async fn page(
    context: &Context,
    scope: &Scope<Org>,
    number: u64,
    size: u64,
) -> Result<(Vec<ProductSummary>, u64)> {
    let all = products::list(&context.db, scope).await?;
    let total = all.len() as u64;
    let mut shown = Vec::new();
    for product in page_of(all, number, size) {
        let (person, org) = (scope.person().clone(), &scope.at().name);
        let scope = match scopes::product(&context.db, person, org, &product.name).await {
            Ok(scope) => scope,
            // It was deleted meanwhile.
            Err(DomainError::NotFound) => continue,
            Err(e) => return Err(e),
        };
        shown.push(ProductSummary {
            summary: summary::summary(context, &scope).await?,
            product: product.name,
        });
    }
    Ok((shown, total))
}
