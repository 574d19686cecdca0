use super::*;
use rmpv::Value as Pack;
use serde_json::json;

fn json_frame(text: &str) -> Result<Message, NotAMessage> {
    read(&Packet::Text(text.to_owned()))
}

fn packed(value: Pack) -> Result<Message, NotAMessage> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &value).unwrap();
    read(&Packet::Binary(bytes))
}

#[test]
fn frames_are_read_as_the_reference_shows_them() {
    let m = json_frame(r#"["1","7","device","fwup_progress",{"value":3},"more"]"#).unwrap();
    assert_eq!(
        (m.join_ref.as_deref(), m.reference.as_deref()),
        (Some("1"), Some("7"))
    );
    assert_eq!(
        (m.topic.as_str(), m.event.as_str()),
        ("device", "fwup_progress")
    );
    assert_eq!(m.payload["value"], 3);
    let m = json_frame(r#"[null,12,"phoenix","heartbeat",null]"#).unwrap();
    assert_eq!((m.reference.as_deref(), m.payload.len()), (Some("12"), 0));
}

#[test]
fn what_is_no_frame_is_refused() {
    let deep = "[".repeat(100_000);
    let long = format!(r#"["{}",null,"a","b",{{}}]"#, "x".repeat(65));
    for bad in [
        "",
        "{}",
        "[]",
        "[1,2,3]",
        r#"[null,null,1,"e",{}]"#,
        "\u{0}",
        &deep,
        &long,
    ] {
        assert_eq!(json_frame(bad), Err(NotAMessage));
    }
}

#[test]
fn answers_keep_both_refs_and_pushes_have_none() {
    let m = json_frame(r#"["join_0","ref_1","device","phx_join",{}]"#).unwrap();
    assert_eq!(
        Format::Json.reply(&m, "ok", &json!({})),
        Packet::Text(
            r#"["join_0","ref_1","device","phx_reply",{"response":{},"status":"ok"}]"#.into()
        )
    );
    assert_eq!(
        Format::Json.push("device", "reboot", &json!({})),
        Packet::Text(r#"[null,null,"device","reboot",{}]"#.into())
    );
}

#[test]
fn messagepack_takes_integer_refs_timestamps_and_text_that_is_not_utf8() {
    // fixmap {"value": {"timestamp": fixext 8 of type -1, "raw": str of two bytes that are not UTF-8}}
    let nanos = 123_456_789u64;
    let stamp = ((nanos << 34) | 1_787_387_629).to_be_bytes();
    let mut frame = vec![0x95, 0x01, 0xcd, 0x01, 0x00];
    frame.extend_from_slice(
        b"\xaaextensions\xadhealth:report\x81\xa5value\x82\xa9timestamp\xd7\xff",
    );
    frame.extend_from_slice(&stamp);
    frame.extend_from_slice(b"\xa3raw\xa2\xff\xfe");
    let m = read(&Packet::Binary(frame)).unwrap();
    assert_eq!(
        (m.join_ref.as_deref(), m.reference.as_deref()),
        (Some("1"), Some("256"))
    );
    assert_eq!(m.event, "health:report");
    assert_eq!(
        m.payload["value"]["timestamp"],
        "2026-08-22T08:33:49.123456Z"
    );
    assert_eq!(m.payload["value"]["raw"], "\u{fffd}\u{fffd}");
}

#[test]
fn messagepack_answers_are_what_the_device_reads() {
    let m = packed(Pack::Array(vec![
        Pack::from(1),
        Pack::from(2),
        "phoenix".into(),
        "heartbeat".into(),
        Pack::Map(vec![]),
    ]))
    .unwrap();
    let Packet::Binary(bytes) = Format::MessagePack.reply(&m, "ok", &json!({})) else {
        panic!("text");
    };
    let back = rmpv::decode::read_value(&mut bytes.as_slice()).unwrap();
    let expected = Pack::Array(vec![
        "1".into(),
        "2".into(),
        "phoenix".into(),
        "phx_reply".into(),
        Pack::Map(vec![
            ("response".into(), Pack::Map(vec![])),
            ("status".into(), "ok".into()),
        ]),
    ]);
    assert_eq!(back, expected);
}

#[test]
fn hostile_messagepack_is_refused_without_a_large_allocation() {
    let deep = vec![0x91; 100_000];
    let huge_array = vec![0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0];
    let huge_text = vec![0x95, 0xdb, 0xff, 0xff, 0xff, 0xff, 0x41];
    for bad in [deep, huge_array, huge_text, vec![], vec![0xc1], vec![0xc0]] {
        assert_eq!(read(&Packet::Binary(bad)), Err(NotAMessage));
    }
    let ext = packed(Pack::Array(vec![
        Pack::Nil,
        Pack::Nil,
        "device".into(),
        "x".into(),
        Pack::Map(vec![
            (Pack::from(3), Pack::from(f64::NAN)),
            ("e".into(), Pack::Ext(7, vec![1, 2])),
            ("t".into(), Pack::Ext(-1, vec![0xff; 12])),
            ("b".into(), Pack::Binary(b"hi".to_vec())),
        ]),
    ]));
    let payload = Value::Object(ext.unwrap().payload);
    assert_eq!(payload, json!({"3": null, "e": null, "t": null, "b": "hi"}));
}
