//! An import brings or names every column that holds something. The source is generated: a row in each table, with a value in
//! each column that is found again in this server's database if it was brought.

use super::{SCHEMA, der, fact, import};
use crate::support::ca::{Leaf, ca};
use crate::support::{Server, fixtures, postgres};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const FIRMWARE: &str = "good/rpi4-1.1.0.fw";
const ARCHIVE: &str = "good/archive-1.0.0.fw";
/// Two tokens: the column of the older form is of a person's second token.
const SECOND_TOKEN: &str = "nhu_17SyR2HeQqfOYQaaT7Jv5BxBid5hrDD9KP13RYr9o6rTb26X";
const DAY: i64 = 86_400_000_000;

/// A column of the source.
struct Column {
    table: String,
    name: String,
    kind: String,
}

impl Column {
    fn full(&self) -> String {
        format!("{}.{}", self.table, self.name)
    }
}

/// Values that mean something; an empty one is null. All others are generated.
const MEANT: [(&str, &str); 52] = [
    ("orgs.deleted_at", ""),
    ("users.deleted_at", ""),
    ("org_users.deleted_at", ""),
    ("org_users.role", "'manage'"),
    ("user_tokens.context", "'api'"),
    ("user_tokens.old_token", ""),
    ("products.deleted_at", ""),
    ("products.extensions", "'{\"health\": true}'"),
    ("products.allowed_update_tools", "'{fwup,esp-idf}'"),
    (
        "org_keys.key",
        "'rUsovO59S5g3+DVromE1wQ8ffo91v7GKDVx9OVLvfI4='",
    ),
    ("org_keys.scheme", "'ed25519'"),
    ("devices.deleted_at", ""),
    ("devices.status", "'provisioned'"),
    ("devices.updates_enabled", "false"),
    ("devices.extensions", "'{\"health\": false}'"),
    (
        "devices.firmware_metadata",
        "'{\"uuid\": \"m-devices.firmware_metadata\", \"version\": \"1.0.0\", \"platform\": \"rpi4\", \"architecture\": \"arm\"}'",
    ),
    ("devices.firmware_validation_status", "'not_validated'"),
    ("devices.network_interface", "'wifi'"),
    (
        "device_firmwares.firmware_metadata",
        "'{\"uuid\": \"m-device_firmwares.firmware_metadata\"}'",
    ),
    ("device_firmwares.firmware_validation_status", "'validated'"),
    ("device_health.status", "'warning'"),
    (
        "deployments.conditions",
        "'{\"version\": \">= 0.0.7\", \"tags\": [\"m-deployments.conditions\"], \"tag_operator\": \"or\"}'",
    ),
    ("deployments.queue_management", "'LIFO'"),
    (
        "deployments.priority_queue_firmware_version_threshold",
        "'7.7.7'",
    ),
    ("deployments.release_network_interfaces", "'{cellular}'"),
    ("deployments.platform", "'rpi4'"),
    ("deployments.architecture", "'arm'"),
    ("deployment_releases.number", "1"),
    ("firmwares.version", "'1.1.0'"),
    ("firmwares.platform", "'rpi4'"),
    ("firmwares.architecture", "'arm'"),
    ("firmwares.tool", "'fwup'"),
    ("archives.version", "'1.0.0'"),
    ("archives.platform", "'generic'"),
    ("archives.architecture", "'generic'"),
    ("invites.accepted", "false"),
    ("invites.role", "'manage'"),
    ("latest_device_connections.status", "'connected'"),
    ("latest_device_connections.network_interface", "'wifi'"),
    ("network_identities.org_user_id", ""),
    ("network_identities.service", "'tailscale'"),
    ("product_notifications.level", "'warning'"),
    ("update_stats.type", "'fwup_delta'"),
    ("audit_logs.actor_type", "'User'"),
    (
        "audit_logs.resource_type",
        "'Elixir.NervesHub.Devices.Device'",
    ),
    ("firmware_deltas.target_id", "1"),
    ("orgs.type", "'user'"),
    ("deployments.healthy", "true"),
    ("devices.priority_updates", "true"),
    ("firmwares.delta_updatable", "true"),
    ("deployments.penalty_timeout_minutes", "730999001"),
    ("deployments.device_failure_rate_seconds", "730999002"),
];

