//! All that a database holds as text, to see whether anything has changed.

use super::Server;
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;

impl Server {
    /// The rows of each table, in small letters, since hex digits are written either way.
    pub async fn dump(&self) -> BTreeMap<String, Vec<String>> {
        let tables = if self.is_sqlite() {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
        } else {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
        };
        let mut all = BTreeMap::new();
        for table in self.column::<String>(tables).await {
            let rows = if self.is_sqlite() {
                let columns =
                    format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')");
                let columns = self.column::<String>(AssertSqlSafe(columns)).await;
                let row = columns.join(" || ',' || ");
                format!("SELECT {row} FROM {table} ORDER BY 1")
            } else {
                format!("SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")
            };
            let rows = self.column::<String>(AssertSqlSafe(rows)).await;
            let rows = rows.into_iter().map(|row| row.to_lowercase()).collect();
            all.insert(table, rows);
        }
        all
    }
}
