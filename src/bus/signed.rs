//! How a text goes by a carrier: with its sender, and signed with a key that only the nodes of the installation have. Whoever may connect
//! to the database can `NOTIFY`, and whoever may publish on a NATS server can do that; neither may type into devices.

use crate::access::vault::Vault;
use crate::ids::NodeId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;

/// The bytes of a signature: HMAC-SHA256 in Base64.
const SIGNATURE: usize = 43;

/// The bytes of a sender, in hex digits.
const SENDER: usize = 16;

/// Signs what a node says, and verifies what comes to it. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Signer {
    own: NodeId,
    vault: Arc<Vault>,
}

impl Signer {
    /// What is added to a text.
    pub(super) const BYTES: usize = SIGNATURE + SENDER;

    pub(super) fn new(own: NodeId, vault: Arc<Vault>) -> Self {
        Self { own, vault }
    }

    pub(super) fn own(&self) -> NodeId {
        self.own
    }

    /// A text with its sender and its signature, for a channel.
    pub(super) fn sign(&self, channel: &str, text: &str) -> String {
        let said = format!("{:016x}{text}", self.own.0);
        let signature = URL_SAFE_NO_PAD.encode(self.vault.sign_message(channel, &said));
        signature + &said
    }

    /// The sender and the text of what came by a channel; `None` when no node of this installation has sent it.
    pub(super) fn verify<'t>(&self, channel: &str, signed: &'t str) -> Option<(NodeId, &'t str)> {
        let (signature, said) = signed.split_at_checked(SIGNATURE)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        if !self.vault.message_signed(channel, said, &signature) {
            return None;
        }
        let (sender, text) = said.split_at_checked(SENDER)?;
        let sender = u64::from_str_radix(sender, 16).ok()?;
        Some((NodeId(sender.cast_signed()), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_text_is_of_its_sender_for_its_channel_and_of_one_installation() {
        let signer = |key: u8, own: i64| Signer::new(NodeId(own), Arc::new(Vault::new(&[key; 32])));
        let signed = signer(1, -7).sign("all", "[\"ü\"]");
        assert_eq!(signed.len(), Signer::BYTES + "[\"ü\"]".len());
        let read = |by: &Signer, channel: &str, signed: &str| {
            by.verify(channel, signed)
                .map(|(from, text)| (from.0, text.to_owned()))
        };
        let other = signer(1, 3);
        assert_eq!(read(&other, "all", &signed), Some((-7, "[\"ü\"]".into())));
        assert_eq!(read(&other, "node", &signed), None);
        assert_eq!(read(&signer(2, 3), "all", &signed), None);
        for strange in [
            "",
            "x",
            &signed[..50],
            &signed[1..],
            &signed.replace('[', "{"),
        ] {
            assert_eq!(read(&other, "all", strange), None, "{strange}");
        }
    }
}
