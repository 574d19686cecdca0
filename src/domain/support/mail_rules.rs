//! Mail: rules by which members are told what happens in a product, invitations, and word to administrators of who comes and
//! goes. Nothing is filed on a server that sends no mail.

use super::webhooks::{kinds, note};
use crate::access::scope::{InOrg as _, Org, Product, Scope};
use crate::access::vault::Secret;
use crate::clock::{self, Micros};
use crate::domain::Context;
use crate::domain::error::field;
use crate::domain::{DomainError, Result};
use crate::limits::{MAIL_EVENTS, MAIL_GATHER, MAIL_PAUSE};
use crate::store::support::mail::{self, DueRule, EventRow, NewMail, RuleRow};
use crate::store::{self, Db, Write};
use serde_json::Value;

pub use crate::store::support::mail::RuleRow as MailRule;

/// Rules of one product.
const MOST: usize = 50;
/// Characters of a subject.
const SUBJECT: usize = 120;
/// What a text is bound to when it is sealed.
pub const LABEL: &str = "mail";

/// What a person sets; `None` leaves a setting alone.
#[derive(Debug, Default)]
pub struct MailRuleForm {
    /// Who is told: a member of the organization.
    pub email: Option<String>,
    /// Kinds of messages.
    pub events: Option<Vec<String>>,
    /// Whether mails are sent.
    pub active: Option<bool>,
}

/// The product's rules.
///
/// # Errors
/// The database's.
pub async fn list(db: &Db, scope: &Scope<Product>) -> Result<Vec<RuleRow>> {
    let mut r = db.read().await?;
    Ok(mail::rules(&mut r, scope).await?)
}

/// One of them.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn show(db: &Db, scope: &Scope<Product>, id: i64) -> Result<RuleRow> {
    let all = list(db, scope).await?;
    let found = all.into_iter().find(|r| r.id == id);
    found.ok_or(DomainError::NotFound)
}

fn ensure_mail_enabled(context: &Context) -> Result<()> {
    if context.policy.mail {
        return Ok(());
    }
    Err(DomainError::Detail(
        "This server sends no mail; whoever runs it sets --smtp-url, --mail-from and --web-url."
            .into(),
    ))
}

/// Makes a rule.
///
/// # Errors
/// A server without mail, somebody who is no member, events that are none.
pub async fn create(
    context: &Context,
    scope: &Scope<Product>,
    form: MailRuleForm,
) -> Result<RuleRow> {
    ensure_mail_enabled(context)?;
    let events = kinds(&form.events.unwrap_or_default())?;
    let email = form.email.unwrap_or_default();
    let mut w = context.db.write().await?;
    let member = crate::store::accounts::orgs::member(&mut w, scope, &email).await?;
    let member = member.ok_or_else(|| field("email", "is no member of the organization"))?;
    if mail::rules(&mut w, scope).await?.len() >= MOST {
        let text = format!("The product has {MOST} mail rules; delete one that is not needed.");
        return Err(DomainError::Detail(text));
    }
    let (active, now) = (form.active.unwrap_or(true), clock::now());
    let id = mail::add_rule(&mut w, scope, member.user_id, &events, active, now).await?;
    note(
        &mut w,
        scope,
        &format!("made a mail rule for {}", member.email),
    )
    .await?;
    w.commit().await?;
    show(&context.db, scope, id).await
}

/// Changes a rule.
///
/// # Errors
/// [`DomainError::NotFound`], events that are none, another address.
pub async fn update(
    context: &Context,
    scope: &Scope<Product>,
    id: i64,
    form: MailRuleForm,
) -> Result<RuleRow> {
    let before = show(&context.db, scope, id).await?;
    if form
        .email
        .is_some_and(|e| !e.eq_ignore_ascii_case(&before.email))
    {
        let text = "cannot be changed; make another rule for somebody else";
        return Err(field("email", text));
    }
    let events = match form.events {
        Some(events) => kinds(&events)?,
        None => before.events,
    };
    let active = form.active.unwrap_or(before.active);
    let mut w = context.db.write().await?;
    mail::set_rule(&mut w, scope, id, &events, active, clock::now()).await?;
    note(
        &mut w,
        scope,
        &format!("changed the mail rule for {}", before.email),
    )
    .await?;
    w.commit().await?;
    show(&context.db, scope, id).await
}

