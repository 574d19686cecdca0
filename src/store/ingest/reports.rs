//! What devices say of themselves and nothing depends on: signs of life, health, places, log lines. And what goes
//! because too much of it is kept.

use crate::clock::Micros;
use crate::store::devices::device_logs::LogLine;
use crate::store::devices::health_reports::{HealthReport, folded_alarms};
use crate::store::devices::locations::Location;
use crate::store::ids::{ConnectionId, DeviceId};
use crate::store::{Result, Write};
use std::collections::BTreeMap;

/// Signs of life, of connections that are still their devices' newest. A device is in the set once.
pub async fn seen(w: &mut Write, all: &[(DeviceId, ConnectionId, Micros)]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.seen",
        all,
        |s| [device BIGINT = s.0, id BIGINT = s.1, at BIGINT = s.2],
        "UPDATE connections SET last_seen_at = x.at FROM ",
        " WHERE connections.device_id = x.device AND connections.id = x.id",
    )?;
    Ok(())
}

/// Stores health reports, and the status of the newest with its device; one of the same microsecond replaces the earlier. A device
/// has one of an instant in the set; those of a device are in the order of their instants.
pub async fn health(w: &mut Write, all: &[(DeviceId, HealthReport)]) -> Result<()> {
    let folded: Vec<Option<String>> = all.iter().map(|h| folded_alarms(&h.1.report)).collect();
    let rows: Vec<_> = all.iter().zip(&folded).collect();
    execute_rows!(
        w,
        "ingest.health",
        &rows,
        |r| [
            device BIGINT = r.0.0,
            at BIGINT = r.0.1.at,
            status TEXT = r.0.1.status.word(),
            reasons TEXT = &r.0.1.reasons,
            report TEXT = &r.0.1.report,
            folded TEXT = r.1,
        ],
        "INSERT INTO health_reports (device_id, at, status, reasons, report, folded_alarms)
         SELECT x.device, x.at, x.status, x.reasons, x.report, x.folded FROM ",
        " WHERE TRUE ON CONFLICT (device_id, at) DO UPDATE SET status = excluded.status,
           reasons = excluded.reasons, report = excluded.report,
           folded_alarms = excluded.folded_alarms",
    )?;
    let newest: BTreeMap<DeviceId, &str> = all.iter().map(|h| (h.0, h.1.status.word())).collect();
    let newest: Vec<_> = newest.into_iter().collect();
    execute_rows!(
        w,
        "ingest.health_status",
        &newest,
        |n| [device BIGINT = n.0, health TEXT = n.1],
        "UPDATE devices SET health = x.health FROM ",
        " WHERE devices.id = x.device AND devices.health <> x.health",
    )?;
    Ok(())
}

/// Stores where devices are. A device is in the set once.
pub async fn locations(w: &mut Write, all: &[(DeviceId, &Location)]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.locations",
        all,
        |l| [
            device BIGINT = l.0,
            at BIGINT = l.1.at,
            latitude FLOAT8 = l.1.latitude,
            longitude FLOAT8 = l.1.longitude,
            accuracy BIGINT = l.1.accuracy,
            source TEXT = &l.1.source,
        ],
        "INSERT INTO locations (device_id, at, latitude, longitude, accuracy, source)
         SELECT x.device, x.at, x.latitude, x.longitude, x.accuracy, x.source FROM ",
        " WHERE TRUE ON CONFLICT (device_id) DO UPDATE SET at = excluded.at,
           latitude = excluded.latitude, longitude = excluded.longitude,
           accuracy = excluded.accuracy, source = excluded.source",
    )?;
    Ok(())
}

/// Stores log lines, in their order, with the instants at which they came.
pub async fn logs(w: &mut Write, all: &[(DeviceId, &LogLine, Micros)]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.logs",
        all,
        |l| [
            device BIGINT = l.0,
            at BIGINT = l.1.at,
            level TEXT = &l.1.level,
            message TEXT = &l.1.message,
            meta TEXT = &l.1.meta,
            received BIGINT = l.2,
        ],
        "INSERT INTO device_logs (device_id, at, level, message, meta, received_at)
         SELECT x.device, x.at, x.level, x.message, x.meta, x.received FROM ",
        "",
    )?;
    Ok(())
}

/// Deletes the rows of devices that are older than so many of their newest.
macro_rules! trim {
    ($name:literal, $w:expr, $devices:expr, $most:expr, $table:literal, $at:literal) => {
        execute_rows!(
            $w,
            $name,
            $devices,
            |d| [device BIGINT = *d, most BIGINT = $most],
            concat!(
                "DELETE FROM ", $table, " WHERE id IN (SELECT y.id FROM
                   (SELECT h.id, x.most, RANK() OVER (PARTITION BY h.device_id ORDER BY h.", $at,
                " DESC) AS place FROM "
            ),
            concat!(
                " JOIN ", $table, " h ON h.device_id = x.device) y WHERE y.place > y.most)"
            )
        )
    };
}

/// Deletes the oldest connections and firmwares of devices beyond so many of each, so that no device fills the disk by coming
/// and going, or by saying something else each time. By their time, since an import adds old ones later.
pub async fn trim(w: &mut Write, devices: &[DeviceId], most: i64) -> Result<u64> {
    let connections = trim!(
        "ingest.trim_connections",
        w,
        devices,
        most,
        "connection_history",
        "established_at"
    )?;
    let firmwares = trim!(
        "ingest.trim_firmwares",
        w,
        devices,
        most,
        "device_firmwares",
        "at"
    )?;
    Ok(connections + firmwares)
}
