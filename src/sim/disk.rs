//! A simulated disk: extents at block offsets, files on FAT partitions, and a boot environment. Firmware is
//! applied by the task of its `meta.conf` that fits the environment, as fwup does it, and every hash is
//! checked. Equal contents of many devices are stored once.

use blake2::Digest as _;
use fwup::check::{self, Head};
use fwup::keys::{self, Blake2b256, PublicKey};
use fwup::meta::{DeltaSource, Length, Meta, OnResource, Resource, Sentence, Task};
use fwup::zip::{self, Member};
use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::sync::{Arc, Mutex, OnceLock, Weak};

/// Maximum bytes of one resource of a simulated device.
const RESOURCE_BYTES: u64 = 512 << 20;

type Content = Arc<Vec<u8>>;

/// Deduplicates contents by hash, so that a thousand devices with one image hold it once.
fn shared(hash: &str, content: Vec<u8>) -> Content {
    static KNOWN: OnceLock<Mutex<HashMap<String, Weak<Vec<u8>>>>> = OnceLock::new();
    let Ok(mut known) = KNOWN.get_or_init(Mutex::default).lock() else {
        return Arc::new(content);
    };
    known.retain(|_, w| w.strong_count() > 0);
    if let Some(same) = known.get(hash).and_then(Weak::upgrade) {
        return same;
    }
    let content = Arc::new(content);
    known.insert(hash.to_owned(), Arc::downgrade(&content));
    content
}

/// A simulated disk.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    extents: BTreeMap<u64, Content>,
    files: BTreeMap<(u64, String), Content>,
    env: BTreeMap<String, String>,
}

/// What the active slot runs, as the device reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// UUID of the firmware.
    pub uuid: String,
    /// Values of the `meta-*` keys.
    pub values: BTreeMap<String, String>,
}

impl Image {
    /// A value; empty when there is none.
    pub fn get(&self, key: &str) -> &str {
        self.values.get(key).map_or("", String::as_str)
    }
}

/// The result of writing a firmware to the inactive slot.
#[derive(Debug)]
pub struct Applied {
    /// The disk afterwards.
    pub disk: Disk,
    /// What the new slot runs.
    pub image: Image,
    /// Whether any resource was a delta.
    pub delta: bool,
}

impl Disk {
    /// Applies a firmware file by the first task whose name begins with `prefix` and whose conditions hold. If
    /// keys are given, one of them must have signed the file.
    ///
    /// # Errors
    /// What fwup would report. The disk is unchanged then.
    pub fn apply(&self, file: &[u8], prefix: &str, keys: &[PublicKey]) -> Result<Applied, String> {
        let mut file = Cursor::new(file);
        let head = check::head(&mut file).map_err(|e| e.to_string())?;
        if !keys.is_empty() {
            let signature = head.signature.ok_or("Expecting signed firmware archive")?;
            if !keys.iter().any(|k| k.signed(&head.conf, &signature)) {
                return Err("Signature does not match any key of this device".into());
            }
        }
        let meta = Meta::parse(&head.conf).map_err(|e| e.to_string())?;
        let uuid = keys::uuid(&head.conf);
        let task = self.choose(&meta, prefix)?;
        let mut next = self.clone();
        next.run(&task.on_init, &uuid);
        let delta = self.write(&mut next, &mut file, &head, &meta, task)?;
        next.run(&task.on_finish, &uuid);
        Ok(Applied {
            disk: next,
            image: Image {
                uuid,
                values: meta.values,
            },
            delta,
        })
    }

    fn choose<'m>(&self, meta: &'m Meta, prefix: &str) -> Result<&'m Task, String> {
        meta.tasks
            .iter()
            .filter(|t| t.name.starts_with(prefix))
            .find(|t| t.requires.iter().all(|r| self.holds(r)))
            .ok_or_else(|| format!("No task {prefix:?} fits this device's state"))
    }

    fn holds(&self, condition: &Sentence) -> bool {
        match condition
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["require-uboot-variable", _, name, value] => {
                self.env.get(*name).map(String::as_str) == Some(*value)
            }
            _ => false,
        }
    }

    fn run(&mut self, calls: &[Sentence], uuid: &str) {
        for call in calls {
            match call
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .as_slice()
            {
                ["uboot_clearenv", _] => self.env.clear(),
                ["uboot_setenv", _, name, value] => {
                    let value = value.replace("${FWUP_META_UUID}", uuid);
                    self.env.insert((*name).to_owned(), value);
                }
                _ => {}
            }
        }
    }

    /// Writes the resources in the order of the file. Returns true when any was a delta.
    fn write(
        &self,
        next: &mut Self,
        file: &mut Cursor<&[u8]>,
        head: &Head,
        meta: &Meta,
        task: &Task,
    ) -> Result<bool, String> {
        let mut delta = false;
        let mut written = 0;
        for member in head.members.iter().skip(head.before_resources) {
            let Some(r) = meta.resources.iter().find(|r| r.member() == member.name) else {
                continue;
            };
            let Some(on) = task.resources.iter().find(|on| on.name == r.name) else {
                continue;
            };
            let (content, patched) = self.content(file, member, r, on)?;
            delta |= patched;
            written += 1;
            for call in &on.calls {
                match call
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .as_slice()
                {
                    ["raw_write", offset, ..] => {
                        next.extents.insert(block(offset)?, content.clone());
                    }
                    ["fat_write", offset, name] => {
                        next.files
                            .insert((block(offset)?, (*name).to_owned()), content.clone());
                    }
                    _ => {}
                }
            }
        }
        if written < task.resources.len() {
            return Err("A resource of the task is not in the archive".into());
        }
        Ok(delta)
    }

    fn content(
        &self,
        file: &mut Cursor<&[u8]>,
        member: &Member,
        r: &Resource,
        on: &OnResource,
    ) -> Result<(Content, bool), String> {
        let raw = zip::unpack_small(file, member, RESOURCE_BYTES).map_err(|e| e.to_string())?;
        let (content, patched) = match r.length {
            Length::Whole(length) if member.size != length => {
                let source = self.source(on)?;
                let out = vcdiff::decode(&source, &raw, length).map_err(|e| e.to_string())?;
                (out, true)
            }
            _ => (raw, false),
        };
        let hash = hex::encode(Blake2b256::digest(&content));
        if hash != r.blake2b {
            return Err(format!("Detected blake2b digest mismatch on {}", r.name));
        }
        Ok((shared(&hash, content), patched))
    }

    /// The source of a delta of this resource. The whole extent is read; blocks beyond the count do not exist.
    fn source(&self, on: &OnResource) -> Result<Content, String> {
        let found = match &on.source {
            None => {
                return Err(format!(
                    "{} isn't the expected size: no delta source here",
                    on.name
                ));
            }
            Some(DeltaSource::Raw { offset, count }) => {
                let most = count.saturating_mul(512);
                self.extents.get(offset).filter(|c| c.len() as u64 <= most)
            }
            Some(DeltaSource::Fat { offset, path }) => self.files.get(&(*offset, path.clone())),
        };
        found
            .cloned()
            .ok_or_else(|| format!("Nothing to patch {} from", on.name))
    }
}

fn block(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no block offset"))
}
