//! Rows that need no file: people, keys, secrets, authorities, devices.

use super::{Rows, bytes, number, pages, tags, text};
use crate::access;
use crate::access::scope::{Grant, Person, Product, Role, Scope};
use crate::access::token;
use crate::access::vault::Secret;
use crate::firmware::keys::PublicKey;
use crate::firmware::kind::Kind;
use crate::fleet::certificates::store_certificate;
use crate::fleet::keys::{ED25519, SECURE_BOOT, rsa};
use crate::fleet::x509::Facts;
use crate::fleet::{Refusal, Result};
use crate::ids::{DeviceId, Extensions, OrgId};
use crate::store::certificates::{self, NewCa};
use crate::store::devices::Metadata;
use crate::store::keys::KeyRow;
use crate::store::nerves_hub::Table;
use crate::store::users::NewToken;
use crate::store::{self, devices, extensions, keys, orgs, products, secrets, users};
use serde_json::Value;
use std::collections::HashMap;

impl Rows<'_> {
    /// All of them.
    pub(super) async fn all(&mut self) -> Result<()> {
        for table in [
            Table::Orgs,
            Table::Users,
            Table::OrgUsers,
            Table::UserTokens,
            Table::Products,
            Table::OrgKeys,
            Table::ProductSecrets,
            Table::Jitp,
            Table::CaCertificates,
            Table::Devices,
            Table::DeviceCertificates,
            Table::DeviceSecrets,
        ] {
            // What was deleted there is not brought back, except devices, which can be restored.
            let deleted = table == Table::Devices;
            let mut after = 0;
            while let Some(rows) = pages(&mut self.from, table, &mut after, deleted).await? {
                for row in &rows {
                    self.row(table, row).await?;
                }
            }
        }
        Ok(())
    }

    async fn row(&mut self, table: Table, row: &Value) -> Result<()> {
        match table {
            Table::Orgs => self.org(row).await,
            Table::Users => self.user(row).await,
            Table::OrgUsers => self.member(row).await,
            Table::UserTokens => self.token(row).await,
            Table::Products => self.product(row).await,
            Table::OrgKeys => self.key(row).await,
            Table::ProductSecrets => self.product_secret(row).await,
            Table::Jitp => {
                self.jitp.insert(row["id"].to_string(), row.clone());
                Ok(())
            }
            Table::CaCertificates => self.ca(row).await,
            Table::Devices => self.device(row).await,
            Table::DeviceCertificates => self.certificate(row).await,
            Table::DeviceSecrets => self.device_secret(row).await,
            // These have files, or refer to what has.
            Table::Firmwares | Table::Archives | Table::Releases | Table::Deployments => Ok(()),
        }
    }

    /// The signing keys of each organisation.
    pub(super) async fn keys(&mut self) -> Result<HashMap<OrgId, Vec<KeyRow>>> {
        let mut all = HashMap::new();
        for (org, _) in self.orgs.values() {
            all.insert(*org, keys::of_org(&mut self.w, *org).await?);
        }
        Ok(all)
    }

    async fn org(&mut self, row: &Value) -> Result<()> {
        let name = text(row, "name");
        let id = match orgs::by_name(&mut self.w, name).await? {
            Some(org) => {
                self.report.there("orgs");
                org.id
            }
            None => {
                self.report.made("orgs");
                let id = orgs::add(&mut self.w, name, self.now).await?;
                id.ok_or(store::Error::Missing("orgs"))?
            }
        };
        self.orgs.insert(number(row, "id"), (id, name.to_owned()));
        Ok(())
    }

    async fn user(&mut self, row: &Value) -> Result<()> {
        let email = text(row, "email");
        let name = match text(row, "username") {
            "" => email,
            name => name,
        };
        let id = match users::by_email(&mut self.w, email).await? {
            Some(user) => {
                self.report.there("users");
                user.id
            }
            None => {
                self.report.made("users");
                // bcrypt, which a login checks as well; without one, a person gets a password by `admin reset-password`.
                let hash = text(row, "password_hash");
                let id = users::add(&mut self.w, email, name, hash, self.now).await?;
                let id = id.ok_or(store::Error::Missing("users"))?;
                // Before there was a column for it, everybody counted as confirmed.
                if row.get("confirmed_at").is_some_and(Value::is_null) {
                    users::set_unconfirmed(&mut self.w, id).await?;
                }
                id
            }
        };
        self.users
            .insert(number(row, "id"), (id, name.to_owned(), email.to_owned()));
        Ok(())
    }

    async fn member(&mut self, row: &Value) -> Result<()> {
        let org = self.orgs.get(&number(row, "org_id")).cloned();
        let user = self.users.get(&number(row, "user_id")).cloned();
        let (Some((org, org_name)), Some((user, name, email))) = (org, user) else {
            return Ok(());
        };
        let role = Role::parse(text(row, "role")).unwrap_or(Role::View);
        if orgs::role_of(&mut self.w, user, &org_name).await?.is_none() {
            orgs::set_member(&mut self.w, org, user, role.word(), self.now).await?;
            self.report.made("members");
        } else {
            self.report.there("members");
        }
        let person = Person {
            id: user,
            name,
            email,
            grant: Grant::default(),
            token: None,
        };
        if let Some(scope) = access::org_scope(&mut self.w, person, &org_name).await? {
            self.scopes.insert(number(row, "org_id"), scope);
        }
        Ok(())
    }

    async fn token(&mut self, row: &Value) -> Result<()> {
        let Some((user, ..)) = self.users.get(&number(row, "user_id")).cloned() else {
            return Ok(());
        };
        if text(row, "context") != "api" {
            return Ok(());
        }
        let old = row["old_token"].as_str().and_then(token::hash);
        let Some(hash) = old.or_else(|| bytes(row, "token")) else {
            return Ok(());
        };
        if users::by_token(&mut self.w, &hash).await?.is_some() {
            self.report.there("tokens");
            return Ok(());
        }
        let new = NewToken {
            user,
            hash: &hash,
            note: text(row, "note"),
            access: "full",
            product: None,
            expires_at: None,
            login: false,
        };
        users::add_token(&mut self.w, &new, self.now).await?;
        self.report.made("tokens");
        Ok(())
    }

    async fn product(&mut self, row: &Value) -> Result<()> {
        let Some((org, _)) = self.orgs.get(&number(row, "org_id")).cloned() else {
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
                let id = products::add(&mut self.w, org, name, self.now).await?;
                (id.ok_or(store::Error::Missing("products"))?, true)
            }
        };
        self.products.insert(number(row, "id"), (org, id));
        let Some(scope) = self.scopes.get(&number(row, "org_id")) else {
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

    /// What versions of the original that lack a setting do is what it was before there was one.
    async fn product_settings(&mut self, scope: &Scope<Product>, row: &Value) -> Result<()> {
        let (p, w) = (scope.product(), &mut self.w);
        let settings = products::by_name(w, p.org.id, &p.name).await?;
        let mut settings = settings.ok_or(store::Error::Missing("products"))?;
        let flag = |row: &Value, key: &str| row[key].as_bool().unwrap_or(false);
        settings.require_unique_firmware_version = flag(row, "require_unique_firmware_version");
        settings.allow_unsigned_esp_idf_firmware = flag(row, "allow_unsigned_esp_idf_firmware");
        if let Some(tools) = row["allowed_update_tools"].as_array() {
            let known = tools.iter().filter_map(Value::as_str);
            let known = known.filter(|t| Kind::named(t).is_some());
            settings.allowed_update_tools = known.collect::<Vec<_>>().join(",");
        }
        products::set(w, scope, &settings, self.now).await?;
        let on = Extensions::of(|e| flag(&row["extensions"], e.word()));
        extensions::set_product(w, scope, on.bits(), self.now).await?;
        Ok(())
    }

    async fn key(&mut self, row: &Value) -> Result<()> {
        let Some((org, _)) = self.orgs.get(&number(row, "org_id")).cloned() else {
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
        match keys::add(&mut self.w, org, name, &key, scheme, self.now).await? {
            Some(_) => self.report.made("keys"),
            None => self.report.there("keys"),
        }
        Ok(())
    }

    async fn product_secret(&mut self, row: &Value) -> Result<()> {
        let Some((_, product)) = self.products.get(&number(row, "product_id")).copied() else {
            return Ok(());
        };
        let key = text(row, "key");
        if row["deactivated_at"].is_string() {
            self.report.skip("a deactivated shared secret".into());
            return Ok(());
        }
        let known = secrets::of_product(&mut self.w, product).await?;
        if known.iter().any(|s| s.key == key) {
            self.report.there("product secrets");
            return Ok(());
        }
        let sealed = self
            .vault
            .seal(&Secret::new(text(row, "secret").to_owned()), key);
        secrets::add(&mut self.w, product, key, &sealed, self.now).await?;
        self.report.made("product secrets");
        Ok(())
    }

    async fn ca(&mut self, row: &Value) -> Result<()> {
        let serial = text(row, "serial").to_owned();
        let facts = bytes(row, "der").and_then(|der| Facts::read(&der).ok());
        let Some(scope) = self.scopes.get(&number(row, "org_id")) else {
            self.report.skip(format!(
                "CA certificate {serial}: its organisation has no member"
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
        let profile = self.jitp.get(&row["jitp_id"].to_string());
        let jitp = profile.and_then(|p| {
            let (_, product) = self.products.get(&number(p, "product_id"))?;
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
        match certificates::add_ca(&mut self.w, scope, &ca, self.now).await? {
            Some(_) => self.report.made("CA certificates"),
            None => self.report.there("CA certificates"),
        }
        Ok(())
    }

    async fn device(&mut self, row: &Value) -> Result<()> {
        let Some((org, product)) = self.products.get(&number(row, "product_id")).copied() else {
            return Ok(());
        };
        let identifier = text(row, "identifier");
        if let Some(known) = devices::by_identifier(&mut self.w, identifier).await? {
            self.report.there("devices");
            if known.org_id == org {
                self.met(row, org, known.id);
            } else {
                self.report.skip(format!(
                    "device {identifier}: another organisation of this server has it"
                ));
            }
            return Ok(());
        }
        let (tags, w, now) = (tags(row), &mut self.w, self.now);
        let description = row["description"].as_str();
        let added = devices::add(
            w,
            org,
            product,
            identifier,
            description,
            tags.as_deref(),
            now,
        )
        .await?;
        let id = added.ok_or(store::Error::Missing("devices"))?;
        if row["updates_enabled"] == false {
            devices::set_updates_enabled(w, id, false, now).await?;
        }
        let code = row["connecting_code"].as_str().filter(|c| !c.is_empty());
        if code.is_some() {
            devices::set_connecting_code(w, id, code, now).await?;
        }
        let m = &row["firmware_metadata"];
        if m["uuid"].is_string() {
            let optional = |key: &str| m[key].as_str().map(str::to_owned);
            let metadata = Metadata {
                uuid: text(m, "uuid").to_owned(),
                product: text(m, "product").to_owned(),
                version: text(m, "version").to_owned(),
                platform: text(m, "platform").to_owned(),
                architecture: text(m, "architecture").to_owned(),
                author: optional("author"),
                description: optional("description"),
                misc: optional("misc"),
                vcs_identifier: optional("vcs_identifier"),
                fwup_version: optional("fwup_version"),
            };
            devices::report_firmware(w, id, &metadata, now).await?;
        }
        if row["deleted_at"].is_string() {
            devices::set_deleted(w, id, Some(now), now).await?;
        }
        let off = &row["extensions"];
        let off = Extensions::of(|e| off[e.word()] == false);
        if off != Extensions::default() {
            extensions::set_device_off(&mut self.w, id, off.bits(), now).await?;
        }
        self.met(row, org, id);
        self.report.made("devices");
        Ok(())
    }

    fn met(&mut self, row: &Value, org: OrgId, device: DeviceId) {
        self.devices.insert(number(row, "id"), (org, device));
        if let Some(group) = row["deployment_id"].as_i64() {
            self.members.entry(group).or_default().push(device);
        }
    }

    async fn certificate(&mut self, row: &Value) -> Result<()> {
        let Some((org, device)) = self.devices.get(&number(row, "device_id")).copied() else {
            return Ok(());
        };
        let serial = text(row, "serial");
        let Some(facts) = bytes(row, "der").and_then(|der| Facts::read(&der).ok()) else {
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
        match store_certificate(&mut self.w, org, device, &facts).await {
            Ok(()) => self.report.made("device certificates"),
            Err(Refusal::Fields(why)) => {
                self.report
                    .skip(format!("device certificate {serial}: {why}"));
            }
            Err(other) => return Err(other),
        }
        Ok(())
    }

    async fn device_secret(&mut self, row: &Value) -> Result<()> {
        let Some((_, device)) = self.devices.get(&number(row, "device_id")).copied() else {
            return Ok(());
        };
        let key = text(row, "key");
        let known = secrets::of_device(&mut self.w, device).await?;
        if known.iter().any(|s| s.key == key) {
            self.report.there("device secrets");
            return Ok(());
        }
        if row["deactivated_at"].is_string() {
            self.report
                .skip("a deactivated shared secret of a device".into());
            return Ok(());
        }
        let sealed = self
            .vault
            .seal(&Secret::new(text(row, "secret").to_owned()), key);
        secrets::add_for_device(&mut self.w, device, key, &sealed, self.now).await?;
        self.report.made("device secrets");
        Ok(())
    }
}
