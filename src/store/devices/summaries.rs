//! The devices of a product page by page, as a forecast looks at them.

use crate::clock::Micros;
use crate::store::ids::{DeviceId, GroupId, ProductId};
use crate::store::words::Validation;
use crate::store::{On, Result};
use sqlx::FromRow;

/// What decides whether, when and with which file a device is updated.
#[derive(Debug, Clone, FromRow)]
pub struct DeviceSummary {
    pub id: DeviceId,
    pub identifier: String,
    pub group_id: Option<GroupId>,
    /// What it runs: uuid (empty when never reported), version, platform, architecture.
    pub fw_uuid: String,
    pub fw_version: Option<String>,
    pub fw_platform: Option<String>,
    pub fw_architecture: Option<String>,
    /// The device's fwup.
    pub fw_fwup_version: Option<String>,
    /// The target for which the next file is a full one.
    pub full_next_for: Option<String>,
    pub online: bool,
    pub updates_enabled: bool,
    /// Until when it rests.
    pub blocked_until: Option<Micros>,
    pub in_flight: bool,
    pub validation: Validation,
    /// The interface that it speaks over.
    pub interface: String,
    pub time_zone: Option<String>,
}

/// The next devices of a product behind this identifier that are in a group, or are of its platform and architecture, by
/// identifier. `group` may be one that does not exist.
pub async fn page(
    on: &mut impl On,
    product: ProductId,
    (group, platform, architecture): (GroupId, &str, &str),
    behind: &str,
    most: i64,
) -> Result<Vec<DeviceSummary>> {
    fetch_all!(
        on,
        sql!(
            "summaries.page",
            "SELECT id, identifier, group_id, fw_uuid, fw_version, fw_platform, fw_architecture,
                    fw_fwup_version, full_next_for, online, updates_enabled, blocked_until, in_flight,
                    validation, interface, time_zone
             FROM devices
             WHERE product_id = $1 AND identifier > $2 AND deleted_at IS NULL
               AND (group_id = $3 OR (fw_platform = $4 AND fw_architecture = $5))
             ORDER BY identifier LIMIT $6"
        ),
        product,
        behind,
        group,
        platform,
        architecture,
        most
    )
}
