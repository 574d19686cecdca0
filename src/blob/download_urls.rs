//! Download links: on the host that the device dialled, or under `--download-url`. The path names the file and never
//! changes, so that a device's cache finds it again; signature and expiry are in the query (docs/protocol/device.md, "Downloads").

use crate::access::vault::Vault;
use crate::blob::Blob;
use crate::clock::Micros;
use crate::firmware::kind::FirmwareKind;
use crate::limits::LINK_LIFE;
use crate::store::catalog::archives::ArchiveRow;
use crate::store::catalog::files::FileRow;
use crate::store::catalog::firmwares::FirmwareRow;
use std::sync::Arc;

/// Makes and reads download links.
pub struct DownloadUrls {
    vault: Arc<Vault>,
    base: Option<String>,
    port: u16,
}

impl DownloadUrls {
    /// Links under `base`, or on the dialled host at `port`.
    pub fn new(vault: Arc<Vault>, base: Option<String>, port: u16) -> Self {
        Self {
            vault,
            base: base.map(|b| b.trim_end_matches('/').to_owned()),
            port,
        }
    }

    /// A link for a device that dialled `host` (a name, an IPv4 address or a bracketed IPv6 address, without a port).
    pub fn url(&self, host: &str, file: &StoredFileLink<'_>, now: Micros) -> String {
        let path = file.path();
        let expires = now.after(LINK_LIFE).secs();
        let signature = self.vault.sign_link(&path, expires);
        let base = match &self.base {
            Some(base) => base.clone(),
            None => format!("http://{host}:{}", self.port),
        };
        format!("{base}{path}?expires={expires}&signature={signature}")
    }

    /// The file that a signed, unexpired link names. Whether that is still the one that the link was made for is seen
    /// from [`StoredFileLink::path`] of what is stored there now.
    pub fn read(&self, path: &str, expires: i64, signature: &str, now: Micros) -> Option<Blob> {
        if now.secs() > expires || !self.vault.link_signed(path, expires, signature) {
            return None;
        }
        Blob::in_link(path.strip_prefix("/download/")?)
    }
}

/// What a link is good for: this content of the file under this number, and no other.
#[derive(Debug, Clone, Copy)]
pub struct StoredFileLink<'a> {
    blob: Blob,
    uuid: &'a str,
    checksum: &'a str,
    extension: &'static str,
}

impl<'a> StoredFileLink<'a> {
    /// `uuid` is the firmware's or archive's (for a delta, its target's), `checksum` the SHA-256 of what is sent in
    /// upper-case hex, `tool` is `fwup` or `esp-idf`.
    pub fn new(blob: Blob, uuid: &'a str, checksum: &'a str, tool: &str) -> Self {
        Self {
            blob,
            uuid,
            checksum,
            extension: FirmwareKind::stored(tool).extension(),
        }
    }

    /// A link to a stored file of any kind.
    pub fn file(f: &'a FileRow) -> Self {
        Self::new(f.blob, &f.uuid, &f.checksum, &f.tool)
    }

    /// A link to a firmware's own file.
    pub fn firmware(f: &'a FirmwareRow) -> Self {
        Self::new(Blob::Firmware(f.id), &f.uuid, &f.checksum, &f.tool)
    }

    /// A link to an archive.
    pub fn archive(a: &'a ArchiveRow) -> Self {
        let tool = FirmwareKind::Fwup.name();
        Self::new(Blob::Archive(a.id), &a.uuid, &a.checksum, tool)
    }

    /// The path: the same for the same bytes, so that a device finds what it has cached, and another one for others. A
    /// cache goes by the last part alone.
    pub fn path(&self) -> String {
        let Self {
            blob,
            uuid,
            extension,
            ..
        } = self;
        let sum: String = self.checksum.chars().take(16).collect();
        let sum = sum.to_lowercase();
        match blob {
            Blob::Firmware(id) => {
                format!("/download/firmware/{id}/{id}-{uuid}-{sum}.{extension}")
            }
            // Clients of archives name their file after the last part (docs/protocol/device.md, "Archives").
            Blob::Archive(id) => format!("/download/archive/{id}/{sum}/{uuid}.{extension}"),
            Blob::Delta(a, b) => {
                format!("/download/delta/{a}/{b}/{a}-{b}-{uuid}-{sum}.delta.{extension}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::FirmwareId;

    fn links() -> DownloadUrls {
        DownloadUrls::new(Arc::new(Vault::new(&[1; 32])), None, 4002)
    }

    fn linked(blob: Blob, checksum: &'static str) -> StoredFileLink<'static> {
        StoredFileLink::new(blob, "u", checksum, "fwup")
    }

    fn parts(url: &str) -> (String, i64, String) {
        let (address, query) = url.split_once('?').unwrap();
        let path = address.strip_prefix("http://h:4002").unwrap().to_owned();
        let (e, s) = query.split_once('&').unwrap();
        let expires = e.strip_prefix("expires=").unwrap().parse().unwrap();
        (
            path,
            expires,
            s.strip_prefix("signature=").unwrap().to_owned(),
        )
    }

    #[test]
    fn a_link_names_its_file_for_two_days_and_no_other() {
        let (links, now) = (links(), Micros(1_700_000_000_000_000));
        let blob = Blob::Delta(FirmwareId::from(3), FirmwareId::from(4));
        let (path, expires, signature) = parts(&links.url("h", &linked(blob, "AB12"), now));
        assert_eq!(links.read(&path, expires, &signature, now), Some(blob));
        let late = now.after(LINK_LIFE);
        assert_eq!(links.read(&path, expires, &signature, late), Some(blob));
        assert_eq!(
            links.read(&path, expires, &signature, Micros(late.0 + 1_000_000)),
            None
        );
        assert_eq!(links.read(&path, expires + 1, &signature, now), None);
        assert_eq!(
            links.read(&path.replace('3', "5"), expires, &signature, now),
            None
        );
    }

    #[test]
    fn the_path_is_the_same_for_the_same_file_and_its_last_part_differs_for_others() {
        let links = links();
        let last_of = |blob, sum, at| {
            let (path, ..) = parts(&links.url("h", &linked(blob, sum), Micros(at)));
            path.rsplit('/').next().unwrap().to_owned()
        };
        let last = |blob, at| last_of(blob, "AB12", at);
        let full = Blob::Firmware(FirmwareId::from(4));
        assert_eq!(last(full, 0), last(full, 9_000_000_000));
        assert_ne!(last(full, 0), last(Blob::Firmware(FirmwareId::from(5)), 0));
        // A delta that was made anew may have other bytes.
        let delta = Blob::Delta(FirmwareId::from(3), FirmwareId::from(4));
        assert_ne!(last_of(delta, "AB12", 0), last_of(delta, "AB13", 0));
        assert_ne!(
            last(full, 0),
            last(Blob::Delta(FirmwareId::from(3), FirmwareId::from(4)), 0)
        );
    }
}
