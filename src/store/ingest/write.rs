//! What changes of devices and their connections, a statement a kind. A device is in each set once at most, unless a doc
//! says otherwise.

use crate::clock::Micros;
use crate::store::devices::FirmwareMetadata;
use crate::store::engine::fold::fold;
use crate::store::ids::{ConnectionId, DeviceId, GroupId, NodeId, OrgId, ProductId};
use crate::store::words::{ConnectionState, Validation};
use crate::store::{Result, Write};

/// A device that registers itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// Its organization.
    pub org: OrgId,
    pub product: ProductId,
    pub identifier: String,
    /// When it came.
    pub at: Micros,
}

/// Adds devices, which are seen thereby; those whose identifier exists anywhere on the server are not among the added.
pub async fn newcomers(w: &mut Write, all: &[&Newcomer]) -> Result<Vec<(DeviceId, String)>> {
    let folded: Vec<String> = all.iter().map(|n| fold(&n.identifier)).collect();
    let rows: Vec<_> = all.iter().zip(&folded).collect();
    fetch_rows!(
        w,
        "ingest.newcomers",
        &rows,
        |r| [
            org BIGINT = r.0.org,
            product BIGINT = r.0.product,
            identifier TEXT = &r.0.identifier,
            at BIGINT = r.0.at,
            folded TEXT = r.1,
        ],
        "INSERT INTO devices
           (org_id, product_id, identifier, tags_set, status, updates_enabled, validation,
            auto_revert, fw_uuid, online, in_flight, interface, connected_at, first_seen_at,
            inserted_at, updated_at, folded)
         SELECT x.org, x.product, x.identifier, FALSE, 'registered', TRUE, 'unknown', FALSE, '',
                FALSE, FALSE, '', 0, x.at, x.at, x.at, x.folded
         FROM ",
        " WHERE TRUE ON CONFLICT (identifier) DO NOTHING RETURNING id, identifier",
    )
}

/// A device's newest connection, as it is from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// This connection.
    pub id: ConnectionId,
    /// The node that holds or held it.
    pub node: NodeId,
    /// `connecting`, `connected`, `disconnected`.
    pub status: ConnectionState,
    /// When the device was let in.
    pub established_at: Micros,
    /// Its last stored sign of life.
    pub last_seen_at: Micros,
    /// When it ended.
    pub disconnected_at: Option<Micros>,
    /// The client's API version.
    pub api_version: Option<String>,
    /// The address that it came from.
    pub peer: Option<String>,
    /// Why it ended.
    pub reason: Option<String>,
    /// Connection types, joined by commas.
    pub types: Option<String>,
}

/// Writes the devices' connections.
pub async fn connections(w: &mut Write, all: &[(DeviceId, &Connection)]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.connections",
        all,
        |c| [
            device BIGINT = c.0,
            id BIGINT = c.1.id,
            node BIGINT = c.1.node,
            status TEXT = c.1.status.word(),
            established BIGINT = c.1.established_at,
            last_seen BIGINT = c.1.last_seen_at,
            disconnected BIGINT = c.1.disconnected_at,
            api_version TEXT = &c.1.api_version,
            peer TEXT = &c.1.peer,
            reason TEXT = &c.1.reason,
            types TEXT = &c.1.types,
        ],
        "INSERT INTO connections
           (device_id, id, node_id, status, established_at, last_seen_at, disconnected_at,
            api_version, peer, reason, types)
         SELECT x.device, x.id, x.node, x.status, x.established, x.last_seen, x.disconnected,
                x.api_version, x.peer, x.reason, x.types
         FROM ",
        " WHERE TRUE
         ON CONFLICT (device_id) DO UPDATE SET id = excluded.id, node_id = excluded.node_id,
           status = excluded.status, established_at = excluded.established_at,
           last_seen_at = excluded.last_seen_at, disconnected_at = excluded.disconnected_at,
           api_version = excluded.api_version, peer = excluded.peer, reason = excluded.reason,
           types = excluded.types",
    )?;
    Ok(())
}

/// A connection that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Whose.
    pub device: DeviceId,
    /// What it was.
    pub connection: Connection,
    /// When it ended.
    pub at: Micros,
    /// Why.
    pub reason: String,
    /// The interface that the device spoke over.
    pub interface: String,
}

