//! Why a person's wish is not granted. `api` alone turns these into statuses.

use crate::access::scope::{Denied, Role};
use crate::blob::BlobError;
use crate::budget;
use crate::store;
use serde_json::Value;

/// The outcome of a person's wish.
pub type Result<T> = std::result::Result<T, DomainError>;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// There is no such thing here, or it is not theirs to see.
    #[error("not found")]
    NotFound,
    /// The role is too low.
    #[error("needs the role {}", .0.word())]
    Denied(Role),
    /// Fields with their messages.
    #[error("invalid: {0}")]
    Fields(Value),
    /// A sentence.
    #[error("{0}")]
    Detail(String),
    /// The device is offline, silent, or too old for it.
    #[error("device not available or responding")]
    Unavailable,
    /// Something else still needs it.
    #[error("in use: {0}")]
    InUse(Value),
    /// It is there already.
    #[error("{0}")]
    Conflict(String),
    /// The request lacks what the action is about.
    #[error("bad request: {0}")]
    Bad(String),
    /// As many as this server serves at once; later there may be room.
    #[error("{0}")]
    Busy(String),
    /// The asker has had its share for now; another try makes sense after this time.
    #[error("too many requests; try again in {} s", .0.as_secs().max(1))]
    TooMany(std::time::Duration),
    /// Too large.
    #[error("too large")]
    TooLarge,
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The file store.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A fault of this server.
    #[error("{0}")]
    Fault(String),
}

impl DomainError {
    /// What to tell when the store is in trouble that passes, or the query was too expensive: the request itself may be
    /// made again.
    pub fn passing(&self) -> Option<&'static str> {
        match self {
            Self::Store(e) if e.is_unavailable() => Some(
                "The server cannot reach its database, or has no room left; try again in some seconds.",
            ),
            Self::Store(store::Error::TooSlow) => Some(
                "This query takes too long and was stopped; narrow it, for example by a tag, a platform or the beginning of an identifier.",
            ),
            _ => None,
        }
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

/// One field's message, in the shape of the API.
pub fn field(name: &str, message: &str) -> DomainError {
    DomainError::Fields(serde_json::json!({ name: [message] }))
}

/// The message for a field that is needed.
pub const BLANK: &str = "can't be blank";
/// The message for a value that must be unique.
pub const TAKEN: &str = "has already been taken";
/// The message for a value outside its set.
pub const INVALID: &str = "is invalid";

/// A name with its runs of spaces collapsed; blank is refused under `name`.
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

/// The mistakes of a body, gathered, so that all are told at once.
#[derive(Debug, Default)]
pub struct Mistakes {
    fields: serde_json::Map<String, Value>,
    /// The first that is of no field.
    other: Option<DomainError>,
}

impl Mistakes {
    /// What a check passed; what it refused is kept.
    pub fn take<T>(&mut self, checked: Result<T>) -> Option<T> {
        match checked {
            Ok(value) => return Some(value),
            Err(DomainError::Fields(Value::Object(errors))) => self.fields.extend(errors),
            Err(other) => self.other = self.other.take().or(Some(other)),
        }
        None
    }

    /// Passes when there was none.
    ///
    /// # Errors
    /// All of them.
    pub fn none(self) -> Result<()> {
        if self.fields.is_empty() && self.other.is_none() {
            return Ok(());
        }
        Err(self.refusal())
    }

    /// All of them, once it is known that there are some.
    pub fn refusal(self) -> DomainError {
        let Self { fields, other } = self;
        other.unwrap_or(DomainError::Fields(fields.into()))
    }
}

/// Whether a name is `.` or `..`, which every client takes out of an address before it asks (RFC 3986, 5.2.4).
pub fn is_dots(name: &str) -> bool {
    matches!(name, "." | "..")
}

/// Why such a name is refused.
pub const DOTS: &str = "cannot be . or .., which are no names in addresses";
