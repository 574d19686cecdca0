//! What nodes tell each other, and how it is written: a JSON list of messages. A node skips what only a newer version says.

use crate::ids::{ConnectionId, DeviceId, GroupId, NodeId, RunId, SecretId};
use crate::store::ids::of_node;
use device_protocol::terminal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the node that holds a device's connection should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceSignal {
    /// A claim is in the database: read it and send the update to the device.
    Claim,
    /// Tell the device to reboot.
    Reboot,
    /// Tell the device to identify itself, for instance by blinking or beeping.
    Identify,
    /// Somebody views the device's health: request a report.
    Health,
    /// The archive for the device has changed: read it and send it.
    Archive,
    /// The organization's signing keys have changed: read them and send them.
    Keys,
    /// Somebody opened a terminal or typed into it: take the input and send it.
    Terminal(terminal::TerminalKind),
    /// The extensions that the device may use have changed: read them and send them.
    Extensions,
    /// A script is queued for the device: take it and send it.
    Script(RunId),
    /// Close the connection; the device reconnects by itself.
    Reconnect,
    /// Close this connection: the device has connected again, at another node.
    Replaced(ConnectionId),
}

/// A hint on the bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BusMessage {
    /// A signal for the node that holds a device's connection.
    Device {
        /// The node that holds the connection.
        node: NodeId,
        #[serde(deserialize_with = "of_node")]
        device: DeviceId,
        /// What the node should do.
        nudge: DeviceSignal,
    },
    /// Something changed that the scheduler of a deployment group should look at.
    Group(#[serde(deserialize_with = "of_node")] GroupId),
    /// A delta job was created.
    Delta,
    /// A product's shared secret was deactivated: close the connections that were authenticated with it.
    SecretEnded(#[serde(deserialize_with = "of_node")] SecretId),
    /// A right was taken away: whoever holds something open for a person looks again.
    Revoked,
    /// Signing keys have changed: what devices were told of them may be out of date.
    KeysChanged,
    /// People watch events of devices at this node.
    Watching(NodeId),
    /// What has happened to devices, for a node where people watch.
    Events {
        /// That node.
        node: NodeId,
        events: Vec<ToldEvent>,
    },
    /// A part of a conversation between two nodes.
    Frame(Frame),
}

/// An event of a device as one node tells it another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldEvent {
    #[serde(deserialize_with = "of_node")]
    pub device: DeviceId,
    /// When it happened, in microseconds since 1970.
    pub at: i64,
    /// What happened: the name of the event.
    pub word: String,
    /// The stage of the update, the reason for which the device left, or its health.
    pub detail: String,
    /// Progress in percent, if the device reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<i64>,
}

/// A part of a conversation between two nodes (`relay`), with a number, so that what is lost is noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    pub from: NodeId,
    pub to: NodeId,
    /// Which conversation of the node that began it.
    pub conversation: i64,
    /// Whether the sender began it.
    pub begun_here: bool,
    /// The number of the next part that the sender waits for: it has all before.
    pub ack: u64,
    /// The part; without one the frame only acknowledges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The sender has ended the conversation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its number, from 0.
    pub number: u64,
    pub text: String,
    /// Whether more of the same text follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// For whom a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Target {
    Node(NodeId),
    /// The node that leads: it has the schedulers and the jobs.
    Leader,
    All,
}

impl BusMessage {
    pub(super) fn target(&self) -> Target {
        match self {
            Self::Device { node, .. } | Self::Events { node, .. } => Target::Node(*node),
            Self::Frame(frame) => Target::Node(frame.to),
            Self::Group(_) | Self::Delta => Target::Leader,
            Self::SecretEnded(_) | Self::Revoked | Self::KeysChanged | Self::Watching(_) => {
                Target::All
            }
        }
    }

    /// Whether the same message twice says no more than once.
    pub(super) fn is_hint(&self) -> bool {
        !matches!(self, Self::Events { .. } | Self::Frame(_))
    }
}

