//! What is asked of an authenticator at a login, and how its answer is checked (WebAuthn level 3, section 7.2). What the server must
//! remember of a question is handed out sealed; that it was answered is a row, so that each answer counts once.

use super::impossible;
use crate::access::sha256;
use crate::clock::Micros;
use crate::domain::accounts::identify;
use crate::domain::{Context, DomainError, Policy, Result};
use crate::limits::PASSKEY_TIME;
use crate::store::Write;
use crate::store::accounts::passkeys::{self as table, PasskeyRow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PublicKeyCredential, Url, Webauthn, WebauthnBuilder,
    WebauthnError,
};
use webauthn_rs_proto::AllowCredentials;

fn fault(e: impl std::fmt::Display) -> DomainError {
    DomainError::Fault(e.to_string())
}

/// What passkeys are bound to: the host of the server's public address. `None` where browsers offer none, which is under plain http
/// and under an address without a name; `localhost` is excepted from both.
pub(super) fn site(policy: &Policy) -> Option<Webauthn> {
    let origin = Url::parse(policy.web_url.as_deref()?).ok()?;
    let host = origin.domain()?;
    if origin.scheme() != "https" && host != "localhost" {
        return None;
    }
    let builder = WebauthnBuilder::new(host, &origin).ok()?;
    let named = builder.rp_name("Nervecenter").timeout(PASSKEY_TIME);
    named.build().ok()
}

/// As JSON.
pub(super) fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(fault)
}

/// From JSON that was written here.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(fault)
}

/// As a word without spaces.
pub(super) fn encoded(value: &impl Serialize) -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(text(value)?))
}

/// From such a word.
pub(super) fn decoded<T: DeserializeOwned>(word: &str) -> Result<T> {
    let bytes = URL_SAFE_NO_PAD.decode(word).map_err(fault)?;
    serde_json::from_slice(&bytes).map_err(fault)
}

/// As a JSON object.
pub(super) fn texts(value: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(value).map_err(fault)? {
        Value::Object(map) => Ok(map),
        _ => Err(fault("options that are no object")),
    }
}

/// How the id of a credential is written in the database.
pub fn known_by(id: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(id)
}

/// Asks for a passkey of whoever is there: the authenticator offers those that it has for this server. Returns the options, and what
/// is to be remembered.
pub fn ask_anybody(context: &Context) -> Result<(Map<String, Value>, String)> {
    let site = site(&context.policy).ok_or_else(impossible)?;
    let (asked, state) = site.start_discoverable_authentication().map_err(fault)?;
    Ok((texts(&asked.public_key)?, encoded(&state)?))
}

/// Asks for one of these passkeys.
pub fn ask_person(context: &Context, own: &[PasskeyRow]) -> Result<(Map<String, Value>, String)> {
    let site = site(&context.policy).ok_or_else(impossible)?;
    let (mut asked, state) = site.start_discoverable_authentication().map_err(fault)?;
    for row in own {
        let passkey: Passkey = read(&row.credential)?;
        asked.public_key.allow_credentials.push(AllowCredentials {
            type_: "public-key".into(),
            id: passkey.cred_id().to_vec(),
            transports: None,
        });
    }
    Ok((texts(&asked.public_key)?, encoded(&state)?))
}

/// What a browser sent as an assertion; `None` of something else.
pub fn assertion_of(given: Option<&Map<String, Value>>) -> Option<PublicKeyCredential> {
    serde_json::from_value(given?.clone().into()).ok()
}

/// Marks a question as answered; `false` when it was before.
pub(super) async fn spend(context: &Context, w: &mut Write, state: &str) -> Result<bool> {
    let now = context.now();
    // Twice as long as the sealed text is good, which counts in whole seconds.
    let until: Micros = now.after(PASSKEY_TIME * 2);
    Ok(table::spend(w, &sha256(state.as_bytes()), until, now).await?)
}

/// Whether an assertion is the right answer, by this passkey, to the question that `state` is of. If so, it counts no second time.
pub async fn verify(
    context: &Context,
    row: &PasskeyRow,
    state: &str,
    assertion: &PublicKeyCredential,
) -> Result<bool> {
    let site = site(&context.policy).ok_or_else(impossible)?;
    let question: DiscoverableAuthentication = decoded(state)?;
    let mut passkey: Passkey = read(&row.credential)?;
    let result = match site.finish_discoverable_authentication_v2(assertion, question, &passkey) {
        Ok(result) => result,
        Err(WebauthnError::CredentialPossibleCompromise) => {
            warn_of_a_copy(context, row).await?;
            return Ok(false);
        }
        Err(e) => {
            tracing::info!(error = %e, "an assertion of a passkey was refused");
            return Ok(false);
        }
    };
    passkey.update_credential(&result);
    let after = text(&passkey)?;
    let (user, now) = (row.user_id, context.now());
    let mut w = context.db.write().await?;
    // The second of two uses at once does not find the counter that it was checked against.
    let taken = spend(context, &mut w, state).await?
        && table::used(&mut w, user, row.id, &row.credential, &after, now).await?;
    if taken {
        w.commit().await?;
    }
    Ok(taken)
}

/// The counter of signatures did not go on from the last login: somebody else has the key, too. Only whoever has it comes here.
async fn warn_of_a_copy(context: &Context, row: &PasskeyRow) -> Result<()> {
    let mut r = context.db.read().await?;
    let found = identify::by_address(&mut r, &row.email).await?;
    drop(r);
    if let Some(proven) = found {
        let text = format!(
            "A login with the passkey {:?} of {} was refused: its counter has gone back, so that there may be a copy of it",
            row.name, row.email
        );
        identify::note(context, &proven.person, &text).await?;
    }
    Ok(())
}
