//! A fleet that comes from an original NervesHub: its database in, people and devices go on.

use crate::support::ca::{Leaf, ca};
use crate::support::device::Device;
use crate::support::server::BINARY;
use crate::support::{Api, Server, fixtures, postgres, statement_log};
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::path::Path;
use std::process::Command;

mod differences;
mod every_column;
mod memory;
mod original_answers;

/// The original's tables, with their types and constraints. The original itself writes these two times of every row.
const SCHEMA: &str = concat!(
    include_str!("nerves_hub/schema.sql"),
    "DO $$ DECLARE c record; BEGIN
       FOR c IN SELECT table_name, column_name FROM information_schema.columns
                WHERE table_schema = 'public' AND column_name IN ('inserted_at', 'updated_at')
       LOOP EXECUTE format('ALTER TABLE %I ALTER %I SET DEFAULT now()', c.table_name, c.column_name); END LOOP;
     END $$;"
);

const FLEET: &str = "
INSERT INTO orgs (name, deleted_at) VALUES ('acme-hub', NULL), ('gone', now());
INSERT INTO users (username, email, password_hash, confirmed_at, google_id) VALUES
  ('Ada L', 'ada@hub.org', NULL, now(), '115'), ('Bob', 'bob@hub.org', NULL, NULL, NULL);
INSERT INTO org_users (org_id, user_id, role) VALUES (1, 1, 'admin'), (1, 2, 'view');
INSERT INTO user_tokens (user_id, token, context, note) VALUES
  (1, sha512(decode('0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20', 'hex')), 'api', 'ci'), (1, 'x', 'session', NULL);
INSERT INTO products (org_id, name, require_unique_firmware_version, allowed_update_tools, extensions) VALUES (1, 'fixture-product', false, '{fwup,esp-idf}', '{\"health\":true,\"geo\":false}');
INSERT INTO org_keys (org_id, name, key) VALUES (1, 'devkey', 'rUsovO59S5g3+DVromE1wQ8ffo91v7GKDVx9OVLvfI4='), (1, 'broken', 'x');
INSERT INTO product_shared_secret_auth (product_id, key, secret) VALUES (1, 'nhp_aaaa', 'secret-of-the-product');
INSERT INTO jitp (product_id, tags, description) VALUES (1, '{line1}', 'made there');
INSERT INTO devices (org_id, product_id, identifier, description, tags, updates_enabled, firmware_metadata) VALUES
  (1, 1, 'sn-1', 'first', '{beta,lab}', true, '{\"uuid\":\"u1\",\"product\":\"fixture-product\",\"version\":\"1.0.0\",\"platform\":\"rpi4\",\"architecture\":\"arm\"}'),
  (1, 1, 'sn-2', NULL, NULL, false, NULL);
INSERT INTO devices (org_id, product_id, identifier, deleted_at) VALUES (1, 1, 'sn-3', now());
INSERT INTO deployments (org_id, product_id, name, is_active, conditions, platform, architecture, concurrent_updates, device_failure_threshold, penalty_timeout_minutes, delta_updatable, queue_management, connecting_code, notes, release_network_interfaces, release_tags) VALUES
  (1, 1, 'prod', true, '{\"version\":\">= 0.9.0\",\"tags\":[\"beta\"],\"tag_operator\":\"or\"}', 'rpi4', 'arm', 7, 4, 120, false, 'LIFO', 'IO.puts(1)', 'the fleet', '{ethernet}', '{canary}'),
  (1, 1, 'lost', false, '{\"version\":\"\",\"tags\":[]}', 'rpi4', 'arm', 10, 3, 1440, true, 'FIFO', NULL, NULL, '{}', '{}'),
  (1, 1, 'odd', true, '{\"version\":\"about 1\",\"tags\":[]}', 'rpi4', 'arm', 10, 3, 1440, true, 'FIFO', NULL, NULL, '{}', '{}');
UPDATE devices SET deployment_id = 1, extensions = '{\"health\":false,\"geo\":true}' WHERE id = 2;
";

/// Which releases are current, once there are any.
const CURRENT: &str = "
UPDATE deployments SET current_deployment_release_id = 2 WHERE id = 1;
UPDATE deployments SET current_deployment_release_id = 4 WHERE id = 2;
UPDATE deployments SET current_deployment_release_id = 5 WHERE id = 3;
";

/// A firmware of the fixtures as the original stores it: its uuid and the SHA-256 of its file.
fn fact(fixture: &str) -> (String, String) {
    let mut command = Command::new(BINARY);
    command.args(["firmware", "inspect", "--json"]);
    let out = command.arg(fixtures::path(fixture)).output().unwrap();
    let says: Value = serde_json::from_slice(&out.stdout).unwrap();
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &fixtures::bytes(fixture));
    (
        says["uuid"].as_str().unwrap().to_owned(),
        hex::encode_upper(sum),
    )
}

