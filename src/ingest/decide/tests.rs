//! Every word in every state that it can meet, without a database.

mod places;
mod updates;

use super::*;
use crate::ids::{DeviceId, NodeId, OrgId, ProductId};
use crate::ingest::poll::Poll;
use crate::ingest::said::{Join, Joined, Reported};
use crate::ingest::state::{Claimant, Running, Target, Update};
use crate::rollout::matching::Group;
use crate::rollout::outcome::Report;
use crate::store::ingest::read::{Current, KnownFirmware, OpenGroup};
use std::time::Duration;

const NOW: Micros = Micros(1_700_000_000_000_000);
const OWN: ConnectionId = ConnectionId(7);

/// A device of group 1 that has joined and runs `old`.
fn device() -> DeviceState {
    DeviceState {
        id: DeviceId::from(1),
        org: OrgId::from(2),
        org_name: "acme".into(),
        product: ProductId::from(3),
        product_name: "thermo".into(),
        identifier: "d".into(),
        registered: false,
        online: true,
        connected_at: Micros(5),
        group: Some(group(1, "")),
        blocked_until: None,
        validation: Validation::Unknown,
        auto_revert: false,
        full_next_for: None,
        runs: Running {
            uuid: "old".into(),
            version: Some("1.0.0".into()),
            platform: Some("rpi4".into()),
            architecture: Some("arm".into()),
            fwup_version: None,
        },
        interface: "wifi".into(),
        connection: Some(Connection {
            id: OWN,
            node: NodeId(4),
            status: ConnectionState::Connected,
            established_at: Micros(4),
            last_seen_at: Micros(5),
            disconnected_at: None,
            api_version: Some("2.3.0".into()),
            peer: Some("10.0.0.1".into()),
            reason: None,
            types: None,
        }),
        update: None,
    }
}

fn group(id: i64, requirement: &str) -> Group {
    Group {
        id: GroupId::from(id),
        name: format!("g{id}"),
        platform: "rpi4".into(),
        architecture: "arm".into(),
        requirement: requirement.into(),
        locked: false,
    }
}

/// An update of release 8 to `new`, of which the device was told.
fn update() -> Update {
    Update {
        claim: ClaimId(9),
        group: Some(Claimant {
            id: GroupId::from(1),
            name: "g1".into(),
            org: OrgId::from(2),
            product: ProductId::from(3),
            penalty_minutes: 60,
        }),
        release: Some(ReleaseId::from(8)),
        target: Some(Target {
            uuid: "new".into(),
            version: "1.1.0".into(),
            size: 1_000,
        }),
        delta: Some(Some(10)),
        attempted: true,
        told: true,
    }
}

fn updating() -> DeviceState {
    DeviceState {
        update: Some(update()),
        ..device()
    }
}

fn runs(uuid: &str, version: &str) -> Join {
    Join {
        reported: Reported::Complete(Box::new(FirmwareMetadata {
            uuid: uuid.into(),
            product: "thermo".into(),
            version: version.into(),
            platform: "rpi4".into(),
            architecture: "arm".into(),
            ..FirmwareMetadata::default()
        })),
        api: "2.3.0".into(),
        ..Join::default()
    }
}

fn said(before: &DeviceState, said: DeviceWrite) -> Changes {
    decide(before, OWN, &said, &Known::default(), NOW)
}

fn join(before: &DeviceState, join: Join) -> (Changes, Joined) {
    join_with(before, join, &Known::default())
}

fn join_with(before: &DeviceState, join: Join, known: &Known) -> (Changes, Joined) {
    let word = DeviceWrite::Join(Box::new(join));
    let mut c = decide(before, OWN, &word, known, NOW);
    match std::mem::replace(&mut c.outcome, WriteOutcome::Done(None)) {
        WriteOutcome::Joined(joined) => (c, *joined),
        other => panic!("{other:?}"),
    }
}

