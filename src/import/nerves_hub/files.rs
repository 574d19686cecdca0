//! Imports firmware and archives. A row is useless without its file, and each file is checked as at an upload,
//! so that no device gets what an upload would refuse.

use super::{Goods, ORPHAN, made_at, number, text};
use crate::access::scope::{Product, Scope};
use crate::blob::{BlobError, Blobs, FileKey, Staged};
use crate::clock::Micros;
use crate::domain::catalog::firmware_checks::{Digests, check_fwup, check_upload, semantic};
use crate::domain::{Result, blocking};
use crate::firmware::kind::FirmwareKind;
use crate::limits::IMPORT_FILES;
use crate::store::catalog::archives::{self, NewArchive};
use crate::store::catalog::files::FileKind;
use crate::store::catalog::firmwares::{self, NewFirmware};
use crate::store::catalog::keys::KeyRow;
use crate::store::{self, Write};
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Files by the UUID in their names, wherever in the folder they are: NervesHub's upload folder and a copy of
/// its bucket differ in their layout, but not in these names.
#[derive(Default)]
pub(super) struct Shelf(HashMap<String, PathBuf>);

impl Shelf {
    /// Lists the files of a folder.
    pub async fn of(folder: Option<&Path>) -> Result<Self> {
        let Some(folder) = folder.map(Path::to_owned) else {
            return Ok(Self::default());
        };
        let found = blocking(move || look_through(&folder)).await?;
        Ok(Self(found.map_err(BlobError::from)?))
    }
}

fn look_through(folder: &Path) -> io::Result<HashMap<String, PathBuf>> {
    let mut found = HashMap::new();
    let mut open = vec![folder.to_owned()];
    let mut seen = 0;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            seen += 1;
            if seen > IMPORT_FILES {
                let why = format!("there are more than {IMPORT_FILES} files in the folder");
                return Err(io::Error::other(why));
            }
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                open.push(path);
                continue;
            }
            let part = |p: Option<&std::ffi::OsStr>| p.and_then(|p| p.to_str()).map(str::to_owned);
            let (name, end) = (part(path.file_stem()), part(path.extension()));
            let ours = FirmwareKind::ALL
                .iter()
                .any(|k| end.as_deref() == Some(k.extension()));
            if let Some(name) = name.filter(|_| ours) {
                found.insert(name.to_lowercase(), path);
            }
        }
    }
    Ok(found)
}

/// The message for a missing file.
const NO_FILE: &str =
    "its file is not here: give the folder with the files by --files, or upload it again";

/// The kinds of rows that have a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried {
    Firmware,
    Archive,
}

/// The record of a file that passed the checks.
enum New {
    Firmware(NewFirmware),
    Archive(NewArchive),
}

impl New {
    fn uuid(&self) -> &str {
        match self {
            Self::Firmware(f) => &f.uuid,
            Self::Archive(a) => &a.uuid,
        }
    }

    fn checksum(&self) -> &str {
        match self {
            Self::Firmware(f) => &f.checksum,
            Self::Archive(a) => &a.checksum,
        }
    }

    async fn add(
        &self,
        w: &mut Write,
        scope: &Scope<Product>,
        file: &FileKey,
        now: Micros,
    ) -> store::Result<bool> {
        Ok(match self {
            Self::Firmware(f) => firmwares::add(w, scope, f, file, now).await?.is_some(),
            Self::Archive(a) => archives::add(w, scope, a, file, now).await?.is_some(),
        })
    }
}

