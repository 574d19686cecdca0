//! Bounds stand in `limits`, each once and with its reason, so that an administrator's question "how much, how long?" has
//! one place to look.

use super::{server, shown};
use syn::{Item, ItemConst, Type};

/// Rooms whose numbers bound nothing of a running server: the simulators, the program at a terminal, file formats.
const OTHER_NUMBERS: [&str; 5] = [
    "src/limits",
    "src/sim/",
    "src/simulation/",
    "src/cli/",
    "src/firmware/",
];

/// Numbers that are no bounds, with what they are.
const NO_BOUNDS: [(&str, &str, &str); 13] = [
    (
        "src/device/tls_socket.rs",
        "READ_BYTES",
        "the size of a record of TLS",
    ),
    (
        "src/device/tls_socket.rs",
        "PLAIN_BYTES",
        "the plain text of such a record",
    ),
    (
        "src/device/tls_socket.rs",
        "RECORD_BYTES",
        "what a record has beside it",
    ),
    ("src/rollout/steps.rs", "HASH_PRIME", "a number of a hash"),
    (
        "src/rollout/forecast.rs",
        "ANY_SALT",
        "stands for a salt of a hash",
    ),
    (
        "src/domain/catalog/series.rs",
        "MINUTE",
        "how long a minute is",
    ),
    (
        "src/domain/catalog/series.rs",
        "HOUR",
        "how long an hour is",
    ),
    ("src/access/token.rs", "LEGACY", "the length of old tokens"),
    (
        "src/bus/signed.rs",
        "SIGNATURE",
        "the length of a signature",
    ),
    (
        "src/bus/signed.rs",
        "SENDER",
        "the length of a sender's number",
    ),
    (
        "src/device/registry.rs",
        "SHARDS",
        "how the registry is divided",
    ),
    (
        "src/store/engine/db.rs",
        "MIGRATION_LOCK",
        "the number of a lock",
    ),
    (
        "src/store/engine/fold.rs",
        "INDEXED",
        "what trigram indexes find",
    ),
];

fn is_bound(item: &ItemConst) -> bool {
    let Type::Path(path) = &*item.ty else {
        return false;
    };
    let last = path.path.segments.last().map(|s| s.ident.to_string());
    let bounds = [
        "Duration",
        "usize",
        "u64",
        "u32",
        "i64",
        "NonZeroU32",
        "RangeInclusive",
    ];
    last.is_some_and(|name| bounds.contains(&name.as_str()))
}

#[test]
fn bounds_stand_in_limits() {
    let mut elsewhere = Vec::new();
    let mut excused = Vec::new();
    for source in &server().files {
        let path = shown(&source.path);
        if OTHER_NUMBERS.iter().any(|room| path.starts_with(room)) {
            continue;
        }
        for item in syn::parse_file(&source.text).unwrap().items {
            let Item::Const(item) = item else { continue };
            let name = item.ident.to_string();
            let no_bound = |(file, of, _): &(&str, &str, &str)| *file == path && *of == name;
            if NO_BOUNDS.iter().any(no_bound) {
                excused.push(name);
            } else if is_bound(&item) {
                elsewhere.push(format!("{path}: {name}"));
            }
        }
    }
    assert!(elsewhere.is_empty(), "move to src/limits: {elsewhere:#?}");
    assert_eq!(excused.len(), NO_BOUNDS.len(), "still there: {excused:?}");
}
