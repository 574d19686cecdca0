//! A fleet that comes from an original NervesHub: its database in, people and devices go on.

use crate::support::ca::{Leaf, ca};
use crate::support::device::Device;
use crate::support::server::BINARY;
use crate::support::{Api, Engine, Server, postgres};
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::process::Command;

/// The tables that are read, as the original's migrations leave them; columns that are not read are left out.
const SCHEMA: &str = "
CREATE TABLE orgs (id bigserial PRIMARY KEY, name text, deleted_at timestamp, inserted_at timestamp DEFAULT now());
CREATE TABLE users (id bigserial PRIMARY KEY, username text, email text, password_hash text, deleted_at timestamp, inserted_at timestamp DEFAULT now());
CREATE TABLE org_users (id bigserial PRIMARY KEY, org_id bigint, user_id bigint, role text, deleted_at timestamp, inserted_at timestamp DEFAULT now());
CREATE TABLE user_tokens (id bigserial PRIMARY KEY, user_id bigint, token bytea, context text, note text, old_token text, inserted_at timestamp DEFAULT now());
CREATE TABLE products (id bigserial PRIMARY KEY, org_id bigint, name text, deleted_at timestamp, inserted_at timestamp DEFAULT now());
CREATE TABLE org_keys (id bigserial PRIMARY KEY, org_id bigint, name text, key text, inserted_at timestamp DEFAULT now());
CREATE TABLE product_shared_secret_auth (id bigserial PRIMARY KEY, product_id bigint, key text, secret text, deactivated_at timestamp, inserted_at timestamp DEFAULT now());
CREATE TABLE jitp (id bigserial PRIMARY KEY, product_id bigint, tags text[], description text, inserted_at timestamp DEFAULT now());
CREATE TABLE ca_certificates (id bigserial PRIMARY KEY, org_id bigint, jitp_id bigint, serial text, der bytea, description text, check_expiration boolean, inserted_at timestamp DEFAULT now());
CREATE TABLE devices (id bigserial PRIMARY KEY, org_id bigint, product_id bigint, identifier text, description text, tags text[], connecting_code text, updates_enabled boolean DEFAULT true, firmware_metadata jsonb, deleted_at timestamp, inserted_at timestamp DEFAULT now());
CREATE TABLE device_certificates (id bigserial PRIMARY KEY, org_id bigint, device_id bigint, serial text, der bytea, inserted_at timestamp DEFAULT now());
CREATE TABLE firmwares (id bigserial PRIMARY KEY, uuid text, version text, inserted_at timestamp DEFAULT now());
CREATE TABLE deployments (id bigserial PRIMARY KEY, name text, inserted_at timestamp DEFAULT now());
INSERT INTO orgs (name, deleted_at) VALUES ('acme-hub', NULL), ('gone', now());
INSERT INTO users (username, email, password_hash) VALUES
  ('Ada L', 'ada@hub.org', NULL), ('Bob', 'bob@hub.org', NULL);
INSERT INTO org_users (org_id, user_id, role) VALUES (1, 1, 'admin'), (1, 2, 'view');
INSERT INTO user_tokens (user_id, token, context, note) VALUES
  (1, sha512(decode('0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20', 'hex')), 'api', 'ci'), (1, 'x', 'session', NULL);
INSERT INTO products (org_id, name) VALUES (1, 'fixture-product');
INSERT INTO org_keys (org_id, name, key) VALUES (1, 'devkey', 'FeSTx4NiKevMN6MtNRBBAhfJuCS+6gD3YpPpmo/yM0k='), (1, 'broken', 'x');
INSERT INTO product_shared_secret_auth (product_id, key, secret) VALUES (1, 'nhp_aaaa', 'secret-of-the-product');
INSERT INTO jitp (product_id, tags, description) VALUES (1, '{line1}', 'made there');
INSERT INTO devices (org_id, product_id, identifier, description, tags, updates_enabled, firmware_metadata) VALUES
  (1, 1, 'sn-1', 'first', '{beta,lab}', true, '{\"uuid\":\"u1\",\"product\":\"fixture-product\",\"version\":\"1.0.0\",\"platform\":\"rpi4\",\"architecture\":\"arm\"}'),
  (1, 1, 'sn-2', NULL, NULL, false, NULL);
INSERT INTO devices (org_id, product_id, identifier, deleted_at) VALUES (1, 1, 'sn-3', now());
INSERT INTO firmwares (uuid, version) VALUES ('u1', '1.0.0');
INSERT INTO deployments (name) VALUES ('prod');
";