fn connect() -> DeviceWrite {
    DeviceWrite::Connecting(Box::new(ConnectInfo {
        node: NodeId(6),
        fingerprint: Some("f".into()),
        peer: "10.0.0.2".into(),
    }))
}

/// What happened, in a few words: texts of the audit log, messages, and what is kept.
fn happened(c: &Changes) -> Vec<String> {
    let mut all: Vec<String> = c.entries.iter().map(|e| e.text.clone()).collect();
    all.extend(c.messages.iter().map(|m| m.event.to_owned()));
    all.extend(c.attempt.map(|r| format!("attempt of {r}")));
    all.extend(c.attempts_cleared.then(|| "attempts cleared".into()));
    all.extend(
        c.freed
            .as_ref()
            .map(|e| format!("claim {} over: {}", e.claim, e.outcome)),
    );
    all.extend(c.ran.as_ref().map(|r| format!("runs {}", r.uuid)));
    all.extend(
        c.success
            .as_ref()
            .map(|s| format!("{} of {} bytes", s.sent, s.full)),
    );
    all
}

#[test]
fn whoever_is_let_in_takes_the_place_of_an_open_connection() {
    let none = DeviceState {
        connection: None,
        registered: true,
        online: false,
        ..device()
    };
    let mut over = device();
    over.connection.as_mut().unwrap().status = ConnectionState::Disconnected;
    let open = Some((NodeId(4), OWN));
    for (before, replaced, first) in [
        (none, None, true),
        (over, None, false),
        (device(), open, false),
    ] {
        let c = decide(
            &before,
            ConnectionId(64),
            &connect(),
            &Known::default(),
            NOW,
        );
        assert!(
            matches!(&c.outcome, WriteOutcome::Connecting { before, .. } if *before == replaced)
        );
        let newest = c.after.connection.as_ref().unwrap();
        assert_eq!(
            (newest.id, newest.node, newest.status),
            (ConnectionId(64), NodeId(6), ConnectionState::Connecting)
        );
        assert_eq!(
            (newest.api_version.as_ref(), newest.last_seen_at),
            (None, NOW)
        );
        assert!(!c.after.online && !c.after.registered && c.trims);
        assert_eq!(
            (c.first_seen, c.updated_at),
            (first.then_some(NOW), first.then_some(NOW))
        );
        assert_eq!(c.certificate.as_deref(), Some("f"));
        let ended = c.ended.map(|e| (e.connection.id, e.reason, e.interface));
        assert_eq!(
            ended,
            replaced.map(|(_, id)| (id, "replaced".into(), "wifi".into()))
        );
    }
}

#[test]
fn the_last_words_of_an_older_socket_change_nothing() {
    for word in [
        DeviceWrite::Report(Report::Failed("no".into())),
        DeviceWrite::Validated,
        DeviceWrite::Interface("cellular"),
        DeviceWrite::Types("x".into()),
        DeviceWrite::Disconnected("lost"),
        DeviceWrite::Join(Box::new(runs("new", "1.1.0"))),
    ] {
        let before = updating();
        let c = decide(&before, ConnectionId(1), &word, &Known::default(), NOW);
        assert_eq!(c.after, before, "{word:?}");
        assert_eq!((happened(&c), c.rest), (vec![], Rest::Nothing), "{word:?}");
        let current = matches!(&c.outcome, WriteOutcome::Joined(j) if j.current);
        assert!(!current && c.ended.is_none());
    }
}

#[test]
fn who_joins_again_as_before_changes_its_connection_alone() {
    let before = device();
    let (c, joined) = join(&before, runs("old", "1.0.0"));
    let mut after = c.after.clone();
    assert_eq!(after.connection.as_ref().unwrap().last_seen_at, NOW);
    after.connection.clone_from(&before.connection);
    assert_eq!(after, before);
    assert_eq!(happened(&c), ["device.online"]);
    assert!(c.told.is_none() && c.updated_at.is_none() && !c.judged);
    assert!(joined.current && !joined.installed);
    assert_eq!(joined.wake, [GroupId::from(1)]);
}