/// What cannot be in the same row: deleted rows, the older token, an accepted invitation, the key of a member.
const SECOND_ROWS: &str = "
INSERT INTO orgs (id, name, deleted_at) VALUES (2, 'gone', now());
INSERT INTO users (id, username, email, deleted_at) VALUES (2, 'Gone', 'gone@hub.org', now());
INSERT INTO org_users (id, org_id, user_id, role, deleted_at) VALUES (2, 1, 2, 'admin', now());
INSERT INTO products (id, org_id, name, deleted_at) VALUES (2, 1, 'gone', now());
INSERT INTO devices (id, org_id, product_id, identifier, network_interface, deleted_at) VALUES (2, 1, 1, 'second', 'cellular', now());
INSERT INTO invites (id, org_id, email, token, accepted) VALUES (2, 1, 'here@hub.org', '00000000-0000-4000-8000-00000000ffff', true);
INSERT INTO network_identities (id, org_id, org_user_id, service, identifier) VALUES (2, 1, 1, 'iroh', 'of-a-member');
";

/// Columns whose values are not unique, or are read from a certificate or file, or refer to other rows, and what must be here once.
const CHECKED: [(&str, &str); 22] = [
    (
        "products.org_id products.extensions products.require_unique_firmware_version products.allowed_update_tools \
         products.allow_unsigned_esp_idf_firmware",
        "SELECT COUNT(*) FROM products p JOIN orgs o ON o.id = p.org_id WHERE o.name = 'm-orgs.name' AND p.name = 'm-products.name'
           AND p.extensions = 1 AND p.require_unique_firmware_version AND p.allow_unsigned_esp_idf_firmware
           AND p.allowed_update_tools = 'fwup,esp-idf'",
    ),
    (
        "org_users.org_id org_users.user_id org_users.role users.confirmed_at",
        "SELECT COUNT(*) FROM memberships m JOIN users u ON u.id = m.user_id JOIN orgs o ON o.id = m.org_id
         WHERE u.email = 'm-users.email' AND u.confirmed AND o.name = 'm-orgs.name' AND m.role = 'manage'",
    ),
    (
        "user_tokens.user_id user_tokens.context",
        "SELECT COUNT(*) FROM tokens t JOIN users u ON u.id = t.user_id
         WHERE u.email = 'm-users.email' AND t.note = 'm-user_tokens.note'",
    ),
    (
        "user_tokens.old_token",
        "SELECT COUNT(*) FROM tokens WHERE note = 'the older one'",
    ),
    (
        "org_keys.org_id org_keys.key org_keys.scheme",
        "SELECT COUNT(*) FROM org_keys k JOIN orgs o ON o.id = k.org_id WHERE o.name = 'm-orgs.name'
           AND k.key = 'rUsovO59S5g3+DVromE1wQ8ffo91v7GKDVx9OVLvfI4=' AND k.scheme = 'ed25519'",
    ),
    (
        "product_shared_secret_auth.product_id product_shared_secret_auth.secret",
        "SELECT COUNT(*) FROM product_secrets s JOIN products p ON p.id = s.product_id
         WHERE s.key = 'm-product_shared_secret_auth.key' AND length(s.secret) > 20 AND p.name = 'm-products.name'",
    ),
    (
        "device_shared_secret_auths.device_id device_shared_secret_auths.secret",
        "SELECT COUNT(*) FROM device_secrets s JOIN devices d ON d.id = s.device_id
         WHERE s.key = 'm-device_shared_secret_auths.key' AND length(s.secret) > 20 AND d.identifier = 'm-devices.identifier'",
    ),
    (
        "jitp.product_id ca_certificates.org_id ca_certificates.jitp_id ca_certificates.check_expiration ca_certificates.serial \
         ca_certificates.aki ca_certificates.ski ca_certificates.not_before ca_certificates.not_after",
        "SELECT COUNT(*) FROM ca_certificates c JOIN products p ON p.id = c.jitp_product_id JOIN orgs o ON o.id = c.org_id
         WHERE c.check_expiration AND c.jitp_description = 'm-jitp.description' AND p.name = 'm-products.name'
           AND o.name = 'm-orgs.name' AND c.not_before < c.not_after AND length(c.ski) > 0",
    ),
    (
        "device_certificates.device_id device_certificates.org_id device_certificates.serial device_certificates.aki \
         device_certificates.ski device_certificates.not_before device_certificates.not_after device_certificates.fingerprint \
         device_certificates.public_key_fingerprint",
        "SELECT COUNT(*) FROM device_certificates c JOIN devices d ON d.id = c.device_id AND d.org_id = c.org_id
         WHERE d.identifier = 'm-devices.identifier' AND c.not_before < c.not_after AND length(c.aki) > 0",
    ),
    (
        "devices.org_id devices.product_id devices.deployment_id devices.status devices.updates_enabled devices.extensions \
         devices.firmware_validation_status devices.firmware_auto_revert_detected",
        "SELECT COUNT(*) FROM devices d JOIN products p ON p.id = d.product_id JOIN deployment_groups g ON g.id = d.group_id
         WHERE d.identifier = 'm-devices.identifier' AND p.org_id = d.org_id AND g.name = 'm-deployments.name'
           AND d.status = 'provisioned' AND NOT d.updates_enabled AND d.extensions_off = 1
           AND d.validation = 'not_validated' AND d.auto_revert",
    ),
    (
        "devices.deleted_at devices.network_interface",
        "SELECT COUNT(*) FROM devices WHERE identifier = 'second' AND interface = 'cellular' AND deleted_at > 0",
    ),
    (
        "device_firmwares.device_id device_firmwares.firmware_id device_firmwares.firmware_validation_status \
         device_firmwares.firmware_auto_revert_detected",
        "SELECT COUNT(*) FROM device_firmwares f JOIN devices d ON d.id = f.device_id
         WHERE d.identifier = 'm-devices.identifier' AND f.validation = 'validated' AND f.auto_revert
           AND f.uuid = 'm-device_firmwares.firmware_metadata'",
    ),
    (
        "device_health.device_id device_health.status",
        "SELECT COUNT(*) FROM health_reports h JOIN devices d ON d.id = h.device_id
         WHERE d.identifier = 'm-devices.identifier' AND h.status = 'warning'",
    ),
    (
        "latest_device_connections.device_id latest_device_connections.org_id latest_device_connections.product_id \
         latest_device_connections.network_interface",
        "SELECT COUNT(*) FROM connections c JOIN devices d ON d.id = c.device_id
         WHERE d.identifier = 'm-devices.identifier' AND d.interface = 'wifi' AND c.status = 'disconnected'",
    ),
    (
        "deployments.product_id deployments.org_id deployments.is_active deployments.delta_updatable \
         deployments.lock_device_membership deployments.priority_queue_enabled deployments.queue_management deployments.platform \
         deployments.architecture deployments.release_network_interfaces deployments.priority_queue_firmware_version_threshold \
         deployments.penalty_timeout_minutes deployments.device_failure_rate_seconds",
        "SELECT COUNT(*) FROM deployment_groups g JOIN products p ON p.id = g.product_id AND p.org_id = g.org_id
           JOIN group_words w ON w.group_id = g.id AND w.kind = 'interface'
         WHERE g.is_active AND g.delta_updatable AND g.lock_device_membership AND g.priority_queue_enabled
           AND g.queue_management = 'LIFO' AND g.platform = 'rpi4' AND g.architecture = 'arm' AND w.word = 'cellular'
           AND g.priority_queue_firmware_version_threshold = '7.7.7' AND g.version_requirement = '>= 0.0.7'
           AND g.tag_operator = 'or' AND g.penalty_timeout_minutes = 730999001 AND g.device_failure_rate_seconds = 730999002",
    ),
    (
        "deployments.current_deployment_release_id deployment_releases.deployment_group_id deployment_releases.firmware_id \
         deployment_releases.archive_id deployment_releases.created_by_id deployment_releases.number",
        "SELECT COUNT(*) FROM releases r JOIN deployment_groups g ON g.id = r.group_id JOIN firmwares f ON f.id = r.firmware_id
           JOIN archives a ON a.id = r.archive_id JOIN users u ON u.id = r.created_by
         WHERE r.number = 1 AND f.version = '1.1.0' AND a.version = '1.0.0' AND u.email = 'm-users.email'",
    ),
    (
        "firmwares.product_id firmwares.org_id firmwares.org_key_id firmwares.platform firmwares.architecture firmwares.version \
         firmwares.author firmwares.description firmwares.misc firmwares.uuid firmwares.vcs_identifier firmwares.size \
         firmwares.delta_updatable firmwares.tool firmwares.checksum firmwares.partials_checksums",
        "SELECT COUNT(*) FROM firmwares f JOIN products p ON p.id = f.product_id AND p.org_id = f.org_id
           JOIN org_keys k ON k.id = f.signer_id WHERE k.name = 'm-org_keys.name' AND f.platform = 'rpi4'
           AND f.architecture = 'arm' AND f.version = '1.1.0' AND f.author = 'Nervecenter' AND f.description = 'Nervecenter fixture'
           AND f.misc = 'fixture' AND f.vcs_identifier = '0123abc' AND f.size > 0 AND f.delta_updatable AND f.tool = 'fwup'
           AND length(f.checksum) = 64 AND length(f.partials) >= 64",
    ),
    (
        "archives.product_id archives.org_key_id archives.size archives.architecture archives.description archives.platform \
         archives.uuid archives.version",
        "SELECT COUNT(*) FROM archives a JOIN products p ON p.id = a.product_id JOIN org_keys k ON k.id = a.key_id
         WHERE k.name = 'm-org_keys.name' AND a.version = '1.0.0' AND a.platform = 'generic' AND a.architecture = 'generic'
           AND a.description = 'fixture archive' AND a.size > 0",
    ),
    (
        "invites.org_id invites.role invites.invited_by_id product_notifications.product_id product_notifications.level \
         scripts.product_id scripts.created_by_id",
        "SELECT COUNT(*) FROM invites i JOIN users u ON u.id = i.invited_by JOIN products p ON p.org_id = i.org_id
           JOIN notifications n ON n.product_id = p.id JOIN scripts s ON s.product_id = p.id AND s.created_by = u.id
         WHERE u.email = 'm-users.email' AND i.role = 'manage' AND n.level = 'warning'",
    ),
    (
        "network_identities.org_id network_identities.device_id network_identities.service network_identities.org_user_id",
        "SELECT COUNT(*) FROM network_identities n JOIN devices d ON d.id = n.device_id JOIN endpoints e ON e.org_id = d.org_id
           JOIN users u ON u.id = e.user_id WHERE n.service = 'tailscale' AND d.identifier = 'm-devices.identifier'
           AND e.identifier = 'of-a-member' AND u.email = 'm-users.email'",
    ),
    (
        "update_stats.product_id update_stats.device_id update_stats.deployment_id update_stats.type update_stats.saved_bytes",
        "SELECT COUNT(*) FROM update_stats s JOIN devices d ON d.id = s.device_id AND d.product_id = s.product_id
           JOIN deployment_groups g ON g.id = s.group_id WHERE s.kind = 'delta' AND s.full_bytes > s.sent_bytes",
    ),
    (
        "audit_logs.org_id audit_logs.actor_id audit_logs.actor_type audit_logs.resource_id audit_logs.resource_type audit_logs.action",
        "SELECT COUNT(*) FROM audit_logs a JOIN users u ON a.actor_type = 'user' AND u.id = a.actor_id
           JOIN devices d ON a.resource_type = 'device' AND d.id = a.resource_id AND d.org_id = a.org_id
         WHERE a.description = 'Imported: m-audit_logs.description' AND a.details LIKE '%\"action\":\"create\"%'
           AND u.email = 'm-users.email' AND d.identifier = 'm-devices.identifier'",
    ),
];

