//! Names as parts of a URL's path.

/// A name, percent-encoded so that it is one segment of a path (RFC 3986, 3.3). `@` stays: addresses of people are names.
pub fn segment(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for b in name.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'@') {
            text.push(char::from(b));
        } else {
            text.push_str(&format!("%{b:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn whatever_parts_a_path_is_encoded() {
        assert_eq!(super::segment("a b/c?é@x.org"), "a%20b%2Fc%3F%C3%A9@x.org");
    }
}
