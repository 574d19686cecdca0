//! Reads the database of an original NervesHub server. Rows come as JSON, so that a column that one of its versions lacks is
//! absent and no error.

use super::Result;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection as _, QueryBuilder};
use std::str::FromStr as _;

/// Rows that are read at once.
const PAGE: i64 = 1_000;

/// The tables that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Organisations.
    Orgs,
    /// People.
    Users,
    /// Who belongs to which organisation.
    OrgUsers,
    /// API tokens.
    UserTokens,
    /// Products.
    Products,
    /// Signing keys.
    OrgKeys,
    /// Shared secrets of products.
    ProductSecrets,
    /// Profiles of just-in-time provisioning.
    Jitp,
    /// Certificate authorities.
    CaCertificates,
    /// Devices.
    Devices,
    /// Certificates of devices.
    DeviceCertificates,
    /// Shared secrets of devices.
    DeviceSecrets,
    /// Firmware.
    Firmwares,
    /// Archives.
    Archives,
    /// Releases of deployment groups.
    Releases,
    /// Deployment groups.
    Deployments,
}

impl Table {
    fn name(self) -> &'static str {
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
            Self::Firmwares => "firmwares",
            Self::Archives => "archives",
            Self::Releases => "deployment_releases",
            Self::Deployments => "deployments",
        }
    }
}

/// A connection to it, which only reads.
pub struct Original(PgConnection);

impl Original {
    /// Connects.
    pub async fn open(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("nervecenter import")
            .options([("default_transaction_read_only", "on")]);
        Ok(Self(PgConnection::connect_with(&options).await?))
    }

    /// Whether it has the table; older versions lack some.
    pub async fn has(&mut self, table: Table) -> Result<bool> {
        let mut q = QueryBuilder::new("SELECT to_regclass(");
        q.push_bind(table.name()).push(") IS NOT NULL");
        let row: (bool,) = q.build_query_as().fetch_one(&mut self.0).await?;
        Ok(row.0)
    }

    /// The rows behind this id, in its order, and the id of the last; some tables have uuids, which are read in one go.
    pub async fn behind(&mut self, table: Table, after: i64) -> Result<Vec<Value>> {
        let mut q = QueryBuilder::new("SELECT CAST(to_jsonb(t) AS TEXT) FROM ");
        q.push(table.name()).push(" t");
        if matches!(
            table,
            Table::Jitp | Table::UserTokens | Table::ProductSecrets | Table::DeviceSecrets
        ) {
            // Few rows, or ids that are no numbers in some versions.
            if after > 0 {
                return Ok(Vec::new());
            }
            q.push(" ORDER BY t.inserted_at LIMIT 1000000");
        } else {
            q.push(" WHERE t.id > ").push_bind(after);
            q.push(" ORDER BY t.id LIMIT ").push_bind(PAGE);
        }
        let rows: Vec<(String,)> = q.build_query_as().fetch_all(&mut self.0).await?;
        Ok(rows
            .iter()
            .filter_map(|r| serde_json::from_str(&r.0).ok())
            .collect())
    }
}
