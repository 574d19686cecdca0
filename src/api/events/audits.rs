//! The audit log: routes of our own.

use crate::access::scope::{InOrg, Org, Product, Scope};
use crate::api::devices::extensions::document;
use crate::api::http::answer::{Documented, attachment, text_schema};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::operation::Operation;
use crate::api::http::page::{Page, Paging};
use crate::api::http::params::{Params, time};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::error::field;
use crate::domain::events::audits::{self, AuditFilter, Entry};
use crate::limits::EXPORT_ROWS;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// What a list can be narrowed by.
const FILTERS: &[Field] = &[
    optional_field("search", FieldType::Text, "Part of the description"),
    optional_field(
        "actor",
        FieldType::Text,
        "Login or name of the person who acted",
    ),
    optional_field(
        "since",
        FieldType::Text,
        "From then on, `2026-08-22T08:33:49Z`",
    ),
    optional_field("until", FieldType::Text, "Until before then"),
];

/// An entry of the audit log.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
struct AuditLog {
    /// A number.
    id: i64,
    /// Its number in the chain; null until it is sealed, a moment after it was written.
    sequence: Option<i64>,
    /// `2026-08-22 08:33:49.123456Z`.
    at: String,
    /// Who acted: `user`, `device` or `deployment_group`.
    actor_type: String,
    /// Name or identifier of who acted; null when it is gone.
    actor: Option<String>,
    /// Login of the person who acted.
    actor_email: Option<String>,
    /// `device`, `deployment_group`, `product` or `org`.
    resource_type: String,
    /// Name or identifier of what it was done to; null when it is gone.
    resource: Option<String>,
    /// The product, if it is in one.
    product: Option<String>,
    /// What was done.
    description: String,
    /// What came of it, such as a script's output.
    details: Value,
}

fn view(e: &Entry) -> AuditLog {
    AuditLog {
        id: e.id,
        sequence: e.seq,
        at: e.at.spaced(),
        actor_type: e.actor_type.clone(),
        actor: e.actor.clone(),
        actor_email: e.actor_email.clone(),
        resource_type: e.resource_type.clone(),
        resource: e.resource.clone(),
        product: e.product.clone(),
        description: e.description.clone(),
        details: e.details.as_deref().map_or(Value::Null, document),
    }
}

fn narrow(p: &Params) -> Result<AuditFilter> {
    let text = |key: &str| p.string(key).filter(|t| !t.is_empty());
    Ok(AuditFilter {
        search: text("search"),
        actor: text("actor"),
        since: time(p, "since")?,
        until: time(p, "until")?,
        ..AuditFilter::default()
    })
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::AuditLog);
    contract
        .get(
            "audits.of_org",
            "/orgs/{org}/audit_logs",
            Auth::VIEW,
            of_org,
        )
        .summary("The organization's entries, newest first")
        .query(FILTERS);
    contract
        .get(
            "audits.export",
            "/orgs/{org}/audit_logs/export",
            Auth::VIEW,
            export,
        )
        .summary("All of them, oldest first, as CSV or JSON")
        .query(FILTERS)
        .query(&[optional_field(
            "format",
            FieldType::Words(&["csv", "json"]),
            "`csv` unless given",
        )]);
    contract
        .get(
            "audits.of_product",
            "/orgs/{org}/products/{product}/audit_logs",
            Auth::VIEW,
            of_product,
        )
        .summary("A product's entries")
        .query(FILTERS);
    contract
        .get(
            "audits.of_device",
            "/orgs/{org}/products/{product}/devices/{device}/audit_logs",
            Auth::VIEW,
            of_device,
        )
        .summary("What was done to a device, and by it")
        .query(FILTERS);
    contract
        .get(
            "audits.of_group",
            "/orgs/{org}/products/{product}/deployments/{name}/audit_logs",
            Auth::VIEW,
            of_group,
        )
        .summary("What was done to a deployment group, and by it")
        .query(FILTERS);
}

/// `GET /orgs/:org/audit_logs`.
async fn of_org(
    State(app): State<App>,
    scope: Scope<Org>,
    p: Params,
) -> Result<Page<AuditLog, 25>> {
    listed(&app, &scope, narrow(&p)?, &p).await
}

