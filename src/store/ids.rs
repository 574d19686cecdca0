//! Numbers of rows. Only the store makes them, out of rows that it has found: whoever holds one got it from a lookup in a
//! scope, by a proof (a key, a certificate, a token) or from a row that was found so. That a path or a body says a number
//! gives nobody an id. It is a compile error elsewhere, as a missing scope is.

use row_id::RowId;
use serde::{Deserialize, Deserializer, Serialize};

/// Seals [`RowId`] in: outside of this file nobody can name it, and so nobody can make an id by it.
mod row_id {
    /// The number of a row.
    pub trait RowId {
        fn of_number(number: i64) -> Self;
    }
}

macro_rules! row_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, sqlx::Type)]
        #[sqlx(transparent)]
        #[serde(transparent)]
        pub struct $name(pub(in crate::store) i64);

        impl $name {
            /// The number, to be shown or hashed.
            pub fn number(self) -> i64 {
                self.0
            }
        }

        /// Any number, for unit tests of what never asks the store.
        #[cfg(test)]
        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self(number)
            }
        }

        impl row_id::RowId for $name {
            fn of_number(number: i64) -> Self {
                Self(number)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.number().fmt(f)
            }
        }
    )*};
}

row_ids! {
    /// A person.
    UserId,
    /// An organization.
    OrgId,
    /// A product of an organization.
    ProductId,
    DeviceId,
    /// A stored firmware file.
    FirmwareId,
    /// A deployment group.
    GroupId,
    /// A release of a deployment group.
    ReleaseId,
    /// A signing key of an organization.
    KeyId,
    /// A registered CA certificate.
    CaId,
    /// A support script.
    ScriptId,
    /// A stored archive.
    ArchiveId,
    /// A shared secret of a product.
    SecretId,
    /// A webhook of a product.
    WebhookId,
    /// An action on many devices.
    JobId,
}

/// Reads the number of a row in a message of another node, which had it from the same database. A field has to name this by
/// `#[serde(deserialize_with)]`: what strangers say is never read so.
///
/// # Errors
/// The text is no number.
pub fn of_node<'de, D: Deserializer<'de>, T: RowId>(from: D) -> Result<T, D::Error> {
    i64::deserialize(from).map(T::of_number)
}

impl DeviceId {
    /// The number of no device, below all that there are: where a walk begins.
    pub const NONE: Self = Self(0);
}

impl GroupId {
    /// The number of no group, for one that is not stored yet.
    pub const NONE: Self = Self(0);
}

/// What a stored file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blob {
    Firmware(FirmwareId),
    /// The delta between two firmwares.
    Delta(FirmwareId, FirmwareId),
    Archive(ArchiveId),
}

impl std::fmt::Display for Blob {
    /// For the log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Firmware(id) => write!(f, "firmware {id}"),
            Self::Delta(a, b) => write!(f, "delta {a}-{b}"),
            Self::Archive(id) => write!(f, "archive {id}"),
        }
    }
}

/// A stored file's name in the file store. No two files ever have the same, so that a file can be stored before the row
/// that names it is written, and a row that is never written leaves a file that nothing else can mean.
#[derive(Debug, Clone, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct FileKey(pub(in crate::store) String);

impl FileKey {
    /// The path in the file store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What names an upload that can go on after a cut. Only a look-up in the scope of its person makes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct UploadId(pub(in crate::store) String);

impl UploadId {
    /// As it stands in addresses.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Blob {
    /// The file that the path of a link names, behind `/download/`. Whoever asks has checked the link's signature.
    pub fn in_link(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let kind = parts.next()?;
        let mut number = || parts.next()?.parse::<i64>().ok();
        Some(match kind {
            "firmware" => Self::Firmware(FirmwareId(number()?)),
            "delta" => Self::Delta(FirmwareId(number()?), FirmwareId(number()?)),
            "archive" => Self::Archive(ArchiveId(number()?)),
            _ => return None,
        })
    }
}

macro_rules! random_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
        )]
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

random_ids! {
    /// One connection of one device, so that a late close names the socket that it means.
    ConnectionId,
    /// One claim of an update slot.
    ClaimId,
    /// One server process; kept in the data folder.
    NodeId,
}
