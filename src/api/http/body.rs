//! What a body may hold, as the contract says it: the same words make the document and are held against what comes, so that a
//! field of another type is never read as one that is absent.

use super::params::{decimal, flag, tags};
use crate::domain::DomainError;
use crate::domain::error::INVALID;
use serde_json::{Map, Value, json};
use std::sync::{Arc, OnceLock};

/// What a parameter holds.
#[derive(Debug, Clone, Copy)]
pub enum FieldType {
    /// A text.
    Text,
    /// A whole number, also as a text.
    Number,
    /// A number that may have a fraction, also as a text.
    Decimal,
    /// A boolean, also as a text.
    Flag,
    /// An array of texts, or one text with commas; null for none.
    Tags,
    /// An object that may hold anything.
    Map,
    /// An array of objects that may hold anything.
    Maps,
    /// An object of these fields and no others.
    Object(&'static [Field]),
    /// One of these words.
    Words(&'static [&'static str]),
}

impl FieldType {
    pub fn schema(self) -> Value {
        match self {
            Self::Text => json!({"type": "string"}),
            Self::Number => json!({"type": ["integer", "string"], "pattern": "^[0-9]+$"}),
            Self::Decimal => json!({"type": ["number", "string"]}),
            Self::Flag => json!({"enum": [true, false, "true", "false"]}),
            Self::Tags => json!({"anyOf": [
                {"type": "array", "items": {"type": "string"}}, {"type": ["string", "null"]},
            ]}),
            Self::Map => json!({"type": "object"}),
            Self::Maps => json!({"type": "array", "items": {"type": "object"}}),
            Self::Object(fields) => {
                let mut schema = object(fields);
                if let Value::Object(s) = &mut schema {
                    s.insert("additionalProperties".into(), false.into());
                }
                schema
            }
            Self::Words(words) => json!({"type": "string", "enum": words}),
        }
    }

    /// Whether null stands for none where the value may be left out.
    pub fn takes_null(self) -> bool {
        !matches!(self, Self::Flag | Self::Words(_))
    }

    /// The schema of a value that may be left out.
    fn optional(self) -> Value {
        let schema = self.schema();
        match self {
            Self::Text => json!({"type": ["string", "null"]}),
            Self::Number => json!({"type": ["integer", "string", "null"], "pattern": "^[0-9]+$"}),
            Self::Decimal => json!({"type": ["number", "string", "null"]}),
            Self::Map | Self::Maps | Self::Object(_) => {
                json!({"anyOf": [schema, {"type": "null"}]})
            }
            Self::Flag | Self::Tags | Self::Words(_) => schema,
        }
    }
}

/// The schema of an object of these fields.
pub fn object(fields: &[Field]) -> Value {
    let mut properties = Map::new();
    let mut needed = Vec::new();
    for Field(name, kind, need, says) in fields {
        let mut schema = if *need {
            kind.schema()
        } else {
            kind.optional()
        };
        if let Value::Object(s) = &mut schema {
            s.insert("description".into(), (*says).into());
        }
        properties.insert((*name).into(), schema);
        if *need {
            needed.push(*name);
        }
    }
    json!({"type": "object", "properties": properties, "required": needed})
}

/// A parameter: name, what it holds, whether it is needed, and what it means.
#[derive(Debug, Clone, Copy)]
pub struct Field(pub &'static str, pub FieldType, pub bool, pub &'static str);

/// A parameter that is needed.
pub const fn required(name: &'static str, kind: FieldType, says: &'static str) -> Field {
    Field(name, kind, true, says)
}

/// A parameter that may be left out.
pub const fn optional_field(name: &'static str, kind: FieldType, says: &'static str) -> Field {
    Field(name, kind, false, says)
}

/// The fields of a route's body; set when the route is filed, none for a route that takes no body of fields.
#[derive(Debug, Clone, Default)]
pub struct BodyCheck(Arc<OnceLock<(Box<[Field]>, bool)>>);

impl BodyCheck {
    /// Says which they are, once; and whether a body that says nothing else than what is not known is refused here.
    pub fn set(&self, fields: &[Field], refuses_strangers: bool) {
        // A route is filed once, and its fields with it.
        let _ = self.0.set((fields.into(), refuses_strangers));
    }

