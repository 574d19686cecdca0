//! Which kind of firmware a file is.

use super::esp_idf;
use std::io::{self, Read, Seek, SeekFrom};

/// A kind of firmware; what NervesHub calls an update tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirmwareKind {
    /// A fwup archive, `.fw`.
    Fwup,
    /// An ESP-IDF application image, `.bin`.
    EspIdf,
}

impl FirmwareKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Fwup, Self::EspIdf];

    /// The name that is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fwup => "fwup",
            Self::EspIdf => "esp-idf",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }

    /// The kind of a stored firmware; what this version does not know is handled as what every version does.
    pub fn stored(name: &str) -> Self {
        Self::named(name).unwrap_or(Self::Fwup)
    }

    /// What its files end with, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Fwup => "fw",
            Self::EspIdf => "bin",
        }
    }

    /// The kind of a file, by how it begins (docs/protocol/firmware.md, "Kinds of files"). A file of neither kind is none.
    ///
    /// # Errors
    /// The disk's.
    pub fn of<R: Read + Seek>(file: &mut R) -> io::Result<Option<Self>> {
        file.seek(SeekFrom::Start(0))?;
        let mut head = Vec::with_capacity(esp_idf::HEAD);
        let bytes = esp_idf::HEAD as u64;
        file.by_ref().take(bytes).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(if head.starts_with(b"PK\x03\x04") {
            Some(Self::Fwup)
        } else if esp_idf::recognised(&head) {
            Some(Self::EspIdf)
        } else {
            None
        })
    }
}
