//! `nervecenter firmware …`: works on firmware files offline. The commands that use a server are in `remote`.

use super::exit::Code;
use super::image::{Image, open};
use super::remote::firmware as rest;
use super::{output, runtime};
use crate::access::random;
use crate::firmware::esp_idf::{self, Description};
use crate::firmware::kind::FirmwareKind;
use crate::firmware::secure_boot::SecureBootKey;
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use fwup::check;
use fwup::keys::{self, PrivateKey, PublicKey};
use fwup::meta::features;
use fwup::write;
use serde_json::json;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Firmware files, and firmware on a server.
#[derive(Subcommand)]
pub(super) enum Firmware {
    /// Print what a firmware file says of itself.
    Inspect(Inspect),
    /// Check a firmware file as the server does at an upload.
    Verify(Verify),
    /// Sign a firmware file.
    Sign(Sign),
    /// Make a pair of signing keys.
    Keygen(Keygen),
    /// Upload signed firmware to a server, and release it if you say where.
    Publish(rest::Publish),
    /// List a product's firmware.
    List(rest::List),
    /// Download a firmware.
    Download(rest::Download),
    /// Delete a firmware that no release ever used.
    Delete(rest::Delete),
}

#[derive(Args)]
pub(super) struct Inspect {
    /// The file.
    file: PathBuf,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Verify {
    /// The file.
    file: PathBuf,
    /// File with a public key, of an ESP-IDF image in PEM; may be repeated.
    #[arg(short, long, required = true, value_name = "KEY.pub")]
    key: Vec<PathBuf>,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Sign {
    /// The file.
    file: PathBuf,
    /// File with the private key.
    #[arg(short, long, value_name = "KEY.priv")]
    key: PathBuf,
    /// Where to write the signed firmware.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Args)]
pub(super) struct Keygen {
    /// Writes PREFIX.pub and PREFIX.priv.
    #[arg(short, long, default_value = "fwup-key", value_name = "PREFIX")]
    output: PathBuf,
}

impl Firmware {
    pub(super) fn run(self) -> anyhow::Result<Code> {
        match self {
            Self::Inspect(c) => c.run(),
            Self::Verify(c) => c.run(),
            Self::Sign(c) => c.run(),
            Self::Keygen(c) => c.run(),
            Self::Publish(c) => runtime()?.block_on(c.run()),
            Self::List(c) => runtime()?.block_on(c.run()),
            Self::Download(c) => runtime()?.block_on(c.run()),
            Self::Delete(c) => runtime()?.block_on(c.run()),
        }
    }
}

fn bad(e: &dyn std::error::Error) -> Code {
    output::error(&e.to_string());
    Code::BadFirmware
}

impl Inspect {
    fn run(self) -> anyhow::Result<Code> {
        let (head, meta) = match Image::read(&mut open(&self.file)?) {
            Ok(Image::Fwup(head, meta)) => (head, meta),
            Ok(Image::EspIdf(image)) => return inspect_esp_idf(&image, self.json),
            Err(e) => return Ok(bad(&e)),
        };
        let (uuid, needs) = (keys::uuid(&head.conf), features(&meta));
        if self.json {
            let resources: Vec<_> = meta
                .resources
                .iter()
                .map(|r| json!({"name": r.name, "length": r.length.stored(), "blake2b-256": r.blake2b}))
                .collect();
            output::json(&json!({
                "uuid": uuid, "signed": head.signature.is_some(), "meta": meta.values,
                "delta_updatable": needs.delta_updatable,
                "full_fwup_version": needs.full.to_string(),
                "delta_fwup_version": needs.delta.to_string(),
                "resources": resources,
                "tasks": meta.tasks.iter().map(|t| &t.name).collect::<Vec<_>>(),
            }))?;
            return Ok(Code::Done);
        }
        for (key, value) in &meta.values {
            output::data(&format!("{key:16} {value}"));
        }
        output::data(&format!("{:16} {uuid}", "uuid"));
        output::data(&format!(
            "{:16} {}",
            "signed",
            if head.signature.is_some() {
                "yes"
            } else {
                "no"
            }
        ));
        let deltas = if needs.delta_updatable {
            format!("yes, from fwup {}", needs.delta)
        } else {
            "no: no resource has a delta source".into()
        };
        output::data(&format!("{:16} {deltas}", "deltas"));
        for r in &meta.resources {
            output::data(&format!(
                "{:16} {} ({} bytes)",
                "resource",
                r.name,
                r.length.stored()
            ));
        }
        Ok(Code::Done)
    }
}

impl Verify {
    fn run(self) -> anyhow::Result<Code> {
        let mut file = open(&self.file)?;
        let texts = self.key.iter().map(|path| {
            let text = std::fs::read(path);
            text.with_context(|| format!("could not read {}", path.display()))
        });
        let texts: Vec<Vec<u8>> = texts.collect::<anyhow::Result<_>>()?;
        let named = |n: usize| self.key.get(n).map(|p| p.display().to_string());
        let good = if FirmwareKind::of(&mut file)? == Some(FirmwareKind::EspIdf) {
            let mut keys = Vec::new();
            for (text, path) in texts.iter().zip(&self.key) {
                let key = SecureBootKey::parse(&String::from_utf8_lossy(text));
                keys.push(key.with_context(|| path.display().to_string())?);
            }
            match esp_idf::check(&mut file, &keys, false) {
                Ok(c) => {
                    let d = c.description;
                    let by = c.key.and_then(named);
                    (d.uuid, c.version, d.product, d.platform, d.architecture, by)
                }
                Err(e) => return Ok(bad(&e)),
            }
        } else {
            let mut keys = Vec::new();
            for (text, path) in texts.iter().zip(&self.key) {
                keys.push(PublicKey::parse(text).with_context(|| path.display().to_string())?);
            }
            match check::check(&mut file, &keys) {
                Ok(c) => {
                    let version = match c.semantic_version() {
                        Ok(version) => version,
                        Err(e) => return Ok(bad(&e)),
                    };
                    let by = named(c.key);
                    (c.uuid, version, c.product, c.platform, c.architecture, by)
                }
                Err(e) => return Ok(bad(&e)),
            }
        };
        let (uuid, version, product, platform, architecture, by) = good;
        let by = by.unwrap_or_default();
        if self.json {
            output::json(&json!({"uuid": uuid, "version": version.to_string(), "key": by}))?;
        } else {
            output::talk(&format!(
                "good: {product} {version} for {platform} {architecture}, signed by {by}"
            ));
        }
        Ok(Code::Done)
    }
}

fn inspect_esp_idf(image: &Description, json: bool) -> anyhow::Result<Code> {
    let version = esp_idf::version(&image.version).map(|v| v.to_string());
    let facts = json!({
        "uuid": image.uuid, "product": image.product, "version": version,
        "project_version": image.version, "platform": image.platform,
        "architecture": image.architecture, "idf_version": image.idf_version,
    });
    if json {
        output::json(&facts)?;
        return Ok(Code::Done);
    }
    for (key, value) in facts.as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or("none: PROJECT_VER is no version");
        output::data(&format!("{key:16} {value}"));
    }
    Ok(Code::Done)
}

impl Sign {
    fn run(self) -> anyhow::Result<Code> {
        let mut file = open(&self.file)?;
        if FirmwareKind::of(&mut file)? == Some(FirmwareKind::EspIdf) {
            output::error(
                "ESP-IDF images are signed with `espsecure sign-data --version 2 --keyfile KEY.pem`, before or in their build",
            );
            return Ok(Code::BadFirmware);
        }
        let text = std::fs::read(&self.key)
            .with_context(|| format!("could not read {}", self.key.display()))?;
        let key = PrivateKey::parse(&text).with_context(|| self.key.display().to_string())?;
        let head = match check::head(&mut file) {
            Ok(head) => head,
            Err(e) => return Ok(bad(&e)),
        };
        let folder = self.output.parent().filter(|p| !p.as_os_str().is_empty());
        let mut staged = tempfile::NamedTempFile::new_in(folder.unwrap_or(".".as_ref()))?;
        write::sign(&mut file, &head, &key, BufWriter::new(staged.as_file_mut()))?;
        staged
            .persist(&self.output)
            .with_context(|| format!("could not write {}", self.output.display()))?;
        output::talk(&format!("{} signed", self.output.display()));
        Ok(Code::Done)
    }
}

impl Keygen {
    fn run(self) -> anyhow::Result<Code> {
        let key = PrivateKey::from_seed(&random::<32>());
        let name = self.output.display().to_string();
        let (public, private) = (format!("{name}.pub"), format!("{name}.priv"));
        for path in [&public, &private] {
            if Path::new(path).exists() {
                bail!("{path} exists; choose another --output");
            }
        }
        let folder = self.output.parent().filter(|p| !p.as_os_str().is_empty());
        // A temporary file is readable only by its owner, and stays so when it is renamed.
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(".".as_ref()))?;
        file.write_all(key.text().as_bytes())?;
        file.persist_noclobber(&private)?;
        std::fs::write(&public, key.public().text())?;
        output::talk(&format!(
            "wrote {public} (register it) and {private} (keep it secret)"
        ));
        Ok(Code::Done)
    }
}
