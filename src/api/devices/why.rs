//! Why a device is not being updated. Beyond NervesHub.

use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::devices::why::{self, Check};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// Why a device is not being updated, or that it will be.
#[derive(Serialize, JsonSchema)]
struct Why {
    /// One sentence for people.
    sentence: String,
    /// The first rule that stands in the way; null when none does.
    rule: Option<&'static str>,
    /// What that rule found.
    value: Option<String>,
    /// Until when it stands in the way, where that is known.
    until: Option<String>,
    /// All rules, in the order in which they are looked at.
    checks: Vec<RuleCheck>,
}

/// A rule and what it found.
#[derive(Serialize, JsonSchema)]
struct RuleCheck {
    /// A stable name.
    rule: &'static str,
    /// Whether it lets the update go on.
    ok: bool,
    /// What was found.
    value: String,
}

fn view(checks: &[Check]) -> Why {
    let (first, sentence) = why::answer(checks);
    Why {
        sentence,
        rule: first.map(|c| c.rule),
        value: first.map(|c| c.value.clone()),
        until: first.and_then(|c| c.until).map(Micros::zulu),
        checks: checks
            .iter()
            .map(|c| RuleCheck {
                rule: c.rule,
                ok: c.ok,
                value: c.value.clone(),
            })
            .collect(),
    }
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::DeviceReports);
    contract
        .get(
            "devices.why",
            "/orgs/{org}/products/{product}/devices/{device}/why",
            Auth::VIEW,
            show,
        )
        .summary("Why it is not being updated, or that it will be");
}

/// `GET …/devices/:device/why`.
async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(device): Name,
) -> Result<Data<Why>> {
    Ok(Data(view(&why::checks(&app.db, &scope, &device).await?)))
}
