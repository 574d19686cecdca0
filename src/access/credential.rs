//! What a request proves with who asks.

/// What a request proves with who asks.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'r> {
    /// An API token, in a header or an address.
    Token(&'r str),
    /// The session of a browser, in its cookie.
    Session(&'r str),
}

impl<'r> Credential<'r> {
    /// The secret text.
    pub fn text(self) -> &'r str {
        match self {
            Self::Token(text) | Self::Session(text) => text,
        }
    }
}
