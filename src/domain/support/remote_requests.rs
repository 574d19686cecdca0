//! What this node asks of other nodes: a terminal, or a script run, of a device whose connection another node holds. `relay` takes the
//! requests from here; on a server that is alone nobody does.

use crate::ids::{DeviceId, NodeId, RunId};
use crate::limits::REMOTE_REQUESTS;
use device_protocol::terminal::TerminalKind;
use tokio::sync::mpsc;

/// Something that another node has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteRequest {
    /// Somebody here looks at a terminal of this device, or has typed into it.
    Terminal(DeviceId, TerminalKind),
    /// A script of this node's runs is for a device of that node.
    Script {
        node: NodeId,
        device: DeviceId,
        run: RunId,
    },
}

/// Where the requests go. Cloning is cheap.
#[derive(Clone, Default)]
pub struct RemoteRequests(Option<mpsc::Sender<RemoteRequest>>);

impl RemoteRequests {
    /// For a node among others; the receiver gets the requests.
    pub fn among_others() -> (Self, mpsc::Receiver<RemoteRequest>) {
        let (sender, requests) = mpsc::channel(REMOTE_REQUESTS);
        (Self(Some(sender)), requests)
    }

    /// Whether there may be other nodes.
    pub fn has_other_nodes(&self) -> bool {
        self.0.is_some()
    }

    /// Passes a request on. One that does not find room is lost: whoever waits for it sees that nothing happens.
    pub fn send(&self, request: RemoteRequest) {
        if let Some(sender) = &self.0 {
            // A full channel is the documented loss.
            let _ = sender.try_send(request);
        }
    }
}
