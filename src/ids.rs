//! Typed identifiers, so that a device's number cannot be passed where an organization's is meant. The numbers of rows come
//! from the store, which alone can make them.

pub use device_protocol::{Extension, Extensions, RunId};

pub use crate::store::ids::{
    ArchiveId, Blob, CaId, DeviceId, FirmwareId, GroupId, KeyId, OrgId, ProductId, ReleaseId,
    ScriptId, SecretId, UserId, WebhookId,
};

macro_rules! random_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

random_ids! {
    /// One connection of one device, so that a late close names the socket that it means.
    ConnectionId,
    /// One claim of an update slot.
    ClaimId,
    /// One server process; kept in the data folder.
    NodeId,
}
