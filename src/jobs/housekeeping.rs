//! Housekeeping jobs: the reconcile tick, deletion of old reports and logs, sealing the audit chain, writing
//! the token uses, and renewal of the server certificate.

use super::each_tick;
use crate::app::App;
use crate::device::tls::ServerIdentity;
use crate::domain::catalog::uploads;
use crate::limits::{
    CONNECTION_LIFE, HEALTH_LIFE, LOG_LIFE, LOGIN_IDLE, MAIL_LIFE, NOTIFICATION_LIFE, SEAL_EVERY,
    SEAL_ROWS, SESSION_IDLE, SWEEP_EVERY, SWEEP_ROWS, TICK, TOKEN_USES_EVERY, UPDATE_LIFE,
    WEBHOOK_LIFE,
};
use crate::rollout::reconcile;
use crate::store;
use crate::store::accounts::{identities, sessions, users};
use crate::store::deployments::attempts;
use crate::store::devices::{device_logs, health_reports, history, jobs};
use crate::store::events::audit::chain;
use crate::store::support::{mail, messages, notifications, webhooks};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Says that the database is this server's, which is alone, and that it lives; and cleans up after those before it.
pub async fn claim(app: App, stop: CancellationToken) {
    let mut tick = app.clock().every(TICK);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let now = app.now();
        let claimed = async {
            let other = reconcile::claim(&app.db, app.node, now).await?;
            if other.is_none() {
                reconcile::dead_nodes(&app.db, &app.bus, app.node, now).await?;
            }
            Ok::<_, store::Error>(other)
        };
        match claimed.await {
            Ok(None) => {}
            Ok(Some(other)) => {
                let other = other.0;
                tracing::error!(
                    other,
                    "another server took this one's place while it was silent; this one stops"
                );
                app.taken_over.cancel();
                return;
            }
            Err(e) => {
                tracing::warn!(error = %e, "the database was not claimed, the next tick tries again")
            }
        }
    }
}

/// Has this node's devices take their claims, as a node among others: the hint of the one that leads may be lost.
pub async fn own_claims(app: App, stop: CancellationToken) {
    let (pause, failed) = (Duration::ZERO, "claims of this node's devices not read");
    each_tick(app.clock().every(TICK), pause, stop, failed, || {
        let app = app.clone();
        async move {
            reconcile::untold_here(&app.db, &app.bus, app.node, app.now()).await?;
            Ok(false)
        }
    })
    .await;
}

/// Learns who wants to be told of what happens. Each node needs to know it; one of them sends what there is to tell.
pub async fn subscribers(app: App, mails: bool, stop: CancellationToken) {
    if mails {
        app.db.wants().mails();
    }
    let (second, failed) = (Duration::from_secs(1), "subscribers not read");
    each_tick(
        app.clock().every(second),
        Duration::ZERO,
        stop,
        failed,
        || {
            let db = app.db.clone();
            async move {
                let mut r = db.read().await?;
                messages::refresh_subscribers(&mut r, db.wants()).await?;
                Ok(false)
            }
        },
    )
    .await;
}

/// Runs the reconcile tick.
pub async fn reconcile(app: App, stop: CancellationToken) {
    let mut tick = app.clock().every(TICK);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        match reconcile::repair(&app.db, &app.bus, app.now()).await {
            Ok(expired) => expired
                .into_iter()
                .for_each(|d| app.device_events.expired(d)),
            Err(e) => tracing::warn!(error = %e, "not reconciled, the next tick tries again"),
        }
    }
}

/// Deletes expired reports, log lines and uploads in small batches, so that other writers get their turn in between.
pub async fn sweep(app: App, stop: CancellationToken) {
    let (pause, failed) = (Duration::from_millis(200), "old reports not deleted");
    each_tick(app.clock().every(SWEEP_EVERY), pause, stop, failed, || {
        sweep_some(app.clone())
    })
    .await;
}

/// Adds new audit entries to the audit chain soon after they are written.
pub async fn seal(app: App, stop: CancellationToken) {
    let (pause, failed) = (Duration::ZERO, "audit entries not sealed");
    each_tick(app.clock().every(SEAL_EVERY), pause, stop, failed, || {
        seal_some(app.clone())
    })
    .await;
}

