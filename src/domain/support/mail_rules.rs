//! Mail: rules by which members are told what happens in a product, invitations, and word to administrators of who comes and
//! goes. Nothing is filed on a server that sends no mail.

mod messages;

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
pub use messages::*;

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

#[cfg(test)]
mod tests;
