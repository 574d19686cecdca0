//! Reads a local firmware file of either kind: a fwup archive or an ESP-IDF image.

use crate::firmware::esp_idf::{self, Description, EspError};
use crate::firmware::kind::FirmwareKind;
use anyhow::Context as _;
use fwup::check::{self, CheckError};
use fwup::keys;
use fwup::meta::Meta;
use std::fs::File;
use std::path::Path;

/// A firmware file that was read, but not verified.
pub(super) enum Image {
    /// A fwup archive.
    Fwup(check::Head, Meta),
    /// An ESP-IDF image.
    EspIdf(Description),
}

/// Why a file is not firmware.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImageError {
    /// It is not a valid fwup archive.
    #[error(transparent)]
    Fwup(#[from] CheckError),
    /// It is not a valid ESP-IDF image.
    #[error(transparent)]
    EspIdf(#[from] EspError),
}

pub(super) fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("could not open {}", path.display()))
}

impl Image {
    /// Reads a file. If it begins like neither kind, it is read as a fwup archive, whose errors explain what is
    /// expected.
    pub fn read(file: &mut File) -> Result<Self, ImageError> {
        if FirmwareKind::of(file).map_err(EspError::Io)? == Some(FirmwareKind::EspIdf) {
            return Ok(Self::EspIdf(esp_idf::describe(file)?));
        }
        let head = check::head(file)?;
        let meta = Meta::parse(&head.conf).map_err(CheckError::from)?;
        Ok(Self::Fwup(head, meta))
    }

    /// The UUID of the firmware.
    pub fn uuid(&self) -> String {
        match self {
            Self::Fwup(head, _) => keys::uuid(&head.conf),
            Self::EspIdf(d) => d.uuid.clone(),
        }
    }

    /// The product that the firmware was built for.
    pub fn product(&self) -> Option<&str> {
        match self {
            Self::Fwup(_, meta) => meta.get("product"),
            Self::EspIdf(d) => Some(&d.product),
        }
    }

    /// Whether the server will certainly refuse the firmware because it is not signed.
    pub fn unsigned(&self) -> bool {
        matches!(self, Self::Fwup(head, _) if head.signature.is_none())
    }
}