/// Keeps connections that are over; several of a device are fine.
pub async fn ended(w: &mut Write, all: &[Ended]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.ended",
        all,
        |e| [
            id BIGINT = e.connection.id,
            device BIGINT = e.device,
            established BIGINT = e.connection.established_at,
            last_seen BIGINT = e.connection.last_seen_at,
            disconnected BIGINT = e.at,
            reason TEXT = &e.reason,
            peer TEXT = &e.connection.peer,
            types TEXT = &e.connection.types,
            interface TEXT = &e.interface,
            api_version TEXT = &e.connection.api_version,
        ],
        "INSERT INTO connection_history
           (id, device_id, established_at, last_seen_at, disconnected_at, reason, peer, types,
            interface, api_version)
         SELECT x.id, x.device, x.established, x.last_seen, x.disconnected, x.reason, x.peer,
                x.types, x.interface, x.api_version
         FROM ",
        " WHERE TRUE ON CONFLICT (id) DO NOTHING",
    )?;
    Ok(())
}

/// A device of which no more changes than whether it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// The device.
    pub id: DeviceId,
    /// Whether it has a joined socket.
    pub online: bool,
    /// When its socket joined last.
    pub connected_at: Micros,
}

/// Writes who is there.
pub async fn presences(w: &mut Write, all: &[Presence]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.presences",
        all,
        |p| [device BIGINT = p.id, online BOOLEAN = p.online, connected BIGINT = p.connected_at],
        "UPDATE devices SET online = CAST(x.online AS BOOLEAN), connected_at = x.connected FROM ",
        " WHERE devices.id = x.device",
    )?;
    Ok(())
}

/// All that a device's words can change in its row.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceChange {
    /// Whether it is there.
    pub presence: Presence,
    /// It was let in for the first time, now.
    pub first_seen: Option<Micros>,
    pub group: Option<GroupId>,
    /// Penalty box or reschedule.
    pub blocked_until: Option<Micros>,
    /// `validated`, `not_validated`, `unknown`.
    pub validation: Validation,
    /// Whether the other slot holds firmware that was not validated.
    pub auto_revert: bool,
    /// Whether its update is over.
    pub freed: bool,
    /// The target for which the next file is a full one.
    pub full_next_for: Option<String>,
    /// The interface that it speaks over.
    pub interface: String,
    /// What it says that it runs, if that is news.
    pub told: Option<FirmwareMetadata>,
    /// When something changed that counts as a change of the device.
    pub updated_at: Option<Micros>,
}

/// Writes devices.
pub async fn devices(w: &mut Write, all: &[DeviceChange]) -> Result<()> {
    fn told(d: &DeviceChange) -> Option<&FirmwareMetadata> {
        d.told.as_ref()
    }
    execute_rows!(
        w,
        "ingest.devices",
        all,
        |d| [
            device BIGINT = d.presence.id,
            online BOOLEAN = d.presence.online,
            connected BIGINT = d.presence.connected_at,
            first_seen BIGINT = d.first_seen,
            of_group BIGINT = d.group,
            blocked BIGINT = d.blocked_until,
            validation TEXT = d.validation.word(),
            auto_revert BOOLEAN = d.auto_revert,
            freed BOOLEAN = d.freed,
            full_next TEXT = &d.full_next_for,
            interface TEXT = &d.interface,
            updated BIGINT = d.updated_at,
            told BOOLEAN = d.told.is_some(),
            uuid TEXT = told(d).map(|m| m.uuid.as_str()),
            product TEXT = told(d).map(|m| m.product.as_str()),
            version TEXT = told(d).map(|m| m.version.as_str()),
            platform TEXT = told(d).map(|m| m.platform.as_str()),
            architecture TEXT = told(d).map(|m| m.architecture.as_str()),
            author TEXT = told(d).and_then(|m| m.author.as_deref()),
            description TEXT = told(d).and_then(|m| m.description.as_deref()),
            misc TEXT = told(d).and_then(|m| m.misc.as_deref()),
            vcs TEXT = told(d).and_then(|m| m.vcs_identifier.as_deref()),
            fwup TEXT = told(d).and_then(|m| m.fwup_version.as_deref()),
        ],
        "UPDATE devices SET
           online = CAST(x.online AS BOOLEAN), connected_at = x.connected,
           status = CASE WHEN x.first_seen IS NULL THEN devices.status ELSE 'provisioned' END,
           first_seen_at = CASE WHEN devices.first_seen_at = 0 THEN COALESCE(x.first_seen, 0)
                                ELSE devices.first_seen_at END,
           group_id = x.of_group, blocked_until = x.blocked, validation = x.validation,
           auto_revert = CAST(x.auto_revert AS BOOLEAN),
           in_flight = CASE WHEN x.freed THEN FALSE ELSE devices.in_flight END,
           full_next_for = x.full_next, interface = x.interface, held = FALSE, held_until = NULL,
           updated_at = COALESCE(x.updated, devices.updated_at),
           unfit_for = CASE WHEN x.told THEN NULL ELSE devices.unfit_for END,
           fw_uuid = COALESCE(x.uuid, devices.fw_uuid),
           fw_product = CASE WHEN x.told THEN x.product ELSE devices.fw_product END,
           fw_version = CASE WHEN x.told THEN x.version ELSE devices.fw_version END,
           fw_platform = CASE WHEN x.told THEN x.platform ELSE devices.fw_platform END,
           fw_architecture = CASE WHEN x.told THEN x.architecture ELSE devices.fw_architecture END,
           fw_author = CASE WHEN x.told THEN x.author ELSE devices.fw_author END,
           fw_description = CASE WHEN x.told THEN x.description ELSE devices.fw_description END,
           fw_misc = CASE WHEN x.told THEN x.misc ELSE devices.fw_misc END,
           fw_vcs_identifier = CASE WHEN x.told THEN x.vcs ELSE devices.fw_vcs_identifier END,
           fw_fwup_version = CASE WHEN x.told THEN x.fwup ELSE devices.fw_fwup_version END
         FROM ",
        " WHERE devices.id = x.device",
    )?;
    Ok(())
}