fn uuid(n: usize) -> String {
    format!("00000000-0000-4000-8000-{n:012x}")
}

/// A generated value as SQL writes it, and as it is found again.
fn generated(n: usize, column: &Column, now: i64) -> (String, String) {
    let mark = format!("m-{}", column.full());
    let ahead = if column.name == "updates_blocked_until" {
        DAY
    } else {
        -DAY / 24
    };
    let at = now + ahead + n as i64;
    let date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000).unwrap();
    let date = date.format(&Rfc3339).unwrap();
    let refers = column.name.ends_with("_id");
    match column.kind.as_str() {
        "int4" | "int8" if refers => ("1".into(), String::new()),
        "int4" | "int8" => ((730_000_000 + n).to_string(), (730_000_000 + n).to_string()),
        "timestamp" => (format!("'{date}'"), at.to_string()),
        "_timestamp" => (format!("ARRAY['{date}'::timestamp]"), at.to_string()),
        "uuid" => (format!("'{}'", uuid(n)), uuid(n)),
        "bool" => ("true".into(), String::new()),
        "jsonb" if column.full() == "orgs.settings" => (
            format!("'{{\"firmware_proxy_url\": \"https://{mark}\"}}'"),
            mark,
        ),
        "jsonb" => (format!("'{{\"m\": \"{mark}\"}}'"), mark),
        "bytea" => (
            format!("decode('{:0128x}', 'hex')", n + 4096),
            format!("{:0128x}", n + 4096),
        ),
        "_varchar" => (format!("ARRAY['{mark}']"), mark),
        "_float8" => ("ARRAY[12.0625, -7.25]".into(), "12.0625".into()),
        "float8" => (format!("{n}.0625"), format!("{n}.0625")),
        "action" => ("'create'".into(), String::new()),
        _ => (format!("'{mark}'"), mark),
    }
}

