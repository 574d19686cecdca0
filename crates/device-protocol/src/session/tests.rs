//! Tests of a session: a list of inputs and the expected effects.

use super::*;
use crate::{Extension, Extensions, RunId};

mod extensions;
mod terminals;

fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000_000)
}

fn fresh() -> Session {
    Session::new(Format::Json, at(0), Duration::ZERO)
}

fn text(t: &str) -> Input {
    Input::Frame(Packet::Text(t.to_owned()))
}

fn send(t: &str) -> Effect {
    Effect::Send(Packet::Text(t.to_owned()))
}

fn joined(params: &str) -> Session {
    let mut s = fresh();
    s.handle(
        text(&format!(r#"["1","1","device","phx_join",{params}]"#)),
        at(0),
    );
    s.handle(Input::Joined(Welcome::default()), at(0));
    s
}

#[test]
fn a_heartbeat_is_answered_with_an_empty_map() {
    assert_eq!(
        fresh().handle(text(r#"[null,"12","phoenix","heartbeat",{}]"#), at(1)),
        [send(
            r#"[null,"12","phoenix","phx_reply",{"response":{},"status":"ok"}]"#
        )]
    );
}

#[test]
fn a_join_is_stored_then_answered_then_followed_by_what_was_asked_for() {
    let mut s = fresh();
    let join = r#"["join_0","ref_1","device","phx_join",{"nerves_fw_uuid":"u","device_api_version":"2.3.0",
        "fwup_public_keys":"on_connect","archive_public_keys":"on_connect","meta":{"firmware_validated":true}}]"#;
    let effects = s.handle(text(join), at(0));
    let [Effect::Join(j)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(j.firmware.uuid.as_deref(), Some("u"));
    assert_eq!(
        (j.validated, j.downloading, j.reverted),
        (Some(true), false, false)
    );
    assert!(!s.joined());
    let welcome = Welcome {
        archive: None,
        keys: vec!["K".into()],
        connecting_code: Some("1+1".into()),
        extensions: Extensions::default(),
    };
    assert_eq!(
        s.handle(Input::Joined(welcome), at(0)),
        [
            send(r#"["join_0","ref_1","device","phx_reply",{"response":{},"status":"ok"}]"#),
            send(r#"[null,null,"device","fwup_public_keys",{"keys":["K"]}]"#),
            send(r#"[null,null,"device","archive_public_keys",{"keys":["K"]}]"#),
            send(r#"[null,null,"device","extensions:get",{}]"#),
            send(r#"[null,null,"device","scripts/run",{"ref":"connecting_code","text":"1+1"}]"#),
        ]
    );
    assert!(s.joined());
}

#[test]
fn an_esp_idf_device_says_what_its_image_is() {
    let read = |params: &str| {
        let join = format!(r#"["1","1","device","phx_join",{{{params}}}]"#);
        match fresh().handle(text(&join), at(0)).as_slice() {
            [Effect::Join(j)] => j.esp_idf.clone(),
            other => panic!("{other:?}"),
        }
    };
    let all = r#""esp_idf_project_name":"thermo","esp_idf_version":"v1.2","esp_idf_app_elf_sha256":"AB","esp_idf_ver":"v5.2.1","esp_idf_chip_id":5"#;
    let said = read(all).unwrap();
    assert_eq!(
        (
            said.project.as_deref(),
            said.version.as_deref(),
            said.elf_sha256.as_deref()
        ),
        (Some("thermo"), Some("v1.2"), Some("AB"))
    );
    assert_eq!(
        (said.idf_version.as_deref(), said.chip_id),
        (Some("v5.2.1"), Some(5))
    );
    // Each tool has its own fields. They are also read when no known tool is named.
    assert_eq!(read(&format!(r#"{all},"update_tool":"fwup""#)), None);
    assert!(read(&format!(r#"{all},"update_tool":"other""#)).is_some());
    assert_eq!(read(r#""nerves_fw_uuid":"u""#), None);
    let odd = read(r#""esp_idf_chip_id":"9","esp_idf_project_name":7"#).unwrap();
    assert_eq!((odd.project, odd.chip_id), (None, Some(9)));
}

#[test]
fn an_organization_without_keys_pushes_none() {
    let mut s = fresh();
    s.handle(
        text(r#"["1","1","device","phx_join",{"fwup_public_keys":"on_connect"}]"#),
        at(0),
    );
    assert_eq!(s.handle(Input::Joined(Welcome::default()), at(0)).len(), 1);
}

#[test]
fn a_join_without_anything_counts_as_api_1_0_0() {
    let mut s = fresh();
    let effects = s.handle(
        text(r#"["1","1","device","phx_join",{"device_api_version":"abc","meta":7}]"#),
        at(0),
    );
    let [Effect::Join(j)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(j.api, semver::Version::new(1, 0, 0));
    assert_eq!((j.validated, &j.firmware), (None, &Firmware::default()));
}

#[test]
fn a_failed_join_says_so_and_may_be_repeated() {
    let mut s = fresh();
    s.handle(text(r#"["1","1","device","phx_join",{}]"#), at(0));
    assert_eq!(
        s.handle(Input::JoinFailed, at(0)),
        [send(
            r#"["1","1","device","phx_reply",{"response":{"error":"could not connect"},"status":"error"}]"#
        )]
    );
    assert!(matches!(
        s.handle(text(r#"["2","2","device","phx_join",{}]"#), at(5))
            .as_slice(),
        [Effect::Join(_)]
    ));
}

#[test]
fn updates_and_reboots_go_only_to_joined_devices() {
    let mut s = fresh();
    assert_eq!(s.handle(Input::Offer(json!({"a": 1})), at(0)), []);
    assert_eq!(s.handle(Input::Reboot, at(0)), []);
    let mut s = joined("{}");
    assert_eq!(
        s.handle(Input::Offer(json!({"a": 1})), at(0)),
        [send(r#"[null,null,"device","update",{"a":1}]"#)]
    );
    assert_eq!(
        s.handle(Input::Reboot, at(0)),
        [send(r#"[null,null,"device","reboot",{}]"#)]
    );
}

#[test]
fn pushes_are_stored_and_never_answered() {
    let mut s = joined("{}");
    let mut say = |event: &str, payload: &str, t| {
        s.handle(
            text(&format!(r#"["1","9","device","{event}",{payload}]"#)),
            at(t),
        )
    };
    let stage = |s, p| [Effect::Report(UpdateMessage::Stage(s, p))];
    assert_eq!(
        say("status_update", r#"{"status":"received"}"#, 1),
        stage("received", None)
    );
    assert_eq!(
        say("status_update", r#"{"status":"started"}"#, 1),
        stage("started", None)
    );
    assert_eq!(
        say("fwup_progress", r#"{"value":0,"stage":"updating"}"#, 1),
        stage("updating", Some(0))
    );
    assert_eq!(
        say("fwup_progress", r#"{"value":1,"stage":"updating"}"#, 2),
        [Effect::Progress(UpdateMessage::Stage("updating", Some(1)))]
    );
    assert_eq!(
        say("fwup_progress", r#"{"value":50}"#, 16),
        stage("updating", Some(50))
    );
    assert_eq!(
        say("fwup_progress", r#"{"value":100}"#, 17),
        stage("completed", Some(100))
    );
    assert_eq!(say("status_update", r#"{"status":"completed"}"#, 17), []);
    assert_eq!(say("firmware_validated", "{}", 17), [Effect::Validated]);
    assert_eq!(
        say("report_network_interface", r#"{"interface":"wlan0"}"#, 17),
        [Effect::Interface("wifi")]
    );
    for (event, payload) in [
        ("rebooting", "{}"),
        ("check_update_available", "{}"),
        ("nonsense", "[1]"),
        ("fwup_progress", r#"{"value":"x"}"#),
        ("fwup_progress", r#"{"value":101}"#),
        ("status_update", r#"{"status":"sleeping"}"#),
        ("status_update", "7"),
        ("report_network_interface", r#"{"interface":null}"#),
    ] {
        assert_eq!(say(event, payload, 17), [], "{event} {payload}");
    }
}

#[test]
fn the_words_of_every_client_are_understood() {
    let report = |payload: &str| {
        let effects = joined("{}").handle(
            text(&format!(r#"["1","9","device","status_update",{payload}]"#)),
            at(1),
        );
        match effects.into_iter().next() {
            Some(Effect::Report(r)) => r,
            other => panic!("{other:?}"),
        }
    };
    let minutes = |m: u64| UpdateMessage::Rescheduled(Duration::from_secs(m * 60));
    assert_eq!(
        report(r#"{"status":"failed","reason":"x\u0000y"}"#),
        UpdateMessage::Failed("xy".into())
    );
    assert_eq!(
        report(r#"{"status":"update_failed"}"#),
        UpdateMessage::Failed(String::new())
    );
    assert_eq!(
        report(r#"{"status":"FWUP error 7"}"#),
        UpdateMessage::Failed("FWUP error 7".into())
    );
    assert_eq!(
        report(r#"{"status":"ignored","reason":"busy"}"#),
        UpdateMessage::Ignored("busy".into())
    );
    assert_eq!(
        report(r#"{"status":"rescheduled","delay_for":5}"#),
        minutes(5)
    );
    assert_eq!(
        report(r#"{"status":"rescheduled","delay_for":600000}"#),
        minutes(10)
    );
    assert_eq!(report(r#"{"status":"reschedule"}"#), minutes(5));
    assert_eq!(
        report(r#"{"status":"rescheduled","delay_for":18446744073709551615}"#),
        minutes(7 * 24 * 60)
    );
    assert_eq!(
        report(r#"{"status":"fwup_complete"}"#),
        UpdateMessage::Stage("completed", None)
    );
}

#[test]
fn messages_with_a_stale_join_ref_are_ignored_and_with_none_are_taken() {
    let mut s = joined("{}");
    s.handle(text(r#"["5","5","device","phx_join",{}]"#), at(1));
    s.handle(Input::Joined(Welcome::default()), at(1));
    assert_eq!(
        s.handle(text(r#"["1","9","device","firmware_validated",{}]"#), at(1)),
        []
    );
    assert_eq!(
        s.handle(
            text(r#"[null,"9","device","firmware_validated",{}]"#),
            at(1)
        ),
        [Effect::Validated]
    );
    assert_eq!(
        fresh().handle(text(r#"["1","9","device","firmware_validated",{}]"#), at(1)),
        []
    );
}

#[test]
fn other_topics_are_answered_as_the_protocol_says() {
    let mut s = joined("{}");
    assert_eq!(
        s.handle(
            text(r#"["3","3","extensions","phx_join",{"health":"0.0.1"}]"#),
            at(1)
        ),
        [send(
            r#"["3","3","extensions","phx_reply",{"response":[],"status":"ok"}]"#
        )]
    );
    assert_eq!(
        s.handle(text(r#"["3","4","extensions","logging:send",{}]"#), at(1)),
        [send(
            r#"["3","4","extensions","phx_reply",{"response":"detach","status":"error"}]"#
        )]
    );
    assert_eq!(
        s.handle(text(r#"["4","4","other","phx_join",{}]"#), at(1)),
        [send(
            r#"["4","4","other","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]"#
        )]
    );
    assert_eq!(
        s.handle(text(r#"["4","5","console","up",{"data":"x"}]"#), at(1)),
        []
    );
}

#[test]
fn garbage_closes_the_socket_and_so_does_a_flood() {
    assert_eq!(
        fresh().handle(text("{"), at(0)),
        [Effect::Close(Close::Protocol)]
    );
    let mut s = joined("{}");
    let beat = r#"[null,"1","phoenix","heartbeat",{}]"#;
    let closed = (0..3_000).any(|_| s.handle(text(beat), at(1)) == [Effect::Close(Close::Flood)]);
    assert!(closed);
    let mut s = joined("{}");
    assert!(
        (0..10_000).all(|i| s.handle(text(beat), at(i / 40))[0] != Effect::Close(Close::Flood))
    );
}

#[test]
fn a_long_lived_device_is_seen_every_quarter_of_an_hour() {
    let mut s = joined("{}");
    let beat = r#"[null,"1","phoenix","heartbeat",{}]"#;
    let seen: usize = (0..120)
        .map(|i| s.handle(text(beat), at(i * 30)).contains(&Effect::Seen) as usize)
        .sum();
    assert_eq!(seen, 3);
}

#[test]
fn a_client_gets_no_event_that_its_release_does_not_know() {
    let everything = |params: &str| {
        let mut s = fresh();
        s.handle(
            text(&format!(r#"["1","1","device","phx_join",{params}]"#)),
            at(0),
        );
        let welcome = Welcome {
            archive: Some(json!({"uuid": "a"})),
            keys: vec!["K".into()],
            connecting_code: Some("1".into()),
            extensions: Extensions::all(),
        };
        let mut effects = s.handle(Input::Joined(welcome), at(0));
        let script = Input::Script {
            run: RunId(1),
            text: "1".into(),
            millis: 1,
        };
        for input in [
            Input::Identify,
            Input::Archive(json!({"uuid": "b"})),
            Input::Extensions(Extensions::all()),
            script,
            Input::Offer(json!({})),
            Input::Reboot,
        ] {
            effects.extend(s.handle(input, at(1)));
        }
        let sent = effects.iter().filter_map(|e| match e {
            Effect::Send(Packet::Text(t)) => Some(t.split('"').nth(3).unwrap().to_owned()),
            _ => None,
        });
        sent.skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(everything("{}"), "update reboot");
    assert_eq!(
        everything(r#"{"console_version":"1.0.0","device_api_version":"1.0.0"}"#),
        "update reboot",
        "1.4.1 and 2.0.0"
    );
    assert_eq!(
        everything(r#"{"console_version":"2.0.0","device_api_version":"1.0.0"}"#),
        "identify update reboot",
        "2.1.0"
    );
    assert_eq!(
        everything(r#"{"device_api_version":"2.0.0","fwup_public_keys":"on_connect"}"#),
        "fwup_public_keys archive identify archive update reboot",
        "2.2.1"
    );
    assert_eq!(
        everything(r#"{"device_api_version":"2.3.0"}"#),
        "archive extensions:get scripts/run identify archive scripts/run update reboot"
    );
}

/// A joined session whose device may use these extensions, and the names that were attached.
fn extended(allowed: Extensions) -> Session {
    let mut s = fresh();
    let join = r#"["1","1","device","phx_join",{"device_api_version":"2.2.0"}]"#;
    s.handle(text(join), at(0));
    let welcome = Welcome {
        extensions: allowed,
        ..Welcome::default()
    };
    let effects = s.handle(Input::Joined(welcome), at(0));
    let get = send(r#"[null,null,"device","extensions:get",{}]"#);
    assert_eq!(effects.get(1), Some(&get));
    let offer = r#"["3","3","extensions","phx_join",{"health":"0.0.1","geo":"0.0.7","logging":"0.1.0",
        "local_shell":"0.0.1","network_identity":"0.0.1","x":1}]"#;
    let names = serde_json::to_string(&allowed.set(Extension::Logging, false).words()).unwrap();
    assert_eq!(
        s.handle(text(offer), at(0)),
        [send(&format!(
            r#"["3","3","extensions","phx_reply",{{"response":{names},"status":"ok"}}]"#
        ))]
    );
    s
}
