//! What the old server remembered of a fleet: who rests, who came first, where a device is, what people wrote and did.

use super::{FLEET, SCHEMA, import};
use crate::support::{Server, postgres, readings};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

/// Bob is a member who may not do much, Ada administers.
const REMEMBERED: &str = "
UPDATE devices SET status = 'provisioned', first_seen_at = '2026-02-01', updates_blocked_until = '2099-01-01 12:00:00',
  firmware_validation_status = 'not_validated', custom_location_coordinates = '{48.5,9.25}', priority_updates = true WHERE id = 1;
UPDATE devices SET status = 'provisioned', first_seen_at = '2026-03-01', updates_blocked_until = '2020-01-01' WHERE id = 2;
UPDATE devices SET status = 'provisioned', first_seen_at = '2026-01-01', deleted_at = NULL WHERE id = 3;
INSERT INTO scripts (product_id, name, text, tags, created_by_id, inserted_at) VALUES
  (1, 'uptime', ':erlang.statistics(:wall_clock)', '{debug,time}', 2, '2026-01-02'), (1, 'uptime', '1 + 1', NULL, 1, '2026-01-03'),
  (1, 'no tags', '1', '{\"two words\"}', 1, '2026-01-04');
INSERT INTO invites (org_id, email, token, role, invited_by_id, inserted_at) VALUES
  (1, 'carol@hub.org', '6f1f5f0e-8f55-4f0e-9d6a-000000000001', 'manage', 1, now()),
  (1, 'dave@hub.org', '6f1f5f0e-8f55-4f0e-9d6a-000000000002', 'view', 1, now() - interval '3 days');
INSERT INTO device_firmwares (id, device_id, firmware_metadata, firmware_validation_status, inserted_at) VALUES
  ('6f1f5f0e-8f55-4f0e-9d6a-000000000002', 1, '{\"uuid\":\"u0\",\"version\":\"0.9.0\"}', 'validated', '2026-02-01'),
  ('6f1f5f0e-8f55-4f0e-9d6a-000000000001', 1, '{\"uuid\":\"u1\",\"version\":\"1.0.0\"}', 'not_validated', '2026-02-02');
INSERT INTO network_identities (org_id, device_id, service, identifier) VALUES (1, 1, 'wireguard', 'wg-1'), (1, NULL, 'netbird', 'nb-1');
INSERT INTO product_notifications (id, product_id, level, title, message, event_key, last_occurred_at, occurrence_count) VALUES
  ('6f1f5f0e-8f55-4f0e-9d6a-000000000001', 1, 'error', 'Delta failed', 'It is too large', 'delta-1', now(), 3);
INSERT INTO audit_logs (id, org_id, actor_type, actor_id, resource_type, resource_id, description, inserted_at, reference_id) VALUES
  ('6f1f5f0e-8f55-4f0e-9d6a-000000000001', 1, 'User', 1, 'Device', 1, 'User Ada L rebooted device sn-1', '2026-02-03 04:05:06.123456', 'r1'),
  ('6f1f5f0e-8f55-4f0e-9d6a-000000000002', 1, 'Elixir.NervesHub.Devices.Device', 77, 'Firmware', 99, 'A device that is gone did something', '2026-02-04', NULL),
  ('6f1f5f0e-8f55-4f0e-9d6a-000000000003', 2, 'User', 1, 'Org', 2, 'Of an organization that was deleted', '2026-02-05', NULL);
";

crate::both_engines! {
    what_the_old_server_remembered_is_remembered
}

/// How many are told as left behind, and why.
fn left(report: &Value, what: &str) -> (u64, String) {
    let all = report["left"].as_array().unwrap();
    let of = |l: &&Value| l["what"] == what;
    let told = all.iter().find(of).unwrap_or(&Value::Null);
    let reason = told["reason"].as_str().unwrap_or_default();
    (told["count"].as_u64().unwrap_or(0), reason.to_owned())
}