/// Deletes a rule.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn delete(db: &Db, scope: &Scope<Product>, id: i64) -> Result<()> {
    let email = show(db, scope, id).await?.email;
    let mut w = db.write().await?;
    if !mail::remove_rule(&mut w, scope, id).await? {
        return Err(DomainError::NotFound);
    }
    note(&mut w, scope, &format!("deleted the mail rule for {email}")).await?;
    w.commit().await?;
    Ok(())
}

/// Files a mail that says it is a test.
///
/// # Errors
/// [`DomainError::NotFound`], a server without mail.
pub async fn test(context: &Context, scope: &Scope<Product>, id: i64) -> Result<RuleRow> {
    ensure_mail_enabled(context)?;
    let rule = show(&context.db, scope, id).await?;
    let p = scope.product();
    let subject = format!("[{}/{}] Test", p.org.name, p.name);
    let text = format!(
        "{} asked for this mail to see whether mails of this rule arrive. They do.\n",
        scope.person().name
    );
    let mut w = context.db.write().await?;
    file(context, &mut w, Some(id), &rule.email, &subject, text).await?;
    w.commit().await?;
    show(&context.db, scope, id).await
}

/// Files one mail, if this server sends any.
async fn file(
    context: &Context,
    w: &mut Write,
    rule: Option<i64>,
    to: &str,
    subject: &str,
    text: String,
) -> store::Result<()> {
    if !context.policy.mail {
        return Ok(());
    }
    let mail = NewMail {
        rule,
        recipient: to,
        subject: &line(subject, SUBJECT),
        body: &context.vault.seal(&Secret::new(text), LABEL),
    };
    mail::file(w, &mail, clock::now()).await
}

/// One line of at most this many characters: names that people and devices chose go into subjects.
fn line(text: &str, most: usize) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(most).collect()
}

fn address(context: &Context, path: &str) -> String {
    format!(
        "{}{path}",
        context.policy.web_url.as_deref().unwrap_or_default()
    )
}

/// Sends somebody the link of their invitation.
///
/// # Errors
/// The database's.
pub async fn invited(
    context: &Context,
    w: &mut Write,
    scope: &Scope<Org>,
    email: &str,
    link: &str,
) -> store::Result<()> {
    let (by, org) = (&scope.person().name, &scope.org().name);
    let text = format!(
        "{by} invites you to the organization {org}, whose devices are updated by\n{}\n\n\
         Open this link within 48 hours to join:\n\n{}\n\n\
         Whoever has the link can join in your place: pass it to nobody.\n",
        address(context, "/"),
        address(context, link)
    );
    file(
        context,
        w,
        None,
        email,
        &format!("{by} invites you to {org}"),
        text,
    )
    .await
}

/// Tells a new member, and what changed among the members to the other administrators.
///
/// # Errors
/// The database's.
pub async fn members_changed(
    context: &Context,
    w: &mut Write,
    scope: &Scope<Org>,
    added: Option<&str>,
    what: &str,
) -> store::Result<()> {
    if !context.policy.mail {
        return Ok(());
    }
    let (by, org) = (scope.person(), scope.org());
    let web = address(context, "/");
    if let Some(email) = added {
        let subject = format!("You are a member of {}", org.name);
        let text = format!(
            "{} made you a member of the organization {}, whose devices are updated by\n{web}\n",
            by.name, org.name
        );
        file(context, w, None, email, &subject, text).await?;
    }
    for email in mail::other_admins(w, org.id, by.id).await? {
        if Some(email.as_str()) == added {
            continue;
        }
        let subject = format!("[{}] Members changed", org.name);
        let text = format!(
            "{what}.\n\nYou are told as an administrator of {} at\n{web}\n",
            org.name
        );
        file(context, w, None, &email, &subject, text).await?;
    }
    Ok(())
}