/// Checks a file and, if it is to be kept, copies it to its staging place. A refusal is reported with the row.
fn read(
    what: Carried,
    path: &Path,
    blobs: Option<&Blobs>,
    keys: &[KeyRow],
    unsigned: bool,
) -> Result<(New, Option<Staged>)> {
    let mut there = File::open(path).map_err(BlobError::from)?;
    let mut staged = blobs.map(Blobs::stage).transpose()?;
    let file = match &mut staged {
        Some(staged) => {
            io::copy(&mut there, staged.file()).map_err(BlobError::from)?;
            staged.file()
        }
        None => &mut there,
    };
    let sums = Digests::of(file).map_err(BlobError::from)?;
    let new = match what {
        Carried::Firmware => {
            let kind = FirmwareKind::of(file).map_err(BlobError::from)?;
            let kind = kind.unwrap_or(FirmwareKind::Fwup);
            New::Firmware(check_upload(kind, file, keys, unsigned, &sums)?.versioned()?)
        }
        Carried::Archive => {
            let (checked, key) = check_fwup(file, keys)?;
            semantic(&checked.version)?;
            New::Archive(crate::domain::catalog::archives::record(
                &checked, key, &sums,
            ))
        }
    };
    Ok((new, staged))
}

impl Goods<'_> {
    /// Imports a firmware or archive, if it does not exist here yet and its file was found.
    pub(super) async fn good(&mut self, what: Carried, row: &Value) -> Result<()> {
        let (version, uuid) = (text(row, "version"), text(row, "uuid"));
        let (named, counted, kind) = match what {
            Carried::Firmware => ("firmware", "firmwares", FileKind::Firmware),
            Carried::Archive => ("archive", "archives", FileKind::Archive),
        };
        let refuse = |why: &str| format!("{named} {version} {uuid}: {why}");
        let Some(scope) = self.scopes.get(&number(row, "product_id")).cloned() else {
            self.report.leave(counted, 1, ORPHAN);
            return Ok(());
        };
        let commit = self.commits();
        let mut w = self.begin().await?;
        let known = self.here(&mut w, what, &scope, row).await?;
        self.end(w, commit).await?;
        if known {
            self.report.there(counted);
            return Ok(());
        }
        let Some(path) = self.shelf.0.get(uuid).cloned() else {
            self.report.skip(refuse(NO_FILE));
            return Ok(());
        };
        let keys = self.keys.get(&scope.product().org.id).cloned();
        let (keys, unsigned) = (keys.unwrap_or_default(), row["org_key_id"].is_null());
        let blobs = commit.then(|| self.blobs.clone());
        let read = move || read(what, &path, blobs.as_ref(), &keys, unsigned);
        let begun = Instant::now();
        let read = blocking(read).await?;
        self.reading += begun.elapsed();
        let (new, staged) = match read {
            Ok(read) => read,
            Err(why) => {
                self.report.skip(refuse(&why.to_string()));
                return Ok(());
            }
        };
        let sum = text(row, "checksum");
        if new.uuid() != uuid || !(sum.is_empty() || sum.eq_ignore_ascii_case(new.checksum())) {
            let why = "its file is another one than was uploaded there";
            self.report.skip(refuse(why));
            return Ok(());
        }
        let file = kind.new_key();
        if let Some(staged) = staged {
            self.blobs.put(staged, &file).await?;
        }
        let mut w = self.begin().await?;
        let at = made_at(row, self.now);
        if new.add(&mut w, &scope, &file, at).await? {
            self.here(&mut w, what, &scope, row).await?;
            self.report.made(counted);
        }
        self.end(w, commit).await
    }

    /// Whether it exists here. If so, it is remembered for the deployment groups.
    async fn here(
        &mut self,
        w: &mut Write,
        what: Carried,
        scope: &Scope<Product>,
        row: &Value,
    ) -> Result<bool> {
        let (product, uuid, there) = (scope.product().id, text(row, "uuid"), number(row, "id"));
        match what {
            Carried::Firmware => {
                let found = firmwares::by_uuid(w, product, uuid).await?;
                let known = found.is_some();
                self.firmwares.extend(found.map(|f| (there, f)));
                Ok(known)
            }
            Carried::Archive => {
                let found = archives::by_uuid(w, product, uuid).await?;
                let known = found.is_some();
                self.archives.extend(found.map(|a| (there, a.id)));
                Ok(known)
            }
        }
    }
}
