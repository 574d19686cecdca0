//! Arbitrary bytes in a string. Terminal output need not be UTF-8, and a MessagePack frame may end in the
//! middle of a character, but JSON values hold only text. So each byte that is not UTF-8 is represented by a
//! character of a private plane.

/// The character that represents byte 0.
const FIRST: u32 = 0x0010_FE00;

/// Encodes bytes as a string, with a private character for each byte that is not UTF-8.
pub fn text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(
            chunk
                .invalid()
                .iter()
                .filter_map(|b| char::from_u32(FIRST + u32::from(*b))),
        );
    }
    out
}

/// Decodes the bytes of such a string.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u32::from(c).checked_sub(FIRST).map(u8::try_from) {
            Some(Ok(byte)) => out.push(byte),
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
}

/// Joins characters that were split between two frames.
#[derive(Debug, Default)]
pub struct Joiner {
    /// The start of a character, at most three bytes.
    begun: Vec<u8>,
}

impl Joiner {
    /// The readable text of the next frame. Bytes that can never become a character are replaced.
    pub fn next(&mut self, text: &str) -> String {
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(&bytes(text));
        let mut out = String::with_capacity(all.len());
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            out.push_str(chunk.valid());
            let cut = chunk.invalid();
            let unfinished = chunks.peek().is_none()
                && std::str::from_utf8(cut).is_err_and(|e| e.error_len().is_none());
            if unfinished {
                self.begun = cut.to_vec();
            } else if !cut.is_empty() {
                out.push(char::REPLACEMENT_CHARACTER);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_two_frames_share_comes_out_whole() {
        let euro = "a€b".as_bytes();
        for cut in 0..euro.len() {
            let mut j = Joiner::default();
            let (one, two) = euro.split_at(cut);
            let read = j.next(&text(one)) + &j.next(&text(two));
            assert_eq!(read, "a€b", "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_text_is_replaced_and_loses_nothing_else() {
        let mut j = Joiner::default();
        assert_eq!(j.next(&text(b"a\xffb\xc3")), "a\u{fffd}b");
        assert_eq!(j.next(&text(b"\x28c")), "\u{fffd}(c");
        assert_eq!(j.next("plain 🦀"), "plain 🦀");
    }
}
