//! In which coding a file is sent (RFC 9110, 8.4): both were made when the console was built, and nothing is compressed while the
//! server runs.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use console_assets::Asset;
use std::io::Read as _;

/// The bytes in the best coding that the browser takes.
pub(super) fn encoded(asset: &'static Asset, asked: &HeaderMap) -> (Option<&'static str>, Bytes) {
    if accepts(asked, "br") {
        return (Some("br"), Bytes::from_static(asset.brotli));
    }
    if accepts(asked, "gzip") {
        return (Some("gzip"), Bytes::from_static(asset.gzip));
    }
    let mut plain = Vec::new();
    let read = flate2::read::GzDecoder::new(asset.gzip).read_to_end(&mut plain);
    debug_assert!(read.is_ok(), "the build made the file");
    (None, Bytes::from(plain))
}

/// Whether `Accept-Encoding` names a coding and does not refuse it (RFC 9110, 12.5.3).
fn accepts(asked: &HeaderMap, coding: &str) -> bool {
    let lines = asked.get_all(header::ACCEPT_ENCODING).iter();
    let words = lines
        .filter_map(|l| l.to_str().ok())
        .flat_map(|l| l.split(','));
    words.into_iter().any(|word| {
        let (name, weight) = word.split_once(';').unwrap_or((word, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case(coding) && weight.parse().is_ok_and(|q: f32| q > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_coding_is_taken_when_it_is_named_and_not_refused() {
        let asked = |text| {
            HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))])
        };
        assert!(accepts(&asked("gzip, deflate, br"), "br"));
        assert!(accepts(&asked("GZIP;q=0.5"), "gzip"));
        assert!(!accepts(&asked("gzip, br;q=0"), "br"));
        assert!(!accepts(&asked("brotli"), "br"));
        assert!(!accepts(&HeaderMap::new(), "gzip"));
    }
}