async fn listed(
    app: &App,
    scope: &impl InOrg,
    narrow: AuditFilter,
    p: &Params,
) -> Result<Page<AuditLog, 25>> {
    let at = Paging::of(p)?;
    let (rows, total) = audits::page(&app.db, scope, &narrow, at.number, at.size).await?;
    let data: Vec<_> = rows.iter().map(view).collect();
    Ok(at.page(data, total))
}

/// `GET …/products/:product/audit_logs`.
async fn of_product(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Page<AuditLog, 25>> {
    let narrow = audits::of_product(&scope, narrow(&p)?);
    listed(&app, &scope, narrow, &p).await
}

/// `GET …/devices/:device/audit_logs`.
async fn of_device(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Page<AuditLog, 25>> {
    let narrow = audits::of_device(&app.db, &scope, &d, narrow(&p)?).await?;
    listed(&app, &scope, narrow, &p).await
}

/// `GET …/deployments/:name/audit_logs`.
async fn of_group(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Page<AuditLog, 25>> {
    let narrow = audits::of_group(&app.db, &scope, &name, narrow(&p)?).await?;
    listed(&app, &scope, narrow, &p).await
}

/// `GET /orgs/:org/audit_logs/export`: streamed, so that any log fits.
async fn export(State(app): State<App>, scope: Scope<Org>, p: Params) -> Result<AuditExport> {
    let narrow = narrow(&p)?;
    let csv = match p.text("format").unwrap_or("csv") {
        "csv" => true,
        "json" => false,
        _ => return Err(field("format", "must be one of: csv, json").into()),
    };
    let first = audits::behind(&app.db, &scope, &narrow, 0, EXPORT_ROWS).await?;
    let begun = (0, Some(first), app, scope, narrow);
    let body = stream::try_unfold(begun, move |(n, ready, app, scope, narrow)| async move {
        let Some(rows) = ready else {
            return Ok::<_, std::io::Error>(None);
        };
        let mut text = String::new();
        if n == 0 {
            text.push_str(if csv { HEADER } else { "[" });
        }
        for (i, row) in rows.iter().enumerate() {
            if csv {
                line(&view(row), &mut text);
            } else {
                text.push_str(if n == 0 && i == 0 { "\n" } else { ",\n" });
                text.push_str(&serde_json::to_string(&view(row))?);
            }
        }
        let next = match rows.last() {
            Some(last) if rows.len() as i64 == EXPORT_ROWS => {
                let more = audits::behind(&app.db, &scope, &narrow, last.id, EXPORT_ROWS).await;
                Some(more.map_err(std::io::Error::other)?)
            }
            _ => None,
        };
        if !csv && next.is_none() {
            text.push_str("\n]\n");
        }
        Ok(Some((text, (n + 1, next, app, scope, narrow))))
    });
    Ok(AuditExport {
        csv,
        body: Body::from_stream(body),
    })
}

/// The whole log as a file.
struct AuditExport {
    csv: bool,
    body: Body,
}

impl IntoResponse for AuditExport {
    fn into_response(self) -> Response {
        if self.csv {
            let name = "attachment; filename=\"audit-log.csv\"";
            attachment("text/csv; charset=utf-8", name, self.body)
        } else {
            let name = "attachment; filename=\"audit-log.json\"";
            attachment("application/json; charset=utf-8", name, self.body)
        }
    }
}

impl Documented for AuditExport {
    fn document(operation: &mut Operation<'_>) {
        let json = json!({"type": "array", "description": "An array of entries"});
        let kinds = [("text/csv", text_schema()), ("application/json", json)];
        operation.answers_with(
            StatusCode::OK,
            "A line an entry, each value as JSON",
            &kinds,
        );
    }
}

const HEADER: &str = "id,sequence,at,actor_type,actor,actor_email,resource_type,resource,product,description,details\r\n";

/// A line of CSV: each value is JSON, as the original exports it, so that no spreadsheet takes one for a formula.
fn line(v: &AuditLog, into: &mut String) {
    let values = [
        json!(v.id),
        json!(v.sequence),
        json!(v.at),
        json!(v.actor_type),
        json!(v.actor),
        json!(v.actor_email),
        json!(v.resource_type),
        json!(v.resource),
        json!(v.product),
        json!(v.description),
        v.details.clone(),
    ];
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            into.push(',');
        }
        let text = value.to_string();
        into.push('"');
        into.push_str(&text.replace('"', "\"\""));
        into.push('"');
    }
    into.push_str("\r\n");
}
