use super::*;

const GOOD: &[u8] = include_bytes!("../../../../firmware-fixtures/good/rpi4-1.0.0.fw");

fn read(bytes: &[u8]) -> Result<Vec<Member>, ZipError> {
    members(&mut io::Cursor::new(bytes))
}

/// A Unicode path in a local header would rename a member for the device's libarchive, unnoticed by every
/// check.
#[test]
fn an_extra_field_that_fwup_does_not_write_is_refused_in_either_header() {
    read(GOOD).unwrap();
    let places: Vec<usize> = GOOD
        .windows(4)
        .enumerate()
        .filter(|(_, w)| **w == [0x75, 0x78, 0x0b, 0x00])
        .map(|(at, _)| at)
        .collect();
    assert!(places.len() >= 4, "local and central ones");
    for at in places {
        let mut bytes = GOOD.to_vec();
        bytes[at..at + 2].copy_from_slice(&0x7075u16.to_le_bytes());
        let refused = read(&bytes).unwrap_err().to_string();
        assert!(refused.contains("extra field"), "{refused}");
    }
    assert!(plain_extras(&[]));
    assert!(!plain_extras(&[0x55, 0x54, 9, 0, 1]), "cut off");
    assert!(!plain_extras(&[0x55, 0x54, 0]), "a piece of a head");
}
