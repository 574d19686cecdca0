//! Login tokens of people, and changes of the password.

use crate::access::scope::{Grant, Person, Role};
use crate::access::{password, random, token};
use crate::clock::Micros;
use crate::domain::Context;
use crate::domain::Result;
use crate::domain::accounts::identify::{self, Identified};
use crate::domain::accounts::{fields, tokens};
use crate::ids::{OrgId, UserId};
use crate::limits::LOGINS_A_PERSON;
use crate::store::accounts::users::NewToken;
use crate::store::events::audit;
use crate::store::{self, Write};
use std::net::IpAddr;

/// How a login went.
pub enum Login {
    /// The email, the password or the code is wrong.
    Wrong,
    /// The account has a second factor, and no code was given.
    NeedsCode,
    Done(LoginSession),
}

/// A successful login.
pub struct LoginSession {
    /// The person who logged in.
    pub person: Person,
    /// The new API token, shown only once.
    pub token: String,
}

/// Checks a password, and a code where the person has a second factor, and creates a login token. A wrong email and a wrong
/// password look the same, so that a stranger cannot find out which addresses have accounts.
pub async fn login(
    context: &Context,
    email: &str,
    password: &str,
    code: Option<&str>,
    note: &str,
    from: Option<IpAddr>,
) -> Result<Login> {
    let proven = match identify::by_all_factors(context, email, password, code, from).await? {
        Identified::Nobody => return Ok(Login::Wrong),
        Identified::NeedsCode(_) => return Ok(Login::NeedsCode),
        Identified::Known(proven) => proven,
    };
    let now = context.now();
    let mut w = context.db.write().await?;
    if !proven.hold(&mut w).await? {
        return Ok(Login::Wrong);
    }
    let person = proven.person;
    let token = mint_login(&mut w, person.id, note, now).await?;
    audit::of_person(&mut w, &person, &format!("{} logged in", person.name), now).await?;
    w.commit().await?;
    Ok(Login::Done(LoginSession { person, token }))
}

/// Creates the token of a login. It expires when unused for a while, and the number of login tokens of one
/// person is limited.
pub async fn mint_login(
    w: &mut Write,
    user: UserId,
    note: &str,
    now: Micros,
) -> store::Result<String> {
    crate::store::accounts::users::keep_logins(w, user, LOGINS_A_PERSON - 1).await?;
    let login = Lasting::WhileUsed;
    let (_, text) = mint_narrow(w, user, note, Grant::default(), login, now).await?;
    Ok(text)
}

/// How long a token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// Until it is deleted.
    ForEver,
    /// Until this instant.
    Until(Micros),
    /// Until it was unused for [`crate::limits::LOGIN_IDLE`].
    WhileUsed,
}

/// Changes a person's password after checking the present one. All other tokens of the person are deleted,
/// because somebody who knew the old password may have created some.
///
/// # Errors
/// A validation error for a wrong present password or a new one that is too short or too long;
/// [`DomainError::Denied`](crate::domain::DomainError::Denied) for a limited token.
pub async fn change_password(
    context: &Context,
    person: &Person,
    present: &str,
    new: &str,
    from: Option<IpAddr>,
) -> Result<()> {
    tokens::require_full_access(person)?;
    fields::check_password("new_password", new)?;
    identify::require_password(context, person, present, from).await?;
    let hash = context.limiters.passwords.hash(new).await?;
    let now = context.now();
    let mut w = context.db.write().await?;
    crate::store::accounts::users::set_password(&mut w, person.id, &hash, now).await?;
    crate::store::accounts::users::delete_other_tokens(&mut w, person.id, person.token).await?;
    let text = format!(
        "{} changed the password; all other tokens of this person ended",
        person.name
    );
    audit::of_person(&mut w, person, &text, now).await?;
    w.commit().await?;
    Ok(())
}

/// Creates a token with full access for a person and returns its text.
pub async fn mint(w: &mut Write, user: UserId, note: &str, now: Micros) -> store::Result<String> {
    let (_, text) = mint_narrow(w, user, note, Grant::default(), Lasting::ForEver, now).await?;
    Ok(text)
}

/// Creates a token that may expire and may be limited. Returns its row and its text, which is shown only once.
pub async fn mint_narrow(
    w: &mut Write,
    user: UserId,
    note: &str,
    grant: Grant,
    lasting: Lasting,
    now: Micros,
) -> store::Result<(i64, String)> {
    let text = token::text(random());
    let hash = token::hash(&text).ok_or(store::Error::Missing("tokens"))?;
    let note = note.split_whitespace().collect::<Vec<_>>().join(" ");
    let note: String = note.chars().take(255).collect();
    let new = NewToken {
        user,
        hash: &hash,
        note: &note,
        access: grant.access.word(),
        product: grant.product,
        expires_at: match lasting {
            Lasting::Until(end) => Some(end),
            Lasting::ForEver | Lasting::WhileUsed => None,
        },
        login: lasting == Lasting::WhileUsed,
    };
    Ok((
        crate::store::accounts::users::add_token(w, &new, now).await?,
        text,
    ))
}

/// Creates a person with this password as an administrator of the organization.
pub async fn add_admin(
    w: &mut Write,
    email: &str,
    password: &str,
    org: OrgId,
    now: Micros,
) -> store::Result<Option<UserId>> {
    let hash = password::hash(password);
    let name = email.split('@').next().unwrap_or(email);
    let Some(id) = crate::store::accounts::users::add(w, email, name, &hash, now).await? else {
        return Ok(None);
    };
    crate::store::accounts::orgs::set_member(w, org, id, Role::Admin.word(), now).await?;
    Ok(Some(id))
}