async fn columns(c: &mut PgConnection) -> Vec<Column> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT c.table_name::text, c.column_name::text, c.udt_name::text FROM information_schema.columns c
         WHERE c.table_schema = 'public' ORDER BY 1, c.ordinal_position",
    )
    .fetch_all(c)
    .await
    .unwrap();
    let made = |(table, name, kind)| Column { table, name, kind };
    rows.into_iter().map(made).collect()
}

/// Makes the files and fills every column; what each is found by, if it is unique.
async fn fill(c: &mut PgConnection, folder: &Path) -> BTreeMap<String, String> {
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000;
    let now = i64::try_from(now).unwrap();
    let line = ca("Line 1");
    let leaf = line.leaf("sn-1", Leaf::default());
    let (firmware, sum) = fact(FIRMWARE);
    let (archive, _) = fact(ARCHIVE);
    for (fixture, uuid) in [(FIRMWARE, &firmware), (ARCHIVE, &archive)] {
        std::fs::copy(fixtures::path(fixture), folder.join(format!("{uuid}.fw"))).unwrap();
    }
    let mut meant: BTreeMap<String, String> = MEANT
        .iter()
        .map(|(column, value)| ((*column).to_owned(), (*value).to_owned()))
        .collect();
    let der = |pem: &str| format!("decode('{}', 'hex')", der(pem));
    meant.insert("ca_certificates.der".into(), der(&line.cert));
    meant.insert("device_certificates.der".into(), der(&leaf.cert));
    meant.insert("firmwares.uuid".into(), format!("'{firmware}'"));
    meant.insert("firmwares.checksum".into(), format!("'{sum}'"));
    meant.insert("archives.uuid".into(), format!("'{archive}'"));
    let columns = columns(c).await;
    let numbered = |table: &str| columns.iter().position(|c| c.table == table).unwrap();
    for (column, table) in [
        ("devices.latest_connection_id", "latest_device_connections"),
        ("devices.current_device_firmware_id", "device_firmwares"),
    ] {
        meant.insert(column.into(), format!("'{}'", uuid(numbered(table))));
    }
    let (mut marks, mut rows) = (BTreeMap::new(), BTreeMap::new());
    for (n, column) in columns.iter().enumerate() {
        let (value, mark) = match meant.get(&column.full()) {
            Some(value) if value.is_empty() => continue,
            Some(value) => {
                let named = format!("m-{}", column.full());
                let named = value.contains(&named).then_some(named);
                let bytes = value
                    .strip_prefix("decode('")
                    .and_then(|v| v.split('\'').next());
                let mark = named.or(bytes.map(str::to_owned));
                (value.clone(), mark.unwrap_or_default())
            }
            None if column.name == "id" && column.kind == "int8" => ("1".into(), String::new()),
            None => generated(n, column, now),
        };
        marks.insert(column.full(), mark);
        let (names, values): &mut (Vec<String>, Vec<String>) =
            rows.entry(column.table.clone()).or_default();
        names.push(column.name.clone());
        values.push(value);
    }
    // Rows refer to one another in circles: the keys are checked by what comes out of the import.
    let mut sql = "SET session_replication_role = replica;".to_owned();
    for (table, (names, values)) in rows {
        let (names, values) = (names.join(", "), values.join(", "));
        sql.push_str(&format!(
            "INSERT INTO {table} ({names}) VALUES ({values});\n"
        ));
    }
    sql.push_str(SECOND_ROWS);
    sql.push_str(&format!(
        "INSERT INTO user_tokens (id, user_id, old_token, note) VALUES (2, 1, '{SECOND_TOKEN}', 'the older one')"
    ));
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(c).await.unwrap();
    marks
}

