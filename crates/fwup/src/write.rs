//! Writes fwup files: a zip with true sizes in its local headers (by which a device distinguishes a delta from
//! a whole resource: the documentation of fwup), a `meta.conf` for two slots, and the signature over it.

use crate::keys::{Blake2b256, PrivateKey};
use crate::zip::{Member, Method};
use blake2::Digest as _;
use flate2::{Compression, write::DeflateEncoder};
use std::fmt::Write as _;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Writes a zip from front to back.
pub struct ZipWriter<W> {
    out: W,
    at: u64,
    directory: Vec<u8>,
    members: u16,
}

impl<W: Write> ZipWriter<W> {
    /// Writes to `out` from its present position, which counts as the start of the archive.
    pub fn new(out: W) -> Self {
        Self {
            out,
            at: 0,
            directory: Vec::new(),
            members: 0,
        }
    }

    /// Adds a member, deflated unless that does not make it smaller.
    ///
    /// # Errors
    /// An error of `out`, or a member that needs zip64.
    pub fn add(&mut self, name: &str, content: &[u8], level: u32) -> io::Result<()> {
        let crc = crc32fast::hash(content);
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::new(level));
        packer.write_all(content)?;
        let packed = packer.finish()?;
        let (method, data) = if packed.len() < content.len() {
            (8, packed.as_slice())
        } else {
            (0, content)
        };
        self.header(name, method, crc, data.len() as u64, content.len() as u64)?;
        self.out.write_all(data)?;
        self.at += data.len() as u64;
        Ok(())
    }

    /// Copies a member of another archive without unpacking it.
    ///
    /// # Errors
    /// An error of reading or writing.
    pub fn copy<R: Read + Seek>(&mut self, from: &mut R, m: &Member) -> io::Result<()> {
        let method = match m.method {
            Method::Stored => 0,
            Method::Deflated => 8,
        };
        self.header(&m.name, method, m.crc, m.packed, m.size)?;
        from.seek(SeekFrom::Start(m.data))?;
        let copied = io::copy(&mut from.take(m.packed), &mut self.out)?;
        if copied != m.packed {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += copied;
        Ok(())
    }

    fn header(
        &mut self,
        name: &str,
        method: u16,
        crc: u32,
        packed: u64,
        size: u64,
    ) -> io::Result<()> {
        let small = |n: u64| u32::try_from(n).map_err(|_| io::Error::other("a member above 4 GiB"));
        let (offset, packed, size) = (small(self.at)?, small(packed)?, small(size)?);
        let length = u16::try_from(name.len()).map_err(|_| io::Error::other("name too long"))?;
        // Version 2.0, no flags, 1980-01-01: equal input gives equal bytes.
        let mut common = Vec::with_capacity(26);
        for field in [20u16, 0, method, 0, 0x0021] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        for field in [crc, packed, size] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        common.extend_from_slice(&length.to_le_bytes());
        common.extend_from_slice(&0u16.to_le_bytes());
        self.out.write_all(&0x0403_4b50u32.to_le_bytes())?;
        self.out.write_all(&common)?;
        self.out.write_all(name.as_bytes())?;
        self.at += 4 + common.len() as u64 + name.len() as u64;
        self.directory
            .extend_from_slice(&0x0201_4b50u32.to_le_bytes());
        self.directory.extend_from_slice(&0x0314u16.to_le_bytes());
        self.directory.extend_from_slice(&common);
        for field in [0u16, 0, 0] {
            self.directory.extend_from_slice(&field.to_le_bytes());
        }
        self.directory
            .extend_from_slice(&(0o100_644u32 << 16).to_le_bytes());
        self.directory.extend_from_slice(&offset.to_le_bytes());
        self.directory.extend_from_slice(name.as_bytes());
        self.members = self
            .members
            .checked_add(1)
            .ok_or_else(|| io::Error::other("too many members"))?;
        Ok(())
    }

    /// Writes the central directory. Returns the size of the whole archive in bytes.
    pub fn finish(mut self) -> io::Result<u64> {
        let too_large = |_| io::Error::other("an archive above 4 GiB");
        let offset = u32::try_from(self.at).map_err(too_large)?;
        let size = u32::try_from(self.directory.len()).map_err(too_large)?;
        self.out.write_all(&self.directory)?;
        let mut end = Vec::with_capacity(22);
        end.extend_from_slice(&0x0605_4b50u32.to_le_bytes());
        for field in [0u16, 0, self.members, self.members] {
            end.extend_from_slice(&field.to_le_bytes());
        }
        end.extend_from_slice(&size.to_le_bytes());
        end.extend_from_slice(&offset.to_le_bytes());
        end.extend_from_slice(&0u16.to_le_bytes());
        self.out.write_all(&end)?;
        self.out.flush()?;
        Ok(self.at + u64::from(size) + 22)
    }
}

