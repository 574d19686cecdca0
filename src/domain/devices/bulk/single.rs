//! What is done to the devices of a batch one by one, by what is done to single devices.

use super::action::Plan;
use super::aftermath::Aftermath;
use super::apply::{left, result};
use crate::access::scope::{Product, Scope};
use crate::bus::DeviceSignal;
use crate::clock::Micros;
use crate::domain::devices::commands::push;
use crate::domain::devices::{mark_deleted, transfer};
use crate::domain::{DomainError, Result};
use crate::store::Write;
use crate::store::devices as table;
use crate::store::devices::jobs::DeviceResult;
use crate::store::devices::targets::TargetDevice;
use crate::store::events::audit::{self, Resource};
use crate::store::words::JobOutcome;

/// What one device needs that no statement does for many.
pub(super) async fn single(
    w: &mut Write,
    scope: &Scope<Product>,
    plan: &Plan,
    device: &TargetDevice,
    (now, aftermath): (Micros, &mut Aftermath),
) -> Result<DeviceResult> {
    let (id, name) = (device.id, &scope.person().name);
    let Some(row) = table::row(w, id).await? else {
        return Ok(left(id, "was destroyed"));
    };
    let text = match plan {
        Plan::Firmware(firmware) => {
            return match push(w, scope, &device.identifier, &firmware.uuid, now).await {
                Ok(device) => {
                    aftermath.claims.push(device);
                    Ok(result(id, JobOutcome::Changed))
                }
                Err(DomainError::Detail(why)) => Ok(left(id, why)),
                Err(e) => Err(e),
            };
        }
        Plan::Move(target) => {
            transfer::carry_over(w, &row, target, now).await?;
            aftermath.signal(&[id], DeviceSignal::Reconnect);
            return Ok(result(id, JobOutcome::Changed));
        }
        Plan::Restore => {
            table::set_deleted(w, id, None, now).await?;
            format!("{name} restored device {}", device.identifier)
        }
        Plan::Delete => {
            mark_deleted(w, id, now).await?;
            aftermath.signal(&[id], DeviceSignal::Reconnect);
            format!("{name} deleted device {}", device.identifier)
        }
        other => {
            return Err(DomainError::Fault(format!(
                "{other:?} is not done to one device"
            )));
        }
    };
    audit::in_product(w, scope, Resource::Device(id), &text, now).await?;
    Ok(result(id, JobOutcome::Changed))
}