/// What a report tells as left behind.
fn left(report: &Value) -> BTreeSet<&str> {
    let all = report["left"].as_array().unwrap();
    all.iter().map(|l| l["what"].as_str().unwrap()).collect()
}

crate::both_engines! {
    every_column_that_holds_something_is_brought_or_named
}

/// As when the scheduler has looked at held devices, which it may do before a look of the test or behind it.
const LOOKED: &str = "UPDATE deployment_groups SET release_held = FALSE";

async fn every_column_that_holds_something_is_brought_or_named(server: Server) {
    let Some(url) = postgres::database().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut c = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(SCHEMA).execute(&mut c).await.unwrap();
    let marks = fill(&mut c, folder.path()).await;
    let place = folder.path().display().to_string();
    let tried = import(&server, &url, &["--files", &place]);
    assert!(tried["expected_seconds"].as_u64().unwrap() >= 1, "{tried}");
    let done = import(&server, &url, &["--commit", "--files", &place]);
    assert_eq!(done["expected_seconds"], json!(null));
    assert_eq!(
        (&tried["imported"], &tried["left"]),
        (&done["imported"], &done["left"])
    );
    assert_eq!(done["skipped"], json!([]), "{done}");
    server.run(LOOKED).await;
    let here = server.dump().await;
    let text = here.values().flatten().cloned().collect::<String>();
    let named = left(&done);
    let mut silent = Vec::new();
    for column in columns(&mut c).await {
        let full = column.full();
        let mark = marks.get(&full).map(|m| m.to_lowercase());
        let found = mark.is_some_and(|m| !m.is_empty() && text.contains(&m));
        let checked = CHECKED
            .iter()
            .any(|(all, _)| all.split_whitespace().any(|one| one == full));
        let told = named.contains(full.as_str()) || named.contains(column.table.as_str());
        if !(found || checked || told || column.name == "id") {
            silent.push(full);
        }
    }
    assert_eq!(silent, Vec::<String>::new(), "neither brought nor named");
    for (columns, sql) in CHECKED {
        assert_eq!(server.count(sql).await, 1, "{columns}");
    }
    let unknown = done["left"].to_string();
    assert!(!unknown.contains("does not know"), "{unknown}");
    // Again: nothing is made, and nothing is changed.
    let again = import(&server, &url, &["--commit", "--files", &place]);
    assert_eq!(again["imported"], json!({}));
    assert_eq!(again["left"], done["left"]);
    server.run(LOOKED).await;
    let mut after = server.dump().await;
    for (table, before) in here {
        // The server itself seals the audit log and renews these.
        if !["audit_logs", "settings", "nodes", "group_leases"].contains(&table.as_str()) {
            assert_eq!(after.remove(&table), Some(before), "{table}");
        }
    }
    // What a later version of the original adds is told as well.
    let later = "ALTER TABLE devices ADD COLUMN mood text; UPDATE devices SET mood = 'good';
        CREATE TABLE moods (id bigserial PRIMARY KEY); INSERT INTO moods DEFAULT VALUES";
    sqlx::raw_sql(later).execute(&mut c).await.unwrap();
    let later = import(&server, &url, &[]);
    let named = left(&later);
    assert!(named.contains("devices.mood") && named.contains("moods"));
}
