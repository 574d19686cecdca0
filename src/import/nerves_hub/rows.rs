//! Imports the rows that need no file, in the order of their references; this file holds those of products and
//! organizations.

use super::{ORPHAN, Rows, bytes, changed_at, made_at, number, slice, tags, text, time};
use crate::access;
use crate::access::scope::{Product, Scope};
use crate::access::vault::Secret;
use crate::domain::Result;
use crate::domain::catalog::keys::{ED25519, SECURE_BOOT, rsa};
use crate::domain::devices::x509::CertificateInfo;
use crate::domain::support::scripts::ScriptForm;
use crate::firmware::kind::FirmwareKind;
use crate::ids::{Extensions, OrgId};
use crate::store;
use crate::store::catalog::keys::KeyRow;
use crate::store::catalog::{keys, products};
use crate::store::devices::certificates::{self, NewCa};
use crate::store::devices::{extensions, secrets};
use crate::store::import::nerves_hub::Table;
use crate::store::support::notifications::{self, NotificationRow};
use crate::store::support::scripts::{self, ScriptFilter};
use crate::store::words::NotificationLevel;
use fwup::keys::PublicKey;
use serde_json::Value;
use std::collections::HashMap;

impl<'i> Rows<'i> {
    /// Imports all of them; a committed import uses a transaction for each slice.
    pub(super) async fn all(mut self) -> Result<Rows<'i>> {
        for table in [
            Table::Orgs,
            Table::Users,
            Table::OrgUsers,
            Table::UserTokens,
            Table::Invites,
            Table::Products,
            Table::OrgKeys,
            Table::ProductSecrets,
            Table::Scripts,
            Table::Notifications,
            Table::Jitp,
            Table::CaCertificates,
            Table::Devices,
            Table::DeviceCertificates,
            Table::DeviceSecrets,
            Table::NetworkIdentities,
            Table::DeviceFirmwares,
            Table::DeviceHealth,
            Table::Connections,
        ] {
            if !self.from.begin(table).await? {
                continue;
            }
            // Deleted rows are not imported, except devices, which can be restored.
            let deleted = table == Table::Devices;
            while let Some(rows) = slice(&mut self.from, deleted).await? {
                for row in &rows {
                    self.row(table, row).await?;
                }
                if self.commit {
                    self.w.commit().await?;
                    self.w = self.db.write().await?;
                }
            }
        }
        let unused = self.jitp.values().filter(|(_, used)| !used).count();
        let unused = u64::try_from(unused).unwrap_or(u64::MAX);
        let why = "no certificate authority that was brought uses it";
        self.report.leave("jitp", unused, why);
        Ok(self)
    }

    async fn row(&mut self, table: Table, row: &Value) -> Result<()> {
        match table {
            Table::Orgs => self.org(row).await,
            Table::Users => self.user(row).await,
            Table::OrgUsers => self.member(row).await,
            Table::UserTokens => self.token(row).await,
            Table::Invites => self.invite(row).await,
            Table::Products => self.product(row).await,
            Table::OrgKeys => self.key(row).await,
            Table::ProductSecrets => self.product_secret(row).await,
            Table::Scripts => self.script(row).await,
            Table::Notifications => self.notification(row).await,
            Table::Jitp => {
                self.jitp
                    .insert(row["id"].to_string(), (row.clone(), false));
                Ok(())
            }
            Table::CaCertificates => self.ca(row).await,
            Table::Devices => self.device(row).await,
            Table::DeviceCertificates => self.certificate(row).await,
            Table::DeviceSecrets => self.device_secret(row).await,
            Table::NetworkIdentities => self.identity(row).await,
            Table::DeviceFirmwares => self.past_firmware(row).await,
            Table::DeviceHealth => self.health(row).await,
            Table::Connections => self.connection(row).await,
            // These have files, or refer to rows that have.
            Table::Firmwares
            | Table::Archives
            | Table::Releases
            | Table::Deployments
            | Table::UpdateStats
            | Table::AuditLogs => Ok(()),
        }
    }

    /// The signing keys of each organization.
    pub(super) async fn keys(&mut self) -> Result<HashMap<OrgId, Vec<KeyRow>>> {
        let mut all = HashMap::new();
        for (org, _) in self.orgs.values() {
            all.insert(*org, keys::of_org(&mut self.w, *org).await?);
        }
        Ok(all)
    }

    async fn product(&mut self, row: &Value) -> Result<()> {
        let Some((org, _)) = self.orgs.get(&number(row, "org_id")).cloned() else {
            self.report.leave("products", 1, ORPHAN);
            return Ok(());
        };
        let name = text(row, "name");
        let (id, new) = match products::by_name(&mut self.w, org, name).await? {
            Some(product) => {
                self.report.there("products");
                (product.id, false)
            }
            None => {
                self.report.made("products");
                let id = products::add(&mut self.w, org, name, made_at(row, self.now)).await?;
                (id.ok_or(store::Error::Missing("products"))?, true)
            }
        };
        self.products.insert(number(row, "id"), (org, id));
        let Some(scope) = self.scopes.get(&number(row, "org_id")) else {
            let why = "its organization has no member, in whose name its settings and files could be brought";
            self.report.leave("products", 1, why);
            return Ok(());
        };
        let (person, w) = (scope.person().clone(), &mut self.w);
        let scope = access::product_scope(w, person, &scope.at().name, name).await?;
        let scope = scope.ok_or(store::Error::Missing("products"))?;
        if new {
            self.product_settings(&scope, row).await?;
        }
        self.product_scopes.insert(number(row, "id"), scope);
        Ok(())
    }

    /// Imports a product's settings. Where a version of NervesHub lacks a setting, its fixed behaviour becomes
    /// the setting's value.
    async fn product_settings(&mut self, scope: &Scope<Product>, row: &Value) -> Result<()> {
        let (p, w, changed) = (scope.product(), &mut self.w, changed_at(row, self.now));
        let settings = products::by_name(w, p.org.id, &p.name).await?;
        let mut settings = settings.ok_or(store::Error::Missing("products"))?;
        let flag = |row: &Value, key: &str| row[key].as_bool().unwrap_or(false);
        settings.require_unique_firmware_version = flag(row, "require_unique_firmware_version");
        settings.allow_unsigned_esp_idf_firmware = flag(row, "allow_unsigned_esp_idf_firmware");
        if let Some(tools) = row["allowed_update_tools"].as_array() {
            let known = tools.iter().filter_map(Value::as_str);
            let known = known.filter(|t| FirmwareKind::named(t).is_some());
            settings.allowed_update_tools = known.collect::<Vec<_>>().join(",");
        }
        products::set(w, scope, &settings, changed).await?;
        let on = Extensions::of(|e| flag(&row["extensions"], e.word()));
        extensions::set_product(w, scope, on.bits(), changed).await?;
        Ok(())
    }

    async fn key(&mut self, row: &Value) -> Result<()> {
        let Some((org, _)) = self.orgs.get(&number(row, "org_id")).cloned() else {
            self.report.leave("org_keys", 1, ORPHAN);
            return Ok(());
        };
        let name = text(row, "name");
        let scheme = row["scheme"].as_str().unwrap_or(ED25519);
        let given = text(row, "key").trim();
        let key = match scheme {
            ED25519 => PublicKey::parse(given.as_bytes()).ok().map(|k| k.text()),
            SECURE_BOOT => rsa(given).ok().map(|()| given.to_owned()),
            _ => None,
        };
        let Some(key) = key else {
            self.report
                .skip(format!("signing key {name}: it is no {scheme} key"));
            return Ok(());
        };
        let made = made_at(row, self.now);
        let added = keys::add(&mut self.w, org, name, &key, scheme, made).await?;
        self.report.count("keys", added.is_some());
        Ok(())
    }

    async fn product_secret(&mut self, row: &Value) -> Result<()> {
        let Some((_, product)) = self.products.get(&number(row, "product_id")).copied() else {
            self.report.leave("product_shared_secret_auth", 1, ORPHAN);
            return Ok(());
        };
        let key = text(row, "key");
        let known = secrets::of_product(&mut self.w, product).await?;
        if known.iter().any(|s| s.key == key) {
            self.report.there("product secrets");
            return Ok(());
        }
        let over = time(&row["deactivated_at"]);
        let scope = self.product_scopes.get(&number(row, "product_id"));
        if over.is_some() && scope.is_none() {
            let why = "it is deactivated, and its organization has no member";
            self.report.leave("product_shared_secret_auth", 1, why);
            return Ok(());
        }
        let sealed = self
            .vault
            .seal(&Secret::new(text(row, "secret").to_owned()), key);
        let made = made_at(row, self.now);
        secrets::add(&mut self.w, product, key, &sealed, made).await?;
        if let (Some(over), Some(scope)) = (over, scope) {
            secrets::deactivate(&mut self.w, scope, key, over).await?;
        }
        self.report.made("product secrets");
        Ok(())
    }

    /// Imports a script. Its name and creation time identify it when the import is repeated.
    async fn script(&mut self, row: &Value) -> Result<()> {
        let Some(scope) = self.product_scopes.get(&number(row, "product_id")).cloned() else {
            self.report.leave("scripts", 1, ORPHAN);
            return Ok(());
        };
        let (name, made) = (text(row, "name"), made_at(row, self.now));
        let form = ScriptForm {
            name: Some(name.to_owned()),
            text: Some(text(row, "text").to_owned()),
            tags: Some(tags(row).filter(|t| !t.is_empty())),
        };
        if let Err(why) = form.check() {
            self.report.skip(format!("script {name}: {why}"));
            return Ok(());
        }
        let filter = ScriptFilter {
            name: Some(name.to_owned()),
            ..ScriptFilter::default()
        };
        let (like, _) = scripts::list(&mut self.w, &scope, &filter, 0, i64::MAX).await?;
        let known = like.iter().any(|s| s.name == name && s.inserted_at == made);
        self.report.count("scripts", !known);
        if known {
            return Ok(());
        }
        let scope = self.author(row, scope).await?;
        let (w, code, tags) = (&mut self.w, text(row, "text"), form.lines());
        let id = scripts::add(w, &scope, name, code, tags.as_deref(), made).await?;
        let changed = changed_at(row, self.now);
        scripts::set(w, &scope, id, name, code, tags.as_deref(), changed).await?;
        Ok(())
    }

    /// The scope of a script's author, or of a member if the author is not one.
    async fn author(&mut self, row: &Value, other: Scope<Product>) -> Result<Scope<Product>> {
        let by = self.users.get(&number(row, "created_by_id")).cloned();
        let own = match by {
            Some(by) => {
                let p = other.product();
                access::product_scope(&mut self.w, by.person(), &p.org.name, &p.name).await?
            }
            None => None,
        };
        if own.is_none() {
            let why = "a member stands for somebody who is none";
            self.report.leave("scripts.created_by_id", 1, why);
        }
        Ok(own.unwrap_or(other))
    }

    async fn notification(&mut self, row: &Value) -> Result<()> {
        let Some((_, product)) = self.products.get(&number(row, "product_id")).copied() else {
            self.report.leave("product_notifications", 1, ORPHAN);
            return Ok(());
        };
        let Some(level) = NotificationLevel::parse(text(row, "level")) else {
            let why = format!("notification {}: it has no known level", text(row, "title"));
            self.report.skip(why);
            return Ok(());
        };
        let made = made_at(row, self.now);
        let note = NotificationRow {
            id: 0,
            event_key: text(row, "event_key").to_owned(),
            level,
            title: text(row, "title").to_owned(),
            message: text(row, "message").to_owned(),
            occurrences: number(row, "occurrence_count").max(1),
            last_at: time(&row["last_occurred_at"]).unwrap_or(made),
            inserted_at: made,
        };
        let made = notifications::add_past(&mut self.w, product, &note).await?;
        self.report.count("notifications", made);
        Ok(())
    }

    async fn ca(&mut self, row: &Value) -> Result<()> {
        let serial = text(row, "serial").to_owned();
        let facts = bytes(row, "der").and_then(|der| CertificateInfo::read(&der).ok());
        let Some(scope) = self.scopes.get(&number(row, "org_id")) else {
            self.report.skip(format!(
                "CA certificate {serial}: its organization has no member"
            ));
            return Ok(());
        };
        let Some(facts) = facts else {
            self.report
                .skip(format!("CA certificate {serial}: it cannot be read"));
            return Ok(());
        };
        let Some(ski) = facts.ski.clone() else {
            self.report.skip(format!(
                "CA certificate {serial}: it has no subject key identifier"
            ));
            return Ok(());
        };
        let profile = self.jitp.get_mut(&row["jitp_id"].to_string());
        let jitp = profile.and_then(|(p, used)| {
            let (_, product) = self.products.get(&number(p, "product_id"))?;
            *used = true;
            let tags = serde_json::json!(tags(p).unwrap_or_default()).to_string();
            Some((*product, tags, text(p, "description").to_owned()))
        });
        let ca = NewCa {
            serial: facts.serial.clone(),
            ski,
            der: facts.der.clone(),
            not_before: facts.not_before,
            not_after: facts.not_after,
            description: row["description"].as_str().map(str::to_owned),
            check_expiration: row["check_expiration"].as_bool().unwrap_or(false),
            jitp,
        };
        let made = made_at(row, self.now);
        let added = certificates::add_ca(&mut self.w, scope, &ca, made).await?;
        self.report.count("CA certificates", added.is_some());
        Ok(())
    }
}
