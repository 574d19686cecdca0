//! What a list of devices shows of each besides the device itself, where it is asked for.

use crate::access::scope::{Product, Scope};
use crate::domain::devices::Page;
use crate::domain::{Context, Result};
use crate::ids::DeviceId;
use crate::store::devices::details::{self, DeviceDetails};
use serde_json::Value;
use std::collections::HashMap;

/// What is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Health, connection, update in flight, pin.
    pub details: bool,
    /// The names of the alarms of the newest health report.
    pub alarms: bool,
}

/// What was asked for of the devices of a page.
#[derive(Debug, Default)]
pub struct PageDetails {
    pub details: HashMap<DeviceId, DeviceDetails>,
    /// Devices without an alarm are left out.
    pub alarms: HashMap<DeviceId, Vec<String>>,
}

/// Reads what is wanted of the devices of a page.
///
/// # Errors
/// What the database says.
pub async fn of_page(
    context: &Context,
    scope: &Scope<Product>,
    page: &Page,
    wanted: Wanted,
) -> Result<PageDetails> {
    let mut all = PageDetails::default();
    if wanted == Wanted::default() {
        return Ok(all);
    }
    let ids: Vec<DeviceId> = page.devices.iter().map(|d| d.view.id).collect();
    let mut r = context.db.read().await?;
    if wanted.details {
        let found = details::of(&mut r, &ids, scope.person().id).await?;
        all.details = found.into_iter().map(|d| (d.id, d)).collect();
    }
    if wanted.alarms {
        let found = details::reports(&mut r, &ids).await?;
        let alarms = found.into_iter().map(|(id, report)| (id, alarms(&report)));
        all.alarms = alarms.filter(|(_, names)| !names.is_empty()).collect();
    }
    Ok(all)
}

/// The names of the alarms of a health report.
fn alarms(report: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let alarms = report.get("alarms").and_then(Value::as_object);
    alarms
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect()
}
