//! What a preview gives to whoever has seen it: a sealed text that stands for exactly this action on exactly this many devices.
//! Without one nothing is done, so that nobody who reloads a page or goes back to one acts on devices that have come to match
//! since.

use super::BulkForm;
use super::action::Plan;
use crate::access::scope::{Product, Scope};
use crate::access::sha256;
use crate::domain::error::field;
use crate::domain::sealed;
use crate::domain::{Context, Result};
use crate::limits::BULK_CONFIRM_LIFE;

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

/// The script as it was shown; `-` of other actions.
fn script_print(plan: &Plan) -> String {
    let script = plan.script();
    script.map_or_else(|| "-".into(), |s| hex::encode(sha256(s.text.as_bytes())))
}

/// What was confirmed.
pub(super) struct Confirmed {
    /// How many devices.
    pub(super) count: i64,
    /// What identifies the confirmation.
    pub(super) proof: String,
    script: String,
}

impl Confirmed {
    /// Refuses a script that somebody has changed since it was shown.
    ///
    /// # Errors
    /// A validation error under `confirm`.
    pub(super) fn check_script(&self, plan: &Plan) -> Result<()> {
        if self.script == script_print(plan) {
            return Ok(());
        }
        let text = "is of the script as it was before somebody changed it: ask with dry_run again";
        Err(field("confirm", text))
    }
}

/// The confirmation that the person has seen what the action does to so many devices.
pub(super) fn seal(
    context: &Context,
    scope: &Scope<Product>,
    (form, plan): (&BulkForm, &Plan),
    count: i64,
) -> Result<String> {
    let text = format!(
        "{count} {} {}",
        fingerprint(scope, form)?,
        script_print(plan)
    );
    Ok(sealed::seal(context, LABEL, BULK_CONFIRM_LIFE, &text))
}

/// What was confirmed.
///
/// # Errors
/// A validation error under `confirm` when it is missing, forged, over, or of something else.
pub(super) fn open(
    context: &Context,
    scope: &Scope<Product>,
    form: &BulkForm,
) -> Result<Confirmed> {
    let given = form.confirm.as_deref().unwrap_or_default();
    if given.is_empty() {
        let text = "can't be blank: ask with dry_run first, and send the confirm of that answer";
        return Err(field("confirm", text));
    }
    let unknown = || {
        let text = "is not of this action, these devices and this person: ask with dry_run again";
        field("confirm", text)
    };
    let opened = sealed::open(context, LABEL, given).ok_or_else(unknown)?;
    let mut parts = opened.text.splitn(3, ' ');
    let mut part = || parts.next().ok_or_else(unknown);
    let (count, print, script) = (part()?, part()?, part()?.to_owned());
    if print != fingerprint(scope, form)? {
        return Err(unknown());
    }
    if opened.over {
        return Err(field("confirm", "is over: ask with dry_run again"));
    }
    Ok(Confirmed {
        count: count.parse().unwrap_or(0),
        proof: hex::encode(sha256(given.as_bytes())),
        script,
    })
}
