use super::*;
use crate::ids::{DeviceId, FirmwareId};
use crate::rollout::policy::Policy;
use crate::rollout::workflow;
use serde_json::{Value, json};

fn at(text: &str) -> Micros {
    Micros::parse(text).unwrap()
}

fn target() -> FirmwareRow {
    FirmwareRow {
        id: FirmwareId::from(1),
        product: "thermo".into(),
        uuid: "new".into(),
        version: "1.1.0".into(),
        platform: "rpi4".into(),
        architecture: "arm".into(),
        author: None,
        description: None,
        misc: None,
        vcs_identifier: None,
        tool: "fwup".into(),
        size: 1_000,
        checksum: String::new(),
        partials: String::new(),
        delta_updatable: true,
        full_fwup_version: "1.0.0".into(),
        delta_fwup_version: "1.10.0".into(),
        damaged_at: None,
        inserted_at: Micros(0),
        signed_by: None,
    }
}

fn intent(steps: Value, policy: Policy) -> Intent {
    let workflow = workflow::read(&json!({"version": 1, "steps": steps})).unwrap();
    Intent {
        concurrent_updates: 10,
        target: target(),
        workflow,
        present: (0, 0),
        salt: Some(1),
        release_tags: Vec::new(),
        interfaces: Vec::new(),
        deltas: true,
        delta_sizes: HashMap::from([("old".to_owned(), Some(100)), ("older".to_owned(), None)]),
        policy,
        server_rate: None,
    }
}

fn device(n: i64) -> DeviceSummary {
    DeviceSummary {
        id: DeviceId::from(n),
        identifier: format!("d-{n}"),
        group_id: None,
        fw_uuid: "old".into(),
        fw_version: Some("1.0.0".into()),
        fw_platform: Some("rpi4".into()),
        fw_architecture: Some("arm".into()),
        fw_fwup_version: Some("1.12.0".into()),
        full_next_for: None,
        online: true,
        updates_enabled: true,
        blocked_until: None,
        in_flight: false,
        validation: Validation::Validated,
        interface: "wifi".into(),
        time_zone: None,
    }
}

const NOW: &str = "2026-11-30T12:00:00Z";

#[test]
fn each_device_is_in_the_first_step_that_takes_it() {
    let steps = json!([
        {"name": "Canary", "matching_conditions": {"tags": ["canary"], "match_limit": 2}},
        {"name": "Boss", "type": "approval_required"},
        {"name": "Cable", "matching_conditions": {"network_interfaces": ["ethernet"]}},
    ]);
    let mut forecaster = Forecaster::new(intent(steps, Policy::default()));
    assert!(forecaster.needs_tags());
    for n in 0..10 {
        let mut one = device(n);
        if n % 2 == 0 {
            one.interface = "ethernet".into();
        }
        let tags = if n < 3 {
            vec!["canary".to_owned()]
        } else {
            Vec::new()
        };
        forecaster.add(&one, &tags);
    }
    let forecast = forecaster.finish(at(NOW));
    let counts: Vec<(&str, i64)> = forecast
        .steps
        .iter()
        .map(|s| (s.name.as_str(), s.count.devices))
        .collect();
    let wanted = [
        ("Canary", 2),
        ("Boss", 0),
        ("Cable", 4),
        ("Everyone else", 4),
    ];
    assert_eq!(counts, wanted);
    assert_eq!(forecast.steps[0].count.sample, ["d-0", "d-1"]);
    assert_eq!(forecast.steps[1].then, ["a person to approve"]);
    assert_eq!(forecast.warnings, [""; 0]);
}

#[test]
fn who_is_left_out_or_waits_is_told_by_the_rule() {
    let mut intent = intent(json!([{"name": "All"}]), Policy::default());
    intent.release_tags = vec!["beta".into()];
    intent.interfaces = vec!["wifi".into()];
    let mut forecaster = Forecaster::new(intent);
    let beta = vec!["beta".to_owned()];
    let mut add = |change: fn(&mut DeviceSummary), tags: &[String]| {
        let mut one = device(forecaster.forecast.devices);
        change(&mut one);
        forecaster.add(&one, tags);
    };
    add(|d| d.fw_uuid = "new".into(), &beta);
    add(|d| d.updates_enabled = false, &beta);
    add(|d| d.fw_fwup_version = Some("0.9.0".into()), &beta);
    add(|d| d.interface = "cellular".into(), &beta);
    add(|_| (), &[]);
    add(|d| d.online = false, &beta);
    add(|d| d.blocked_until = Some(Micros(1)), &beta);
    add(|d| d.validation = Validation::NotValidated, &beta);
    add(|d| d.in_flight = true, &beta);
    add(|_| (), &beta);
    let forecast = forecaster.finish(at(NOW));
    assert_eq!((forecast.devices, forecast.already), (10, 1));
    let out: Vec<&str> = forecast.kept_out.keys().copied().collect();
    let rules = [
        "fwup_is_new_enough",
        "network_interface",
        "release_tags",
        "updates_enabled",
    ];
    assert_eq!(out, rules);
    let waits: Vec<&str> = forecast.not_now.keys().copied().collect();
    let rules = [
        "connected",
        "firmware_validated",
        "not_blocked",
        "nothing_in_flight",
    ];
    assert_eq!(waits, rules);
    assert_eq!(
        (forecast.steps[0].count.devices, forecast.steps[0].ready),
        (5, 1)
    );
}

