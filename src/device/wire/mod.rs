//! Phoenix frames, version 2 of the JSON serializer (device-protocol 2.1): bytes to message and back.

use serde_json::{Map, Value, json};

/// A frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The topic's join, as the device numbered it.
    pub join_ref: Option<String>,
    /// The message, as the device numbered it.
    pub reference: Option<String>,
    /// `device`, `console`, `extensions`, `phoenix`.
    pub topic: String,
    /// Event.
    pub event: String,
    /// Payload; empty when it was no object.
    pub payload: Map<String, Value>,
}

/// Not a frame of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a Phoenix message: expected [join_ref, ref, topic, event, payload]")]
pub struct NotAMessage;

/// Reads a text frame. Elements after the fifth are ignored; a payload that is no object counts as empty.
///
/// # Errors
/// Anything that is not an array of at least five with strings where strings belong.
pub fn read(text: &str) -> Result<Message, NotAMessage> {
    let parts: Vec<Value> = serde_json::from_str(text).map_err(|_| NotAMessage)?;
    let mut parts = parts.into_iter();
    let mut next = || parts.next().ok_or(NotAMessage);
    let (join_ref, reference) = (reference(next()?)?, reference(next()?)?);
    let (Value::String(topic), Value::String(event)) = (next()?, next()?) else {
        return Err(NotAMessage);
    };
    let payload = match next()? {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    Ok(Message {
        join_ref,
        reference,
        topic,
        event,
        payload,
    })
}

fn reference(value: Value) -> Result<Option<String>, NotAMessage> {
    match value {
        Value::Null => Ok(None),
        Value::String(s) if s.len() <= 64 => Ok(Some(s)),
        Value::Number(n) => Ok(Some(n.to_string())),
        _ => Err(NotAMessage),
    }
}

/// A message of the server's own: its `ref` is null, or the device would drop it (device-protocol 2.2).
pub fn push(join_ref: Option<&str>, topic: &str, event: &str, payload: &Value) -> String {
    json!([join_ref, null, topic, event, payload]).to_string()
}

/// The answer to a join, a leave or a heartbeat; both refs go back as they came.
pub fn reply(to: &Message, status: &str, response: &Value) -> String {
    let payload = json!({ "status": status, "response": response });
    json!([to.join_ref, to.reference, to.topic, "phx_reply", payload]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_the_reference_shows_them() {
        let m = read(r#"["1","7","device","fwup_progress",{"value":3},"more"]"#).unwrap();
        assert_eq!(
            (m.join_ref.as_deref(), m.reference.as_deref()),
            (Some("1"), Some("7"))
        );
        assert_eq!(
            (m.topic.as_str(), m.event.as_str()),
            ("device", "fwup_progress")
        );
        assert_eq!(m.payload["value"], 3);
        let m = read(r#"[null,12,"phoenix","heartbeat",null]"#).unwrap();
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
            assert_eq!(read(bad), Err(NotAMessage));
        }
    }

    #[test]
    fn answers_keep_both_refs_and_pushes_have_none() {
        let m = read(r#"["join_0","ref_1","device","phx_join",{}]"#).unwrap();
        assert_eq!(
            reply(&m, "ok", &json!({})),
            r#"["join_0","ref_1","device","phx_reply",{"response":{},"status":"ok"}]"#
        );
        assert_eq!(
            push(None, "device", "reboot", &json!({})),
            r#"[null,null,"device","reboot",{}]"#
        );
    }
}
