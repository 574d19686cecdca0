use super::*;
use std::io::Cursor;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("firmware-fixtures/esp-idf/{name}")).unwrap()
}

fn key(name: &str) -> SecureBootKey {
    SecureBootKey::parse(&String::from_utf8(fixture(name)).unwrap()).unwrap()
}

#[test]
fn versions_are_filled_up_and_never_guessed() {
    for (written, want) in [
        ("1.2.3", Some("1.2.3")),
        ("v1.2.3-rc.1", Some("1.2.3-rc.1")),
        (" V2 ", Some("2.0.0")),
        ("1.2", Some("1.2.0")),
        ("1.2.3.4", Some("1.2.3+4")),
        ("1.2.3.4.5", None),
        ("v1.2.3-4-gabc123-dirty", Some("1.2.3-4-gabc123-dirty")),
        ("abc1234", None),
        ("1..2", None),
        ("01.2", None),
        ("", None),
    ] {
        let got = version(written).map(|v| v.to_string());
        assert_eq!(got.as_deref(), want, "{written:?}");
    }
}

#[test]
fn every_chip_has_its_names_and_an_unknown_one_its_number() {
    let names = |id| {
        let (platform, architecture) = chip(id);
        format!("{platform}/{architecture}")
    };
    assert_eq!(names(0x00), "esp32/xtensa");
    assert_eq!(names(0x02), "esp32s2/xtensa");
    assert_eq!(names(0x09), "esp32s3/xtensa");
    assert_eq!(names(0x05), "esp32c3/riscv");
    assert_eq!(names(0x0C), "esp32c2/riscv");
    assert_eq!(names(0x0D), "esp32c6/riscv");
    assert_eq!(names(0x10), "esp32h2/riscv");
    assert_eq!(names(0x12), "esp32p4/riscv");
    assert_eq!(names(0x17), "esp32c5/riscv");
    assert_eq!(names(0xFF), "esp32-255/unknown");
}

#[test]
fn an_image_signed_by_espsecure_passes_with_its_key_and_no_other() {
    let mut file = Cursor::new(fixture("app-1.1.0.bin"));
    let keys = [key("other.pub"), key("esp.pub")];
    let checked = check(&mut file, &keys, false).unwrap();
    assert_eq!(checked.key, Some(1));
    assert_eq!(checked.version, Version::new(1, 1, 0));
    let d = checked.description;
    assert_eq!(
        (
            &*d.product,
            &*d.version,
            &*d.platform,
            &*d.architecture,
            &*d.idf_version
        ),
        ("fixture-product", "1.1", "esp32s3", "xtensa", "v5.4.1")
    );
    let refused = |keys: &[SecureBootKey]| {
        check(&mut Cursor::new(fixture("app-1.1.0.bin")), keys, true).unwrap_err()
    };
    assert!(matches!(
        refused(&[key("other.pub")]),
        EspError::BadSignature(1)
    ));
    assert!(matches!(refused(&[]), EspError::NoKeys));
}

#[test]
fn an_image_without_a_signature_passes_only_where_it_may() {
    let image = fixture("app-unsigned.bin");
    let unsigned = |allow| check(&mut Cursor::new(&image), &[key("esp.pub")], allow);
    assert!(matches!(unsigned(false), Err(EspError::Unsigned)));
    let checked = unsigned(true).unwrap();
    assert_eq!(checked.key, None);
    assert_eq!(checked.version.to_string(), "1.2.3+4");
    assert_eq!(checked.description.platform, "esp32c3");
}

#[test]
fn a_bad_signature_is_refused_by_its_name_even_where_none_is_needed() {
    let good = fixture("app-1.0.0.bin");
    let sector = good.len() - 4_096;
    let changed = |at: usize, fix_crc: bool| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        if fix_crc {
            let crc = crc32fast::hash(&bytes[sector..sector + BLOCK_SUMMED]);
            bytes[sector + BLOCK_SUMMED..sector + BLOCK_SUMMED + 4]
                .copy_from_slice(&crc.to_le_bytes());
        }
        check(&mut Cursor::new(bytes), &[key("esp.pub")], true).unwrap_err()
    };
    assert!(matches!(changed(5_000, false), EspError::Digest));
    assert!(matches!(changed(sector + 900, false), EspError::Corrupt));
    assert!(matches!(
        changed(sector + 900, true),
        EspError::BadSignature(1)
    ));
    assert!(matches!(changed(sector + 1, true), EspError::Ecdsa));
    let ecdsa = check(
        &mut Cursor::new(fixture("app-ecdsa.bin")),
        &[key("esp.pub")],
        true,
    );
    assert!(matches!(ecdsa, Err(EspError::Ecdsa)), "{ecdsa:?}");
    let mut unknown = good.clone();
    unknown[sector + 1] = 9;
    let crc = crc32fast::hash(&unknown[sector..sector + BLOCK_SUMMED]);
    unknown[sector + BLOCK_SUMMED..sector + BLOCK_SUMMED + 4].copy_from_slice(&crc.to_le_bytes());
    let unknown = check(&mut Cursor::new(unknown), &[key("esp.pub")], true);
    assert!(matches!(unknown, Err(EspError::UnknownBlock(9))));
}

#[test]
fn an_unsigned_image_must_be_whole_and_a_chance_byte_is_no_signature() {
    let good = fixture("app-unsigned.bin");
    let unsigned = |bytes: Vec<u8>| check(&mut Cursor::new(bytes), &[], true);
    for cut in [good.len() - 1, good.len() - 33, 2_000] {
        let e = unsigned(good[..cut].to_vec()).unwrap_err();
        assert!(matches!(e, EspError::Damaged(_)), "{cut}: {e}");
    }
    let mut changed = good.clone();
    changed[1_000] ^= 1;
    assert!(matches!(unsigned(changed), Err(EspError::Damaged(_))));
    let mut chance = good.clone();
    let at = good.len() - 4_096;
    chance[at] = BLOCK_MAGIC;
    let sums = chance.len() - 32;
    let sum = aws_lc_rs::digest::digest(&SHA256, &chance[..sums]);
    chance[sums..].copy_from_slice(sum.as_ref());
    assert_eq!(unsigned(chance).unwrap().key, None);
}

#[test]
fn a_cut_or_foreign_file_is_no_image() {
    let good = fixture("app-unsigned.bin");
    for bytes in [
        &good[..0],
        &good[..0x24],
        &good[..HEAD - 1],
        &b"PK\x03\x04"[..],
    ] {
        let e = check(&mut Cursor::new(bytes), &[], true).unwrap_err();
        assert!(matches!(e, EspError::NoImage), "{} bytes: {e}", bytes.len());
    }
}
