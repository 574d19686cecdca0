//! What a firmware file on this machine is, whichever kind it is of.

use crate::firmware::esp_idf::{self, Description, EspError};
use crate::firmware::kind::FirmwareKind;
use anyhow::Context as _;
use fwup::check::{self, CheckError};
use fwup::keys;
use fwup::meta::Meta;
use std::fs::File;
use std::path::Path;

/// A firmware file, read but not judged.
pub(super) enum Image {
    /// An fwup archive.
    Fwup(check::Head, Meta),
    /// An ESP-IDF image.
    EspIdf(Description),
}

/// Why a file is no firmware.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImageError {
    /// As a fwup archive.
    #[error(transparent)]
    Fwup(#[from] CheckError),
    /// As an ESP-IDF image.
    #[error(transparent)]
    EspIdf(#[from] EspError),
}

pub(super) fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("could not open {}", path.display()))
}

impl Image {
    /// Reads a file. What begins like neither kind is read as a fwup archive, whose errors say what it should be.
    pub fn read(file: &mut File) -> Result<Self, ImageError> {
        if FirmwareKind::of(file).map_err(EspError::Io)? == Some(FirmwareKind::EspIdf) {
            return Ok(Self::EspIdf(esp_idf::describe(file)?));
        }
        let head = check::head(file)?;
        let meta = Meta::parse(&head.conf).map_err(CheckError::from)?;
        Ok(Self::Fwup(head, meta))
    }

    /// Its uuid.
    pub fn uuid(&self) -> String {
        match self {
            Self::Fwup(head, _) => keys::uuid(&head.conf),
            Self::EspIdf(d) => d.uuid.clone(),
        }
    }

    /// The product that it is built for.
    pub fn product(&self) -> Option<&str> {
        match self {
            Self::Fwup(_, meta) => meta.get("product"),
            Self::EspIdf(d) => Some(&d.product),
        }
    }

    /// Whether it is certain that the server refuses it for want of a signature.
    pub fn unsigned(&self) -> bool {
        matches!(self, Self::Fwup(head, _) if head.signature.is_none())
    }
}