fn import(server: &Server, url: &str, more: &[&str]) -> Value {
    let mut command = Command::new(BINARY);
    command.args([
        "import",
        "nerveshub",
        "--json",
        "--database-url",
        url,
        "--data-dir",
    ]);
    let out = command
        .arg(server.folder.path().join("data"))
        .args(more)
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_slice(&out.stdout).unwrap()
}

fn der(pem: &str) -> String {
    use base64::Engine as _;
    let text: String = pem.lines().filter(|l| !l.starts_with('-')).collect();
    hex::encode(
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_moves_without_touching_a_device() {
    let Some(url) = postgres::database().await else {
        return;
    };
    let line = ca("Line 1");
    let leaf = line.leaf("sn-1", Leaf::default());
    let mut c = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(SCHEMA).execute(&mut c).await.unwrap();
    let certs = format!(
        "INSERT INTO ca_certificates (org_id, jitp_id, serial, der, check_expiration) VALUES (1, 1, '1', decode('{}', 'hex'), false);
         INSERT INTO device_certificates (org_id, device_id, serial, der) VALUES (1, 1, '2', decode('{}', 'hex'))",
        der(&line.cert),
        der(&leaf.cert)
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(certs))
        .execute(&mut c)
        .await
        .unwrap();
    let hash = bcrypt::hash("as it was there", 4).unwrap();
    let hash = format!("UPDATE users SET password_hash = '{hash}' WHERE id = 1");
    sqlx::raw_sql(sqlx::AssertSqlSafe(hash))
        .execute(&mut c)
        .await
        .unwrap();
    c.close().await.unwrap();
    let server = Server::start(Engine::Sqlite).await.unwrap();
    // First tried: nothing is changed, and what would happen is told.
    let tried = import(&server, &url, &[]);
    assert_eq!(server.count("SELECT COUNT(*) FROM devices").await, 0);
    let done = import(&server, &url, &["--commit"]);
    assert_eq!(tried, done);
    let expected = json!({
        "orgs": 1, "users": 2, "members": 2, "tokens": 1, "products": 1, "keys": 1, "product secrets": 1,
        "CA certificates": 1, "devices": 3, "device certificates": 1,
    });
    assert_eq!(done["imported"], expected);
    let skipped = done["skipped"].to_string();
    for word in [
        "signing key broken",
        "firmware 1.0.0 u1",
        "deployment group prod",
    ] {
        assert!(skipped.contains(word), "{skipped}");
    }
    // Again: all of it is there.
    let again = import(&server, &url, &["--commit"]);
    assert_eq!(again["imported"], json!({}));
    assert_eq!(again["present"], expected);
    // People go on with their tokens and passwords.
    let ada = server
        .api()
        .with_token("nhu_17SyR2HeQqfOYQaaT7Jv5BxBid5hrDD9KP13RYr9o6rTb26X");
    assert_eq!(
        ada.get("/api/users/me").await.data(),
        json!({"name": "Ada L", "email": "ada@hub.org"})
    );
    let at = "/api/orgs/acme-hub/products/fixture-product/devices";
    let one = ada.get(&format!("{at}/sn-1")).await.data();
    assert_eq!(
        (&one["tags"], &one["version"]),
        (&json!(["beta", "lab"]), &json!("1.0.0"))
    );
    assert_eq!(
        ada.get(&format!("{at}/sn-2")).await.data()["updates_enabled"],
        false
    );
    assert_eq!(ada.get(&format!("{at}/sn-3")).await.data()["deleted"], true);
    let login = json!({"email": "ada@hub.org", "password": "as it was there"});
    assert_eq!(
        server.api().post("/api/users/login", login).await.status,
        200
    );
    let bob = json!({"email": "bob@hub.org", "password": ""});
    assert_eq!(server.api().post("/api/users/login", bob).await.status, 401);
    // Devices go on with their certificates and secrets; one that nobody knew is provisioned by its authority.
    Device::certificate(&server, &leaf).await.unwrap();
    Device::by_key(&server, "nhp_aaaa", "secret-of-the-product", "sn-2")
        .await
        .unwrap();
    let new = line.leaf("sn-9", Leaf::default());
    Device::certificate(&server, &new).await.unwrap();
    let provisioned = ada.get(&format!("{at}/sn-9")).await.data();
    assert_eq!(provisioned["tags"], json!(["line1"]));
    let _: &Api = &ada;
}
