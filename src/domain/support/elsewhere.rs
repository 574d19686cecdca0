//! What this node wants of other nodes: a terminal, or a script run, of a device whose connection another node holds. Whoever carries
//! messages between nodes takes it from here; a node that is alone has nobody who does.

use crate::ids::{DeviceId, NodeId, RunId};
use crate::limits::WISHES;
use device_protocol::terminal::TerminalKind;
use tokio::sync::mpsc;

/// Something that another node has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Somebody here looks at a terminal of this device, or has typed into it.
    Terminal(DeviceId, TerminalKind),
    /// A script of this node's runs is for a device of that node.
    Script {
        node: NodeId,
        device: DeviceId,
        run: RunId,
    },
}

/// Where wishes go. Cloning is cheap.
#[derive(Clone, Default)]
pub struct Elsewhere(Option<mpsc::Sender<Wish>>);

impl Elsewhere {
    /// For a node among others, and the wishes that come.
    pub fn among_others() -> (Self, mpsc::Receiver<Wish>) {
        let (sender, wishes) = mpsc::channel(WISHES);
        (Self(Some(sender)), wishes)
    }

    /// Whether there are other nodes.
    pub fn exists(&self) -> bool {
        self.0.is_some()
    }

    /// Passes a wish on. One that does not find room is lost: whoever waits for it sees that nothing happens.
    pub fn wish(&self, wish: Wish) {
        if let Some(sender) = &self.0 {
            // A full channel is the documented loss.
            let _ = sender.try_send(wish);
        }
    }
}
