//! Attempts to update a device. Beyond NervesHub.

use super::extensions::{LIMIT, limit};
use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::devices::attempts;
use crate::domain::error::field;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// An attempt to update a device.
#[derive(Serialize, JsonSchema)]
struct Attempt {
    /// When the device was told, `2026-08-22T08:33:49Z`.
    at: String,
    /// When it ended; null while it goes on.
    ended_at: Option<String>,
    /// Seconds from the one to the other.
    seconds: Option<u64>,
    /// The deployment group that offered it; null for a push by hand.
    deployment: Option<String>,
    /// The release of the group.
    release: Option<i64>,
    /// What the device ran.
    from: AttemptFirmware,
    /// What it was to run.
    to: AttemptFirmware,
    /// `full` or `delta`.
    kind: String,
    /// Bytes of the file.
    bytes: i64,
    /// How far it came: `offered`, or the last stage that the device named.
    stage: String,
    /// `installed`, `reverted`, `failed`, `ignored`, `rescheduled`, `returned` (with the earlier firmware), `other_firmware`,
    /// `lapsed` (nothing was heard) or `withdrawn`; null while it goes on.
    outcome: Option<String>,
    /// Why, in the device's words where it gave some.
    reason: Option<String>,
    /// When the device marked the new firmware as good.
    validated_at: Option<String>,
}

/// A firmware of an attempt.
#[derive(Serialize, JsonSchema)]
struct AttemptFirmware {
    /// The image.
    uuid: String,
    /// Its version, where it is known.
    version: Option<String>,
}

fn view(a: &attempts::Attempt) -> Attempt {
    let ended_at = a.ended.map(|(at, _)| at);
    Attempt {
        at: a.begun_at.zulu(),
        ended_at: ended_at.map(Micros::zulu),
        seconds: ended_at.map(|end| end.since(a.begun_at).as_secs()),
        deployment: a.offered_by.as_ref().map(|(name, _)| name.clone()),
        release: a.offered_by.as_ref().and_then(|(_, number)| *number),
        from: AttemptFirmware {
            uuid: a.from.0.clone(),
            version: a.from.1.clone(),
        },
        to: AttemptFirmware {
            uuid: a.to.0.clone(),
            version: Some(a.to.1.clone()),
        },
        kind: a.kind.word().into(),
        bytes: a.bytes,
        stage: a.stage.clone(),
        outcome: a.ended.map(|(_, outcome)| outcome.word().into()),
        reason: a.reason.clone(),
        validated_at: a.validated_at.map(Micros::zulu),
    }
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::DeviceReports);
    contract
        .get(
            "devices.attempts",
            "/orgs/{org}/products/{product}/devices/{device}/attempts",
            Auth::VIEW,
            list,
        )
        .summary("Attempts to update it, newest first, whatever came of them")
        .query(LIMIT)
        .query(&[optional_field(
            "before",
            FieldType::Text,
            "Only those that began before: the `at` of the last one that was read",
        )]);
}

/// `GET …/devices/:device/attempts`.
async fn list(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(device): Name,
    p: Params,
) -> Result<Data<Vec<Attempt>>> {
    let before = match p.text("before") {
        None => Micros(i64::MAX),
        Some(text) => Micros::parse(text)
            .ok_or_else(|| field("before", "must be a time such as 2026-08-22T08:33:49Z"))?,
    };
    let all = attempts::list(&app.db, &scope, &device, before, limit(&p)?).await?;
    Ok(Data(all.iter().map(view).collect()))
}