    /// Passes parameters whose types are right. `own` are the names that stand in the body itself: one that says nothing that is
    /// known is a mistake; else what is not known is ignored, as scripts for NervesHub rely on.
    ///
    /// # Errors
    /// [`DomainError::Fields`] with all mistakes at once, each under the path of its field.
    pub fn check(&self, all: &Map<String, Value>, own: &[String]) -> Result<(), DomainError> {
        let Some((fields, refuses_strangers)) = self.0.get() else {
            return Ok(());
        };
        let mut errors = wrong_types(fields, all);
        let known = |name: &String| fields.iter().any(|f| f.0 == name);
        if *refuses_strangers && !own.is_empty() && !own.iter().any(known) {
            let strangers = own.iter().map(|name| (name.clone(), unknown(fields)));
            errors.extend(strangers);
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(DomainError::Fields(Value::Object(errors)))
        }
    }
}

fn wrong_types(fields: &[Field], all: &Map<String, Value>) -> Map<String, Value> {
    let mut errors = Map::new();
    for Field(name, kind, needed, _) in fields {
        let mistake = all.get(*name).and_then(|v| mistake(*kind, *needed, v));
        errors.extend(mistake.map(|m| ((*name).to_owned(), m)));
    }
    errors
}

fn unknown(fields: &[Field]) -> Value {
    let names: Vec<&str> = fields.iter().map(|f| f.0).collect();
    json!([format!("is not known; known are {}", names.join(", "))])
}

/// What is wrong with a value. Whether a number, a word or a text is one that makes sense is seen by whoever reads it; so is null
/// where a value is needed, which is said as if it were left out.
fn mistake(kind: FieldType, needed: bool, value: &Value) -> Option<Value> {
    let right = match kind {
        _ if value.is_null() => needed || kind.takes_null(),
        FieldType::Text | FieldType::Words(_) => value.is_string(),
        FieldType::Number => value.is_i64() || value.is_u64() || value.is_string(),
        FieldType::Decimal => decimal(value).is_some(),
        FieldType::Flag => flag(value).is_some(),
        FieldType::Tags => tags(value).is_some(),
        FieldType::Map => value.is_object(),
        FieldType::Maps => value
            .as_array()
            .is_some_and(|all| all.iter().all(Value::is_object)),
        FieldType::Object(fields) => {
            let Some(all) = value.as_object() else {
                return Some(json!([INVALID]));
            };
            let mut errors = wrong_types(fields, all);
            for name in all.keys().filter(|n| !fields.iter().any(|f| f.0 == *n)) {
                errors.insert(name.clone(), unknown(fields));
            }
            return (!errors.is_empty()).then_some(Value::Object(errors));
        }
    };
    (!right).then(|| json!([INVALID]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INNER: &[Field] = &[
        optional_field("version", FieldType::Text, ""),
        optional_field("tags", FieldType::Tags, ""),
    ];
    const FIELDS: &[Field] = &[
        required("name", FieldType::Text, ""),
        optional_field("size", FieldType::Number, ""),
        optional_field("on", FieldType::Flag, ""),
        optional_field("conditions", FieldType::Object(INNER), ""),
    ];

    fn errors(body: Value) -> Option<Value> {
        let takes = BodyCheck::default();
        takes.set(FIELDS, true);
        let body = body.as_object().cloned().unwrap();
        let own: Vec<String> = body.keys().cloned().collect();
        match takes.check(&body, &own) {
            Ok(()) => None,
            Err(DomainError::Fields(errors)) => Some(errors),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_mistake_is_named_by_its_path() {
        let body = json!({"name": 5, "size": 1.5, "on": "maybe",
            "conditions": {"version": ["1"], "vresion": "1", "tags": [1]}});
        let told = errors(body).unwrap();
        assert_eq!(told["name"], json!(["is invalid"]));
        assert_eq!(told["size"], json!(["is invalid"]));
        assert_eq!(told["on"], json!(["is invalid"]));
        let inner = &told["conditions"];
        assert_eq!(inner["version"], json!(["is invalid"]));
        assert_eq!(inner["tags"], json!(["is invalid"]));
        assert_eq!(
            inner["vresion"],
            json!(["is not known; known are version, tags"])
        );
    }

    #[test]
    fn what_is_not_known_is_ignored_beside_what_is() {
        assert_eq!(errors(json!({"name": "x", "more": 1})), None);
        assert_eq!(errors(json!({})), None);
        let told = errors(json!({"nmae": "x"})).unwrap();
        assert_eq!(
            told["nmae"],
            json!(["is not known; known are name, size, on, conditions"])
        );
    }

    #[test]
    fn forms_say_numbers_and_flags_as_texts() {
        assert_eq!(
            errors(json!({"name": "x", "size": "7", "on": "true"})),
            None
        );
        assert_eq!(errors(json!({"name": null, "size": null})), None);
    }
}
