//! Imports devices, their credentials, and their history.

use super::{Known, Member, ORPHAN, Rows, bytes, changed_at, made_at, number, tags, text, time};
use crate::access::random_id;
use crate::access::vault::Secret;
use crate::clock::Micros;
use crate::domain::devices::certificates::store_certificate;
use crate::domain::devices::x509::CertificateInfo;
use crate::domain::{DomainError, Result};
use crate::ids::{ConnectionId, DeviceId, Extensions};
use crate::limits::HEALTH_LIFE;
use crate::store::devices::FirmwareMetadata;
use crate::store::devices::health_reports::{self, HealthReport};
use crate::store::devices::history::{self, PastConnection, PastFirmware};
use crate::store::devices::locations;
use crate::store::devices::{
    self, certificates, extensions, iroh_endpoints, network_identities, secrets,
};
use crate::store::words::{HealthState, Validation};
use crate::store::{self};
use serde_json::{Value, json};

/// The services of network identities.
const SERVICES: [&str; 4] = ["iroh", "netbird", "tailscale", "wireguard"];

/// The firmware metadata that a device reported, if it named a firmware.
fn metadata(m: &Value) -> Option<FirmwareMetadata> {
    let optional = |key: &str| m[key].as_str().map(str::to_owned);
    Some(FirmwareMetadata {
        uuid: optional("uuid")?,
        product: text(m, "product").to_owned(),
        version: text(m, "version").to_owned(),
        platform: text(m, "platform").to_owned(),
        architecture: text(m, "architecture").to_owned(),
        author: optional("author"),
        description: optional("description"),
        misc: optional("misc"),
        vcs_identifier: optional("vcs_identifier"),
        fwup_version: optional("fwup_version"),
    })
}

fn validation(row: &Value) -> (Validation, bool) {
    let known = Validation::parse(text(row, "firmware_validation_status"));
    (
        known.unwrap_or(Validation::Unknown),
        row["firmware_auto_revert_detected"] == true,
    )
}