/// Writes when API tokens were last used.
pub async fn token_uses(app: App, stop: CancellationToken) {
    let (pause, failed) = (Duration::ZERO, "uses of tokens not written");
    each_tick(
        app.clock().every(TOKEN_USES_EVERY),
        pause,
        stop,
        failed,
        || write_token_uses(app.clone()),
    )
    .await;
}

async fn write_token_uses(app: App) -> store::Result<bool> {
    let uses = app.token_uses.take();
    for some in uses.chunks(500) {
        let mut w = app.db.write().await?;
        for (token, at) in some {
            users::token_used(&mut w, *token, *at).await?;
        }
        w.commit().await?;
    }
    Ok(false)
}

/// Refreshes the query planner's statistics.
pub async fn optimize(app: App, stop: CancellationToken) {
    let (pause, failed) = (Duration::ZERO, "the database's statistics not renewed");
    each_tick(
        app.clock().every(app.db.optimize_every()),
        pause,
        stop,
        failed,
        || {
            let db = app.db.clone();
            async move { db.optimize().await.map(|()| false) }
        },
    )
    .await;
}

/// Seals a batch. Returns whether there may be more.
async fn seal_some(app: App) -> store::Result<bool> {
    // Most ticks find nothing, so a read connection looks first and the only writer stays free.
    let mut r = app.db.read().await?;
    if !chain::waits(&mut r).await? {
        return Ok(false);
    }
    drop(r);
    let mut w = app.db.write().await?;
    let sealed = chain::seal(&mut w, &|text| app.vault.chain(text), SEAL_ROWS).await?;
    w.commit().await?;
    Ok(sealed >= SEAL_ROWS)
}

/// Deletes a batch. Returns whether there may be more.
async fn sweep_some(app: App) -> store::Result<bool> {
    uploads::expire(&app).await?;
    let now = app.now();
    let mut w = app.db.write().await?;
    let health = health_reports::sweep(&mut w, now.before(HEALTH_LIFE), SWEEP_ROWS).await?;
    let logs = device_logs::sweep(&mut w, now.before(LOG_LIFE), SWEEP_ROWS).await?;
    let ended = history::sweep_connections(&mut w, now.before(CONNECTION_LIFE), SWEEP_ROWS).await?;
    let ran = history::sweep_firmwares(&mut w, now.before(UPDATE_LIFE), SWEEP_ROWS).await?;
    let tried = attempts::sweep(&mut w, now.before(UPDATE_LIFE), SWEEP_ROWS).await?;
    let updates = history::sweep_updates(&mut w, now.before(UPDATE_LIFE), SWEEP_ROWS).await?;
    let notes = notifications::sweep(&mut w, now.before(NOTIFICATION_LIFE), SWEEP_ROWS).await?;
    let told = webhooks::sweep(&mut w, now.before(WEBHOOK_LIFE), SWEEP_ROWS).await?;
    let mailed = mail::sweep(&mut w, now.before(MAIL_LIFE), SWEEP_ROWS).await?;
    let logins = users::sweep_logins(&mut w, now.before(LOGIN_IDLE), SWEEP_ROWS).await?;
    let browsers = sessions::sweep(&mut w, now.before(SESSION_IDLE), now, SWEEP_ROWS).await?;
    let sign_ins = identities::sweep_sign_ins(&mut w, now, SWEEP_ROWS).await?;
    let jobs = jobs::sweep(&mut w, now, SWEEP_ROWS).await?;
    w.commit().await?;
    let full = u64::try_from(SWEEP_ROWS).unwrap_or(u64::MAX);
    Ok([
        health, logs, ended, ran, tried, updates, notes, told, mailed, logins, browsers, sign_ins,
        jobs,
    ]
    .iter()
    .any(|n| *n >= full))
}

/// Renews the server certificate before it expires, without a restart.
pub async fn certificates(app: App, identity: Arc<ServerIdentity>, stop: CancellationToken) {
    let mut hour = app.clock().every(Duration::from_secs(3600));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hour.tick() => {}
        }
        match identity.renew(app.now()) {
            Ok(true) => tracing::info!("server certificate renewed"),
            Ok(false) => {}
            Err(e) => {
                tracing::error!(error = %e, "server certificate not renewed, the next hour tries again")
            }
        }
    }
}
