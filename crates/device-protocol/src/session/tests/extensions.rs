//! Tests of the topic `extensions`.

use super::*;

#[test]
fn extensions_are_attached_by_switch_and_version_and_asked_in_time() {
    let mut s = extended(Extensions::all());
    assert_eq!(s.due(), None);
    let check = [send(r#"[null,null,"extensions","health:check",{}]"#)];
    let attached = r#"["3","4","extensions","health:attached",{}]"#;
    // Reports before the attach are dropped.
    let report = r#"["3","5","extensions","health:report",{"value":{"metrics":{}}}]"#;
    assert_eq!(s.handle(text(report), at(1)), []);
    assert_eq!(s.handle(text(attached), at(1)), check);
    assert_eq!(s.due(), Some(at(3601)));
    assert_eq!(s.handle(Input::Tick, at(3600)), []);
    assert_eq!(s.handle(Input::Tick, at(3601)), check);
    assert_eq!(s.due(), Some(at(7201)));
    let said = Effect::Said(Box::new(ExtensionEffect::Health(json!({"metrics": {}}))));
    assert_eq!(s.handle(text(report), at(3602))[0], said);
    // A report too soon after the last one, and one without a value, are ignored silently.
    assert_eq!(s.handle(text(report), at(3603)), []);
    let empty = r#"["3","5","extensions","health:report",{}]"#;
    assert_eq!(s.handle(text(empty), at(3700)), []);
    // The version of logging is not supported and the other name is unknown: both are detached.
    for name in ["logging", "x"] {
        let m = format!(r#"["3","6","extensions","{name}:attached",{{}}]"#);
        let detach = r#"["3","6","extensions","phx_reply",{"response":"detach","status":"error"}]"#;
        assert_eq!(s.handle(text(&m), at(3700)), [send(detach)]);
    }
    let detached = r#"["3","7","extensions","health:detached",{}]"#;
    assert_eq!(s.handle(text(detached), at(3700)), []);
    assert_eq!(s.due(), None);
    // A message of an earlier join.
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
    // The extension reports that it has stopped. An answer would make it report that again.
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
    // A line without any time is dropped; `timestamp` takes precedence.
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
