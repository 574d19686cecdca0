//! API tokens: `nhu_` and Base62 of 32 random bytes and their CRC-32 (docs/protocol/rest.md, "Tokens"). Only a
//! hash is stored.

use aws_lc_rs::digest;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes a token from 32 random bytes. The first byte must not be 0, because Base62 drops leading zeros.
pub fn text(mut bytes: [u8; 32]) -> String {
    if bytes[0] == 0 {
        bytes[0] = 1;
    }
    let mut number = bytes.to_vec();
    number.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    let mut digits = Vec::with_capacity(49);
    while number.iter().any(|b| *b != 0) {
        let mut rest = 0u32;
        for b in &mut number {
            let value = rest * 256 + u32::from(*b);
            *b = (value / 62) as u8;
            rest = value % 62;
        }
        digits.push(ALPHABET[rest as usize]);
    }
    digits.reverse();
    format!("nhu_{}", String::from_utf8_lossy(&digits))
}

/// The 32 bytes of a token; `None` when the CRC is wrong.
fn bytes(token: &str) -> Option<[u8; 32]> {
    let digits = token.strip_prefix("nhu_")?.as_bytes();
    if digits.len() > 50 {
        return None;
    }
    let mut number = [0u8; 36];
    for digit in digits {
        let mut carry = ALPHABET.iter().position(|a| a == digit)? as u32;
        for b in number.iter_mut().rev() {
            let value = u32::from(*b) * 62 + carry;
            *b = (value & 0xff) as u8;
            carry = value >> 8;
        }
        if carry != 0 {
            return None;
        }
    }
    let (random, crc) = number.split_at(32);
    let random: [u8; 32] = random.try_into().ok()?;
    (crc32fast::hash(&random).to_be_bytes() == crc && random[0] != 0).then_some(random)
}

/// The stored hash of a token: SHA-512 of its random bytes, or of the whole text for the older form. `None`
/// when the text cannot be a token, which saves a query.
pub fn hash(token: &str) -> Option<Vec<u8>> {
    let hash = |of: &[u8]| Some(digest::digest(&digest::SHA512, of).as_ref().to_vec());
    if let Some(digits) = token.strip_prefix("nhu_").filter(|d| d.len() == LEGACY) {
        return older(digits).then(|| hash(token.as_bytes()))?;
    }
    hash(&bytes(token)?)
}

/// Length of the older form after its prefix: 30 characters and their CRC-32 in 6 digits.
const LEGACY: usize = 36;

fn older(digits: &str) -> bool {
    let Some((random, crc)) = digits.split_at_checked(LEGACY - 6) else {
        return false;
    };
    let mut number = 0u64;
    for digit in crc.bytes() {
        let Some(value) = ALPHABET.iter().position(|a| *a == digit) else {
            return false;
        };
        number = number * 62 + value as u64;
    }
    random.bytes().all(|b| ALPHABET.contains(&b))
        && number == u64::from(crc32fast::hash(random.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_reference_holds() {
        let bytes: [u8; 32] = std::array::from_fn(|i| i as u8 + 1);
        let token = text(bytes);
        assert_eq!(
            token,
            "nhu_17SyR2HeQqfOYQaaT7Jv5BxBid5hrDD9KP13RYr9o6rTb26X"
        );
        let hash = hex::encode(hash(&token).unwrap());
        assert!(
            hash.starts_with("77788f1a0cea001a2631dae5d05dbd06"),
            "{hash}"
        );
        assert!(
            hash.ends_with("70f9836876a743c31c0a7a2a70727a852eec372"),
            "{hash}"
        );
    }

    #[test]
    fn the_older_form_is_taken_whole() {
        let random = "abcdefghijklmnopqrstuvwxyz0123";
        let mut crc = crc32fast::hash(random.as_bytes());
        let mut digits = [b'0'; 6];
        for d in digits.iter_mut().rev() {
            *d = ALPHABET[(crc % 62) as usize];
            crc /= 62;
        }
        let token = format!("nhu_{random}{}", std::str::from_utf8(&digits).unwrap());
        let whole = digest::digest(&digest::SHA512, token.as_bytes());
        assert_eq!(hash(&token).as_deref(), Some(whole.as_ref()));
        assert_eq!(hash(&token.replace("abc", "abd")), None);
    }

    #[test]
    fn a_changed_token_is_refused_before_the_database() {
        let token = text([7; 32]);
        assert!(hash(&token).is_some());
        let mut other = token.clone().into_bytes();
        other[10] = if other[10] == b'a' { b'b' } else { b'a' };
        assert_eq!(hash(std::str::from_utf8(&other).unwrap()), None);
        for bad in [
            "",
            "nhu_",
            "nhu_!",
            "xyz_abc",
            &"nhu_z".repeat(30),
            &token[1..],
        ] {
            assert_eq!(hash(bad), None, "{bad}");
        }
    }
}
