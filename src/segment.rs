//! Names as parts of a URL's path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is encoded: all but the unreserved characters (RFC 3986, 2.3). `@` stays, which a path may hold (3.3): addresses of
/// people are names.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@');

/// A name, percent-encoded so that it is one segment of a path.
pub fn segment(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn whatever_parts_a_path_is_encoded() {
        assert_eq!(super::segment("a b/c?é@x.org"), "a%20b%2Fc%3F%C3%A9@x.org");
        assert_eq!(super::segment("-._~"), "-._~");
    }
}
