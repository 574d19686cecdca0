//! The parts of a running server: what the domain works with, and what sockets and requests need beside it. `node` builds it.

use crate::access::derived_keys::DerivedKeys;
use crate::blob::download_urls::DownloadUrls;
use crate::budget::{Attempts, Rate, Slots, Turns};
use crate::domain::Context;
use crate::domain::events::device_events::DeviceEvents;
use crate::ids::{DeviceId, ProductId, UserId};
use crate::ingest::{BearerWriter, IngestWriter, NewcomerWriter};
use crate::oidc::Providers;
use crate::store::batch::Batcher;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Shared parts; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// What the domain works with.
    pub context: Context,
    /// Group commit for what devices do.
    pub device_writes: Batcher<IngestWriter>,
    /// Group commit for devices that register themselves.
    pub newcomers: Batcher<NewcomerWriter>,
    /// Group commit for devices that bring certificates which are not known.
    pub bearers: Batcher<BearerWriter>,
    /// Download links.
    pub download_urls: Arc<DownloadUrls>,
    /// Programs that watch how updates go.
    pub device_events: DeviceEvents,
    /// Whether another server works on the database in this one's place.
    pub taken_over: CancellationToken,
    /// Providers that people sign in with.
    pub sign_in_providers: Providers,
    /// Command lines that wait for a browser, by address.
    pub cli_login_limiter: Arc<Rate<IpAddr>>,
    /// How much devices may report.
    pub device_report_limiter: Arc<Rate<DeviceId>>,
    /// How much all devices of a product may.
    pub product_report_limiter: Arc<Rate<ProductId>>,
    /// Lines of the log about those who are not let in.
    pub refusal_log_limiter: Arc<Rate<()>>,
    /// How often connections of a device may take the place of an open one before people are told.
    pub replacement_limiter: Arc<Rate<DeviceId>>,
    /// How often people are told.
    pub replacement_notice_limiter: Arc<Rate<DeviceId>>,
    /// How often people are told of a refused certificate, by the name in it.
    pub certificate_notice_limiter: Arc<Rate<String>>,
    /// How often people are told of the wrong clock of a device, by its identifier.
    pub clock_notice_limiter: Arc<Rate<String>>,
    /// Checks of device keys, by key and address.
    pub device_key_attempts: Arc<Attempts<(String, IpAddr)>>,
    /// Keys of devices' signatures that were derived a moment ago.
    pub derived_keys: Arc<DerivedKeys>,
    /// Sockets of people.
    pub viewer_slots: Arc<Slots<UserId>>,
    /// Requests in progress, by person.
    pub request_slots: Arc<Slots<UserId>>,
    /// Reading requests in work, by person.
    pub read_turns: Arc<Turns<UserId>>,
}

impl Deref for App {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}
