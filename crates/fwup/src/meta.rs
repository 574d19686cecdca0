//! The content of a `meta.conf`: metadata, resources, tasks, and the fwup versions that they need.

use crate::conf::{self, ConfError, Node};
use semver::Version;
use std::collections::BTreeMap;

/// Why a `meta.conf` is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    /// A syntax error.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The text is not UTF-8.
    #[error("meta.conf is not UTF-8 text")]
    NotText,
    /// A section or number that is not valid.
    #[error("meta.conf: {0}")]
    Bad(String),
}

/// The length of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Length {
    /// A plain resource of this many bytes.
    Whole(u64),
    /// A sparse resource: lengths of data and holes in turn. The zip member contains only the data.
    Sparse(Vec<u64>),
}

impl Length {
    /// The number of bytes in the zip member.
    pub fn stored(&self) -> u64 {
        match self {
            Self::Whole(n) => *n,
            Self::Sparse(parts) => parts
                .iter()
                .step_by(2)
                .fold(0u64, |sum, n| sum.saturating_add(*n)),
        }
    }
}

/// A file inside the firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name in tasks. The zip member is `data/NAME`.
    pub name: String,
    /// Its length.
    pub length: Length,
    /// BLAKE2b-256 in lower-case hex.
    pub blake2b: String,
}

impl Resource {
    /// The name of its zip member.
    pub fn member(&self) -> String {
        match self.name.strip_prefix('/') {
            Some(root) => root.to_owned(),
            None => format!("data/{}", self.name),
        }
    }
}

/// One call in a `funlist` or `reqlist`: the function and its arguments.
pub type Sentence = Vec<String>;

/// Where a delta finds its source on the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeltaSource {
    /// Blocks of the disk.
    Raw {
        /// First block.
        offset: u64,
        /// Number of blocks.
        count: u64,
    },
    /// A file on a FAT partition.
    Fat {
        /// The partition's first block.
        offset: u64,
        /// Path of the file.
        path: String,
    },
}

/// What a task does with a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnResource {
    /// Name of the resource.
    pub name: String,
    /// The calls that the task makes.
    pub calls: Vec<Sentence>,
    /// Where a delta finds its source; `None` when a delta cannot be applied.
    pub source: Option<DeltaSource>,
    /// `delta-source-raw-options`: how the source is decrypted. It contains secrets and is never logged.
    pub options: Option<String>,
}

/// A task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// Name, for example `upgrade.a`.
    pub name: String,
    /// The conditions for choosing the task.
    pub requires: Vec<Sentence>,
    /// Calls before the resources.
    pub on_init: Vec<Sentence>,
    /// Calls after the resources.
    pub on_finish: Vec<Sentence>,
    /// Actions for each resource, in file order.
    pub resources: Vec<OnResource>,
}

/// A complete `meta.conf`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// `meta-*` keys without the prefix; empty values are left out.
    pub values: BTreeMap<String, String>,
    /// `require-fwup-version`.
    pub requires_fwup: Option<String>,
    /// Resources in file order, in which the device writes them.
    pub resources: Vec<Resource>,
    /// Tasks in file order. The first one that fits is run.
    pub tasks: Vec<Task>,
}

impl Meta {
    /// Parses the bytes of a `meta.conf`.
    ///
    /// # Errors
    /// A syntax error, or values that are not valid.
    pub fn parse(raw: &[u8]) -> Result<Self, MetaError> {
        let text = std::str::from_utf8(raw).map_err(|_| MetaError::NotText)?;
        let mut meta = Self::default();
        for node in conf::parse(text)? {
            match node {
                Node::Value { key, values } => meta.value(&key, values)?,
                Node::Section { kind, title, nodes } => match kind.as_str() {
                    "file-resource" => meta.resource(title, nodes)?,
                    "task" => meta.tasks.push(task(title, nodes)?),
                    _ => {}
                },
            }
        }
        Ok(meta)
    }

