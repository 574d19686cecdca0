//! Mail rules, by which members are mailed about events of a product, invitations, and notices to
//! administrators about changes of members. On a server without mail delivery nothing is queued.

mod messages;

use super::webhooks::{kinds, note};
use crate::access::scope::{InOrg as _, Org, Product, Scope};
use crate::access::vault::Secret;
use crate::clock::Micros;
use crate::domain::Context;
use crate::domain::error::field;
use crate::domain::{DomainError, Result};
use crate::limits::{MAIL_EVENTS, MAIL_GATHER, MAIL_PAUSE, MAIL_RULES, MAIL_SUBJECT_CHARS};
use crate::store::support::mail::{self, DueRule, EventRow, NewMail, RuleRow};
use crate::store::{self, Db, Write};
use serde_json::Value;

pub use crate::store::support::mail::RuleRow as MailRule;
pub use messages::*;

/// The label that the encryption of a mail's text is bound to.
pub const LABEL: &str = "mail";

/// The settings of a mail rule. `None` leaves a setting as it is.
#[derive(Debug, Default)]
pub struct MailRuleForm {
    /// The recipient: a member of the organization.
    pub email: Option<String>,
    /// Event types to mail about.
    pub events: Option<Vec<String>>,
    /// Whether mails are sent.
    pub active: Option<bool>,
}

/// The product's mail rules.
pub async fn list(db: &Db, scope: &Scope<Product>) -> Result<Vec<RuleRow>> {
    let mut r = db.read().await?;
    Ok(mail::rules(&mut r, scope).await?)
}

/// Finds a mail rule.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such rule.
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

/// Creates a mail rule.
///
/// # Errors
/// A refusal when the server sends no mail; a validation error when the recipient is not a member or an event
/// type is unknown.
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
    if mail::rules(&mut w, scope).await?.len() >= MAIL_RULES {
        let text =
            format!("The product has {MAIL_RULES} mail rules; delete one that is not needed.");
        return Err(DomainError::Detail(text));
    }
    let (active, now) = (form.active.unwrap_or(true), context.now());
    let id = mail::add_rule(&mut w, scope, member.user_id, &events, active, now).await?;
    note(
        &mut w,
        scope,
        &format!("made a mail rule for {}", member.email),
        now,
    )
    .await?;
    w.commit().await?;
    show(&context.db, scope, id).await
}

/// Changes a mail rule.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown rule; a validation error for an unknown event type or another
/// recipient.
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
    mail::set_rule(&mut w, scope, id, &events, active, context.now()).await?;
    note(
        &mut w,
        scope,
        &format!("changed the mail rule for {}", before.email),
        context.now(),
    )
    .await?;
    w.commit().await?;
    show(&context.db, scope, id).await
}

/// Deletes a mail rule.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such rule.
pub async fn delete(db: &Db, scope: &Scope<Product>, id: i64) -> Result<()> {
    let email = show(db, scope, id).await?.email;
    let mut w = db.write().await?;
    if !mail::remove_rule(&mut w, scope, id).await? {
        return Err(DomainError::NotFound);
    }
    note(
        &mut w,
        scope,
        &format!("deleted the mail rule for {email}"),
        db.now(),
    )
    .await?;
    w.commit().await?;
    Ok(())
}

/// Queues a test mail for the rule's recipient.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown rule; a refusal when the server sends no mail.
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
