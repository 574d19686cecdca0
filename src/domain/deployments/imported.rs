//! Deployment groups that are imported from another server.

use super::groups::{Changes, GroupRow, apply, apply_conditions, blank};
use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::Result;
use crate::domain::error::{TAKEN, field};
use crate::store::Write;
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::deployments::deployment_groups as table;
use crate::store::events::audit::{self, Resource};

/// Creates a group with its imported settings, state, and creation time (`made`). Its releases are created
/// later; `firmware`, that of the current release, gives its platform and architecture.
///
/// # Errors
/// A validation error for settings that this server refuses or a name that is taken. Nothing is written then.
pub async fn take_over(
    w: &mut Write,
    scope: &Scope<Product>,
    name: &str,
    firmware: &FirmwareRow,
    settings: Changes,
    made: Micros,
    now: Micros,
) -> Result<GroupRow> {
    let mut row = blank(scope, name, firmware);
    apply(&mut row, &settings)?;
    let tags = match &settings.conditions {
        Some(conditions) => apply_conditions(&mut row, conditions)?,
        None => None,
    };
    row.id = table::add(w, &row, made)
        .await?
        .ok_or_else(|| field("name", TAKEN))?;
    let lists = [
        ("tag", tags),
        ("release_tag", settings.release_tags),
        ("interface", settings.interfaces),
    ];
    for (kind, words) in lists {
        table::set_words(w, row.id, kind, &words.unwrap_or_default()).await?;
    }
    let text = format!(
        "Deployment group {name} was imported for {}",
        scope.person().name
    );
    audit::in_product(w, scope, Resource::Group(row.id), &text, now).await?;
    Ok(row)
}