    /// The value of a `meta-*` key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    fn value(&mut self, key: &str, values: Vec<String>) -> Result<(), MetaError> {
        let first = values.into_iter().next().unwrap_or_default();
        if first.contains('\0') {
            return Err(MetaError::Bad(format!("{key} holds a zero byte")));
        }
        if key == "require-fwup-version" {
            if lenient(&first).is_none() {
                return Err(MetaError::Bad(format!(
                    "require-fwup-version {first:?} is not a version such as 1.10.0; fwup refuses the file"
                )));
            }
            self.requires_fwup = Some(first);
        } else if let Some(name) = key.strip_prefix("meta-") {
            if matches!(name, "uuid" | "nickname") {
                return Err(MetaError::Bad(format!(
                    "{key} is computed and cannot be set"
                )));
            }
            if first.is_empty() {
                self.values.remove(name);
            } else {
                self.values.insert(name.to_owned(), first);
            }
        }
        Ok(())
    }

    fn resource(&mut self, name: String, nodes: Vec<Node>) -> Result<(), MetaError> {
        if self.resources.iter().any(|r| r.name == name) {
            return Err(MetaError::Bad(format!(
                "file-resource {name:?} is there twice"
            )));
        }
        let mut length = Length::Whole(0);
        let mut blake2b = None;
        for node in nodes {
            let Node::Value { key, values } = node else {
                continue;
            };
            match key.as_str() {
                "length" => {
                    let numbers = values
                        .iter()
                        .map(|v| number(v, &name))
                        .collect::<Result<Vec<_>, _>>()?;
                    length = match numbers.as_slice() {
                        [one] => Length::Whole(*one),
                        parts if parts.len() <= 256 => Length::Sparse(numbers),
                        _ => {
                            return Err(MetaError::Bad(format!(
                                "file-resource {name:?} has more than 256 lengths"
                            )));
                        }
                    };
                }
                "blake2b-256" => blake2b = values.into_iter().next(),
                _ => {}
            }
        }
        let blake2b = blake2b
            .filter(|h| h.len() == 64 && h.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
            .ok_or_else(|| {
                MetaError::Bad(format!(
                    "file-resource {name:?} has no blake2b-256 of 64 lower-case hex digits; make the file with fwup 0.3 or later"
                ))
            })?;
        self.resources.push(Resource {
            name,
            length,
            blake2b,
        });
        Ok(())
    }
}

fn number(text: &str, of: &str) -> Result<u64, MetaError> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| MetaError::Bad(format!("{of:?} has {text:?} where a number belongs")))
}

fn task(name: String, nodes: Vec<Node>) -> Result<Task, MetaError> {
    let mut task = Task {
        name,
        ..Task::default()
    };
    for node in nodes {
        match node {
            Node::Value { key, values } if key == "reqlist" => {
                task.requires = sentences(values, &task.name)?;
            }
            Node::Value { .. } => {}
            Node::Section { kind, title, nodes } => match kind.as_str() {
                "on-init" => task.on_init = calls(nodes, &task.name)?,
                "on-finish" => task.on_finish = calls(nodes, &task.name)?,
                "on-resource" => task.resources.push(on_resource(title, nodes)?),
                _ => {}
            },
        }
    }
    Ok(task)
}

fn calls(nodes: Vec<Node>, of: &str) -> Result<Vec<Sentence>, MetaError> {
    for node in nodes {
        if let Node::Value { key, values } = node
            && key == "funlist"
        {
            return sentences(values, of);
        }
    }
    Ok(Vec::new())
}

/// Splits a flat list: for each call the number of words, then the words.
fn sentences(words: Vec<String>, of: &str) -> Result<Vec<Sentence>, MetaError> {
    let mut found = Vec::new();
    let mut rest = words.into_iter();
    while let Some(count) = rest.next() {
        let count = number(&count, of)?;
        let mut sentence = Vec::new();
        for _ in 0..count {
            sentence.push(rest.next().ok_or_else(|| {
                MetaError::Bad(format!("{of:?} has a funlist that ends inside a call"))
            })?);
        }
        found.push(sentence);
    }
    Ok(found)
}

