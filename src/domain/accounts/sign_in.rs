//! Sign-ins at OpenID Connect providers: what a browser keeps between the button and the callback, and whom an answer of a provider
//! lets in. An identity is known by issuer and subject; an address counts at the first sign-in alone, and only where the operator
//! trusts the provider with it.

use crate::access::scope::{Grant, Person};
use crate::access::sha256;
use crate::domain::accounts::identify::{self, Proven};
use crate::domain::accounts::sessions::{self, Begun, Browser};
use crate::domain::accounts::{fields, identities};
use crate::domain::sealed;
use crate::domain::{Context, DomainError, Result};
use crate::limits::{INVITE_LIFE, OIDC_LIFE, OIDC_NEXT_BYTES};
use crate::oidc::{Claims, CreateAccounts, Request, Settings};
use crate::store::Write;
use crate::store::accounts::{identities as table, invites, orgs, users};
use crate::store::events::audit::{self, Actor, Resource};
use aws_lc_rs::constant_time;

/// What a sign-in that is under way is sealed as.
const LABEL: &str = "sign-in at a provider";

/// What a sign-in is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A session, and whether it is to be remembered.
    LogIn { remembered: bool },
    /// An identity for the person of this session.
    Link { session: i64 },
}

/// A sign-in that came back to the browser that began it.
#[derive(Debug)]
pub struct Resumed {
    /// Its secrets.
    pub request: Request,
    pub purpose: Purpose,
    /// The path that it leads to.
    pub next: String,
}

/// Why a person whom the provider knows is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The provider has not verified the address, or says none.
    Unverified,
    /// The address is of a domain that is not allowed.
    Domain,
    /// Nobody here knows the person.
    Unknown,
    /// There is an account with the address, which its person has to link first.
    LinkFirst,
    /// The account's address was never confirmed.
    Unconfirmed,
    /// The identity belongs to another account.
    Taken,
}

/// How a sign-in ended.
pub enum Ended {
    Begun(Begun),
    Refused(Refusal),
}

/// Seals what the browser keeps, for as long as a sign-in may take.
pub fn begin(
    context: &Context,
    provider: &str,
    request: &Request,
    purpose: Purpose,
    next: &str,
) -> String {
    let purpose = match purpose {
        Purpose::LogIn { remembered: false } => "once".to_owned(),
        Purpose::LogIn { remembered: true } => "remembered".to_owned(),
        Purpose::Link { session } => session.to_string(),
    };
    let Request {
        state,
        nonce,
        verifier,
    } = request;
    let next = own_path(next);
    let text = format!("{provider} {purpose} {state} {nonce} {verifier} {next}");
    sealed::seal(context, LABEL, OIDC_LIFE, &text)
}

/// Opens what the browser kept, when it belongs to this provider and state; once, whatever the provider thinks of its code.
///
/// # Errors
/// The database fails.
pub async fn resume(
    context: &Context,
    kept: &str,
    provider: &str,
    state: &str,
) -> Result<Option<Resumed>> {
    let Some(resumed) = open(context, kept, provider, state) else {
        return Ok(None);
    };
    let now = context.now();
    let mut w = context.db.write().await?;
    let first =
        table::finish_sign_in(&mut w, &sha256(state.as_bytes()), now.after(OIDC_LIFE)).await?;
    w.commit().await?;
    Ok(first.then_some(resumed))
}

fn open(context: &Context, kept: &str, provider: &str, state: &str) -> Option<Resumed> {
    let opened = sealed::open(context, LABEL, kept).filter(|o| !o.over)?;
    let mut parts = opened.text.splitn(6, ' ');
    let own = parts.next()?;
    let purpose = match parts.next()? {
        "once" => Purpose::LogIn { remembered: false },
        "remembered" => Purpose::LogIn { remembered: true },
        session => Purpose::Link {
            session: session.parse().ok()?,
        },
    };
    let mut text = || parts.next().map(str::to_owned);
    let request = Request {
        state: text()?,
        nonce: text()?,
        verifier: text()?,
    };
    let next = text()?;
    let same = constant_time::verify_slices_are_equal(request.state.as_bytes(), state.as_bytes());
    let is_ours = own == provider && same.is_ok();
    is_ours.then_some(Resumed {
        request,
        purpose,
        next,
    })
}

/// A path of this server, as a browser would read it; the start page for anything else.
pub fn own_path(text: &str) -> String {
    let own = || {
        let base = reqwest::Url::parse("http://this.invalid/").ok()?;
        let url = base.join(Some(text).filter(|t| t.starts_with('/'))?).ok()?;
        let mut path = url.path().to_owned();
        for (mark, part) in [('?', url.query()), ('#', url.fragment())] {
            if let Some(part) = part {
                path.push(mark);
                path.push_str(part);
            }
        }
        let same = url.origin() == base.origin() && !path.starts_with("//");
        (same && path.len() <= OIDC_NEXT_BYTES).then_some(path)
    };
    own().unwrap_or_else(|| "/".to_owned())
}

/// What an address must be before an identity counts: verified, and of a domain that is allowed.
pub(super) fn address<'c>(
    settings: &Settings,
    claims: &'c Claims,
) -> std::result::Result<&'c str, Refusal> {
    let email = claims.email.as_deref().filter(|_| claims.email_verified);
    let email = email.filter(|e| fields::check_email(e).is_ok());
    // Addresses of programs and of deleted accounts end so, and are nobody's (RFC 2606).
    let email = email.filter(|e| !e.to_ascii_lowercase().ends_with(".invalid"));
    let email = email.ok_or(Refusal::Unverified)?;
    settings
        .allows(email)
        .then_some(email)
        .ok_or(Refusal::Domain)
}