/// A firmware for a device with two root file system slots, laid out as in the Nerves systems.
#[derive(Debug, Clone)]
pub struct Recipe<'a> {
    /// `meta-product`.
    pub product: &'a str,
    /// `meta-version`.
    pub version: &'a str,
    /// `meta-platform`.
    pub platform: &'a str,
    /// `meta-architecture`.
    pub architecture: &'a str,
    /// First block of slot a.
    pub slot_a: u64,
    /// First block of slot b.
    pub slot_b: u64,
    /// Number of blocks of each slot.
    pub blocks: u64,
    /// The root file system.
    pub rootfs: &'a [u8],
    /// A file that only the first installation writes, so that a delta has something to leave out.
    pub boot: &'a [u8],
}

/// Quotes a value as fwup 1.14 and later do: not at all when every byte is harmless.
fn quoted(value: &str) -> String {
    let bare = !value.is_empty()
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    if bare {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn resource(conf: &mut String, name: &str, content: &[u8]) {
    let hash = hex::encode(Blake2b256::digest(content));
    let _ = writeln!(
        conf,
        "file-resource {} {{\nlength={}\nblake2b-256={hash}\n}}",
        format_args!("\"{name}\""),
        content.len()
    );
}

fn upgrade(conf: &mut String, from: (&str, u64), to: (&str, u64), r: &Recipe<'_>) {
    let env = "\"uboot-env\"";
    let set =
        |key: &str, value: &str| format!("4,uboot_setenv,{env},{},{}", quoted(key), quoted(value));
    let slot = to.0;
    let calls = [
        set(&format!("{slot}.nerves_fw_version"), r.version),
        set(&format!("{slot}.nerves_fw_platform"), r.platform),
        set(&format!("{slot}.nerves_fw_architecture"), r.architecture),
        set(&format!("{slot}.nerves_fw_product"), r.product),
        set(&format!("{slot}.nerves_fw_uuid"), "${FWUP_META_UUID}"),
        set("nerves_fw_active", slot),
    ];
    let _ = writeln!(
        conf,
        "task \"upgrade.{slot}\" {{\nreqlist={{4,\"require-uboot-variable\",{env},nerves_fw_active,{}}}\n\
         on-finish {{\nfunlist={{{}}}\n}}\non-resource \"rootfs.img\" {{\ndelta-source-raw-offset={}\n\
         delta-source-raw-count={}\nfunlist={{2,raw_write,{}}}\n}}\n}}",
        from.0,
        calls.join(","),
        from.1,
        r.blocks,
        to.1
    );
}

/// The text of a recipe's `meta.conf`.
pub fn meta_conf(r: &Recipe<'_>) -> String {
    let mut conf = String::new();
    for (key, value) in [
        ("meta-product", r.product),
        ("meta-version", r.version),
        ("meta-platform", r.platform),
        ("meta-architecture", r.architecture),
    ] {
        let _ = writeln!(conf, "{key}={}", quoted(value));
    }
    let _ = writeln!(conf, "require-fwup-version=1.0.0");
    resource(&mut conf, "rootfs.img", r.rootfs);
    resource(&mut conf, "boot.bin", r.boot);
    let _ = writeln!(
        conf,
        "task \"complete\" {{\non-init {{\nfunlist={{4,uboot_setenv,\"uboot-env\",nerves_fw_active,a}}\n}}\n\
         on-resource \"rootfs.img\" {{\nfunlist={{2,raw_write,{}}}\n}}\n\
         on-resource \"boot.bin\" {{\nfunlist={{2,raw_write,64}}\n}}\n}}",
        r.slot_a
    );
    upgrade(&mut conf, ("b", r.slot_b), ("a", r.slot_a), r);
    upgrade(&mut conf, ("a", r.slot_a), ("b", r.slot_b), r);
    let _ = writeln!(
        conf,
        "uboot-environment \"uboot-env\" {{\nblock-offset=16\nblock-count=16\n}}"
    );
    conf
}

/// Writes a signed firmware file. Returns its size in bytes.
pub fn firmware(out: impl Write, r: &Recipe<'_>, key: &PrivateKey, level: u32) -> io::Result<u64> {
    let conf = meta_conf(r);
    let mut zip = ZipWriter::new(out);
    zip.add("meta.conf.ed25519", &key.sign(conf.as_bytes()), 0)?;
    zip.add("meta.conf", conf.as_bytes(), 9)?;
    zip.add("data/rootfs.img", r.rootfs, level)?;
    zip.add("data/boot.bin", r.boot, level)?;
    zip.finish()
}

/// Signs an existing file. The members stay the same, with the new signature in front.
///
/// # Errors
/// An error of reading or writing.
pub fn sign<R: Read + Seek>(
    from: &mut R,
    head: &super::check::Head,
    key: &PrivateKey,
    out: impl Write,
) -> io::Result<u64> {
    let mut zip = ZipWriter::new(out);
    zip.add("meta.conf.ed25519", &key.sign(&head.conf), 0)?;
    let first = head.before_resources.saturating_sub(1);
    for m in head.members.get(first..).unwrap_or_default() {
        zip.copy(from, m)?;
    }
    zip.finish()
}