fn on_resource(name: String, nodes: Vec<Node>) -> Result<OnResource, MetaError> {
    let mut calls = Vec::new();
    let mut options = None;
    let mut raw = (None, None);
    let mut fat = (None, None);
    for node in nodes {
        let Node::Value { key, values } = node else {
            continue;
        };
        if key == "funlist" {
            calls = sentences(values, &name)?;
            continue;
        }
        let Some(first) = values.into_iter().next() else {
            continue;
        };
        match key.as_str() {
            "delta-source-raw-offset" => raw.0 = Some(number(&first, &name)?),
            "delta-source-raw-count" => raw.1 = Some(number(&first, &name)?),
            "delta-source-raw-options" => options = Some(first),
            "delta-source-fat-offset" => fat.0 = Some(number(&first, &name)?),
            "delta-source-fat-path" => fat.1 = Some(first),
            _ => {}
        }
    }
    let source = match (raw, fat) {
        ((Some(offset), Some(count)), _) => Some(DeltaSource::Raw { offset, count }),
        (_, (Some(offset), Some(path))) => Some(DeltaSource::Fat { offset, path }),
        _ => None,
    };
    Ok(OnResource {
        name,
        calls,
        source,
        options,
    })
}

/// Which deltas a firmware accepts, and what it requires of the device's fwup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// Whether any resource of any task accepts a delta.
    pub delta_updatable: bool,
    /// The oldest fwup that can apply the full file.
    pub full: Version,
    /// The oldest fwup that can apply a delta.
    pub delta: Version,
}

impl OnResource {
    fn encrypts(&self) -> bool {
        self.calls.iter().any(|c| {
            c.first().is_some_and(|f| f == "raw_write")
                && c.iter().any(|w| w.starts_with("cipher="))
        })
    }

    fn aes_xts(&self) -> bool {
        self.calls
            .iter()
            .flatten()
            .any(|w| w.starts_with("cipher=aes-xts"))
            || self
                .options
                .as_deref()
                .is_some_and(|o| o.contains("cipher=aes-xts"))
    }

    /// Whether a delta can be applied: there is a source and a matching write and, if that write encrypts, a
    /// way to decrypt the source.
    pub fn takes_delta(&self) -> bool {
        let writes = |name: &str| {
            self.calls
                .iter()
                .any(|c| c.first().is_some_and(|f| f == name))
        };
        match &self.source {
            None => false,
            Some(DeltaSource::Fat { .. }) => writes("fat_write"),
            Some(DeltaSource::Raw { .. }) => {
                let readable = self
                    .options
                    .as_deref()
                    .is_some_and(|o| o.contains("cipher=") && o.contains("secret="));
                writes("raw_write") && (!self.encrypts() || readable)
            }
        }
    }
}

/// The features of a firmware. `require-fwup-version` applies to the full file and to deltas.
pub fn features(meta: &Meta) -> Features {
    let required = meta
        .requires_fwup
        .as_deref()
        .and_then(lenient)
        .unwrap_or(Version::new(0, 2, 0));
    let mut full = required.clone();
    let mut delta = required.max(Version::new(1, 6, 0));
    let mut delta_updatable = false;
    for on in meta.tasks.iter().flat_map(|t| &t.resources) {
        if on.encrypts() {
            full = full.max(Version::new(1, 5, 0));
        }
        if on.aes_xts() {
            full = full.max(Version::new(1, 16, 0));
            delta = delta.max(Version::new(1, 16, 0));
        }
        if !on.takes_delta() {
            continue;
        }
        delta_updatable = true;
        if matches!(on.source, Some(DeltaSource::Fat { .. })) {
            delta = delta.max(Version::new(1, 10, 0));
        }
        if on.options.is_some() {
            delta = delta.max(Version::new(1, 13, 0));
        }
    }
    let delta = delta.max(full.clone());
    Features {
        delta_updatable,
        full,
        delta,
    }
}

/// Parses a version with one to three numeric parts and an optional suffix.
pub fn lenient(text: &str) -> Option<Version> {
    let text = text.trim().trim_start_matches(['v', 'V']);
    if let Ok(v) = Version::parse(text) {
        return Some(v);
    }
    let mut parts = text.split('.').map(|p| p.parse::<u64>().ok());
    let major = parts.next()??;
    let minor = parts.next().unwrap_or(Some(0))?;
    let patch = parts.next().unwrap_or(Some(0))?;
    Some(Version::new(major, minor, patch))
}

/// Whether a device runs this task for an upgrade.
pub fn upgrades(task: &Task) -> bool {
    task.name == "upgrade" || task.name.starts_with("upgrade.")
}
