//! The tasks of a node: what each node does, what only one of them does, and whom it serves.

use super::http::{self, GivesWay};
use super::membership::Member;
use super::{Listeners, Node, secret_files};
use crate::api;
use crate::app::App;
use crate::bus::BusMessage;
use crate::config::{Config, Mail};
use crate::device::download;
use crate::device::endpoint::{Endpoint, Settings};
use crate::device::registry::Registry;
use crate::device::stale_connections;
use crate::device::tls::ServerIdentity;
use crate::domain::Context;
use crate::domain::support::remote_requests::RemoteRequest;
use crate::jobs::{bulk, deltas, health, housekeeping, leftovers, mails, scrub, series, webhooks};
use crate::limits::FILES_RESERVE;
use crate::relay;
use crate::rollout::scheduler::Scheduler;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

impl Node {
    /// Begins all tasks. `files` is how many files the process may have open.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn work(
        &self,
        config: &Config,
        identity: ServerIdentity,
        listeners: Listeners,
        requests: Option<mpsc::Receiver<RemoteRequest>>,
        files: usize,
    ) -> anyhow::Result<()> {
        let (app, loops, stop) = (&self.app, &self.loops, &self.working);
        let identity = Arc::new(identity);
        self.own_jobs(config, identity.clone());
        match requests {
            Some(requests) => self.among_others(config, requests),
            None => {
                loops.spawn(housekeeping::claim(app.clone(), stop.clone()));
                leaders_jobs(app, config.mail.as_ref(), loops, stop);
            }
        }
        let Listeners {
            web,
            devices,
            downloads,
        } = listeners;
        if let Some(devices) = devices {
            let settings = Settings {
                connect_rate: config.connect_rate,
                sockets: files.saturating_sub(FILES_RESERVE.min(files / 4)),
                redirect: config.redirect_url.clone(),
                elsewhere: config.redirect_devices.clone(),
                secrets: config.shared_secrets,
            };
            let endpoint = Endpoint::new(
                app.clone(),
                self.registry.clone(),
                identity.server_config()?,
                self.sockets.clone(),
                settings,
            );
            loops.spawn(endpoint.run(devices, self.accepting.clone()));
        }
        self.serve_requests(web, downloads);
        Ok(())
    }

    fn serve_requests(&self, web: Option<TcpListener>, downloads: Option<TcpListener>) {
        let (app, quiet) = (&self.app, &self.accepting);
        if let Some(web) = web {
            // Requests of people have their own database connections, so that they cannot starve devices.
            let people = App {
                context: Context {
                    db: app.db.for_people(),
                    ..app.context.clone()
                },
                ..app.clone()
            };
            let router = api::router(people);
            self.loops
                .spawn(http::serve(web, router, quiet.clone(), GivesWay::Strangers));
        }
        if let Some(downloads) = downloads {
            let router = download::router(app.clone());
            self.loops.spawn(http::serve(
                downloads,
                router,
                quiet.clone(),
                GivesWay::Slowest,
            ));
        }
    }

    /// What each node does for itself.
    fn own_jobs(&self, config: &Config, identity: Arc<ServerIdentity>) {
        let (app, loops, stop) = (&self.app, &self.loops, &self.working);
        let watched = health::Watched {
            folder: config.data_dir.clone(),
            reserve: config.disk_reserve,
            files: secret_files::watched(config),
        };
        loops.spawn(health::run(app.clone(), watched, stop.clone()));
        loops.spawn(housekeeping::token_uses(app.clone(), stop.clone()));
        let mails = config.mail.is_some();
        loops.spawn(housekeeping::subscribers(app.clone(), mails, stop.clone()));
        loops.spawn(housekeeping::certificates(
            app.clone(),
            identity,
            stop.clone(),
        ));
        loops.spawn(deliver(app.clone(), self.registry.clone(), stop.clone()));
    }

    /// Takes part among other nodes, and leads them when it is this one's turn.
    fn among_others(&self, config: &Config, requests: mpsc::Receiver<RemoteRequest>) {
        let (app, loops, stop) = (&self.app, &self.loops, &self.working);
        loops.spawn(relay::run(app.clone(), requests, stop.clone()));
        loops.spawn(relay::hints(app.clone(), stop.clone()));
        loops.spawn(housekeeping::own_claims(app.clone(), stop.clone()));
        let registry = self.registry.clone();
        loops.spawn(stale_connections::run(app.clone(), registry, stop.clone()));
        let jobs = {
            let (app, mail, loops) = (app.clone(), config.mail.clone(), loops.clone());
            move |term: CancellationToken| leaders_jobs(&app, mail.as_ref(), &loops, &term)
        };
        let member = Member {
            app: app.clone(),
            db: app.db.by_one_connection(),
            registry: self.registry.clone(),
            role: config.role,
            life: self.life,
            jobs,
        };
        loops.spawn(member.run(stop.clone()));
    }
}

/// What one node does for all of them: the schedulers and the jobs, until `stop` is cancelled.
fn leaders_jobs(app: &App, mail: Option<&Mail>, loops: &TaskTracker, stop: &CancellationToken) {
    let scheduler = Scheduler {
        db: app.db.clone(),
        bus: app.bus.clone(),
    };
    loops.spawn(scheduler.run(stop.clone()));
    loops.spawn(deltas::run(app.clone(), stop.clone()));
    loops.spawn(scrub::all(app.clone(), stop.clone()));
    loops.spawn(scrub::damaged(app.clone(), stop.clone()));
    loops.spawn(leftovers::run(app.clone(), stop.clone()));
    loops.spawn(housekeeping::reconcile(app.clone(), stop.clone()));
    loops.spawn(housekeeping::sweep(app.clone(), stop.clone()));
    loops.spawn(bulk::run(app.clone(), stop.clone()));
    loops.spawn(series::run(app.clone(), stop.clone()));
    loops.spawn(webhooks::run(app.clone(), stop.clone()));
    if let Some(mail) = mail {
        loops.spawn(mails::run(app.clone(), mail.clone(), stop.clone()));
    }
    loops.spawn(housekeeping::optimize(app.clone(), stop.clone()));
    loops.spawn(housekeeping::seal(app.clone(), stop.clone()));
}

/// Passes hints from the bus to the connections of this node's devices.
async fn deliver(app: App, registry: Arc<Registry>, stop: CancellationToken) {
    let mut hints = app.bus.listen();
    loop {
        let hint = tokio::select! {
            () = stop.cancelled() => return,
            hint = hints.next() => hint,
        };
        match hint {
            Some(BusMessage::Device {
                node,
                device,
                nudge,
            }) if node == app.node => {
                registry.nudge(device, nudge);
            }
            // Closing many connections takes a while, so it runs in a task and other hints are delivered
            // meanwhile.
            Some(BusMessage::SecretEnded(secret)) => {
                let registry = registry.clone();
                app.background
                    .spawn(async move { registry.end_secret(secret).await });
            }
            Some(_) => {}
            None => return,
        }
    }
}
