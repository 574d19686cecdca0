//! Takes a fleet over from an original NervesHub's database: organisations, people with their passwords and API tokens, products,
//! keys, secrets, authorities, devices and their certificates, so that devices and people notice nothing but another server.
//! What is here already is left alone, so that it can be done again; all of it is one transaction.

use super::certificates::store_certificate;
use super::keys::{ED25519, SECURE_BOOT, rsa};
use super::x509::Facts;
use super::{Refusal, Result};
use crate::access;
use crate::access::scope::{Grant, Org, Person, Role, Scope};
use crate::access::token;
use crate::access::vault::{Secret, Vault};
use crate::clock::{self, Micros};
use crate::firmware::keys::PublicKey;
use crate::ids::{DeviceId, OrgId, ProductId, UserId};
use crate::store::certificates::{self, NewCa};
use crate::store::devices::Metadata;
use crate::store::nerves_hub::{Original, Table};
use crate::store::users::NewToken;
use crate::store::{self, Db, Write, devices, keys, orgs, products, secrets, users};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// What an import did, or would do.
#[derive(Debug, Default, serde::Serialize)]
pub struct Report {
    /// Made, by kind.
    pub imported: BTreeMap<&'static str, u64>,
    /// Here already, by kind.
    pub present: BTreeMap<&'static str, u64>,
    /// Left out, with the reason.
    pub skipped: Vec<String>,
}

/// Reasons that are told one by one.
const TOLD: usize = 1_000;

impl Report {
    fn made(&mut self, kind: &'static str) {
        *self.imported.entry(kind).or_default() += 1;
    }

    fn there(&mut self, kind: &'static str) {
        *self.present.entry(kind).or_default() += 1;
    }

    fn skip(&mut self, why: String) {
        if self.skipped.len() < TOLD {
            self.skipped.push(why);
        }
    }
}

struct Import<'i> {
    from: Original,
    w: Write,
    vault: &'i Vault,
    report: Report,
    now: Micros,
    orgs: HashMap<i64, (OrgId, String)>,
    users: HashMap<i64, (UserId, String, String)>,
    scopes: HashMap<i64, Scope<Org>>,
    products: HashMap<i64, (OrgId, ProductId)>,
    devices: HashMap<i64, (OrgId, DeviceId)>,
    jitp: HashMap<String, Value>,
}

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_default()
}

fn number(row: &Value, key: &str) -> i64 {
    row[key].as_i64().unwrap_or(0)
}

/// A bytea as JSON has it: `\\x` and hex.
fn bytes(row: &Value, key: &str) -> Option<Vec<u8>> {
    hex::decode(row[key].as_str()?.strip_prefix("\\x")?).ok()
}

/// Tags: an array, or a text with commas in older versions.
fn tags(row: &Value) -> Option<Vec<String>> {
    match &row["tags"] {
        Value::Array(all) => Some(
            all.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        ),
        Value::String(s) if !s.is_empty() => Some(
            s.split(',')
                .map(|t| t.trim().to_owned())
                .filter(|t| !t.is_empty())
                .collect(),
        ),
        _ => None,
    }
}

/// Runs an import; with `dry`, nothing of it is kept.
///
/// # Errors
/// A database that cannot be read or written.
pub async fn import(db: &Db, vault: &Vault, url: &str, dry: bool) -> Result<Report> {
    let mut import = Import {
        from: Original::open(url).await?,
        w: db.write().await?,
        vault,
        report: Report::default(),
        now: clock::now(),
        orgs: HashMap::new(),
        users: HashMap::new(),
        scopes: HashMap::new(),
        products: HashMap::new(),
        devices: HashMap::new(),
        jitp: HashMap::new(),
    };
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
        Table::Firmwares,
        Table::Deployments,
    ] {
        import.table(table).await?;
    }
    if !dry {
        import.w.commit().await?;
    }
    Ok(import.report)
}

impl Import<'_> {
    async fn table(&mut self, table: Table) -> Result<()> {
        if !self.from.has(table).await? {
            return Ok(());
        }
        let mut after = 0;
        loop {
            let rows = self.from.behind(table, after).await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last["id"].as_i64().unwrap_or(i64::MAX);
            for row in &rows {
                // What was deleted there is not brought back, except devices, which can be restored.
                let deleted = row["deleted_at"].is_string() && table != Table::Devices;
                if !deleted {
                    self.row(table, row).await?;
                }
            }
        }
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
            Table::Firmwares => {
                let (version, uuid) = (text(row, "version"), text(row, "uuid"));
                self.report
                    .skip(format!("firmware {version} {uuid}: upload its file again"));
                Ok(())
            }
            Table::Deployments => {
                let name = text(row, "name");
                self.report.skip(format!(
                    "deployment group {name}: make it again when its firmware is uploaded"
                ));
                Ok(())
            }
        }
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
                id.ok_or(store::Error::Missing("users"))?
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
        let id = match products::by_name(&mut self.w, org, name).await? {
            Some(product) => {
                self.report.there("products");
                product.id
            }
            None => {
                self.report.made("products");
                let id = products::add(&mut self.w, org, name, self.now).await?;
                id.ok_or(store::Error::Missing("products"))?
            }
        };
        self.products.insert(number(row, "id"), (org, id));
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
                self.devices.insert(number(row, "id"), (org, known.id));
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
        self.devices.insert(number(row, "id"), (org, id));
        self.report.made("devices");
        Ok(())
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
