//! Doors for the fuzz targets: each decoder that reads what strangers send. Compiled only for them (`--cfg fuzzing`).

use crate::clock::Micros;
use crate::device::identity::secret;
use crate::domain::devices::certificate_signature::signed_by;
use crate::domain::devices::x509::{CertificateInfo, first_in_pem};
use crate::firmware::esp_idf;
use device_protocol::Extensions;
use device_protocol::Timestamp;
use device_protocol::session::{Input, Session, Welcome};
use device_protocol::wire::{Format, Packet};
use fwup::limits::META_CONF_BYTES;
use fwup::meta::{Meta, features};
use fwup::{check, zip};
use std::io::Cursor;
use std::time::Duration;

/// Frames of a joined device, one after the other, cut at zero bytes of the input.
fn session(format: Format, packets: impl Iterator<Item = Packet>) {
    let now = Timestamp(1_700_000_000_000_000);
    let mut session = Session::new(format, now, Duration::ZERO);
    for (i, packet) in packets.take(64).enumerate() {
        let now = now.after(Duration::from_secs(i as u64));
        session.handle(Input::Frame(packet), now);
        let welcome = Welcome {
            extensions: Extensions::all(),
            ..Welcome::default()
        };
        session.handle(Input::Joined(welcome), now);
        session.handle(Input::Tick, now);
    }
}

/// JSON frames.
pub fn json_frame(data: &[u8]) {
    let texts = data.split(|b| *b == 0);
    let texts = texts.filter_map(|t| std::str::from_utf8(t).ok());
    session(Format::Json, texts.map(|t| Packet::Text(t.to_owned())));
}

/// MessagePack frames, each after its length in two bytes.
pub fn msgpack_frame(mut data: &[u8]) {
    let packets = std::iter::from_fn(|| {
        let (length, rest) = data.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (packet, rest) = rest.split_at(length);
        data = rest;
        Some(Packet::Binary(packet.to_vec()))
    });
    session(Format::MessagePack, packets);
}

/// External terms of shared-secret tokens.
pub fn external_term(data: &[u8]) {
    secret::read_term(data);
}

/// Certificates: what they say, and whether one signed the other.
pub fn certificate(data: &[u8]) {
    let _ = CertificateInfo::read(data);
    let _ = first_in_pem(data);
    let (ca, leaf) = data.split_at(data.len() / 2);
    let _ = signed_by(ca, leaf, Micros(1_700_000_000_000_000));
}

/// Deltas: the first two bytes are the length of the source.
pub fn vcdiff(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    let (source, delta) = rest.split_at(length);
    if let Ok(target) = vcdiff::decode(source, delta, 1 << 20) {
        assert!(target.len() <= 1 << 20, "the limit holds");
    }
}

/// The description of a firmware, and what devices must be able to do for it.
pub fn meta_conf(data: &[u8]) {
    if let Ok(meta) = Meta::parse(data) {
        let _ = features(&meta);
    }
}

/// Firmware containers.
pub fn zip(data: &[u8]) {
    let mut file = Cursor::new(data);
    if let Ok(members) = zip::members(&mut file) {
        for member in &members {
            let _ = zip::unpack_small(&mut file, member, META_CONF_BYTES);
        }
    }
    let _ = check::check(&mut file, &[]);
}

/// ESP-IDF images, and patches between them: the first two bytes are the length of the source.
pub fn esp_idf(data: &[u8]) {
    if let Ok(checked) = esp_idf::check(&mut Cursor::new(data), &[], true) {
        assert!(checked.key.is_none(), "nobody's key signed it");
    }
    let Some((length, rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    let (source, other) = rest.split_at(length);
    // A patch names the size of what it gives; beyond some it would only take time.
    if other.get(2).is_some_and(|b| b & 0x80 == 0) || other.get(3).is_some_and(|b| b & 0x80 == 0) {
        let _ = detools::apply(source, other);
    }
    if let Ok(patch) = detools::create(source, other) {
        assert!(detools::apply(source, &patch).is_ok_and(|made| made == other));
    }
}
