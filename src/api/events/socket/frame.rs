//! Phoenix frames of people's sockets, in the two forms that their clients speak: `vsn=1.0.0` objects and `vsn=2.0.0` arrays.

use serde_json::{Map, Value, json};

/// How a socket writes its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Version {
    /// By the `vsn` of the request; without one it is the first.
    pub(super) fn parse(vsn: Option<&str>) -> Option<Self> {
        let version = semver::Version::parse(vsn.unwrap_or("1.0.0")).ok()?;
        match (version.major, version.minor) {
            (1, 0) => Some(Self::One),
            (2, 0) => Some(Self::Two),
            _ => None,
        }
    }
}

/// A frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    pub join_ref: Value,
    pub reference: Value,
    pub topic: String,
    pub event: String,
    pub payload: Map<String, Value>,
}

fn word(value: Option<&Value>) -> Option<String> {
    value?.as_str().map(str::to_owned)
}

impl Frame {
    /// Reads one; `None` when it is none.
    pub(super) fn read(version: Version, text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let get = |at: usize, key: &str| match version {
            Version::One => value.get(key),
            Version::Two => value.get(at),
        };
        let payload = match get(4, "payload")? {
            Value::Object(map) => map.clone(),
            _ => Map::new(),
        };
        Some(Self {
            join_ref: get(0, "join_ref").cloned().unwrap_or_default(),
            reference: get(1, "ref").cloned().unwrap_or_default(),
            topic: word(get(2, "topic"))?,
            event: word(get(3, "event"))?,
            payload,
        })
    }

    /// The answer to it.
    pub(super) fn reply(&self, version: Version, status: &str, response: &Value) -> String {
        let payload = json!({"status": status, "response": response});
        write(
            version,
            (&self.join_ref, &self.reference),
            &self.topic,
            "phx_reply",
            &payload,
        )
    }
}

/// A message of the server's own on a joined topic.
pub(super) fn push(
    version: Version,
    join_ref: &Value,
    topic: &str,
    event: &str,
    payload: &Value,
) -> String {
    write(version, (join_ref, &Value::Null), topic, event, payload)
}

fn write(
    version: Version,
    (join_ref, reference): (&Value, &Value),
    topic: &str,
    event: &str,
    payload: &Value,
) -> String {
    match version {
        Version::One => {
            json!({"topic": topic, "event": event, "payload": payload, "ref": reference})
                .to_string()
        }
        Version::Two => json!([join_ref, reference, topic, event, payload]).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_written() {
        let one = r#"{"topic":"t","event":"e","payload":{"a":1},"ref":"7"}"#;
        let two = r#"["3","7","t","e",{"a":1}]"#;
        let (a, b) = (
            Frame::read(Version::One, one).unwrap(),
            Frame::read(Version::Two, two).unwrap(),
        );
        assert_eq!(
            (&a.topic, &a.event, &a.payload),
            (&b.topic, &b.event, &b.payload)
        );
        assert_eq!(
            a.reply(Version::One, "ok", &json!({})),
            r#"{"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"7","topic":"t"}"#
        );
        assert_eq!(
            b.reply(Version::Two, "ok", &json!({})),
            r#"["3","7","t","phx_reply",{"response":{},"status":"ok"}]"#
        );
        for bad in ["", "[]", "7", "[1,2,3,4,5]", "{}"] {
            assert_eq!(Frame::read(Version::Two, bad), None, "{bad}");
        }
        assert_eq!(Version::parse(None), Some(Version::One));
        assert_eq!(Version::parse(Some("2.0.0")), Some(Version::Two));
        assert_eq!(Version::parse(Some("3.0.0")), None);
    }
}
