//! What clients say on a person's socket: they join and leave topics, and type into terminals.

use super::Purpose;
use super::frame::Frame;
use super::session::{Joined, UserSocket, Watched};
use crate::domain::DomainError;
use crate::domain::support::terminal_access;
use crate::limits::VIEWER_TOPICS;
use device_protocol::terminal::TerminalKind;
use serde_json::{Value, json};

impl UserSocket {
    /// Does what a message asks for; the texts are the answer.
    pub(super) async fn take(&mut self, text: &str) -> Vec<String> {
        let Some(frame) = Frame::read(self.version, text) else {
            return Vec::new();
        };
        let ok = || vec![frame.reply(self.version, "ok", &json!({}))];
        match frame.event.as_str() {
            "heartbeat" if frame.topic == "phoenix" => return ok(),
            "phx_join" => {
                self.joined.retain(|j| j.topic != frame.topic);
                self.watched.retain(|w| w.topic != frame.topic);
                return self.join(&frame).await;
            }
            "phx_leave" => {
                self.joined.retain(|j| j.topic != frame.topic);
                self.watched.retain(|w| w.topic != frame.topic);
                return ok();
            }
            _ => {}
        }
        let at = self.joined.iter().position(|j| j.topic == frame.topic);
        let Some((at, joined)) = at.and_then(|at| Some((at, self.joined.get(at)?))) else {
            return Vec::new();
        };
        if frame.event == "message" {
            let seat = &joined.place.seat;
            seat.chat(Value::Object(frame.payload.clone()));
            return Vec::new();
        }
        match joined.place.read(&frame.event, &frame.payload) {
            Some(typed) => self.type_in(at, typed, 0),
            None => Vec::new(),
        }
    }

    async fn join(&mut self, frame: &Frame) -> Vec<String> {
        let error = |reason: &str| {
            let reason = json!({ "reason": reason });
            vec![frame.reply(self.version, "error", &reason)]
        };
        if self.joined.len() + self.watched.len() >= VIEWER_TOPICS {
            return error("too many topics on one socket");
        }
        let own = [&frame.join_ref, &frame.reference];
        let join_ref = own.into_iter().find(|r| !r.is_null());
        let join_ref = join_ref.cloned().unwrap_or_default();
        let reply = frame.reply(self.version, "ok", &json!({}));
        if self.purpose == Purpose::Events {
            let Some(identifier) = frame.topic.strip_prefix("device:") else {
                return error("unmatched topic");
            };
            let person = self.person.clone();
            let Ok(device) = terminal_access::watched(&self.app, person, identifier).await else {
                return error("unauthorized");
            };
            if self.watched.is_empty() {
                // What happened before is nobody's.
                self.progress = self.progress.resubscribe();
            }
            self.watched.push(Watched {
                topic: frame.topic.clone(),
                join_ref,
                identifier: identifier.to_owned(),
                device,
            });
            return vec![reply];
        }
        let console = frame.topic.strip_prefix("user:console:identifier-");
        let shell = frame.topic.strip_prefix("user:local_shell:identifier-");
        let (identifier, kind) = match (console, shell) {
            (Some(identifier), _) => (identifier, TerminalKind::Console),
            (_, Some(identifier)) => (identifier, TerminalKind::Shell),
            _ => return error("unmatched topic"),
        };
        match terminal_access::open(&self.app, self.person.clone(), identifier, kind).await {
            Ok(place) => {
                self.joined.push(Joined {
                    topic: frame.topic.clone(),
                    join_ref,
                    place,
                });
                vec![reply]
            }
            Err(DomainError::Detail(text)) => error(&text),
            Err(e) => {
                tracing::debug!(error = %e, "terminal not opened");
                error("unauthorized")
            }
        }
    }
}