async fn what_the_old_server_remembered_is_remembered(server: Server) {
    let Some(url) = postgres::database().await else {
        return;
    };
    let mut c = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(SCHEMA).execute(&mut c).await.unwrap();
    sqlx::raw_sql(FLEET).execute(&mut c).await.unwrap();
    sqlx::raw_sql(REMEMBERED).execute(&mut c).await.unwrap();
    let done = import(&server, &url, &["--commit"]);
    for (what, count, reason) in [
        ("devices.priority_updates", 1, "no priority of their own"),
        ("orgs.deleted_at", 1, "was deleted there"),
        ("audit_logs", 1, "was deleted there"),
        ("invites", 1, "end after two days"),
        ("user_tokens", 1, "sessions of browsers"),
        ("jitp", 1, "no certificate authority"),
    ] {
        let (n, why) = left(&done, what);
        assert!(n == count && why.contains(reason), "{what}: {n}, {why}");
    }
    let skipped = done["skipped"].to_string();
    for word in ["script no tags", "network identity nb-1 of netbird"] {
        assert!(skipped.contains(word), "{skipped}");
    }
    let ada = server
        .api()
        .with_token("nhu_17SyR2HeQqfOYQaaT7Jv5BxBid5hrDD9KP13RYr9o6rTb26X");
    let at = "/api/orgs/acme-hub/products/fixture-product";
    // A device that rests goes on resting, and the newest one is first in a LIFO queue.
    let one = ada.get(&format!("{at}/devices/sn-1")).await.data();
    assert_eq!(one["updates_blocked_until"], "2099-01-01T12:00:00Z");
    let two = ada.get(&format!("{at}/devices/sn-2")).await.data();
    assert_eq!(
        two["updates_blocked_until"],
        json!(null),
        "its rest is over"
    );
    let newest =
        "SELECT identifier FROM devices WHERE first_seen_at > 0 ORDER BY first_seen_at DESC";
    let newest = server.column::<String>(newest).await;
    assert_eq!(newest, ["sn-2", "sn-1", "sn-3"]);
    let unproven =
        "SELECT COUNT(*) FROM devices WHERE identifier = 'sn-1' AND validation = 'not_validated'";
    assert_eq!(server.count(unproven).await, 1);
    let place = ada.get(&format!("{at}/devices/sn-1/location")).await.data();
    assert_eq!(
        (&place["latitude"], &place["longitude"], &place["source"]),
        (&json!(48.5), &json!(9.25), &json!("manual"))
    );
    let ran = ada
        .get(&format!("{at}/devices/sn-1/firmwares"))
        .await
        .data();
    let ran: Vec<&Value> = ran.as_array().unwrap().iter().map(|f| &f["uuid"]).collect();
    assert_eq!(
        ran,
        ["u1", "u0"],
        "in the order of their time, not of their numbers"
    );
    let scripts = ada.get(&format!("{at}/scripts")).await.data();
    assert_eq!(scripts.as_array().unwrap().len(), 2);
    for (script, tags, by) in [
        (&scripts[0], json!(["debug", "time"]), "Bob"),
        (&scripts[1], json!(null), "Ada L"),
    ] {
        let one = format!("{at}/scripts/{}", script["id"]);
        let one = ada.get(&one).await.data();
        assert_eq!(
            (&one["name"], &one["tags"], &one["created_by"]["name"]),
            (&json!("uptime"), &tags, &json!(by))
        );
    }
    let notes = ada.get(&format!("{at}/notifications")).await.data();
    assert_eq!(notes[0]["title"], "Delta failed");
    let invites = ada.get("/api/orgs/acme-hub/invites").await.data();
    let invited: Vec<&Value> = invites
        .as_array()
        .unwrap()
        .iter()
        .map(|i| &i["email"])
        .collect();
    assert_eq!(invited, ["carol@hub.org"]);
    the_audit_log_goes_on(&server).await;
    let again = import(&server, &url, &["--commit"]);
    assert_eq!(again["imported"], json!({}));
    assert_eq!(
        (&again["left"], &again["skipped"]),
        (&done["left"], &done["skipped"])
    );
}

/// Imported entries keep their time, say what they are, and are part of the chain.
async fn the_audit_log_goes_on(server: &Server) {
    let ada = server
        .api()
        .with_token("nhu_17SyR2HeQqfOYQaaT7Jv5BxBid5hrDD9KP13RYr9o6rTb26X");
    let log = ada.get("/api/orgs/acme-hub/audit_logs").await.data();
    let log = log.as_array().unwrap();
    let find = |text: &str| log.iter().find(|e| e["description"] == text).unwrap();
    let own = find("2 entries of another server's audit log were imported");
    assert_eq!(own["resource"], "acme-hub");
    let reboot = find("Imported: User Ada L rebooted device sn-1");
    assert_eq!(reboot["at"], "2026-02-03 04:05:06.123456Z");
    assert_eq!(
        (
            &reboot["actor_email"],
            &reboot["resource"],
            &reboot["product"]
        ),
        (
            &json!("ada@hub.org"),
            &json!("sn-1"),
            &json!("fixture-product")
        )
    );
    assert_eq!(reboot["details"]["imported"]["reference_id"], "r1");
    let gone = find("Imported: A device that is gone did something");
    assert_eq!(
        (&gone["actor"], &gone["resource"]),
        (&json!(null), &json!("acme-hub"))
    );
    assert_eq!(gone["details"]["imported"]["actor_id"], 77);
    server.until_sealed().await;
    readings::until_log_is_sealed(&ada, "/api/orgs/acme-hub/audit_logs").await;
    let verified = server.admin_of_all(&["verify-audit"]);
    assert!(!verified.contains("altered"), "{verified}");
}
