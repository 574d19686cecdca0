//! Mail rules, the events that they collect, and the queue of mails. If a process dies while it sends a mail,
//! that mail may be sent twice, but it is never lost.

mod rules;

use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg as _, Org, Product, Scope};
use crate::store::ids::{OrgId, UserId};
use crate::store::words::MailState;
use crate::store::{Error, On, Result, Write};
pub use rules::*;
use sqlx::FromRow;

/// A mail to send now.
#[derive(Debug, Clone, FromRow)]
pub struct DueMail {
    /// The mail's id in the database.
    pub id: i64,
    /// Email address of the recipient.
    pub recipient: String,
    /// A single line.
    pub subject: String,
    /// The text, encrypted.
    pub body: Vec<u8>,
    /// Attempts so far.
    pub attempts: i64,
}

/// A mail to queue.
pub struct NewMail<'m> {
    /// The rule that it belongs to; `None` for an invitation.
    pub rule: Option<i64>,
    /// Email address of the recipient.
    pub recipient: &'m str,
    /// A single line.
    pub subject: &'m str,
    /// The text, encrypted.
    pub body: &'m [u8],
}

/// Queues a mail.
pub async fn file(w: &mut Write, mail: &NewMail<'_>, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "mails.file",
            "INSERT INTO mails (rule_id, recipient, subject, body, status, attempts, due_at,
                                inserted_at)
             VALUES ($1, $2, $3, $4, 'pending', 0, $5, $5)"
        ),
        mail.rule,
        mail.recipient,
        mail.subject,
        mail.body,
        now
    )?;
    Ok(())
}

/// Whether any mail is due.
pub async fn waits(on: &mut impl On, now: Micros) -> Result<bool> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "mails.waits",
            "SELECT id FROM mails WHERE status = 'pending' AND due_at <= $1
             ORDER BY due_at LIMIT 1"
        ),
        now
    )?;
    Ok(row.is_some())
}

/// Takes mails that are due. No other process takes them before `until`.
pub async fn take(w: &mut Write, now: Micros, until: Micros, most: i64) -> Result<Vec<DueMail>> {
    let due: Vec<DueMail> = fetch_all!(
        w,
        sql!(
            "mails.due",
            "SELECT id, recipient, subject, body, attempts FROM mails
             WHERE status = 'pending' AND due_at <= $1 ORDER BY due_at, id LIMIT $2"
        ),
        now,
        most
    )?;
    let mut taken = Vec::with_capacity(due.len());
    for mail in due {
        let n = execute!(
            w,
            sql!(
                "mails.take",
                "UPDATE mails SET due_at = $3
                 WHERE id = $1 AND status = 'pending' AND due_at <= $2"
            ),
            mail.id,
            now,
            until
        )?;
        if n == 1 {
            taken.push(mail);
        }
    }
    Ok(taken)
}

/// Records the outcome of an attempt. The text of a finished mail is
/// deleted.
pub async fn tried(
    w: &mut Write,
    mail: i64,
    status: MailState,
    due_at: Micros,
    error: Option<&str>,
    now: Micros,
) -> Result<()> {
    let ended = (status != MailState::Pending).then_some(now);
    execute!(
        w,
        sql!(
            "mails.tried",
            "UPDATE mails SET status = $2, attempts = attempts + 1, due_at = $3, error = $4,
               ended_at = $5
             WHERE id = $1"
        ),
        mail,
        status,
        due_at,
        error,
        ended
    )?;
    if ended.is_some() {
        set_body(w, mail, &[]).await?;
    }
    Ok(())
}

/// Replaces the ciphertext of a mail's text.
pub async fn set_body(w: &mut Write, mail: i64, body: &[u8]) -> Result<()> {
    execute!(
        w,
        sql!("mails.set_body", "UPDATE mails SET body = $2 WHERE id = $1"),
        mail,
        body
    )?;
    Ok(())
}

/// Deletes up to `most` finished mails that were queued before an instant.
pub async fn sweep(w: &mut Write, before: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "mails.sweep",
            "DELETE FROM mails WHERE id IN (
               SELECT id FROM mails WHERE inserted_at < $1 AND status <> 'pending'
               ORDER BY inserted_at LIMIT $2)"
        ),
        before,
        most
    )
}
