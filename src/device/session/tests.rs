//! A session is a list of inputs and a list of effects.

use super::*;

fn at(seconds: i64) -> Micros {
    Micros(seconds * 1_000_000)
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
        keys: vec!["K".into()],
        connecting_code: Some("1+1".into()),
    };
    assert_eq!(
        s.handle(Input::Joined(welcome), at(0)),
        [
            send(r#"["join_0","ref_1","device","phx_reply",{"response":{},"status":"ok"}]"#),
            send(r#"[null,null,"device","fwup_public_keys",{"keys":["K"]}]"#),
            send(r#"[null,null,"device","archive_public_keys",{"keys":["K"]}]"#),
            send(r#"[null,null,"device","scripts/run",{"ref":"connecting_code","text":"1+1"}]"#),
        ]
    );
    assert!(s.joined());
}

#[test]
fn an_organisation_without_keys_pushes_none() {
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
    let stage = |s, p| [Effect::Report(Report::Stage(s, p))];
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
        []
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
    let minutes = |m: u64| Report::Rescheduled(Duration::from_secs(m * 60));
    assert_eq!(
        report(r#"{"status":"failed","reason":"x\u0000y"}"#),
        Report::Failed("xy".into())
    );
    assert_eq!(
        report(r#"{"status":"update_failed"}"#),
        Report::Failed(String::new())
    );
    assert_eq!(
        report(r#"{"status":"FWUP error 7"}"#),
        Report::Failed("FWUP error 7".into())
    );
    assert_eq!(
        report(r#"{"status":"ignored","reason":"busy"}"#),
        Report::Ignored("busy".into())
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
        Report::Stage("completed", None)
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
    let closed = (0..1_000).any(|_| s.handle(text(beat), at(1)) == [Effect::Close(Close::Flood)]);
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