/// The original's files, some of them lost or damaged, and its rows of them.
fn files(folder: &Path) -> String {
    let (first, second) = ("good/rpi4-1.0.0.fw", "good/rpi4-1.1.0.fw");
    let (lost, damaged) = ("good/bbb-1.0.0.fw", "good/bbb-1.1.0.fw");
    let archive = "good/archive-1.0.0.fw";
    let mut rows = String::new();
    for (id, fixture) in [(1, first), (2, second), (3, lost), (4, damaged)] {
        let (uuid, sum) = fact(fixture);
        rows.push_str(&format!(
            "INSERT INTO firmwares (id, org_id, product_id, org_key_id, uuid, version, platform, architecture, upload_metadata, tool, checksum)
             VALUES ({id}, 1, 1, 1, '{uuid}', '1.{id}.0', 'rpi4', 'arm', '{{}}', 'fwup', '{sum}');"
        ));
        let at = folder.join("firmware/1");
        std::fs::create_dir_all(&at).unwrap();
        let mut bytes = fixtures::bytes(fixture);
        if id == 4 {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        if id != 3 {
            std::fs::write(at.join(format!("{uuid}.fw")), bytes).unwrap();
        }
    }
    let (uuid, _) = fact(archive);
    rows.push_str(&format!(
        "INSERT INTO archives (product_id, org_key_id, uuid, version, size, platform, architecture) VALUES (1, 1, '{uuid}', '1.0.0', 1, 'generic', 'generic');"
    ));
    std::fs::create_dir_all(folder.join("archives")).unwrap();
    std::fs::copy(
        fixtures::path(archive),
        folder.join(format!("archives/{uuid}.fw")),
    )
    .unwrap();
    // Group 1 had three releases, and went back to the second; the others are of firmware that is not here, or have no good condition.
    rows.push_str(
        "INSERT INTO deployment_releases (deployment_group_id, firmware_id, archive_id, created_by_id, description, number) VALUES
           (1, 1, NULL, 2, 'the first', 1), (1, 2, 1, 1, NULL, 2), (1, 3, NULL, 1, 'lost', 3), (2, 4, NULL, 1, NULL, 1), (3, 1, NULL, 1, NULL, 1);",
    );
    rows.push_str(CURRENT);
    rows
}

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
    command
        .arg(server.folder.path().join("data"))
        .args(more)
        .envs(
            server
                .database_url()
                .map(|url| ("NERVECENTER_DATABASE_URL", url)),
        );
    let engine = server.database_url().map_or("sqlite", |_| "postgres");
    let out = statement_log::output(&mut command, engine);
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

/// Groups, releases, files and settings are as they were there.
async fn the_rollout_goes_on(ada: &Api) {
    let at = "/api/orgs/acme-hub/products/fixture-product";
    let product = ada.get(at).await.data();
    assert_eq!(
        (
            &product["require_unique_firmware_version"],
            &product["allowed_update_tools"]
        ),
        (&json!(false), &json!(["fwup", "esp-idf"]))
    );
    let extensions = ada.get(&format!("{at}/extensions")).await.data();
    assert_eq!(
        (&extensions["health"], &extensions["geo"]),
        (&json!(true), &json!(false))
    );
    let group = ada.get(&format!("{at}/deployments/prod")).await.data();
    let (second, _) = fact("good/rpi4-1.1.0.fw");
    assert_eq!(group["firmware_uuid"], second);
    for (field, value) in [
        ("is_active", json!(true)),
        ("delta_updatable", json!(false)),
        ("notes", json!("the fleet")),
    ] {
        assert_eq!(group[field], value, "{field}");
    }
    for (field, value) in [
        ("concurrent_updates", json!(7)),
        ("queue_management", json!("LIFO")),
        ("device_failure_threshold", json!(4)),
        ("penalty_timeout_minutes", json!(120)),
        ("connecting_code", json!("IO.puts(1)")),
        ("release_tags", json!(["canary"])),
        ("release_network_interfaces", json!(["ethernet"])),
    ] {
        assert_eq!(group["settings"][field], value, "{field}");
    }
    assert_eq!(
        group["conditions"],
        json!({"version": ">= 0.9.0", "tags": ["beta"], "tag_operator": "or"})
    );
    assert_eq!(group["device_count"], 1);
    let one = ada.get(&format!("{at}/devices/sn-2")).await.data();
    assert_eq!(one["deployment_group"]["name"], "prod");
    let firmwares = ada.get(&format!("{at}/firmwares")).await.data();
    assert_eq!(firmwares.as_array().unwrap().len(), 2);
    let switches = ada.get(&format!("{at}/devices/sn-2/extensions")).await;
    let switches = switches.data();
    let mut switches = switches.as_object().unwrap().values();
    assert!(switches.any(|s| s["device"] == false), "one is off");
    let told = "Deployment group prod was imported";
    let log = format!("/api/orgs/acme-hub/audit_logs?search={told}");
    let log = ada.get(&log).await.data();
    let log = log.as_array().unwrap().iter();
    let descriptions = log.map(|e| e["description"].as_str().unwrap());
    assert_eq!(descriptions.filter(|d| d.starts_with(told)).count(), 1);
    let download = format!("{at}/firmwares/{second}/download");
    let answer = ada
        .raw(reqwest::Method::GET, &download)
        .send()
        .await
        .unwrap();
    let sent = reqwest::get(answer.headers()["location"].to_str().unwrap()).await;
    let sent = sent.unwrap().bytes().await.unwrap();
    assert!(sent == fixtures::bytes("good/rpi4-1.1.0.fw"));
}

crate::both_engines! {
    a_fleet_moves_without_touching_a_device
}

async fn a_fleet_moves_without_touching_a_device(server: Server) {
    let Some(url) = postgres::database().await else {
        return;
    };
    let line = ca("Line 1");
    let leaf = line.leaf("sn-1", Leaf::default());
    let folder = tempfile::tempdir().unwrap();
    let mut c = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(SCHEMA).execute(&mut c).await.unwrap();
    sqlx::raw_sql(FLEET).execute(&mut c).await.unwrap();
    let certs = format!(
        "{}; INSERT INTO ca_certificates (org_id, jitp_id, serial, der, check_expiration, not_before, not_after) VALUES (1, 1, '1', decode('{}', 'hex'), false, now(), now());
         INSERT INTO device_certificates (org_id, device_id, serial, der, not_before, not_after) VALUES (1, 1, '2', decode('{}', 'hex'), now(), now())",
        files(folder.path()),
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
    // First tried: nothing is changed, and what would happen is told.
    let place = folder.path().display().to_string();
    let tried = import(&server, &url, &["--files", &place]);
    assert_eq!(server.count("SELECT COUNT(*) FROM devices").await, 0);
    let kept = |part: &str| {
        let folder = server.folder.path().join("data/blobs").join(part);
        std::fs::read_dir(folder).unwrap().count()
    };
    assert_eq!(
        (kept("firmware"), kept("archives"), kept("staging")),
        (0, 0, 0)
    );
    // Without the files everything else comes; with them, what was missing.
    let rows = import(&server, &url, &["--commit"]);
    assert_eq!(rows["imported"]["devices"], 3);
    assert_eq!(rows["imported"].get("firmwares"), None);
    let done = import(&server, &url, &["--commit", "--files", &place]);
    assert_eq!(tried["skipped"], done["skipped"], "{tried} {done}");
    let goods = json!({"firmwares": 2, "archives": 1, "deployment groups": 1, "releases": 3});
    assert_eq!(done["imported"], goods, "{tried} {done}");
    assert_eq!(
        (kept("firmware"), kept("archives"), kept("staging")),
        (2, 1, 0)
    );
    let expected = json!({
        "orgs": 1, "users": 2, "identities": 1, "members": 2, "tokens": 1, "products": 1, "keys": 1, "product secrets": 1,
        "CA certificates": 1, "devices": 3, "device certificates": 1, "firmwares": 2, "archives": 1,
        "deployment groups": 1,
    });
    let mut all = expected.clone();
    all["releases"] = json!(3);
    assert_eq!(tried["imported"], all);
    let skipped = done["skipped"].to_string();
    for word in [
        "signing key broken",
        "firmware 1.3.0",
        "its file is not here",
        "firmware 1.4.0",
        "does not have the CRC",
        "deployment group lost: the firmware of its current release is not here",
        "deployment group odd: its settings are refused",
        "deployment group prod: 1 earlier releases are left out",
    ] {
        assert!(skipped.contains(word), "{skipped}");
    }
    // Again: all of it is there.
    let again = import(&server, &url, &["--commit", "--files", &place]);
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
    the_rollout_goes_on(&ada).await;
    let linked = ada.get("/api/users/me/identities").await.data();
    assert_eq!(
        (&linked[0]["issuer"], &linked[0]["email"], &linked[1]),
        (
            &json!("https://accounts.google.com"),
            &json!("ada@hub.org"),
            &Value::Null
        ),
        "{linked}"
    );
    let subject = "SELECT COUNT(*) FROM identities WHERE subject = '115'";
    assert_eq!(server.count(subject).await, 1);
    let login = json!({"email": "ada@hub.org", "password": "as it was there"});
    assert_eq!(
        server.api().post("/api/users/login", login).await.status,
        200
    );
    let unconfirmed = "SELECT COUNT(*) FROM users WHERE NOT confirmed";
    assert_eq!(
        server.count(unconfirmed).await,
        1,
        "Bob is, as he was there"
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
