//! Passkeys (WebAuthn): keys that a person's phone, computer or security key keeps and unlocks by a finger, a face or a PIN. One logs
//! its person in without a password, and is as good as a code after one.

mod ceremony;

use crate::access::random;
use crate::access::scope::Person;
use crate::clock::Micros;
use crate::domain::accounts::identify::{self, Proven};
use crate::domain::accounts::{sealed_proof, second_factor, tokens};
use crate::domain::error::field;
use crate::domain::{Context, DomainError, Policy, Result};
use crate::limits::{PASSKEY_NAME_CHARS, PASSKEY_TIME, PASSKEYS_A_PERSON};
use crate::store::Db;
use crate::store::accounts::passkeys::{self as table, NewPasskey, PasskeyRow};
use crate::store::events::audit;
pub(super) use ceremony::{ask_anybody, ask_person, assertion_of, known_by, verify};
use ceremony::{encoded, read, site, texts};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::IpAddr;
use webauthn_rs::prelude::{Passkey, PasskeyRegistration, RegisterPublicKeyCredential, Uuid};
use webauthn_rs_proto::{PublicKeyCredentialDescriptor, ResidentKeyRequirement};

/// What an authenticator is asked.
pub struct Asked {
    /// The options that a browser takes, as the JSON of WebAuthn.
    pub options: Map<String, Value>,
    /// What goes back to the server with the answer.
    pub challenge: String,
}

/// A passkey of a person.
#[derive(Debug)]
pub struct OwnPasskey {
    /// A number.
    pub id: i64,
    /// What its person calls it.
    pub name: String,
    /// When it was added.
    pub inserted_at: Micros,
    /// When somebody last logged in with it.
    pub last_used_at: Option<Micros>,
}

/// A passkey that was added.
pub struct Added {
    pub passkey: OwnPasskey,
    /// New recovery codes, when the person had no second factor before. They are shown this once.
    pub recovery_codes: Vec<String>,
}

/// What the challenge of a new passkey is sealed as.
const NEW: &str = "new passkey";

/// What is remembered of a question for a new passkey.
#[derive(Serialize, Deserialize)]
struct Question {
    handle: Uuid,
    state: PasskeyRegistration,
}

/// Whether passkeys work on this server.
pub fn are_possible(policy: &Policy) -> bool {
    site(policy).is_some()
}

fn impossible() -> DomainError {
    let text = "Passkeys work only where people reach the server by https under a domain name, or under localhost; whoever runs it \
                tells it by --web-url.";
    DomainError::Detail(text.into())
}

fn known_already() -> DomainError {
    DomainError::Conflict("This passkey is known here already.".into())
}

fn own(row: PasskeyRow) -> OwnPasskey {
    OwnPasskey {
        id: row.id,
        name: row.name,
        inserted_at: row.inserted_at,
        last_used_at: row.last_used_at,
    }
}

/// The person's passkeys, the oldest first.
///
/// # Errors
/// [`DomainError::Denied`] for a limited token.
pub async fn list(db: &Db, person: &Person) -> Result<Vec<OwnPasskey>> {
    tokens::require_full_access(person)?;
    let mut r = db.read().await?;
    let all = table::of_user(&mut r, person.id).await?;
    Ok(all.into_iter().map(own).collect())
}

/// Whether logins of this person ask for a passkey.
pub(super) async fn has_any(db: &Db, person: &Person) -> Result<bool> {
    let mut r = db.read().await?;
    Ok(table::count(&mut r, person.id).await? > 0)
}

fn refuse_too_many(count: usize) -> Result<()> {
    if count < PASSKEYS_A_PERSON {
        return Ok(());
    }
    let text =
        format!("You have {PASSKEYS_A_PERSON} passkeys already; remove one that you do not need.");
    Err(DomainError::Conflict(text))
}

/// Asks for a new passkey. It takes the password, so that nobody at a browser that was left open keeps a way in.
///
/// # Errors
/// A validation error for a wrong password; a conflict when the person has as many as are allowed; a refusal where passkeys do not
/// work; [`DomainError::Denied`] for a limited token.
pub async fn begin(
    context: &Context,
    person: &Person,
    password: &str,
    from: Option<IpAddr>,
) -> Result<Asked> {
    tokens::require_human(person)?;
    let proven = identify::require_password(context, person, password, from).await?;
    let site = site(&context.policy).ok_or_else(impossible)?;
    let mut r = context.db.read().await?;
    let had = table::of_user(&mut r, person.id).await?;
    drop(r);
    refuse_too_many(had.len())?;
    // One handle for all of a person's passkeys, so that an authenticator keeps one entry for this account.
    let before = had.first().and_then(|row| row.handle.parse().ok());
    let handle = before.unwrap_or_else(|| uuid::Builder::from_random_bytes(random()).into_uuid());
    let asked = site.start_passkey_registration(handle, &person.email, &person.name, None);
    let (mut asked, state) = asked.map_err(|e| DomainError::Fault(e.to_string()))?;
    // For the browser to say so at once; here the database refuses what is stored.
    let mut known = Vec::with_capacity(had.len());
    for row in &had {
        known.push(PublicKeyCredentialDescriptor {
            type_: "public-key".into(),
            id: read::<Passkey>(&row.credential)?.cred_id().to_vec(),
            transports: None,
        });
    }
    asked.public_key.exclude_credentials = Some(known);
    if let Some(selection) = &mut asked.public_key.authenticator_selection {
        // One that is not discoverable logs nobody in without an email; a security key that is full still serves as a second factor.
        selection.resident_key = Some(ResidentKeyRequirement::Preferred);
    }
    let note = encoded(&Question { handle, state })?;
    Ok(Asked {
        options: texts(&asked.public_key)?,
        challenge: sealed_proof::seal(context, NEW, PASSKEY_TIME, &proven, &note),
    })
}

