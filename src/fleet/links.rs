//! Download links: on the host that the device dialled, or under `--download-url`. The path names the file and never
//! changes, so that a device's cache finds it again; signature and expiry are in the query (device-protocol 5).

use crate::access::vault::Vault;
use crate::blob::Blob;
use crate::clock::Micros;
use crate::ids::{ArchiveId, FirmwareId};
use crate::limits::LINK_LIFE;
use std::sync::Arc;

/// Makes and reads download links.
pub struct Links {
    vault: Arc<Vault>,
    base: Option<String>,
    port: u16,
}

impl Links {
    /// Links under `base`, or on the dialled host at `port`.
    pub fn new(vault: Arc<Vault>, base: Option<String>, port: u16) -> Self {
        Self {
            vault,
            base: base.map(|b| b.trim_end_matches('/').to_owned()),
            port,
        }
    }

    /// A link for a device that dialled `host` (a name, an IPv4 address or a bracketed IPv6 address, without a port);
    /// `extension` is what the file ends with.
    pub fn url(&self, host: &str, blob: Blob, uuid: &str, extension: &str, now: Micros) -> String {
        let path = path(blob, uuid, extension);
        let expires = now.after(LINK_LIFE).secs();
        let signature = self.vault.sign_link(&path, expires);
        let base = match &self.base {
            Some(base) => base.clone(),
            None => format!("http://{host}:{}", self.port),
        };
        format!("{base}{path}?expires={expires}&signature={signature}")
    }

    /// The file that a signed, unexpired link names.
    pub fn read(&self, path: &str, expires: i64, signature: &str, now: Micros) -> Option<Blob> {
        if now.secs() > expires || !self.vault.link_signed(path, expires, signature) {
            return None;
        }
        let mut parts = path.strip_prefix("/download/")?.split('/');
        let number = |p: Option<&str>| p?.parse::<i64>().ok().map(FirmwareId);
        match parts.next()? {
            "firmware" => Some(Blob::Firmware(number(parts.next())?)),
            "delta" => Some(Blob::Delta(number(parts.next())?, number(parts.next())?)),
            "archive" => Some(Blob::Archive(ArchiveId(parts.next()?.parse().ok()?))),
            _ => None,
        }
    }
}

fn path(blob: Blob, uuid: &str, extension: &str) -> String {
    match blob {
        Blob::Firmware(id) => format!("/download/firmware/{id}/{id}-{uuid}.{extension}"),
        // Clients of archives name their file after the last part (device-protocol 3.2).
        Blob::Archive(id) => format!("/download/archive/{id}/{uuid}.{extension}"),
        Blob::Delta(a, b) => format!("/download/delta/{a}/{b}/{a}-{b}-{uuid}.delta.{extension}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        Links::new(Arc::new(Vault::new(&[1; 32])), None, 4002)
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
        let blob = Blob::Delta(FirmwareId(3), FirmwareId(4));
        let (path, expires, signature) = parts(&links.url("h", blob, "u", "fw", now));
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
        let last = |blob, at| {
            let (path, ..) = parts(&links.url("h", blob, "u", "fw", Micros(at)));
            path.rsplit('/').next().unwrap().to_owned()
        };
        let full = Blob::Firmware(FirmwareId(4));
        assert_eq!(last(full, 0), last(full, 9_000_000_000));
        assert_ne!(last(full, 0), last(Blob::Firmware(FirmwareId(5)), 0));
        assert_ne!(
            last(full, 0),
            last(Blob::Delta(FirmwareId(3), FirmwareId(4)), 0)
        );
    }
}