/// A firmware that a device runs from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    pub device: DeviceId,
    pub uuid: String,
    pub version: Option<String>,
    pub platform: Option<String>,
    pub architecture: Option<String>,
    /// `validated`, `not_validated`, `unknown`.
    pub validation: Validation,
    /// Whether the other slot holds firmware that was not validated.
    pub auto_revert: bool,
    /// Since when.
    pub at: Micros,
}

/// Keeps which firmwares devices run; several of a device are fine, in their order.
pub async fn ran(w: &mut Write, all: &[Ran]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.ran",
        all,
        |r| [
            device BIGINT = r.device,
            uuid TEXT = &r.uuid,
            version TEXT = &r.version,
            platform TEXT = &r.platform,
            architecture TEXT = &r.architecture,
            validation TEXT = r.validation.word(),
            auto_revert BOOLEAN = r.auto_revert,
            at BIGINT = r.at,
        ],
        "INSERT INTO device_firmwares
           (device_id, uuid, version, platform, architecture, validation, auto_revert, at)
         SELECT x.device, x.uuid, x.version, x.platform, x.architecture, x.validation,
                CAST(x.auto_revert AS BOOLEAN), x.at
         FROM ",
        "",
    )?;
    Ok(())
}

/// What is known of the validation of a device's newest firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub device: DeviceId,
    /// `validated`, `not_validated`, `unknown`.
    pub validation: Validation,
    /// Whether the other slot holds firmware that was not validated.
    pub auto_revert: bool,
}

/// Writes what is known of validation into the newest kept firmware of each device.
pub async fn judged(w: &mut Write, all: &[Judged]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.judged",
        all,
        |j| [device BIGINT = j.device, validation TEXT = j.validation.word(), auto_revert BOOLEAN = j.auto_revert],
        "UPDATE device_firmwares SET validation = x.validation, auto_revert = CAST(x.auto_revert AS BOOLEAN)
         FROM ",
        " WHERE device_firmwares.id =
           (SELECT MAX(f.id) FROM device_firmwares f WHERE f.device_id = x.device)",
    )?;
    Ok(())
}

/// Notes when certificates were last used, by their fingerprints.
pub async fn certificates_used(w: &mut Write, all: &[(String, Micros)]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.certificates_used",
        all,
        |c| [fingerprint TEXT = &c.0, at BIGINT = c.1],
        "UPDATE device_certificates SET last_used_at = x.at FROM ",
        " WHERE device_certificates.fingerprint = x.fingerprint",
    )?;
    Ok(())
}