/// What an authenticator answered to [`begin`].
pub struct Answer<'a> {
    /// From [`begin`].
    pub challenge: &'a str,
    /// The browser's credential, as the JSON of WebAuthn.
    pub credential: Option<&'a Map<String, Value>>,
    /// What the person calls it.
    pub name: &'a str,
}

/// Adds a passkey.
///
/// # Errors
/// A validation error for the name, or for an answer that does not belong to a question of this person; a conflict when the person
/// has as many as are allowed, or the passkey is known already; [`DomainError::Denied`] for a limited token.
pub async fn add(context: &Context, person: &Person, answer: &Answer<'_>) -> Result<Added> {
    tokens::require_human(person)?;
    let name = name_of(answer.name)?;
    let site = site(&context.policy).ok_or_else(impossible)?;
    let mut r = context.db.read().await?;
    let opened = sealed_proof::open(context, &mut r, NEW, answer.challenge).await?;
    drop(r);
    let opened = opened.filter(|(proven, _)| proven.person.id == person.id);
    let (proven, note) = opened.ok_or_else(|| field("challenge", "is over; begin again"))?;
    let Question { handle, state } = ceremony::decoded(&note)?;
    let refused = || field("credential", "was not accepted; begin again");
    let credential = answer.credential.cloned().ok_or_else(refused)?;
    let credential: RegisterPublicKeyCredential =
        serde_json::from_value(credential.into()).map_err(|_| refused())?;
    let passkey = site.finish_passkey_registration(&credential, &state);
    let passkey = passkey.map_err(|e| {
        tracing::info!(error = %e, "a passkey was not accepted");
        refused()
    })?;
    store(context, &proven, handle, &note, &passkey, &name).await
}

fn name_of(text: &str) -> Result<String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if PASSKEY_NAME_CHARS.contains(&name.chars().count()) {
        return Ok(name);
    }
    let (least, most) = (PASSKEY_NAME_CHARS.start(), PASSKEY_NAME_CHARS.end());
    let text = format!("must have {least} to {most} characters");
    Err(field("name", &text))
}

async fn store(
    context: &Context,
    proven: &Proven,
    handle: Uuid,
    note: &str,
    passkey: &Passkey,
    name: &str,
) -> Result<Added> {
    let (person, now) = (&proven.person, context.now());
    let new = NewPasskey {
        user: person.id,
        handle: &handle.to_string(),
        credential_id: &known_by(passkey.cred_id()),
        credential: &ceremony::text(passkey)?,
        name,
    };
    let mut w = context.db.write().await?;
    // Holds the person's row, so that of two answers at once the second one counts the first.
    if !proven.hold(&mut w).await? || !ceremony::spend(context, &mut w, note).await? {
        return Err(field("challenge", "is over; begin again"));
    }
    let had = table::of_user(&mut w, person.id).await?;
    refuse_too_many(had.len())?;
    let id = table::add(&mut w, &new, now).await?;
    let id = id.ok_or_else(known_already)?;
    let recovery_codes = second_factor::codes_for_first(&mut w, person, had.is_empty()).await?;
    let text = format!("{} added the passkey {name:?}", person.name);
    audit::of_person(&mut w, person, &text, now).await?;
    w.commit().await?;
    let passkey = OwnPasskey {
        id,
        name: name.to_owned(),
        inserted_at: now,
        last_used_at: None,
    };
    Ok(Added {
        passkey,
        recovery_codes,
    })
}

/// Removes a passkey, given the password. The recovery codes go with the last second factor.
///
/// # Errors
/// A validation error for a wrong password; [`DomainError::NotFound`] when the person has no such passkey; [`DomainError::Denied`]
/// for a limited token.
pub async fn remove(
    context: &Context,
    person: &Person,
    id: i64,
    password: &str,
    from: Option<IpAddr>,
) -> Result<()> {
    tokens::require_full_access(person)?;
    identify::require_password(context, person, password, from).await?;
    let mut w = context.db.write().await?;
    let removed = table::remove(&mut w, person.id, id).await?;
    let name = removed.ok_or(DomainError::NotFound)?;
    crate::store::accounts::second_factors::drop_codes_of_none(&mut w, person.id).await?;
    let text = format!("{} removed the passkey {name:?}", person.name);
    audit::of_person(&mut w, person, &text, context.now()).await?;
    w.commit().await?;
    Ok(())
}
