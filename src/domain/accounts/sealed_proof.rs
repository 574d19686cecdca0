//! Sealed texts that stand for a step that somebody has done: the first step of a login, or reading a mail. Each is good until a
//! time, and as long as the person's password stays as it was, so that nothing is stored and a new password ends them all.

use crate::access::sha256;
use crate::domain::accounts::identify::{self, Proven};
use crate::domain::sealed::{self, Opened};
use crate::domain::{Context, Result};
use crate::store::On;
use std::time::Duration;

/// What changes with the password.
fn fingerprint(hash: &str) -> String {
    let digest = sha256(hash.as_bytes());
    hex::encode(digest.first_chunk::<8>().unwrap_or(&[0; 8]))
}

/// Seals that this person has done the step that `label` names. `note` is a word that goes with it.
pub(super) fn seal(
    context: &Context,
    label: &str,
    life: Duration,
    proven: &Proven,
    note: &str,
) -> String {
    let (print, email) = (fingerprint(&proven.hash), &proven.person.email);
    let text = format!("{print} {note} {email}");
    sealed::seal(context, label, life, &text)
}

/// The person and the note of such a text; `None` when it is forged or over, or the password is another one.
pub(super) async fn open(
    context: &Context,
    on: &mut impl On,
    label: &str,
    text: &str,
) -> Result<Option<(Proven, String)>> {
    let opened = sealed::open(context, label, text).filter(|o| !o.over);
    let Some(Opened { text, .. }) = opened else {
        return Ok(None);
    };
    let mut parts = text.splitn(3, ' ');
    let mut part = || parts.next().unwrap_or_default();
    let (print, note, email) = (part(), part(), part());
    let found = identify::by_address(on, email).await?;
    let own = found.filter(|p| fingerprint(&p.hash) == print);
    Ok(own.map(|p| (p, note.to_owned())))
}
