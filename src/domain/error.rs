//! The domain's error type: why a request of a person was refused or failed. Only `api` maps it to HTTP
//! statuses.

use crate::access::scope::{Denied, Role};
use crate::blob::BlobError;
use crate::budget;
use crate::store;
use serde_json::Value;

/// The result of a domain operation.
pub type Result<T> = std::result::Result<T, DomainError>;

/// Why an operation was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// The resource does not exist, or the person may not see it. Both are reported alike, so that names do not
    /// leak.
    #[error("not found")]
    NotFound,
    /// The person's role is too low; holds the role that is required.
    #[error("needs the role {}", .0.word())]
    Denied(Role),
    /// Validation failed: a JSON object from field names to messages.
    #[error("invalid: {0}")]
    Fields(Value),
    /// The request was refused for the reason in this sentence.
    #[error("{0}")]
    Detail(String),
    /// The device is offline, did not answer, or is too old for the request.
    #[error("device not available or responding")]
    Unavailable,
    /// The resource is still in use; holds what uses it.
    #[error("in use: {0}")]
    InUse(Value),
    /// The request conflicts with the present state, for instance because the resource exists already.
    #[error("{0}")]
    Conflict(String),
    /// The request is malformed or lacks a required part.
    #[error("bad request: {0}")]
    Bad(String),
    /// The server is at its limit for this kind of work; the request may succeed later.
    #[error("{0}")]
    Busy(String),
    /// The caller exceeded its rate or share; a retry makes sense after this time.
    #[error("too many requests; try again in {} s", .0.as_secs().max(1))]
    TooMany(std::time::Duration),
    /// The body is too large.
    #[error("too large")]
    TooLarge,
    /// The database failed.
    #[error(transparent)]
    Store(store::Error),
    /// The file store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// An internal error of this server.
    #[error("{0}")]
    Fault(String),
}

impl DomainError {
    /// The message for an error that is likely to pass (the store is overloaded or away) or for a query that
    /// was too expensive, so that the caller knows that the request may be repeated. `None` for every other
    /// error.
    pub fn passing(&self) -> Option<&'static str> {
        match self {
            Self::Store(e) if e.is_unavailable() => Some(
                "The server cannot reach its database, or has no room left; try again in some seconds.",
            ),
            Self::Store(store::Error::Conflict) => Some(
                "Somebody else changed the same things at this moment, and nothing of this request was done; try it again.",
            ),
            Self::Store(store::Error::TooSlow) => Some(
                "This query takes too long and was stopped; narrow it, for example by a tag, a platform or the beginning of an identifier.",
            ),
            Self::Blob(e) if e.is_unavailable() => {
                Some("The server cannot reach its file store; try again in some seconds.")
            }
            _ => None,
        }
    }
}

/// The columns whose values people choose and that are unique somewhere.
const CHOSEN: [&str; 7] = [
    "name",
    "email",
    "identifier",
    "serial",
    "key",
    "uuid",
    "instance",
];

impl From<store::Error> for DomainError {
    fn from(e: store::Error) -> Self {
        // Two requests may choose the same value at once, and both have looked before either wrote.
        if let store::Error::Taken(constraint) = &e {
            let column = constraint.strip_suffix("_key").unwrap_or_default();
            let is_of = |name: &&&str| column.ends_with(&format!("_{name}"));
            if let Some(name) = CHOSEN.iter().find(is_of) {
                return field(name, TAKEN);
            }
        }
        Self::Store(e)
    }
}

impl From<budget::Refused> for DomainError {
    fn from(why: budget::Refused) -> Self {
        match why {
            budget::Refused::Share => Self::TooMany(std::time::Duration::from_secs(5)),
            budget::Refused::Full => {
                Self::Busy("The server serves as many of these as it can; try again later.".into())
            }
        }
    }
}

impl From<Denied> for DomainError {
    fn from(d: Denied) -> Self {
        Self::Denied(d.0)
    }
}

/// A validation error for one field, in the shape of the API.
pub fn field(name: &str, message: &str) -> DomainError {
    DomainError::Fields(messages(name, message))
}

/// A message under a name, in the shape of the API.
fn messages(name: &str, message: &str) -> serde_json::Value {
    serde_json::json!({ name: [message] })
}

/// The same error, with its fields below another one.
pub fn within(name: &str, error: DomainError) -> DomainError {
    match error {
        DomainError::Fields(errors) => {
            let below = serde_json::Map::from_iter([(name.to_owned(), errors)]);
            DomainError::Fields(below.into())
        }
        other => other,
    }
}

/// A refusal to delete what still holds something: what that is, under its name.
pub fn in_use(name: &str, message: &str) -> DomainError {
    DomainError::InUse(messages(name, message))
}

/// The message for a required field that is missing or blank.
pub const BLANK: &str = "can't be blank";
/// The message for a value that must be unique and is in use.
pub const TAKEN: &str = "has already been taken";
/// The message for a value outside its set.
pub const INVALID: &str = "is invalid";

/// Normalizes a name by collapsing runs of spaces. A blank name is refused under the field `name`.
pub fn name_of(text: Option<&str>) -> Result<String> {
    let name = text
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    if name.is_empty() {
        return Err(field("name", BLANK));
    }
    if name.chars().count() > 255 {
        return Err(field("name", "should be at most 255 character(s)"));
    }
    if name.contains('/') || name.chars().any(char::is_control) {
        return Err(field(
            "name",
            "cannot contain slashes or control characters: it is part of addresses",
        ));
    }
    if is_dots(&name) {
        return Err(field("name", DOTS));
    }
    Ok(name)
}

/// Collects the validation errors of a body, so that all of them are reported at once.
#[derive(Debug, Default)]
pub struct Mistakes {
    fields: serde_json::Map<String, Value>,
    /// The first error that belongs to no field.
    other: Option<DomainError>,
}

impl Mistakes {
    /// Returns the value of a check that passed; records the error of one that failed.
    pub fn take<T>(&mut self, checked: Result<T>) -> Option<T> {
        match checked {
            Ok(value) => return Some(value),
            Err(DomainError::Fields(Value::Object(errors))) => self.fields.extend(errors),
            Err(other) => self.other = self.other.take().or(Some(other)),
        }
        None
    }

    /// Succeeds when no error was recorded.
    ///
    /// # Errors
    /// All recorded errors, as one.
    pub fn none(self) -> Result<()> {
        if self.fields.is_empty() && self.other.is_none() {
            return Ok(());
        }
        Err(self.refusal())
    }

    /// Merges the recorded errors. The caller knows that there is at least one.
    pub fn refusal(self) -> DomainError {
        let Self { fields, other } = self;
        other.unwrap_or(DomainError::Fields(fields.into()))
    }
}

/// Whether a name is `.` or `..`. Every client removes these segments from a URL before it sends it (RFC 3986,
/// 5.2.4), so that such a name could not be addressed.
pub fn is_dots(name: &str) -> bool {
    matches!(name, "." | "..")
}

/// The message for such a name.
pub const DOTS: &str = "cannot be . or .., which are no names in addresses";
