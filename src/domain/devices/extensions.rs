//! Extensions (health, geo, logging, and others): which ones a product and its devices may use, and the reports
//! that devices send through them.

use crate::access::scope::{Product, Scope};
use crate::bus::DeviceSignal;
use crate::clock::Micros;
use crate::domain::Context;
use crate::domain::error::{INVALID, field};
use crate::domain::events::broadcast;
use crate::domain::{Result, devices};
use crate::ids::{DeviceId, Extension, Extensions};
use crate::rollout::policy::HealthLimit;
use crate::store::events::audit;
use crate::store::words::HealthState;
use crate::store::{self, Db, On, Write};
use serde_json::{Map, Value, json};

pub use crate::store::devices::device_logs::LogLine;
pub use crate::store::devices::health_reports::HealthReport;
pub use crate::store::devices::locations::Location;

/// The extensions that the product allows, and those that are turned off for the device.
#[derive(Debug, Clone, Copy)]
pub struct Switches {
    /// Extensions that the product allows.
    pub product: Extensions,
    /// Extensions that are off for this device although the product allows them.
    pub off: Extensions,
}

impl Switches {
    /// The extensions that the device may use.
    pub fn usable(self) -> Extensions {
        self.product.without(self.off)
    }
}

/// The extension settings of a device. Nothing is allowed for a device that does not exist any more.
pub async fn of_device(on: &mut impl On, device: DeviceId) -> store::Result<Switches> {
    let (product, off) = crate::store::devices::extensions::of_device(on, device)
        .await?
        .unwrap_or_default();
    Ok(Switches {
        product: Extensions::of_bits(product),
        off: Extensions::of_bits(off),
    })
}

/// The extensions that a device may use now.
pub async fn usable(db: &Db, device: DeviceId) -> store::Result<Extensions> {
    let mut r = db.read().await?;
    Ok(of_device(&mut r, device).await?.usable())
}

/// The extensions that the product allows.
pub async fn of_product(db: &Db, scope: &Scope<Product>) -> Result<Extensions> {
    let mut r = db.read().await?;
    let bits = crate::store::devices::extensions::of_product(&mut r, scope).await?;
    Ok(Extensions::of_bits(bits))
}

/// Applies an object of booleans to the settings `now`.
///
/// # Errors
/// A validation error under the field `extensions` for an unknown name or a value that is not a boolean.
pub fn changed(now: Extensions, wanted: &Value) -> Result<Extensions> {
    let Value::Object(wanted) = wanted else {
        return Err(field("extensions", INVALID));
    };
    wanted.iter().try_fold(now, |all, (name, on)| {
        let one = Extension::parse(name).ok_or_else(|| {
            let known = Extensions::all().words().join(", ");
            let text = format!("{name} is unknown; this server has {known}");
            field("extensions", &text)
        })?;
        let on = on
            .as_bool()
            .ok_or_else(|| field("extensions", &format!("{name} must be true or false")))?;
        Ok(all.set(one, on))
    })
}

/// Changes the product's extensions. Connected devices are signalled at once.
///
/// # Errors
/// A validation error for an unknown name.
pub async fn set_product(
    context: &Context,
    scope: &Scope<Product>,
    wanted: &Value,
) -> Result<Extensions> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let before =
        Extensions::of_bits(crate::store::devices::extensions::of_product(&mut w, scope).await?);
    let after = changed(before, wanted)?;
    if after == before {
        return Ok(after);
    }
    crate::store::devices::extensions::set_product(&mut w, scope, after.bits(), now).await?;
    let p = scope.product();
    let text = format!(
        "{} set the extensions of product {} to: {}",
        scope.person().name,
        p.name,
        after.words().join(", ")
    );
    audit::on_product(&mut w, scope, &text, now).await?;
    w.commit().await?;
    broadcast::of_extensions(context, p.id);
    Ok(after)
}

