//! Actions on many devices: what one would do, then the job that does it. Beyond NervesHub.

use crate::access::scope::{Product, Scope};
use crate::api::http::answer::{Accepted, Data, Either};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::params::{Params, flag, number, tags};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain;
use crate::domain::devices::bulk::{self, BulkArgs, BulkForm, Preview, role_of};
use crate::domain::error::{BLANK, INVALID, field};
use crate::store::words::BulkAction;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// What actions take.
const ARGS: &[Field] = &[
    optional_field(
        "tags",
        FieldType::Tags,
        "Of tags_add, tags_remove and tags_set",
    ),
    optional_field(
        "group",
        FieldType::Text,
        "Of group: the name of a deployment group; null takes devices out of theirs",
    ),
    optional_field(
        "enabled",
        FieldType::Flag,
        "Of updates: whether devices are updated by themselves",
    ),
    optional_field("uuid", FieldType::Text, "Of firmware: the firmware"),
    optional_field(
        "org",
        FieldType::Text,
        "Of move: the organization that devices go to; you need the role `manage` there too",
    ),
    optional_field(
        "product",
        FieldType::Text,
        "Of move: the product that they go to",
    ),
    optional_field(
        "script",
        FieldType::Text,
        "Of script: the name of a script, or its number",
    ),
    optional_field(
        "timeout",
        FieldType::Number,
        "Of script: milliseconds to wait for a device's answer, 30000 unless given and 300000 at most",
    ),
];

const FORM: &[Field] = &[
    optional_field(
        "query",
        FieldType::Text,
        "Finds the devices, as in the list; an empty one finds all",
    ),
    optional_field(
        "identifiers",
        FieldType::Tags,
        "Names the devices instead, at most 5,000",
    ),
    optional_field(
        "except",
        FieldType::Tags,
        "Identifiers that are left out, at most 5,000",
    ),
    required(
        "action",
        FieldType::Words(BulkAction::WORDS),
        "What is done to them",
    ),
    optional_field("args", FieldType::Object(ARGS), "What the action takes"),
    optional_field(
        "dry_run",
        FieldType::Flag,
        "Only says what would be done; the answer is 200",
    ),
    optional_field(
        "confirm",
        FieldType::Text,
        "Of the dry run of the same action on the same devices, ten minutes ago at most; needed without `dry_run`",
    ),
];

/// What an action would do.
#[derive(Serialize, JsonSchema)]
struct BulkPreview {
    /// Devices that it is about.
    matches: i64,
    /// Devices that it would change. The others are as they should be already, or refused.
    would_change: i64,
    /// Why devices would be left as they are, the most frequent reasons.
    refused: Vec<ReasonCount>,
    /// The first identifiers, ten at most.
    sample: Vec<String>,
    /// Starts the job, when it is sent with the same form within ten minutes.
    confirm: String,
}

/// How many devices were left as they are for a reason.
#[derive(Serialize, JsonSchema)]
pub(super) struct ReasonCount {
    /// Fits behind the name of a device.
    reason: String,
    /// Devices.
    count: i64,
}

/// A job that begins.
#[derive(Serialize, JsonSchema)]
pub(super) struct JobNumber {
    /// Its number.
    pub(super) id: i64,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Jobs);
    contract
        .post(
            "devices.bulk",
            "/orgs/{org}/products/{product}/devices/bulk",
            Auth::VIEW,
            act,
        )
        .summary("Do something to many devices: with `dry_run` say what it would do, then with its `confirm` start the job")
        .description(
            "Running a script takes the role `view`, as on one device, and everything else `manage`. \
             The job is about the devices that match when it begins, and is refused when they are more than were confirmed. \
             The same confirmation starts one job, however often it is sent.",
        )
        .body_fields(FORM)
        .error(
            409,
            "More devices match than were confirmed, or four jobs of the product run already",
        );
}

pub(super) fn counts(all: Vec<(String, i64)>) -> Vec<ReasonCount> {
    let count = |(reason, count)| ReasonCount { reason, count };
    all.into_iter().map(count).collect()
}

fn shown(p: Preview) -> BulkPreview {
    BulkPreview {
        matches: p.matches,
        would_change: p.would_change,
        refused: counts(p.refused),
        sample: p.sample,
        confirm: p.confirm,
    }
}

fn list(p: &Params, name: &str) -> domain::Result<Option<Vec<String>>> {
    let given = p.0.get(name).filter(|v| !v.is_null());
    let read = |v| tags(v).ok_or_else(|| field(name, INVALID));
    given.map(read).transpose()
}

/// What an action takes; the types are checked already.
fn args(given: Option<&Map<String, Value>>) -> BulkArgs {
    let value = |name: &str| given.and_then(|m| m.get(name));
    let text = |name: &str| Some(value(name)?.as_str()?.to_owned());
    BulkArgs {
        tags: value("tags").and_then(tags),
        group: value("group").map(|v| v.as_str().map(str::to_owned)),
        enabled: value("enabled").and_then(flag),
        uuid: text("uuid"),
        org: text("org"),
        product: text("product"),
        script: text("script"),
        // What is no number is refused as one that is out of bounds.
        timeout: value("timeout")
            .filter(|v| !v.is_null())
            .map(|v| number(v).unwrap_or(-1)),
    }
}

fn form(p: &Params) -> domain::Result<BulkForm> {
    let action = p.text("action").ok_or_else(|| field("action", BLANK))?;
    let words = || format!("must be one of: {}", BulkAction::WORDS.join(", "));
    Ok(BulkForm {
        query: p.string("query"),
        identifiers: list(p, "identifiers")?,
        except: list(p, "except")?.unwrap_or_default(),
        action: BulkAction::parse(action).ok_or_else(|| field("action", &words()))?,
        args: args(p.map("args")),
        confirm: p.string("confirm"),
    })
}

/// `POST …/devices/bulk`.
async fn act(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Either<Data<BulkPreview>, Accepted<JobNumber>>> {
    let form = form(&p)?;
    let scope = scope.allow(role_of(form.action))?;
    if p.switch("dry_run")?.unwrap_or_default() {
        let preview = bulk::preview(&app, &scope, &form).await?;
        return Ok(Either::A(Data(shown(preview))));
    }
    let job = bulk::start(&app, &scope, &form).await?;
    Ok(Either::B(Accepted(JobNumber { id: job.number() })))
}
