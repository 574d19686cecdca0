//! The polling API of `nerves_hub_link_http` (docs/protocol/device.md, "Polling"): who am I, and is there an update for me?

use super::identity::KnownDevice;
use super::join_payload::reported;
use super::request::{Head, HttpReply};
use crate::access::random_id;
use crate::app::App;
use crate::domain::catalog::stored_files;
use crate::ids::ConnectionId;
use crate::ingest::poll::{Poll, Polled};
use crate::ingest::{DeviceWrite, Join, Record, WriteOutcome};
use crate::limits::{POLL_PAUSE, POLL_SOON};
use device_protocol::session::{Firmware, clean};
use serde_json::{Value, json};
use std::time::Duration;

/// What a device that is not let in gets.
pub(super) fn refused() -> HttpReply {
    HttpReply::json("403 Forbidden", &json!({"status": "forbidden"}))
}

/// The store cannot be asked now.
pub(super) fn unavailable() -> HttpReply {
    let body = json!({"status": "unavailable"});
    HttpReply::json("503 Service Unavailable", &body).with("Retry-After", spread(POLL_SOON))
}

/// Answers a known device.
pub(super) async fn answer(
    app: &App,
    device: KnownDevice,
    head: &Head,
    host: &str,
    peer: String,
    update: bool,
) -> HttpReply {
    let files = !update || app.blobs.may_ask();
    let poll = Poll {
        join: join(head),
        node: app.node,
        fingerprint: device.fingerprint,
        peer,
        update: update && files,
    };
    let record = Record {
        device: device.id,
        connection: ConnectionId(random_id()),
        at: app.now(),
        said: DeviceWrite::Poll(Box::new(poll)),
    };
    let polled = match app.device_writes.write(record).await {
        Ok(WriteOutcome::Polled(polled)) => *polled,
        Ok(_) => return unavailable(),
        Err(e) => {
            tracing::warn!(device = %device.identifier, error = %e, "poll not answered");
            return unavailable();
        }
    };
    if polled.installed {
        app.device_events.installed(device.id);
    }
    for group in &polled.wake {
        app.wake_group(Some(*group));
    }
    if polled.filed {
        app.bus.send(crate::bus::BusMessage::Delta);
    }
    if !update {
        return ok(&json!({"identifier": polled.identifier}));
    }
    let mut polled = polled;
    polled.soon |= !files;
    if let Some(offer) = &polled.offer
        && !stored_files::offerable(app, device.id, offer).await
    {
        polled.offer = None;
        polled.soon = true;
    }
    let pause = if polled.soon { POLL_SOON } else { POLL_PAUSE };
    ok(&payload(app, &polled, host)).with("Retry-After", spread(pause))
}

fn ok(data: &Value) -> HttpReply {
    HttpReply::json("200 OK", &json!({"data": data}))
}

fn payload(app: &App, polled: &Polled, host: &str) -> Value {
    match &polled.offer {
        Some(offer) => {
            let url = offer.url(&app.download_urls, host, app.now());
            offer.payload(&url)
        }
        // The client takes exactly false, and nothing else, for "no".
        None => json!({
            "update_available": false, "firmware_url": null, "firmware_meta": null,
            "deployment_id": null,
        }),
    }
}

/// Seconds, give or take a third, so that a fleet that was switched on together does not ask together.
fn spread(pause: Duration) -> String {
    let third = pause.as_secs() / 3;
    let chance = random_id().unsigned_abs() % (2 * third + 1);
    (pause.as_secs() - third + chance).to_string()
}

/// What the device says of its firmware, in header fields. An empty value counts as absent.
fn join(head: &Head) -> Join {
    let text = |key: &str| {
        let value = clean(head.get(&format!("x-nerveshub-{key}"))?);
        (!value.is_empty()).then_some(value)
    };
    let said = Firmware {
        uuid: text("uuid"),
        product: text("product"),
        version: text("version"),
        platform: text("platform"),
        architecture: text("architecture"),
        author: text("author"),
        description: text("description"),
        misc: text("misc"),
        // The client sends an underscore, front proxies may turn it into the hyphen that the 1.x server read.
        vcs_identifier: text("vcs_identifier").or_else(|| text("vcs-identifier")),
        fwup_version: text("fwup-version"),
    };
    Join {
        reported: reported(said),
        api: "1.0.0".into(),
        ..Join::default()
    }
}
