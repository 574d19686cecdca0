//! The log of a device (docs/protocol/rest.md, "Devices over REST"). To search it is beyond NervesHub.

use super::extensions::{LIMIT, document, limit};
use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::devices::extensions::LogLine;
use crate::domain::devices::logs::{self, LogCursor, LogFilter};
use crate::domain::error::field;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A line of a device's log.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LogLine")]
struct LogView {
    /// `2026-08-22 08:33:49.123456Z`.
    timestamp: String,
    /// Such as `info`.
    level: String,
    /// The line.
    message: String,
    /// What the device added.
    meta: Value,
    /// Where the lines behind it begin, for `before`.
    cursor: String,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Devices);
    contract
        .get(
            "extensions.logs",
            "/orgs/{org}/products/{product}/devices/{device}/logs",
            Auth::VIEW,
            list,
        )
        .summary("Lines of its log, newest first")
        .query(LIMIT)
        .query(&[
            optional_field(
                "before",
                FieldType::Text,
                "Only those before: the `cursor` of the last one that was read, or a time",
            ),
            optional_field(
                "level",
                FieldType::Text,
                "Only those of this level, such as `error`",
            ),
            optional_field(
                "search",
                FieldType::Text,
                "Only those with this text, in any case; among the newest 50,000 lines",
            ),
        ]);
}

fn view((cursor, l): &(LogCursor, LogLine)) -> LogView {
    LogView {
        cursor: cursor.to_string(),
        timestamp: l.at.spaced(),
        level: l.level.clone(),
        message: l.message.clone(),
        meta: document(&l.meta),
    }
}

/// `GET …/devices/:device/logs`.
async fn list(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Data<Vec<LogView>>> {
    let text = |key: &str| p.text(key).filter(|t| !t.is_empty());
    let before = match text("before") {
        None => None,
        Some(text) => {
            let wrong = "must be a cursor of a line, or a time such as 2026-08-22T08:33:49Z";
            Some(LogCursor::parse(text).ok_or_else(|| field("before", wrong))?)
        }
    };
    let filter = LogFilter {
        before,
        level: text("level"),
        search: text("search"),
    };
    let most = usize::try_from(limit(&p)?).unwrap_or_default();
    let found = logs::list(&app.db, &scope, &d, &filter, most).await?;
    Ok(Data(found.iter().map(view).collect()))
}