/// Logs in whoever has this identity. A second factor of the account is asked for, unless the provider did and the operator's rule says
/// that this counts.
///
/// # Errors
/// The database fails.
pub async fn log_in(
    context: &Context,
    settings: &Settings,
    claims: &Claims,
    remembered: bool,
    browser: Browser<'_>,
) -> Result<Ended> {
    let email = match address(settings, claims) {
        Ok(email) => email,
        Err(refusal) => return Ok(Ended::Refused(refusal)),
    };
    let now = context.now();
    let mut w = context.db.write().await?;
    let known = table::owner(&mut w, &settings.issuer, &claims.subject).await?;
    let proven = match known {
        Some(user) => identify::of_row(user),
        None => match first(context, &mut w, settings, claims, email).await? {
            Ok(proven) => proven,
            Err(refusal) => return Ok(Ended::Refused(refusal)),
        },
    };
    let (issuer, subject) = (&settings.issuer, &claims.subject);
    table::used(&mut w, proven.person.id, issuer, subject, email, now).await?;
    w.commit().await?;
    let by = format!("an account at {}", settings.label);
    let second_factor = claims.second_factor;
    let begun = sessions::begin_proven(context, proven, remembered, second_factor, browser, &by);
    match begun.await {
        Ok(begun) => Ok(Ended::Begun(begun)),
        // The only field of a login is the address that was never confirmed.
        Err(DomainError::Fields(_)) => Ok(Ended::Refused(Refusal::Unconfirmed)),
        Err(e) => Err(e),
    }
}

/// The person of an identity that nobody has yet: of the account with this address, or a new one.
async fn first(
    context: &Context,
    w: &mut Write,
    settings: &Settings,
    claims: &Claims,
    email: &str,
) -> Result<std::result::Result<Proven, Refusal>> {
    // Providers write addresses in any case, and people did when they were invited.
    let lower = email.to_lowercase();
    let mut known = identify::by_address(w, email).await?;
    if known.is_none() {
        known = identify::by_address(w, &lower).await?;
    }
    let proven = match known {
        Some(_) if !settings.trusted_addresses => return Ok(Err(Refusal::LinkFirst)),
        Some(known) => {
            // Somebody else may have made it and wait for its person to come.
            if !users::confirmed(w, known.person.id).await? {
                return Ok(Err(Refusal::Unconfirmed));
            }
            // Its person is another subject there. Whoever has the address now may be somebody else.
            let all = table::of_user(w, known.person.id).await?;
            if all.iter().any(|i| i.issuer == settings.issuer) {
                return Ok(Err(Refusal::LinkFirst));
            }
            known
        }
        None => match make(context, w, settings, claims, &lower).await? {
            Some(made) => made,
            None => return Ok(Err(Refusal::Unknown)),
        },
    };
    let linked = identities::add(context, w, settings, claims, email, &proven.person).await?;
    Ok(if linked {
        Ok(proven)
    } else {
        Err(Refusal::Taken)
    })
}

/// Makes an account without a password, where the operator or an invitation allows it, and takes up the invitations of its address.
async fn make(
    context: &Context,
    w: &mut Write,
    settings: &Settings,
    claims: &Claims,
    email: &str,
) -> Result<Option<Proven>> {
    let now = context.now();
    let creates = settings.create == CreateAccounts::AllowedDomains;
    let invited = match creates || settings.trusted_addresses {
        true => invites::of_address(w, email, now.before(INVITE_LIFE)).await?,
        false => Vec::new(),
    };
    if !creates && invited.is_empty() {
        return Ok(None);
    }
    let local = email.split('@').next().unwrap_or(email);
    let names = [claims.name.as_deref().unwrap_or_default(), local, email];
    let mut names = names.iter().filter_map(|n| fields::person_name(n).ok());
    let name = names.next().unwrap_or_else(|| email.to_owned());
    let Some(id) = users::add(w, email, &name, "", now).await? else {
        let text = "An account with this address was made just now; sign in again.";
        return Err(DomainError::Conflict(text.into()));
    };
    let person = Person {
        id,
        name,
        email: email.to_owned(),
        grant: Grant::default(),
        token: None,
        session: false,
    };
    for invite in invited {
        orgs::set_member(w, invite.org_id, id, &invite.role, now).await?;
        invites::remove(w, invite.org_id, email).await?;
        let text = format!(
            "{} joined with the role {} by signing in with {}",
            person.name, invite.role, settings.label
        );
        let (actor, resource) = (Actor::Person(&person), Resource::Org(invite.org_id));
        audit::add(w, invite.org_id, None, actor, resource, &text, now).await?;
    }
    let hash = String::new();
    Ok(Some(Proven { person, hash }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_led_to() {
        for (given, led) in [
            ("/", "/"),
            (
                "/o/acme/p/x/devices?q=a%20b#top",
                "/o/acme/p/x/devices?q=a%20b#top",
            ),
            ("/o/a b", "/o/a%20b"),
            ("", "/"),
            ("o/acme", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("/.//evil.example", "/"),
            ("https://evil.example/", "/"),
            ("javascript:alert(1)", "/"),
        ] {
            assert_eq!(own_path(given), led, "{given}");
        }
        assert_eq!(own_path(&format!("/{}", "a".repeat(OIDC_NEXT_BYTES))), "/");
    }
}
