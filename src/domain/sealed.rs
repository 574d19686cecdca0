//! Sealed texts that are handed out and come back: nobody can make or change one, each is good until a time, and nothing is stored.

use crate::access::vault::Secret;
use crate::domain::Context;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

/// A text that was sealed here.
pub(in crate::domain) struct Opened {
    pub text: String,
    /// Whether its time is over.
    pub over: bool,
}

/// Seals a text for this long. `label` says what it is for: one for something else does not open it.
pub(in crate::domain) fn seal(
    context: &Context,
    label: &str,
    life: Duration,
    text: &str,
) -> String {
    let until = context.now().after(life).secs();
    let sealed = context
        .vault
        .seal(&Secret::new(format!("{until} {text}")), label);
    URL_SAFE_NO_PAD.encode(sealed)
}

/// What was sealed; `None` of a text that was not sealed here for this.
pub(in crate::domain) fn open(context: &Context, label: &str, given: &str) -> Option<Opened> {
    let sealed = URL_SAFE_NO_PAD.decode(given).unwrap_or_default();
    let text = context.vault.open(&sealed, label).ok()?;
    let (until, text) = text.reveal().split_once(' ')?;
    Some(Opened {
        text: text.to_owned(),
        over: until.parse().unwrap_or(0) < context.now().secs(),
    })
}
