//! Typed identifiers, so that a device's number cannot be passed where an organisation's is meant.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[sqlx(transparent)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A person.
    UserId,
    /// An organisation.
    OrgId,
    /// A product of an organisation.
    ProductId,
    /// A device.
    DeviceId,
    /// A stored firmware file.
    FirmwareId,
    /// A deployment group.
    GroupId,
    /// A release of a deployment group.
    ReleaseId,
    /// A signing key of an organisation.
    KeyId,
    /// A registered CA certificate.
    CaId,
    /// One connection of one device; random, so that a late close names the socket that it means.
    ConnectionId,
    /// One claim of an update slot; random.
    ClaimId,
    /// One server process; random, kept in the data folder.
    NodeId,
}
