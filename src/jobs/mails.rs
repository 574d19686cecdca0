//! The job that sends mail: it collects events into digests for mail rules and hands queued mails to the SMTP
//! server, with growing pauses between attempts.

use super::{each_tick, pause, unless_stopped};
use crate::access::vault::Secret;
use crate::app::App;
use crate::clock::Micros;
use crate::config::Mail;
use crate::domain::support::mail_rules::{LABEL, gather};
use crate::limits::{MAIL_BATCH, MAIL_TIME};
use crate::store;
use crate::store::support::mail;
use crate::store::words::MailState;
use futures_util::future::join_all;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use mail::DueMail;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pauses between attempts in seconds, as RFC 5321, 4.5.4.1 proposes: short at first, then every few hours, for
/// about two days.
const PAUSES: [u64; 10] = [
    60, 600, 1_800, 7_200, 14_400, 14_400, 28_800, 28_800, 28_800, 43_200,
];

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Runs until `stop` is cancelled.
pub async fn run(app: App, mail: Mail, stop: CancellationToken) {
    let transport = match Transport::from_url(mail.url.reveal()) {
        Ok(builder) => builder.timeout(Some(MAIL_TIME)).build(),
        Err(e) => {
            tracing::error!(error = %e, "mail is not sent");
            return;
        }
    };
    let (second, failed) = (Duration::from_secs(1), "mail not sent");
    each_tick(
        app.clock().every(second),
        Duration::ZERO,
        stop.clone(),
        failed,
        || {
            let round = round(app.clone(), mail.clone(), transport.clone());
            unless_stopped(stop.clone(), round)
        },
    )
    .await;
}

/// Sends a batch. Returns whether there may be more.
async fn round(app: App, mail: Mail, transport: Transport) -> store::Result<bool> {
    let now = app.now();
    gather(&app, now).await?;
    let mut r = app.db.read().await?;
    if !mail::waits(&mut r, now).await? {
        return Ok(false);
    }
    drop(r);
    let mut w = app.db.write().await?;
    // If the process dies meanwhile, the mails become due again.
    let until = now.after(MAIL_TIME * 4);
    let due = mail::take(&mut w, now, until, MAIL_BATCH).await?;
    w.commit().await?;
    let sent = join_all(due.iter().map(|d| send(&app, &mail, &transport, d))).await;
    let mut w = app.db.write().await?;
    for (d, outcome) in due.iter().zip(&sent) {
        note(&mut w, d, outcome, app.now()).await?;
    }
    w.commit().await?;
    Ok(due.len() as i64 >= MAIL_BATCH)
}

/// Why a mail was not sent, and whether another attempt could help.
struct Unsent {
    why: String,
    again: bool,
}

async fn send(app: &App, mail: &Mail, transport: &Transport, d: &DueMail) -> Result<(), Unsent> {
    let never = |why: String| Unsent { why, again: false };
    let text: Secret = app
        .vault
        .open(&d.body, LABEL)
        .map_err(|e| never(e.to_string()))?;
    let to = d
        .recipient
        .parse()
        .map_err(|e| never(format!("{} is no address: {e}", d.recipient)))?;
    let message = Message::builder()
        .from(mail.from.clone())
        .to(to)
        .subject(&d.subject)
        .header(ContentType::TEXT_PLAIN)
        .body(text.reveal().to_owned())
        .map_err(|e| never(e.to_string()))?;
    let sent = tokio::time::timeout(MAIL_TIME * 2, transport.send(message)).await;
    match sent {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(e)) => Err(Unsent {
            why: e.to_string().chars().take(255).collect(),
            again: !e.is_permanent(),
        }),
        Err(_) => Err(Unsent {
            why: "the mail server did not answer in time".into(),
            again: true,
        }),
    }
}

async fn note(
    w: &mut store::Write,
    d: &DueMail,
    outcome: &Result<(), Unsent>,
    now: Micros,
) -> store::Result<()> {
    let pause = pause(&PAUSES, d.attempts);
    let (status, error) = match (outcome, pause) {
        (Ok(()), _) => (MailState::Sent, None),
        (Err(e), Some(_)) if e.again => (MailState::Pending, Some(&*e.why)),
        (Err(e), _) => (MailState::Failed, Some(&*e.why)),
    };
    if let Some(error) = error {
        tracing::warn!(mail = d.id, error, "mail not sent");
    }
    let due_at = now.after(pause.unwrap_or_default());
    mail::tried(w, d.id, status, due_at, error, now).await
}