impl Rows<'_> {
    pub(super) async fn device(&mut self, row: &Value) -> Result<()> {
        let Some((org, product)) = self.products.get(&number(row, "product_id")).copied() else {
            self.report.leave("devices", 1, ORPHAN);
            return Ok(());
        };
        let identifier = text(row, "identifier");
        if let Some(known) = devices::by_identifier(&mut self.w, identifier).await? {
            self.report.there("devices");
            if known.org_id == org {
                let (product, id) = (known.product_id, known.id);
                self.met(row, Known { org, product, id });
            } else {
                self.report.skip(format!(
                    "device {identifier}: another organization of this server has it"
                ));
            }
            return Ok(());
        }
        let (tags, made) = (tags(row), made_at(row, self.now));
        let description = row["description"].as_str();
        let (w, tags) = (&mut self.w, tags.as_deref());
        let added = devices::add(w, org, product, identifier, description, tags, made).await?;
        let id = added.ok_or(store::Error::Missing("devices"))?;
        self.state(row, id).await?;
        self.settings(row, id).await?;
        self.met(row, Known { org, product, id });
        self.report.made("devices");
        Ok(())
    }

    /// Imports a device's state: its firmware, when it was first seen, its penalty, and its position.
    async fn state(&mut self, row: &Value, id: DeviceId) -> Result<()> {
        let changed = changed_at(row, self.now);
        let w = &mut self.w;
        if let Some(running) = metadata(&row["firmware_metadata"]) {
            devices::report_firmware(w, id, &running, changed).await?;
        }
        let (known, reverted) = validation(row);
        devices::set_validation(w, id, known, reverted).await?;
        let first = time(&row["first_seen_at"]);
        if first.is_some() || text(row, "status") == "provisioned" {
            // Versions of NervesHub without this column did not record it. Their devices count as the oldest.
            devices::seen_first(w, id, first.unwrap_or(Micros(0))).await?;
        }
        if let Some(until) = time(&row["updates_blocked_until"]).filter(|u| *u > self.now) {
            devices::block(w, id, Some(until)).await?;
        }
        if let Some(interface) = row["network_interface"].as_str() {
            devices::set_interface(w, id, interface).await?;
        }
        let place = &row["custom_location_coordinates"];
        if let (Some(latitude), Some(longitude)) = (place[0].as_f64(), place[1].as_f64()) {
            locations::set_manual(w, id, (latitude, longitude), changed).await?;
        }
        Ok(())
    }

    /// Imports a device's settings. The last statement also sets when the device last changed.
    async fn settings(&mut self, row: &Value, id: DeviceId) -> Result<()> {
        let changed = changed_at(row, self.now);
        let w = &mut self.w;
        let code = row["connecting_code"].as_str().filter(|c| !c.is_empty());
        if code.is_some() {
            devices::set_connecting_code(w, id, code, changed).await?;
        }
        let off = &row["extensions"];
        let off = Extensions::of(|e| off[e.word()] == false);
        if off != Extensions::default() {
            extensions::set_device_off(w, id, off.bits(), changed).await?;
        }
        if let Some(at) = time(&row["deleted_at"]) {
            devices::set_deleted(w, id, Some(at), changed).await?;
        }
        let enabled = row["updates_enabled"] != false;
        devices::set_updates_enabled(w, id, enabled, changed).await?;
        Ok(())
    }

    fn met(&mut self, row: &Value, device: Known) {
        self.devices.insert(number(row, "id"), device);
        self.newest_health.extend(row["latest_health_id"].as_i64());
        let attempts = row["update_attempts"].as_array().map(Vec::as_slice);
        let attempts: Vec<Micros> = attempts
            .unwrap_or_default()
            .iter()
            .filter_map(time)
            .collect();
        match row["deployment_id"].as_i64() {
            Some(group) => self.members.entry(group).or_default().push(Member {
                device: device.id,
                changed: changed_at(row, self.now),
                attempts,
            }),
            None if !attempts.is_empty() => {
                let why =
                    "attempts are counted for the release of a group, and the device is in none";
                self.report.leave("devices.update_attempts", 1, why);
            }
            None => {}
        }
    }

    /// The imported device that a row belongs to. A row without one is left behind and reported.
    fn device_of(&mut self, row: &Value, table: &str) -> Option<Known> {
        let known = self.devices.get(&number(row, "device_id")).copied();
        if known.is_none() {
            self.report.leave(table, 1, ORPHAN);
        }
        known
    }

    pub(super) async fn certificate(&mut self, row: &Value) -> Result<()> {
        let Some(device) = self.device_of(row, "device_certificates") else {
            return Ok(());
        };
        let serial = text(row, "serial");
        let Some(facts) = bytes(row, "der").and_then(|der| CertificateInfo::read(&der).ok()) else {
            self.report
                .skip(format!("device certificate {serial}: it cannot be read"));
            return Ok(());
        };
        if certificates::holder(&mut self.w, &facts.fingerprint)
            .await?
            .is_some()
        {
            self.report.there("device certificates");
            return Ok(());
        }
        match store_certificate(&mut self.w, device.org, device.id, &facts, self.now).await {
            Ok(()) => self.report.made("device certificates"),
            Err(DomainError::Fields(why)) => {
                self.report
                    .skip(format!("device certificate {serial}: {why}"));
                return Ok(());
            }
            Err(other) => return Err(other),
        }
        if let Some(used) = time(&row["last_used"]) {
            certificates::used(&mut self.w, &facts.fingerprint, used).await?;
        }
        Ok(())
    }

    pub(super) async fn device_secret(&mut self, row: &Value) -> Result<()> {
        let Some(device) = self.device_of(row, "device_shared_secret_auths") else {
            return Ok(());
        };
        let key = text(row, "key");
        let known = secrets::of_device(&mut self.w, device.id).await?;
        if known.iter().any(|s| s.key == key) {
            self.report.there("device secrets");
            return Ok(());
        }
        let sealed = self
            .vault
            .seal(&Secret::new(text(row, "secret").to_owned()), key);
        let (w, made) = (&mut self.w, made_at(row, self.now));
        secrets::add_for_device(w, device.id, key, &sealed, made).await?;
        if let Some(over) = time(&row["deactivated_at"]) {
            secrets::deactivate_of_device(w, device.id, key, over).await?;
        }
        self.report.made("device secrets");
        Ok(())
    }

    /// Imports a network identity of a device, of a member, or of nobody yet.
    pub(super) async fn identity(&mut self, row: &Value) -> Result<()> {
        let (service, identifier) = (text(row, "service"), text(row, "identifier"));
        let made = if !SERVICES.contains(&service) {
            Err("its service is not known here")
        } else if row["device_id"].is_null() {
            self.endpoint(row, service, identifier).await?
        } else {
            let Some(device) = self.device_of(row, "network_identities") else {
                return Ok(());
            };
            self.identity_of(row, device.id, service, identifier)
                .await?
        };
        match made {
            Ok(made) => self.report.count("network identities", made),
            Err(why) => self
                .report
                .skip(format!("network identity {identifier} of {service}: {why}")),
        }
        Ok(())
    }

    async fn identity_of(
        &mut self,
        row: &Value,
        device: DeviceId,
        service: &str,
        identifier: &str,
    ) -> Result<std::result::Result<bool, &'static str>> {
        let instance = row["instance"].as_str().unwrap_or("default");
        let w = &mut self.w;
        let known = network_identities::of_device(w, device, service, instance).await?;
        if !known.is_empty() {
            return Ok(Ok(false));
        }
        let details = details(row);
        let made = made_at(row, self.now);
        let reported = time(&row["last_reported_at"]).unwrap_or(made);
        // The first report sets when the identity was first seen, the second one when it was last seen.
        for at in [made, reported] {
            let added =
                network_identities::report(w, device, service, instance, identifier, &details, at);
            if !added.await? {
                return Ok(Err("another device of this server has it"));
            }
        }
        Ok(Ok(true))
    }

    /// Imports an identity that a person entered. This server supports these for one service only.
    async fn endpoint(
        &mut self,
        row: &Value,
        service: &str,
        identifier: &str,
    ) -> Result<std::result::Result<bool, &'static str>> {
        if service != "iroh" {
            return Ok(Err("people enter keys of iroh only here"));
        }
        let Some(scope) = self.scopes.get(&number(row, "org_id")).cloned() else {
            return Ok(Err(ORPHAN));
        };
        let user = self.members_of_orgs.get(&number(row, "org_user_id"));
        let user = user.copied();
        if row["org_user_id"].is_i64() && user.is_none() {
            return Ok(Err(ORPHAN));
        }
        let w = &mut self.w;
        if iroh_endpoints::known(w, identifier).await? {
            return Ok(Ok(false));
        }
        let instance = row["instance"].as_str().unwrap_or("default");
        let (details, made) = (details(row), made_at(row, self.now));
        let added =
            iroh_endpoints::add(w, &scope, user, instance, identifier, &details, made).await?;
        Ok(added.then_some(true).ok_or("its owner has another one"))
    }

    pub(super) async fn past_firmware(&mut self, row: &Value) -> Result<()> {
        let Some(device) = self.device_of(row, "device_firmwares") else {
            return Ok(());
        };
        let Some(ran) = metadata(&row["firmware_metadata"]) else {
            let why = "it does not say which firmware it was";
            self.report.leave("device_firmwares", 1, why);
            return Ok(());
        };
        let filled = |text: String| (!text.is_empty()).then_some(text);
        let (known, auto_revert) = validation(row);
        let past = PastFirmware {
            uuid: ran.uuid,
            version: filled(ran.version),
            platform: filled(ran.platform),
            architecture: filled(ran.architecture),
            validation: known,
            auto_revert,
            at: made_at(row, self.now),
        };
        let made = history::add_past_firmware(&mut self.w, device.id, &past).await?;
        self.report.count("firmware history", made);
        Ok(())
    }

    pub(super) async fn health(&mut self, row: &Value) -> Result<()> {
        let Some(device) = self.device_of(row, "device_health") else {
            return Ok(());
        };
        let at = made_at(row, self.now);
        let newest = self.newest_health.contains(&number(row, "id"));
        if !newest && self.now.since(at) > HEALTH_LIFE {
            let why = "reports are kept for seven days, and a device's newest";
            self.report.leave("device_health", 1, why);
            return Ok(());
        }
        let status = HealthState::parse(text(row, "status")).unwrap_or(HealthState::Unknown);
        let document = |key: &str| match &row[key] {
            Value::Null => json!({}).to_string(),
            some => some.to_string(),
        };
        let report = HealthReport {
            at,
            status,
            reasons: document("status_reasons"),
            report: document("data"),
        };
        let made = health_reports::add_past(&mut self.w, device.id, &report).await?;
        health_reports::note_newest(&mut self.w, device.id).await?;
        self.report.count("health reports", made);
        Ok(())
    }

    /// Imports the last connection of a device as one that has ended.
    pub(super) async fn connection(&mut self, row: &Value) -> Result<()> {
        let Some(device) = self.device_of(row, "latest_device_connections") else {
            return Ok(());
        };
        let seen = time(&row["last_seen_at"]).or_else(|| time(&row["established_at"]));
        let Some(seen) = seen else {
            let why = "it does not say when the device was connected";
            self.report.leave("latest_device_connections", 1, why);
            return Ok(());
        };
        let told = &row["metadata"];
        let types = told["connection_types"].as_array().map(|all| {
            let all: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
            all.join(",")
        });
        let interface = text(row, "network_interface").to_owned();
        let past = PastConnection {
            established_at: time(&row["established_at"]).unwrap_or(seen),
            last_seen_at: seen,
            disconnected_at: Some(time(&row["disconnected_at"]).unwrap_or(seen)),
            reason: row["disconnected_reason"].as_str().map(str::to_owned),
            peer: None,
            types,
            interface,
            api_version: told["device_api_version"].as_str().map(str::to_owned),
        };
        let (w, id) = (&mut self.w, ConnectionId(random_id()));
        let made = history::add_past_connection(w, device.id, id, &past).await?;
        if made && !past.interface.is_empty() {
            devices::set_interface(w, device.id, &past.interface).await?;
        }
        self.report.count("connections", made);
        Ok(())
    }
}

/// The details of a network identity as a JSON object.
fn details(row: &Value) -> String {
    match &row["details"] {
        Value::Object(some) => Value::Object(some.clone()).to_string(),
        _ => json!({}).to_string(),
    }
}