/// Writes messages, each text of at most `most` bytes. A message that is larger by itself is left out; how many were.
pub(super) fn write(messages: &[BusMessage], most: usize) -> (Vec<String>, usize) {
    let (mut texts, mut left_out) = (Vec::new(), 0);
    let mut text = String::new();
    for message in messages {
        let one = serde_json::to_string(message).unwrap_or_default();
        if one.is_empty() || one.len() + 2 > most {
            left_out += 1;
            continue;
        }
        if !text.is_empty() && text.len() + one.len() + 2 > most {
            text.push(']');
            texts.push(std::mem::take(&mut text));
        }
        text.push(if text.is_empty() { '[' } else { ',' });
        text.push_str(&one);
    }
    if !text.is_empty() {
        text.push(']');
        texts.push(text);
    }
    (texts, left_out)
}

/// Reads what [`write()`] wrote, without the messages that this version does not know.
pub(super) fn read(text: &str) -> Vec<BusMessage> {
    if let Ok(messages) = serde_json::from_str(text) {
        return messages;
    }
    let values: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    let known = values.into_iter().map(serde_json::from_value);
    known.filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::signed::Signer;
    use crate::limits::{NOTIFY_BYTES, PART_BYTES};

    #[test]
    fn each_message_is_read_as_it_was_written() {
        let (node, device) = (NodeId(-5), DeviceId::from(7));
        let signals = [
            DeviceSignal::Claim,
            DeviceSignal::Terminal(terminal::TerminalKind::Shell),
            DeviceSignal::Script(RunId(3)),
            DeviceSignal::Replaced(ConnectionId(-1)),
        ];
        let mut all: Vec<_> = signals
            .map(|nudge| BusMessage::Device {
                node,
                device,
                nudge,
            })
            .into();
        all.extend([
            BusMessage::Group(GroupId::from(1)),
            BusMessage::Delta,
            BusMessage::SecretEnded(SecretId::from(2)),
            BusMessage::Revoked,
            BusMessage::KeysChanged,
            BusMessage::Watching(node),
            BusMessage::Events {
                node,
                events: vec![ToldEvent {
                    device,
                    at: 9,
                    word: "online".into(),
                    detail: String::new(),
                    percent: Some(3),
                }],
            },
            BusMessage::Frame(Frame {
                from: node,
                to: NodeId(6),
                conversation: 8,
                begun_here: true,
                ack: 2,
                part: Some(Part {
                    number: 1,
                    text: "\u{1b}[1m\0ü".into(),
                    more: true,
                }),
                ended: true,
            }),
        ]);
        let (texts, left_out) = write(&all, 7_900);
        assert_eq!((texts.len(), left_out), (1, 0));
        assert_eq!(read(&texts[0]), all);
        // What a text cannot hold goes into the next one.
        let (texts, left_out) = write(&all, 250);
        assert!(texts.len() > 1 && texts.iter().all(|t| t.len() <= 250));
        assert_eq!(left_out, 0);
        let read: Vec<_> = texts.iter().flat_map(|t| read(t)).collect();
        assert_eq!(read, all);
        assert_eq!(write(&all[..1], 10), (Vec::new(), 1));
    }

    #[test]
    fn a_part_fits_whatever_is_in_it() {
        for text in ["\\", "\"", "\u{1b}", "ü", "x"] {
            // A part is a piece of JSON text.
            let json = serde_json::to_string(&text.repeat(10_000)).unwrap();
            let part: String = json.chars().take(PART_BYTES / text.len()).collect();
            let frame = Frame {
                from: NodeId(i64::MIN),
                to: NodeId(i64::MIN),
                conversation: i64::MIN,
                begun_here: true,
                ack: u64::MAX,
                part: Some(Part {
                    number: u64::MAX,
                    text: part,
                    more: true,
                }),
                ended: true,
            };
            let (texts, left_out) =
                write(&[BusMessage::Frame(frame)], NOTIFY_BYTES - Signer::BYTES);
            assert_eq!((texts.len(), left_out), (1, 0), "{text:?}");
        }
    }

    #[test]
    fn what_only_a_newer_version_says_is_skipped() {
        let text = r#"[{"Group":3},{"Dance":{"how":"well"}},"Delta",{"Device":{"node":1,"device":2,"nudge":"Sing"}}]"#;
        let known = [BusMessage::Group(GroupId::from(3)), BusMessage::Delta];
        assert_eq!(read(text), known);
        for strange in ["", "{", "null", "[", "[[]]"] {
            assert_eq!(read(strange), [], "{strange}");
        }
    }
}
