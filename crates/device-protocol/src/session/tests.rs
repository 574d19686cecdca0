//! A session is a list of inputs and a list of effects.

use super::*;
use crate::{Extension, Extensions, RunId};

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
    // Another tool reads its own fields, and these ones where nothing that is known names the tool.
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

/// A session whose device may use these, with the topic joined; the names that were answered.
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

#[test]
fn extensions_are_attached_by_switch_and_version_and_asked_in_time() {
    let mut s = extended(Extensions::all());
    assert_eq!(s.due(), None);
    let check = [send(r#"[null,null,"extensions","health:check",{}]"#)];
    let attached = r#"["3","4","extensions","health:attached",{}]"#;
    // What is said before is dropped.
    let report = r#"["3","5","extensions","health:report",{"value":{"metrics":{}}}]"#;
    assert_eq!(s.handle(text(report), at(1)), []);
    assert_eq!(s.handle(text(attached), at(1)), check);
    assert_eq!(s.due(), Some(at(3601)));
    assert_eq!(s.handle(Input::Tick, at(3600)), []);
    assert_eq!(s.handle(Input::Tick, at(3601)), check);
    assert_eq!(s.due(), Some(at(7201)));
    let said = Effect::Said(Box::new(ExtensionEffect::Health(json!({"metrics": {}}))));
    assert_eq!(s.handle(text(report), at(3602))[0], said);
    // Too soon after the last one, and without a value: ignored in silence.
    assert_eq!(s.handle(text(report), at(3603)), []);
    let empty = r#"["3","5","extensions","health:report",{}]"#;
    assert_eq!(s.handle(text(empty), at(3700)), []);
    // The version of logging is not spoken, a foreign name not known: detach, to the very message.
    for name in ["logging", "x"] {
        let m = format!(r#"["3","6","extensions","{name}:attached",{{}}]"#);
        let detach = r#"["3","6","extensions","phx_reply",{"response":"detach","status":"error"}]"#;
        assert_eq!(s.handle(text(&m), at(3700)), [send(detach)]);
    }
    let detached = r#"["3","7","extensions","health:detached",{}]"#;
    assert_eq!(s.handle(text(detached), at(3700)), []);
    assert_eq!(s.due(), None);
    // An earlier join's words.
    assert_eq!(
        s.handle(text(&attached.replace(r#"["3""#, r#"["2""#)), at(3700)),
        []
    );
}

#[test]
fn switches_reach_a_connected_device() {
    let mut s = extended(Extensions::default().set(Extension::Health, true));
    let attached = r#"["3","4","extensions","health:attached",{}]"#;
    s.handle(text(attached), at(1));
    let geo = Extensions::default().set(Extension::Geo, true);
    assert_eq!(
        s.handle(Input::Extensions(geo), at(2)),
        [
            send(r#"[null,null,"extensions","detach",{"extensions":["health"]}]"#),
            send(r#"[null,null,"extensions","attach",{"extensions":["geo"]}]"#)
        ]
    );
    assert_eq!(s.due(), None);
    // It says that it has stopped: no answer, or it would be told again.
    let detached = r#"["3","5","extensions","health:detached",{}]"#;
    assert_eq!(s.handle(text(detached), at(2)), []);
    assert_eq!(
        s.handle(text(r#"["3","6","extensions","geo:attached",{}]"#), at(2)),
        [send(
            r#"[null,null,"extensions","geo:location:request",{}]"#
        )]
    );
    let place = r#"["3","7","extensions","geo:location:update",{"latitude":1.5,"longitude":-2,"accuracy":12.9}]"#;
    let said = ExtensionEffect::Location {
        latitude: 1.5,
        longitude: -2.0,
        accuracy: Some(12),
        source: "unknown".into(),
    };
    assert_eq!(s.handle(text(place), at(3)), [Effect::Said(Box::new(said))]);
    for bad in [
        r#"{"error_code":"x","error_description":"y"}"#,
        r#"{"latitude":91,"longitude":0}"#,
        r#"{"latitude":"1","longitude":0}"#,
    ] {
        let m = format!(r#"["3","8","extensions","geo:location:update",{bad}]"#);
        assert_eq!(s.handle(text(&m), at(60)), []);
    }
}

#[test]
fn a_thousand_log_lines_in_a_second_cost_ten() {
    let mut s = fresh();
    s.handle(
        text(r#"["1","1","device","phx_join",{"device_api_version":"2.2.0"}]"#),
        at(0),
    );
    let welcome = Welcome {
        extensions: Extensions::all(),
        ..Welcome::default()
    };
    s.handle(Input::Joined(welcome), at(0));
    s.handle(
        text(r#"["3","3","extensions","phx_join",{"logging":"0.0.1"}]"#),
        at(0),
    );
    s.handle(
        text(r#"["3","4","extensions","logging:attached",{}]"#),
        at(0),
    );
    let line = r#"["3","5","extensions","logging:send",{"level":"info","message":[104,105],"meta":{"time":"1700000000000001","n":3}}]"#;
    let effects: Vec<Effect> = (0..1_000)
        .flat_map(|_| s.handle(text(line), at(1)))
        .collect();
    assert_eq!(effects.len(), 10);
    let said = ExtensionEffect::Log {
        level: "info".into(),
        message: "hi".into(),
        meta: json!({"time": "1700000000000001", "n": "3"}),
        at: Timestamp(1_700_000_000_000_001),
    };
    assert_eq!(effects[0], Effect::Said(Box::new(said)));
    assert_eq!(s.handle(text(line), at(2)).len(), 1);
    // Without any time a line is dropped; `timestamp` wins.
    let timeless = r#"["3","5","extensions","logging:send",{"level":"info","message":"x"}]"#;
    assert_eq!(s.handle(text(timeless), at(9)), []);
    let dated = r#"["3","5","extensions","logging:send",{"level":"info","message":"x","timestamp":"2023-11-14T22:13:20Z","meta":{"time":"1"}}]"#;
    let effects = s.handle(text(dated), at(9));
    let [Effect::Said(said)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert!(
        matches!(**said, ExtensionEffect::Log { at, .. } if at == Timestamp(1_700_000_000_000_000))
    );
}

#[test]
fn a_script_runs_on_clients_that_know_it_and_foreign_references_are_ignored() {
    let script = || Input::Script {
        run: RunId(0xab),
        text: "1 + 1".into(),
        millis: 500,
    };
    // Not joined, and too old.
    assert_eq!(
        fresh().handle(script(), at(0)),
        [Effect::Ran(RunId(0xab), None)]
    );
    let mut old = joined(r#"{"device_api_version":"2.0.0"}"#);
    assert_eq!(
        old.handle(script(), at(0)),
        [Effect::Ran(RunId(0xab), None)]
    );
    let mut s = joined(r#"{"device_api_version":"2.1.0"}"#);
    assert_eq!(
        s.handle(script(), at(0)),
        [send(
            r#"[null,null,"device","scripts/run",{"ref":"00000000000000ab","text":"1 + 1","timeout":500}]"#
        )]
    );
    let done =
        r#"["1","9","device","scripts/run",{"ref":"00000000000000ab","output":"\n","return":"2"}]"#;
    assert_eq!(
        s.handle(text(done), at(1)),
        [Effect::Ran(RunId(0xab), Some("2".into()))]
    );
    for other in [r#""connecting_code""#, "7", "null", r#""""#] {
        let m = format!(r#"["1","9","device","scripts/run",{{"ref":{other},"output":"x"}}]"#);
        assert_eq!(s.handle(text(&m), at(1)), []);
    }
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

/// A device whose console is joined in this version.
fn consoled(version: &str, params: &str) -> Session {
    let mut s = joined(params);
    let join = format!(r#"["2","2","console","phx_join",{{"console_version":"{version}"}}]"#);
    let effects = s.handle(text(&join), at(0));
    let reply = send(r#"["2","2","console","phx_reply",{"response":{},"status":"ok"}]"#);
    let open = Effect::Terminal(
        TerminalKind::Console,
        terminal::TerminalOutput::Open(version.into()),
    );
    assert_eq!(effects, [reply, open]);
    s
}

#[test]
fn a_console_that_names_no_version_is_of_the_oldest() {
    for params in [
        "{}",
        r#"{"console_version":""}"#,
        r#"{"console_version":7}"#,
    ] {
        let join = format!(r#"["2","2","console","phx_join",{params}]"#);
        let effects = joined("{}").handle(text(&join), at(0));
        let open = Effect::Terminal(
            TerminalKind::Console,
            terminal::TerminalOutput::Open("1.0.0".into()),
        );
        assert_eq!(effects.get(1), Some(&open), "{params}");
    }
}

#[test]
fn a_console_passes_on_what_it_knows_and_nothing_else() {
    let mut s = consoled("2.0.0", "{}");
    let up = r#"["2","3","console","up",{"data":"iex> "}]"#;
    let shown = Effect::Terminal(
        TerminalKind::Console,
        terminal::TerminalOutput::Output("iex> ".into()),
    );
    assert_eq!(s.handle(text(up), at(1)), [shown]);
    for ignored in [
        r#"["9","3","console","up",{"data":"stale"}]"#,
        r#"["2","3","console","up",{"data":7}]"#,
        r#"["2","3","console","nonsense",{}]"#,
        r#"["2","3","console","metadata",{"version":"forged"}]"#,
    ] {
        assert_eq!(s.handle(text(ignored), at(1)), [], "{ignored}");
    }
    let typed = vec![
        TerminalInput::Event("window_size", json!({"height": 24, "width": 80})),
        TerminalInput::Keys("ab".into()),
    ];
    let effects = s.handle(Input::Terminal(TerminalKind::Console, typed), at(2));
    let expected = [
        Effect::Terminal(
            TerminalKind::Console,
            terminal::TerminalOutput::Open("2.0.0".into()),
        ),
        send(r#"[null,null,"console","window_size",{"height":24,"width":80}]"#),
        send(r#"[null,null,"console","dn",{"data":"a"}]"#),
        send(r#"[null,null,"console","dn",{"data":"b"}]"#),
        send(r#"[null,null,"console","dn",{"data":"\r"}]"#),
    ];
    assert_eq!(effects, expected);
    s.handle(text(r#"["2","4","console","phx_leave",{}]"#), at(3));
    assert_eq!(
        s.handle(Input::Terminal(TerminalKind::Console, Vec::new()), at(3)),
        []
    );
    assert_eq!(s.handle(text(up), at(3)), []);
}

#[test]
fn old_clients_get_code_and_scripts_typed() {
    let mut s = fresh();
    s.handle(
        text(r#"["1","1","device","phx_join",{"console_version":"1.0.0"}]"#),
        at(0),
    );
    let welcome = Welcome {
        connecting_code: Some("IO.puts(1)".into()),
        ..Welcome::default()
    };
    assert_eq!(s.handle(Input::Joined(welcome), at(0)).len(), 1);
    let join = r#"["2","2","console","phx_join",{"console_version":"1.0.0"}]"#;
    let effects = s.handle(text(join), at(0));
    let code = send(r#"[null,null,"console","dn",{"data":"IO.puts(1)\n\r"}]"#);
    assert_eq!(effects.get(2), Some(&code));
    let script = |run| Input::Script {
        run: RunId(run),
        text: "1 + 1".into(),
        millis: 1_000,
    };
    let typed = [
        send(r##"[null,null,"console","dn",{"data":"1 + 1\n# [NERVESHUB:END]"}]"##),
        send(r#"[null,null,"console","dn",{"data":"\r"}]"#),
    ];
    assert_eq!(s.handle(script(5), at(1)), typed);
    // Another one takes its place, and whoever waited for the first learns it at once.
    let effects = s.handle(script(6), at(1));
    assert_eq!(effects.first(), Some(&Effect::Ran(RunId(5), None)));
    let up = |t: &str| text(&format!(r#"["2","3","console","up",{{"data":"{t}"}}]"#));
    assert_eq!(
        s.handle(up("1 + 1\\r\\n2\\r\\niex(2)> # [NERVES"), at(2))
            .len(),
        1
    );
    let effects = s.handle(up("HUB:END]"), at(2));
    let ran = Effect::Ran(RunId(6), Some("1 + 1\r\n2\r".into()));
    assert_eq!(effects.get(1), Some(&ran));
    assert_eq!(s.handle(up("more"), at(3)).len(), 1);
}

#[test]
fn of_a_terminal_that_prints_too_fast_less_is_shown_and_it_is_said_how_much() {
    let mut s = consoled("2.0.0", "{}");
    let up = r#"["2","3","console","up",{"data":"ten bytes\n"}]"#;
    let mut left_out = 0;
    for _ in 0..crate::limits::OUTPUT_BURST + 50 {
        let effects = s.handle(text(up), at(1));
        assert!(!effects.iter().any(|e| matches!(e, Effect::Close(_))));
        left_out += usize::from(effects.is_empty());
    }
    assert_eq!(left_out, 50);
    // Heartbeats are answered all the while, since they come the same way.
    let beat = r#"[null,"9","phoenix","heartbeat",{}]"#;
    assert_eq!(s.handle(text(beat), at(1)).len(), 1);
    // Files are not damaged.
    let file = r#"["2","3","console","file-data",{"chunk":1,"data":"eA=="}]"#;
    assert_eq!(s.handle(text(file), at(1)).len(), 1);
    // Said when nothing else comes, and else in front of what comes next.
    let shown = |effects: Vec<Effect>| match effects.first() {
        Some(Effect::Terminal(TerminalKind::Console, terminal::TerminalOutput::Output(text))) => {
            text.clone()
        }
        other => panic!("{other:?}"),
    };
    let due = s.due().unwrap();
    assert!(due <= at(2));
    let told = shown(s.handle(Input::Tick, due));
    assert!(told.contains("500 bytes are left out"), "{told}");
    assert_eq!(shown(s.handle(text(up), at(5))), "ten bytes\n");
    for _ in 0..=crate::limits::OUTPUT_BURST {
        s.handle(text(up), at(5));
    }
    let told = shown(s.handle(text(up), at(7)));
    assert!(
        told.contains("bytes are left out") && told.ends_with("ten bytes\n"),
        "{told}"
    );
    // Without a console the same is a flood.
    let mut s = joined("{}");
    let flood = (0..crate::limits::MESSAGE_BURST + 1).map(|_| s.handle(text(up), at(1)));
    assert_eq!(flood.last(), Some(vec![Effect::Close(Close::Flood)]));
}

#[test]
fn a_shell_is_asked_for_at_once_and_shows_what_it_prints() {
    let mut s = extended(Extensions::all());
    let attached = r#"["3","4","extensions","local_shell:attached",{}]"#;
    let effects = s.handle(text(attached), at(1));
    let expected = [
        send(r#"[null,null,"extensions","local_shell:request_shell",{}]"#),
        Effect::Terminal(
            TerminalKind::Shell,
            terminal::TerminalOutput::Open("".into()),
        ),
    ];
    assert_eq!(effects, expected);
    let said = |event: &str, payload: &str| {
        text(&format!(
            r#"["3","5","extensions","local_shell:{event}",{payload}]"#
        ))
    };
    let shown = |said| vec![Effect::Terminal(TerminalKind::Shell, said)];
    assert_eq!(
        s.handle(said("shell_output", r#"{"data":"$ "}"#), at(1)),
        shown(terminal::TerminalOutput::Output("$ ".into()))
    );
    assert_eq!(
        s.handle(said("shell_exited", r#"{"exit_code":1}"#), at(1)),
        shown(terminal::TerminalOutput::Event(
            "exited",
            json!({"exit_code": 1})
        ))
    );
    let status = json!({"status": "failed", "reason": "no expty"});
    assert_eq!(
        s.handle(said("request_status", &status.to_string()), at(1)),
        shown(terminal::TerminalOutput::Event("status", status))
    );
    let typed = vec![TerminalInput::Event("shell_input", json!({"data": "ls\n"}))];
    let effects = s.handle(Input::Terminal(TerminalKind::Shell, typed), at(2));
    let input = send(r#"[null,null,"extensions","local_shell:shell_input",{"data":"ls\n"}]"#);
    assert_eq!(effects.get(1), Some(&input));
}

#[test]
fn a_bad_network_identity_costs_none_of_the_others() {
    let mut s = extended(Extensions::all());
    let attached = r#"["3","4","extensions","network_identity:attached",{}]"#;
    let request = send(r#"[null,null,"extensions","network_identity:request",{}]"#);
    assert_eq!(s.handle(text(attached), at(1)), [request]);
    let mut all = vec![
        json!({"service": "iroh", "identifier": "k1", "details": {"relay": "x"}}),
        json!({"service": "skynet", "identifier": "k2"}),
        json!({"service": "iroh", "identifier": ""}),
        json!({"service": "iroh", "identifier": "k".repeat(256)}),
        json!({"service": "iroh", "identifier": "k3", "details": {"a": "x".repeat(5_000)}}),
        json!({"service": "netbird", "identifier": "k4", "instance": "two", "details": 7}),
        json!(7),
    ];
    all.extend((0..20).map(|i| json!({"service": "wireguard", "identifier": format!("w{i}")})));
    let report = json!(["3", "5", "extensions", "network_identity:report", {"identities": all}]);
    let effects = s.handle(text(&report.to_string()), at(2));
    let [Effect::Said(said)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let ExtensionEffect::Identities(found) = &**said else {
        panic!("{said:?}")
    };
    let keys: Vec<&str> = found.iter().map(|i| i.identifier.as_str()).collect();
    assert_eq!(keys, ["k1", "k4", "w0", "w1", "w2"]);
    assert_eq!(
        (found[0].instance.as_str(), found[0].details.as_str()),
        ("default", r#"{"relay":"x"}"#)
    );
    assert_eq!(
        (found[1].instance.as_str(), found[1].details.as_str()),
        ("two", "{}")
    );
}