/// Makes mails of what has waited long enough: at most one a rule, and not soon after its last.
///
/// # Errors
/// The database's.
pub async fn gather(context: &Context, now: Micros) -> store::Result<()> {
    let mut r = context.db.read().await?;
    let due = mail::due_rules(&mut r, now, now.before(MAIL_GATHER)).await?;
    drop(r);
    if due.is_empty() {
        return Ok(());
    }
    let mut w = context.db.write().await?;
    for rule in due {
        if !mail::take_rule(&mut w, &rule, now.after(MAIL_PAUSE)).await? {
            continue;
        }
        let events = mail::take_events(&mut w, rule.id, MAIL_EVENTS).await?;
        let (subject, text) = digest(&rule, &events, &address(context, "/"));
        file(context, &mut w, Some(rule.id), &rule.email, &subject, text).await?;
    }
    w.commit().await
}

/// Subject and text of a mail about some happenings.
fn digest(rule: &DueRule, events: &[EventRow], web: &str) -> (String, String) {
    let told: Vec<String> = events.iter().map(|e| sentence(&e.event, &e.data)).collect();
    let place = format!("{}/{}", rule.org, rule.product);
    let subject = match told.as_slice() {
        [one] => format!("[{place}] {one}"),
        all => format!("[{place}] {} events", all.len()),
    };
    let mut text = String::new();
    for (event, sentence) in events.iter().zip(&told) {
        text.push_str(&format!("{}  {sentence}\n", event.at.zulu()));
    }
    if told.len() as i64 >= MAIL_EVENTS {
        text.push_str("There may be more: a mail tells of the first ");
        text.push_str(&format!("{MAIL_EVENTS} only.\n"));
    }
    let pause = MAIL_PAUSE.as_secs() / 60;
    text.push_str(&format!(
        "\nSent by a mail rule of {place} at\n{web}\nat most once in {pause} minutes. Whoever manages the product can change the rule.\n"
    ));
    (subject, text)
}

/// What a message says, in words.
fn sentence(event: &str, data: &str) -> String {
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    let of = |key: &str| line(data[key].as_str().unwrap_or("?"), 255);
    match event {
        "device.online" => format!("{} is online", of("device")),
        "device.offline" => format!("{} is offline", of("device")),
        "update.completed" => format!("{} was updated to {}", of("device"), of("version")),
        "update.failed" => format!("{} was not updated: {}", of("device"), of("reason")),
        "firmware.published" => format!(
            "Firmware {} for {} was published by {}",
            of("version"),
            of("platform"),
            of("by")
        ),
        "release.created" => format!("{} got a release by {}", of("deployment_group"), of("by")),
        _ => format!("{}: {}", of("title"), of("message")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> DueRule {
        DueRule {
            id: 1,
            due_at: Micros(0),
            email: "jane@acme.org".into(),
            org: "acme".into(),
            product: "thermostat".into(),
        }
    }

    fn event(event: &str, data: Value) -> EventRow {
        EventRow {
            id: 1,
            event: event.into(),
            data: data.to_string(),
            at: Micros(1_700_000_000_000_000),
        }
    }

    #[test]
    fn one_happening_is_the_subject_and_several_are_counted() {
        let failed = event(
            "update.failed",
            serde_json::json!({"device": "d1\r\nBcc: x", "reason": "no space"}),
        );
        let (subject, text) = digest(&rule(), std::slice::from_ref(&failed), "https://n.org/");
        assert_eq!(
            subject,
            "[acme/thermostat] d1  Bcc: x was not updated: no space"
        );
        assert!(
            text.starts_with("2023-11-14T22:13:20Z  d1  Bcc: x was not"),
            "{text}"
        );
        let online = event("device.online", serde_json::json!({"device": "d2"}));
        let (subject, text) = digest(&rule(), &[failed, online], "https://n.org/");
        assert_eq!(subject, "[acme/thermostat] 2 events");
        assert!(text.contains("d2 is online\n") && text.contains("https://n.org/"));
    }
}
