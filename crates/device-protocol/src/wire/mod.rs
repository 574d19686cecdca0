//! Phoenix frames, in versions 2 (JSON) and 3 (MessagePack) of the serializer: decoding and encoding.

mod msgpack;
pub mod raw;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

/// The serialization of a connection's frames, chosen by `vsn` at the upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `2.0.x`: text frames.
    Json,
    /// `3.0.x`: binary frames.
    MessagePack,
}

/// A frame as the WebSocket carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// JSON.
    Text(String),
    /// MessagePack.
    Binary(Vec<u8>),
}

impl Packet {
    /// The serialization that such a frame has.
    pub fn format(&self) -> Format {
        match self {
            Self::Text(_) => Format::Json,
            Self::Binary(_) => Format::MessagePack,
        }
    }

    /// Length in bytes.
    pub fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// A decoded frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The `join_ref`: the reference of the topic's join, chosen by the device.
    pub join_ref: Option<String>,
    /// The reference of the message, chosen by the device.
    pub reference: Option<String>,
    /// `device`, `console`, `extensions`, or `phoenix`.
    pub topic: String,
    /// The name of the event.
    pub event: String,
    /// The payload; empty when it was not an object.
    pub payload: Map<String, Value>,
}

/// The packet is not a frame of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a Phoenix message: expected [join_ref, ref, topic, event, payload]")]
pub struct NotAMessage;

/// Decodes a frame. Elements after the fifth are ignored; a payload that is not an object counts as empty.
///
/// # Errors
/// [`NotAMessage`] for anything but an array of at least five elements with strings where the protocol has
/// strings.
pub fn read(packet: &Packet) -> Result<Message, NotAMessage> {
    let parts = match packet {
        Packet::Text(text) => serde_json::from_str(text).map_err(|_| NotAMessage)?,
        Packet::Binary(bytes) => msgpack::read(bytes).ok_or(NotAMessage)?,
    };
    let Value::Array(parts) = parts else {
        return Err(NotAMessage);
    };
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

impl Format {
    /// Encodes a push of the server. Its `ref` must be null, or the device drops it.
    pub fn push(self, topic: &str, event: &str, payload: &Value) -> Packet {
        self.write(&json!([null, null, topic, event, payload]))
    }

    /// Encodes the reply to a join, a leave, or a heartbeat. Both references are returned unchanged.
    pub fn reply(self, to: &Message, status: &str, response: &Value) -> Packet {
        let payload = json!({ "status": status, "response": response });
        self.write(&json!([
            to.join_ref,
            to.reference,
            to.topic,
            "phx_reply",
            payload
        ]))
    }

    fn write(self, frame: &Value) -> Packet {
        match self {
            Self::Json => Packet::Text(frame.to_string()),
            Self::MessagePack => Packet::Binary(msgpack::write(frame)),
        }
    }
}
