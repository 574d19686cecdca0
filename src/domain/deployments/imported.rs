//! A deployment group that comes from another server.

use super::groups::{Changes, GroupRow, apply, apply_conditions, blank};
use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::Result;
use crate::domain::error::{TAKEN, field};
use crate::store::Write;
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::deployments::deployment_groups as table;
use crate::store::events::audit::{self, Resource};

/// Makes a group with its settings, on or off as it was, and `made` when it was made there; its releases are still to be made, and `firmware`, that of its current
/// one, says what platform and architecture it is for.
///
/// # Errors
/// Settings that this server refuses, by their fields; or the name is taken. Nothing was made then.
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