#[test]
fn bytes_are_those_of_the_file_that_each_device_gets() {
    let mut forecaster = Forecaster::new(intent(json!([{"name": "All"}]), Policy::default()));
    forecaster.add(&device(1), &[]);
    for (n, uuid) in [(2, "older"), (3, "strange")] {
        let mut one = device(n);
        one.fw_uuid = uuid.into();
        forecaster.add(&one, &[]);
    }
    let mut cannot = device(4);
    cannot.fw_fwup_version = Some("1.9.0".into());
    forecaster.add(&cannot, &[]);
    let mut failed = device(5);
    failed.full_next_for = Some("new".into());
    forecaster.add(&failed, &[]);
    let forecast = forecaster.finish(at(NOW));
    let step = &forecast.steps[0];
    assert_eq!((step.deltas, step.bytes), (1, 100 + 4 * 1_000));
    assert_eq!(forecast.warnings.len(), 1, "{:?}", forecast.warnings);
    assert!(
        forecast.warnings[0].contains("from 1.0.0") && forecast.warnings[0].contains("1 devices")
    );
}

#[test]
fn times_follow_bandwidth_soak_and_windows() {
    let window = serde_json::from_value(json!({"from": "22:00", "to": "05:00"})).unwrap();
    let policy = Policy {
        bytes_per_second: Some(10),
        maintenance_window: Some(window),
        ends_at: Some(at("2026-12-01T02:00:00Z")),
        ..Policy::default()
    };
    let steps = json!([
        {"name": "Canary", "matching_conditions": {"match_limit": 6},
         "gate": {"validated_percent": 90, "soak_minutes": 60}},
        {"name": "All"},
    ]);
    let mut forecaster = Forecaster::new(intent(steps, policy));
    for n in 0..60 {
        let mut one = device(n);
        one.fw_uuid = "strange".into();
        one.time_zone = Some(if n % 2 == 0 { "UTC" } else { "Europe/Berlin" }.into());
        forecaster.add(&one, &[]);
    }
    let forecast = forecaster.finish(at(NOW));
    let [canary, all] = &forecast.steps[..] else {
        panic!("{forecast:?}");
    };
    // Berlin is an hour ahead; 6 files of 1,000 bytes take 600 s.
    assert_eq!(canary.begins_at, at("2026-11-30T21:00:00Z"));
    assert_eq!(canary.sent_at, at("2026-11-30T22:00:00Z"));
    assert_eq!(
        canary.then,
        ["90 % of its devices to mark it as good", "60 minutes"]
    );
    assert_eq!(all.begins_at, at("2026-11-30T23:00:00Z"));
    assert_eq!(all.sent_at, at("2026-12-01T00:30:00Z"));
    assert_eq!(forecast.warnings, [""; 0]);
}

#[test]
fn what_cannot_go_well_is_warned_of() {
    let policy = Policy {
        bytes_per_second: Some(1),
        minimum_version: Some("2.0.0".into()),
        ends_at: Some(at("2026-11-30T12:10:00Z")),
        ..Policy::default()
    };
    let steps = json!([
        {"name": "None", "matching_conditions": {"tags": ["nobody"]}},
        {"name": "All"},
    ]);
    let mut forecaster = Forecaster::new(intent(steps, policy));
    forecaster.add(&device(1), &[]);
    let mut full = device(2);
    full.fw_uuid = "strange".into();
    forecaster.add(&full, &[]);
    let warnings = forecaster.finish(at(NOW)).warnings.join("\n");
    for part in ["below 2.0.0", "for step None", "Step All cannot be done"] {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
    let empty = Forecaster::new(intent(json!([{"name": "All"}]), Policy::default()));
    assert_eq!(
        empty.finish(at(NOW)).warnings,
        ["No device would be updated."]
    );
}

#[test]
fn a_release_that_is_under_way_goes_on_from_its_step() {
    let steps = json!([
        {"name": "Done", "matching_conditions": {"match_limit": 5}},
        {"name": "Present", "matching_conditions": {"match_limit": 5}},
        {"name": "All"},
    ]);
    let mut intent = intent(steps, Policy::default());
    intent.present = (1, 3);
    let mut forecaster = Forecaster::new(intent);
    for n in 0..10 {
        forecaster.add(&device(n), &[]);
    }
    let forecast = forecaster.finish(at(NOW));
    let counts: Vec<(&str, i64)> = forecast
        .steps
        .iter()
        .map(|s| (s.name.as_str(), s.count.devices))
        .collect();
    assert_eq!(counts, [("Present", 2), ("All", 8)]);
}
