//! Reads the database of a NervesHub server. Rows come as JSON, so that a column that some version lacks is
//! absent rather than an error.

use crate::store::Result;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection as _, Executor as _, QueryBuilder};
use std::collections::BTreeMap;
use std::str::FromStr as _;

/// The tables that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Organizations.
    Orgs,
    /// People.
    Users,
    /// Who belongs to which organization.
    OrgUsers,
    /// API tokens.
    UserTokens,
    Products,
    /// Signing keys.
    OrgKeys,
    /// Shared secrets of products.
    ProductSecrets,
    /// Just-in-time provisioning (JITP) profiles.
    Jitp,
    CaCertificates,
    Devices,
    /// Certificates of devices.
    DeviceCertificates,
    /// Shared secrets of devices.
    DeviceSecrets,
    /// Invitations.
    Invites,
    /// Support scripts.
    Scripts,
    /// Notifications of products.
    Notifications,
    /// Identities on other networks.
    NetworkIdentities,
    /// The firmwares that devices ran.
    DeviceFirmwares,
    /// Health reports.
    DeviceHealth,
    /// The last connection of each device.
    Connections,
    /// Firmware.
    Firmwares,
    Archives,
    /// Releases of deployment groups.
    Releases,
    /// Deployment groups.
    Deployments,
    /// Successful updates.
    UpdateStats,
    /// Audit entries.
    AuditLogs,
}

impl Table {
    /// The table's name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orgs => "orgs",
            Self::Users => "users",
            Self::OrgUsers => "org_users",
            Self::UserTokens => "user_tokens",
            Self::Products => "products",
            Self::OrgKeys => "org_keys",
            Self::ProductSecrets => "product_shared_secret_auth",
            Self::Jitp => "jitp",
            Self::CaCertificates => "ca_certificates",
            Self::Devices => "devices",
            Self::DeviceCertificates => "device_certificates",
            Self::DeviceSecrets => "device_shared_secret_auths",
            Self::Invites => "invites",
            Self::Scripts => "scripts",
            Self::Notifications => "product_notifications",
            Self::NetworkIdentities => "network_identities",
            Self::DeviceFirmwares => "device_firmwares",
            Self::DeviceHealth => "device_health",
            Self::Connections => "latest_device_connections",
            Self::Firmwares => "firmwares",
            Self::Archives => "archives",
            Self::Releases => "deployment_releases",
            Self::Deployments => "deployments",
            Self::UpdateStats => "update_stats",
            Self::AuditLogs => "audit_logs",
        }
    }
}

/// The columns of a table by name, and whether each holds integers.
pub type Columns = BTreeMap<String, bool>;

/// A read-only connection in one transaction, so that an import sees a consistent state of the database.
pub struct Original {
    conn: PgConnection,
    tables: BTreeMap<String, Columns>,
}

/// Quotes a name for SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The order to read in: by creation, using an index where there is one.
fn order(columns: &Columns) -> &'static str {
    let (id, inserted) = (columns.get("id"), columns.contains_key("inserted_at"));
    match (id, inserted) {
        (Some(true), _) | (Some(false), false) => " ORDER BY t.id",
        (Some(false), true) => " ORDER BY t.inserted_at, t.id",
        (None, true) => " ORDER BY t.inserted_at",
        (None, false) => "",
    }
}

impl Original {
    /// Connects to the database.
    pub async fn open(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("nervecenter import")
            // Copying a large file may take long between two pages.
            .options([("idle_in_transaction_session_timeout", "0")]);
        let mut conn = PgConnection::connect_with(&options).await?;
        conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let mut q = QueryBuilder::new(
            "SELECT CAST(c.table_name AS TEXT), CAST(c.column_name AS TEXT),
                    c.data_type IN ('bigint', 'integer', 'smallint')
             FROM information_schema.columns c
             JOIN information_schema.tables t USING (table_schema, table_name)
             WHERE t.table_type = 'BASE TABLE' AND c.table_schema = ANY(current_schemas(FALSE))
             ORDER BY 1, 2",
        );
        let rows: Vec<(String, String, bool)> = q.build_query_as().fetch_all(&mut conn).await?;
        let mut tables: BTreeMap<String, Columns> = BTreeMap::new();
        for (table, column, whole) in rows {
            tables.entry(table).or_default().insert(column, whole);
        }
        Ok(Self { conn, tables })
    }

    /// All tables of the database, with their columns.
    pub fn tables(&self) -> &BTreeMap<String, Columns> {
        &self.tables
    }

    /// Begins to read a table; false when this version of NervesHub lacks it.
    pub async fn begin(&mut self, table: Table) -> Result<bool> {
        let Some(columns) = self.tables.get(table.name()) else {
            return Ok(false);
        };
        let mut q = QueryBuilder::new("DECLARE rows NO SCROLL CURSOR FOR SELECT ");
        q.push("CAST(to_jsonb(t) AS TEXT) FROM ")
            .push(quoted(table.name()))
            .push(" t")
            .push(order(columns));
        q.build().execute(&mut self.conn).await?;
        Ok(true)
    }

    /// The next rows of the current table, at most `most`; empty at its end.
    pub async fn next(&mut self, most: usize) -> Result<Vec<Value>> {
        let mut q = QueryBuilder::new(format!("FETCH {most} FROM rows"));
        let rows: Vec<(String,)> = q.build_query_as().fetch_all(&mut self.conn).await?;
        if rows.is_empty() {
            self.conn.execute("CLOSE rows").await?;
        }
        Ok(rows
            .iter()
            .filter_map(|r| serde_json::from_str(&r.0).ok())
            .collect())
    }

    /// Counts the rows of a table, and for each of the columns how many rows hold a value that is neither null
    /// nor empty.
    pub async fn filled(&mut self, table: &str, columns: &[&str]) -> Result<Vec<i64>> {
        let mut q = QueryBuilder::new("SELECT ARRAY[count(*)");
        for column in columns {
            q.push(", count(*) FILTER (WHERE CAST(")
                .push(quoted(column))
                .push(" AS TEXT) NOT IN ('', '{}', '[]', 'null', 'false', '0'))");
        }
        q.push("] FROM ").push(quoted(table));
        let row: (Vec<i64>,) = q.build_query_as().fetch_one(&mut self.conn).await?;
        Ok(row.0)
    }
}
