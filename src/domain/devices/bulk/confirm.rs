//! What a preview gives to whoever has seen it: a sealed text that stands for exactly this action on exactly this many devices.
//! Without one nothing is done, so that nobody who reloads a page or goes back to one acts on devices that have come to match
//! since.

use super::BulkForm;
use crate::access::scope::{Product, Scope};
use crate::access::sha256;
use crate::access::vault::Secret;
use crate::domain::error::field;
use crate::domain::{Context, Result};
use crate::limits::BULK_CONFIRM_LIFE;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What the sealed text is for.
const LABEL: &str = "confirmation of an action on many devices";

/// What must be the same when it is done as when it was shown.
fn fingerprint(scope: &Scope<Product>, form: &BulkForm) -> Result<String> {
    let person = scope.person();
    let all = (
        (person.id, scope.product().id),
        (form.action, &form.args),
        (&form.query, &form.identifiers, &form.except),
    );
    let text = serde_json::to_vec(&all)
        .map_err(|e| crate::domain::DomainError::Fault(format!("a form is no JSON: {e}")))?;
    Ok(hex::encode(sha256(&text)))
}

/// The confirmation that the person has seen what the action does to so many devices.
pub(super) fn seal(
    context: &Context,
    scope: &Scope<Product>,
    form: &BulkForm,
    count: i64,
) -> Result<String> {
    let until = context.now().after(BULK_CONFIRM_LIFE).secs();
    let text = format!("{until} {count} {}", fingerprint(scope, form)?);
    let sealed = context.vault.seal(&Secret::new(text), LABEL);
    Ok(URL_SAFE_NO_PAD.encode(sealed))
}

/// How many devices were confirmed, and what identifies the confirmation.
///
/// # Errors
/// A validation error under `confirm` when it is missing, forged, over, or of something else.
pub(super) fn open(
    context: &Context,
    scope: &Scope<Product>,
    form: &BulkForm,
) -> Result<(i64, String)> {
    let given = form.confirm.as_deref().unwrap_or_default();
    if given.is_empty() {
        let text = "can't be blank: ask with dry_run first, and send the confirm of that answer";
        return Err(field("confirm", text));
    }
    let sealed = URL_SAFE_NO_PAD.decode(given).unwrap_or_default();
    let unknown = || {
        let text = "is not of this action, these devices and this person: ask with dry_run again";
        field("confirm", text)
    };
    let text = context.vault.open(&sealed, LABEL).map_err(|_| unknown())?;
    let mut parts = text.reveal().splitn(3, ' ');
    let mut part = || parts.next().unwrap_or_default();
    let (until, count, print) = (part(), part(), part());
    if print != fingerprint(scope, form)? {
        return Err(unknown());
    }
    if until.parse().unwrap_or(0) < context.now().secs() {
        return Err(field("confirm", "is over: ask with dry_run again"));
    }
    let count = count.parse().unwrap_or(0);
    Ok((count, hex::encode(sha256(given.as_bytes()))))
}
