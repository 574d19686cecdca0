//! File transfers through a terminal and their size limits. The server stores none of the files.

use super::Blocked;
use crate::limits::{CHUNK_BYTES, TRANSFER_BYTES, TRANSFERS};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::HashMap;

/// The transfers in progress in one direction, with the number of bytes so far.
#[derive(Debug, Default)]
pub(super) struct Transfers(HashMap<String, usize>);

impl Transfers {
    /// Checks whether a transfer event may be passed on.
    ///
    /// # Errors
    /// [`Blocked::BadTransfer`] for a name that could leave its folder or a chunk of a transfer that was not
    /// started; [`Blocked::TooLarge`] for too many bytes.
    pub(super) fn check(&mut self, event: &str, payload: &Value) -> Result<(), Blocked> {
        let name = payload["filename"].as_str().ok_or(Blocked::BadTransfer)?;
        match event {
            "file-data/start" if !safe(name) => Err(Blocked::BadTransfer),
            "file-data/start" => {
                if self.0.len() >= TRANSFERS && !self.0.contains_key(name) {
                    return Err(Blocked::BadTransfer);
                }
                self.0.insert(name.to_owned(), 0);
                Ok(())
            }
            "file-data" => {
                let so_far = self.0.get_mut(name).ok_or(Blocked::BadTransfer)?;
                let data = payload["data"].as_str().unwrap_or_default();
                let chunk = STANDARD.decode(data).map_err(|_| Blocked::BadTransfer)?;
                if chunk.len() > CHUNK_BYTES {
                    return Err(Blocked::BadTransfer);
                }
                *so_far += chunk.len();
                if *so_far > TRANSFER_BYTES {
                    self.0.remove(name);
                    return Err(Blocked::TooLarge);
                }
                Ok(())
            }
            _ => self.0.remove(name).map(drop).ok_or(Blocked::BadTransfer),
        }
    }
}

/// Whether a file name stays in its folder on both ends.
fn safe(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !matches!(name, "." | "..")
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_file_starts_grows_to_its_bound_and_ends() {
        let mut t = Transfers::default();
        let file = json!({"filename": "a.bin", "data": STANDARD.encode([0u8; 1024])});
        assert_eq!(t.check("file-data", &file), Err(Blocked::BadTransfer));
        assert_eq!(t.check("file-data/start", &file), Ok(()));
        for _ in 0..TRANSFER_BYTES / 1024 {
            assert_eq!(t.check("file-data", &file), Ok(()));
        }
        assert_eq!(t.check("file-data", &file), Err(Blocked::TooLarge));
        assert_eq!(t.check("file-data/stop", &file), Err(Blocked::BadTransfer));
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        let mut t = Transfers::default();
        for bad in ["", ".", "..", "../x", "/etc/passwd", "a\\b", "a\nb"] {
            let start = json!({ "filename": bad });
            assert_eq!(
                t.check("file-data/start", &start),
                Err(Blocked::BadTransfer),
                "{bad:?}"
            );
        }
        assert_eq!(
            t.check("file-data/start", &json!({})),
            Err(Blocked::BadTransfer)
        );
    }
}
