//! Converts between MessagePack and JSON values.

use rmpv::Value as Pack;
use serde_json::{Map, Number, Value};
use time::OffsetDateTime;

/// Maximum nesting. Nothing that a device sends is deeper; the JSON parser has the same limit.
const DEPTH: usize = 128;

/// Decodes one value; `None` when it is truncated, too deep, or not MessagePack. What JSON cannot express
/// becomes null. Text that is not UTF-8 (Elixir packs every binary as text) gets replacement characters;
/// terminal output keeps its bytes, see [`super::raw`].
pub(super) fn read(mut bytes: &[u8]) -> Option<Value> {
    let pack = rmpv::decode::read_value_with_max_depth(&mut bytes, DEPTH).ok()?;
    let event = pack.as_array().and_then(|all| all.get(3)?.as_str());
    let text = match event {
        Some("up" | "local_shell:shell_output") => super::raw::text,
        _ => readable,
    };
    Some(value(pack, text))
}

/// Encodes a value.
pub(super) fn write(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    let packed = rmpv::ext::to_value(value).unwrap_or(Pack::Nil);
    // Writing to a vector cannot fail.
    let _ = rmpv::encode::write_value(&mut bytes, &packed);
    bytes
}

fn value(pack: Pack, text: fn(&[u8]) -> String) -> Value {
    match pack {
        Pack::Nil => Value::Null,
        Pack::Boolean(b) => Value::Bool(b),
        Pack::Integer(i) => match (i.as_i64(), i.as_u64()) {
            (Some(i), _) => Value::from(i),
            (None, Some(u)) => Value::from(u),
            (None, None) => Value::Null,
        },
        Pack::F32(f) => Number::from_f64(f64::from(f)).map_or(Value::Null, Value::Number),
        Pack::F64(f) => Number::from_f64(f).map_or(Value::Null, Value::Number),
        Pack::String(s) => Value::String(text(&s.into_bytes())),
        Pack::Binary(b) => Value::String(text(&b)),
        Pack::Array(all) => Value::Array(all.into_iter().map(|one| value(one, text)).collect()),
        Pack::Map(all) => Value::Object(
            all.into_iter()
                .filter_map(|one| entry(one, text))
                .collect::<Map<_, _>>(),
        ),
        Pack::Ext(-1, raw) => timestamp(&raw).map_or(Value::Null, Value::String),
        Pack::Ext(..) => Value::Null,
    }
}

fn readable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn entry((key, inner): (Pack, Pack), text: fn(&[u8]) -> String) -> Option<(String, Value)> {
    let key = match key {
        Pack::String(s) => readable(&s.into_bytes()),
        Pack::Integer(i) => i.to_string(),
        _ => return None,
    };
    Some((key, value(inner, text)))
}

/// The timestamp extension (MessagePack specification, "Timestamp extension type") as ISO 8601 text.
fn timestamp(raw: &[u8]) -> Option<String> {
    let (seconds, nanos) = match *raw {
        [a, b, c, d] => (i64::from(u32::from_be_bytes([a, b, c, d])), 0),
        [a, b, c, d, e, f, g, h] => {
            let both = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            (
                i64::try_from(both & ((1 << 34) - 1)).ok()?,
                u32::try_from(both >> 34).ok()?,
            )
        }
        [a, b, c, d, e, f, g, h, i, j, k, l] => (
            i64::from_be_bytes([e, f, g, h, i, j, k, l]),
            u32::from_be_bytes([a, b, c, d]),
        ),
        _ => return None,
    };
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    if nanos >= 1_000_000_000 {
        return None;
    }
    Some(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        nanos / 1_000
    ))
}