#[test]
fn a_new_socket_joins_at_the_end_of_the_queue() {
    let mut before = device();
    before.online = false;
    before.connection.as_mut().unwrap().status = ConnectionState::Connecting;
    let (c, _) = join(&before, runs("old", "1.0.0"));
    assert!(c.after.online);
    assert_eq!(c.after.connected_at, NOW);
    assert_eq!(
        c.after.connection.unwrap().status,
        ConnectionState::Connected
    );
}

#[test]
fn firmware_is_validated_once() {
    let c = said(&device(), DeviceWrite::Validated);
    assert_eq!(c.after.validation, Validation::Validated);
    assert_eq!(
        happened(&c),
        ["Device validated its firmware", "attempts cleared"]
    );
    assert!(c.judged && matches!(c.outcome, WriteOutcome::Done(Some(_))));
    let again = said(&c.after, DeviceWrite::Validated);
    assert_eq!((happened(&again), again.after), (vec![], c.after));
    assert!(matches!(again.outcome, WriteOutcome::Done(None)));
}

#[test]
fn what_is_known_of_validation_goes_to_the_firmware_that_runs() {
    for (says, ran, judged) in [
        (
            Join {
                validated: Some(true),
                ..runs("old", "1.0.0")
            },
            false,
            true,
        ),
        (
            Join {
                validated: Some(true),
                ..runs("new", "1.1.0")
            },
            true,
            false,
        ),
        (runs("old", "1.0.0"), false, false),
    ] {
        let (c, _) = join(&device(), says);
        assert_eq!((c.ran.is_some(), c.judged), (ran, judged));
        if let Some(ran) = c.ran {
            assert_eq!(
                (ran.validation, ran.version.as_deref()),
                (Validation::Validated, Some("1.1.0"))
            );
        }
    }
}

#[test]
fn a_device_that_leaves_gives_a_claim_back_that_it_was_not_told_of() {
    let mut waits = updating();
    waits.update.as_mut().unwrap().told = false;
    for (before, freed) in [(waits, true), (updating(), false), (device(), false)] {
        let c = said(&before, DeviceWrite::Disconnected("lost"));
        assert!(!c.after.online);
        assert_eq!(c.freed.is_some(), freed);
        assert_eq!(matches!(c.outcome, WriteOutcome::Done(Some(_))), freed);
        let newest = c.after.connection.as_ref().unwrap();
        assert_eq!(
            (newest.status, newest.disconnected_at),
            (ConnectionState::Disconnected, Some(NOW))
        );
        let ended = c.ended.as_ref().unwrap();
        assert_eq!((ended.reason.as_str(), ended.at), ("lost", NOW));
        assert_eq!(c.messages[0].event, "device.offline");
        let again = said(&c.after, DeviceWrite::Disconnected("lost"));
        assert!(again.ended.is_none() && again.messages.is_empty());
    }
}

#[test]
fn small_words_change_what_they_name() {
    let c = said(&device(), DeviceWrite::Interface("cellular"));
    assert_eq!(c.after.interface, "cellular");
    assert!(matches!(c.outcome, WriteOutcome::Done(Some(_))));
    let c = said(&device(), DeviceWrite::Types("wifi".into()));
    assert_eq!(c.after.connection.unwrap().types.as_deref(), Some("wifi"));
    for word in [DeviceWrite::Seen, DeviceWrite::Health(json!({}))] {
        assert!(addition(device().id, OWN, &word, &Known::default(), NOW).is_some());
        assert_eq!(said(&device(), word).after, device());
    }
    let word = DeviceWrite::Validated;
    let added = addition(device().id, OWN, &word, &Known::default(), NOW);
    assert_eq!(added, None);
}