/// Changes a device's extensions. They are on by default.
///
/// # Errors
/// A validation error for an unknown name.
pub async fn set_device(
    w: &mut Write,
    device: DeviceId,
    wanted: &Value,
    now: Micros,
) -> Result<()> {
    let switches = of_device(w, device).await?;
    let all = Extensions::all();
    let on = changed(all.without(switches.off), wanted)?;
    Ok(
        crate::store::devices::extensions::set_device_off(w, device, all.without(on).bits(), now)
            .await?,
    )
}

/// Metric, warning threshold, unhealthy threshold (docs/protocol/rules.md, "Health, position and identities").
/// A value equal to a threshold reaches it.
const THRESHOLDS: [(&str, f64, f64); 3] = [
    ("cpu_usage_percent", 80.0, 90.0),
    ("mem_used_percent", 70.0, 80.0),
    ("disk_used_percentage", 80.0, 90.0),
];

/// The value of a metric: a number, or a text that spells one. Anything else is ignored.
fn number(value: &Value) -> Option<f64> {
    let n = value
        .as_f64()
        .or_else(|| value.as_str().and_then(|s| s.trim().parse().ok()));
    n.filter(|n| n.is_finite())
}

/// The status of a report by its metrics, and the reasons. A limit of the device's group stands beside the thresholds.
fn judge(report: &Value, limits: &[HealthLimit]) -> (HealthState, Value) {
    let (mut warning, mut unhealthy, mut seen) = (Map::new(), Map::new(), false);
    let reason = |value: f64, threshold: f64| json!({"value": value, "threshold": threshold});
    for limit in limits {
        let value = report["metrics"].get(&limit.metric).and_then(number);
        seen |= value.is_some();
        if let Some((value, beyond)) = value.and_then(|v| Some((v, limit.exceeded(v)?))) {
            unhealthy.insert(limit.metric.clone(), reason(value, beyond));
        }
    }
    for (key, warn, bad) in THRESHOLDS {
        let Some(value) = report["metrics"].get(key).and_then(number) else {
            continue;
        };
        seen = true;
        if value >= bad {
            unhealthy.insert(key.into(), reason(value, bad));
        } else if value >= warn {
            warning.insert(key.into(), reason(value, warn));
        }
    }
    let status = match (unhealthy.is_empty(), warning.is_empty(), seen) {
        (false, ..) => HealthState::Unhealthy,
        (true, false, _) => HealthState::Warning,
        (true, true, true) => HealthState::Healthy,
        (true, true, false) => HealthState::Unknown,
    };
    let mut reasons = Map::new();
    for (name, found) in [("warning", warning), ("unhealthy", unhealthy)] {
        if !found.is_empty() {
            reasons.insert(name.into(), Value::Object(found));
        }
    }
    (status, Value::Object(reasons))
}

/// A health report as it is stored: whole, with its status. `limits` are those of the device's group.
pub fn health(report: &Value, limits: &[HealthLimit], now: Micros) -> HealthReport {
    let (status, reasons) = judge(report, limits);
    HealthReport {
        at: now,
        status,
        reasons: reasons.to_string(),
        report: report.to_string(),
    }
}

/// The extension settings of a device.
///
/// # Errors
/// [`crate::domain::DomainError::NotFound`] when the product has no such device.
pub async fn switches(db: &Db, scope: &Scope<Product>, identifier: &str) -> Result<Switches> {
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    Ok(of_device(&mut r, device).await?)
}

/// Asks a connected device for a health report, if its extension is attached. The report arrives later.
///
/// # Errors
/// [`crate::domain::DomainError::NotFound`] when the product has no such device.
pub async fn ask_health(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let mut r = context.db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    if let Some(node) = crate::store::devices::connections::node_of(&mut r, device).await? {
        context.signal_device(node, device, DeviceSignal::Health);
    }
    Ok(())
}

/// The health reports of a device since an instant, newest first.
///
/// # Errors
/// [`crate::domain::DomainError::NotFound`] when the product has no such device.
pub async fn health_of(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
    since: Micros,
    most: i64,
) -> Result<Vec<HealthReport>> {
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    Ok(crate::store::devices::health_reports::newest(&mut r, device, since, most).await?)
}

#[cfg(test)]
mod tests;