#[test]
fn a_firmware_that_is_named_by_its_uuid_is_looked_up() {
    let firmware = KnownFirmware {
        product_id: ProductId::from(3),
        product: "thermo".into(),
        uuid: "new".into(),
        version: "1.1.0".into(),
        platform: "rpi4".into(),
        architecture: "arm".into(),
        author: None,
        description: None,
        misc: None,
        vcs_identifier: None,
    };
    let known = Known {
        firmwares: [((ProductId::from(3), "new".to_owned()), firmware)].into(),
        ..Known::default()
    };
    let named = |uuid: &str| Join {
        reported: Reported::Uuid(uuid.into(), Some("1.9.0".into())),
        ..Join::default()
    };
    let (c, joined) = join_with(&device(), named("new"), &known);
    assert_eq!(joined.version.as_deref(), Some("1.1.0"));
    assert_eq!(c.told.unwrap().fwup_version.as_deref(), Some("1.9.0"));
    // What nobody knows leaves what is on record.
    let (c, joined) = join_with(&device(), named("unknown"), &known);
    assert_eq!((joined.version.as_deref(), c.told), (Some("1.0.0"), None));
    assert!(c.notice.is_none(), "it is known what it ran before");
    let mut blank = device();
    blank.runs = Running::default();
    let (c, _) = join_with(&blank, named("unknown"), &known);
    let notice = c.notice.unwrap();
    assert_eq!(
        (notice.key.as_str(), notice.times),
        ("missing_firmware_metadata-d", 1)
    );
}

#[test]
fn an_older_fwup_alone_is_news_of_the_firmware() {
    let mut says = runs("old", "1.0.0");
    let Reported::Complete(m) = &mut says.reported else {
        unreachable!()
    };
    m.fwup_version = Some("1.2.0".into());
    let before = DeviceState {
        full_next_for: Some("new".into()),
        ..device()
    };
    let (c, _) = join(&before, says);
    assert!(c.told.is_some() && c.ran.is_none());
    assert_eq!((c.after.full_next_for, c.updated_at), (None, Some(NOW)));
}

#[test]
fn who_joins_asks_for_what_its_client_knows() {
    let wants = Join {
        wants_archive_keys: true,
        takes_archives: true,
        ..runs("old", "1.0.0")
    };
    let (_, joined) = join(&device(), wants.clone());
    assert!(joined.wants_keys && joined.wants_archive);
    let alone = DeviceState {
        group: None,
        ..device()
    };
    let (_, joined) = join(&alone, wants);
    assert!(!joined.wants_archive, "it is in no group");
    let (_, joined) = join(&device(), runs("old", "1.0.0"));
    assert!(!joined.wants_keys && !joined.wants_archive);
}

fn poll(update: bool) -> DeviceWrite {
    DeviceWrite::Poll(Box::new(Poll {
        join: runs("old", "1.0.0"),
        node: NodeId(6),
        fingerprint: None,
        peer: "10.0.0.2".into(),
        update,
    }))
}

#[test]
fn a_device_that_polls_has_its_turn_unless_it_holds_a_socket() {
    let mut away = updating();
    away.connection = None;
    away.online = false;
    let mut waits = away.clone();
    waits.update.as_mut().unwrap().told = false;
    for (before, asks, turn, freed) in [
        (updating(), true, Rest::Nothing, false),
        (away.clone(), false, Rest::Nothing, false),
        // What it was told before and does not run has failed; what waits for it is what it asks for.
        (away, true, Rest::Turn, true),
        (waits, true, Rest::Turn, false),
    ] {
        let c = decide(
            &before,
            ConnectionId(11),
            &poll(asks),
            &Known::default(),
            NOW,
        );
        assert_eq!((c.rest, c.freed.is_some()), (turn, freed));
        assert!(matches!(&c.outcome, WriteOutcome::Polled(p) if p.identifier == "d"));
        let newest = c.after.connection.unwrap();
        let held = before.connection.is_some();
        let expected = if held {
            (OWN, ConnectionState::Connected)
        } else {
            (ConnectionId(11), ConnectionState::Disconnected)
        };
        assert_eq!((newest.id, newest.status), expected);
        assert_eq!(newest.reason.is_some(), !held);
        assert_eq!(c.after.online, before.online);
    }
}
