//! Actions on many devices: what one would do, and the job that does it. A preview comes first; the job is made with its
//! confirmation, and with its devices, so that what comes to match afterwards is left alone.

mod action;
mod aftermath;
mod apply;
mod args;
mod confirm;
mod judge;
mod run;
mod script_job;
mod script_turn;
mod sets;
mod single;
mod start;
mod undo;

pub use args::{BulkArgs, can_be_undone, role_of};
pub use run::{Batch, batch, give_up};
pub use script_job::{close_all, run_script};
pub use start::start;
pub(super) use start::start_undo;

use crate::access::scope::{Product, Scope};
use crate::domain::devices::query;
use crate::domain::error::{BLANK, field};
use crate::domain::{Context, Result};
use crate::limits::{BULK_CLASSES, BULK_IDENTIFIERS, BULK_SAMPLE, JOB_REASONS, READ_WAIT};
use crate::store::devices::query::{Cond, Test};
use crate::store::devices::targets::{self, TargetClass};
use crate::store::devices::{self as table, Filter, Order};
use crate::store::words::BulkAction;
use action::Plan;
use judge::Verdict;
use std::collections::{HashMap, HashSet};

/// An action on many devices.
#[derive(Debug, Clone)]
pub struct BulkForm {
    /// Finds the devices. Either this or `identifiers` is given.
    pub query: Option<String>,
    pub identifiers: Option<Vec<String>>,
    /// Devices that are left out.
    pub except: Vec<String>,
    pub action: BulkAction,
    pub args: BulkArgs,
    /// The confirmation of a preview.
    pub confirm: Option<String>,
}

/// What an action would do.
#[derive(Debug)]
pub struct Preview {
    /// Devices that it is about.
    pub matches: i64,
    pub would_change: i64,
    /// Why devices would be left as they are, and how many; the most frequent reasons.
    pub refused: Vec<(String, i64)>,
    /// The first of them by identifier.
    pub sample: Vec<String>,
    /// What starts the job.
    pub confirm: String,
}

impl BulkForm {
    fn check(&self) -> Result<()> {
        let bounded = |name: &str, all: &[String]| {
            if all.len() > BULK_IDENTIFIERS {
                let text = format!("should have at most {BULK_IDENTIFIERS} item(s); use a query");
                return Err(field(name, &text));
            }
            Ok(())
        };
        bounded("except", &self.except)?;
        match (&self.query, &self.identifiers) {
            (None, None) => {
                let text = format!("{BLANK}: give a query, or identifiers");
                Err(field("query", &text))
            }
            (Some(_), Some(_)) => Err(field("identifiers", "cannot be given beside a query")),
            (_, Some(all)) => bounded("identifiers", all),
            _ => Ok(()),
        }
    }

    /// The devices that the action is about.
    async fn filter(&self, context: &Context, scope: &Scope<Product>) -> Result<Filter> {
        let mut filter = Filter::default();
        if let Some(text) = self.query.as_deref().filter(|q| !q.trim().is_empty()) {
            query::narrow(&context.db, scope, &mut filter, text).await?;
        }
        if let Some(all) = &self.identifiers {
            filter.with_deleted = true;
            filter.and(Test::AnyIdentifier(all.clone()));
        }
        if !self.except.is_empty() {
            let test = Cond::Is(Test::AnyIdentifier(self.except.clone()));
            filter.all_of(Cond::Not(Box::new(test)));
        }
        Ok(filter)
    }

    /// How many devices are named that are not left out.
    fn named(&self) -> Option<i64> {
        let except: HashSet<&String> = self.except.iter().collect();
        let all: HashSet<&String> = self.identifiers.as_ref()?.iter().collect();
        Some(i64::try_from(all.difference(&except).count()).unwrap_or(i64::MAX))
    }
}

/// What the action comes to for these kinds of devices.
fn judged(plan: &Plan, classes: &[TargetClass]) -> (i64, i64, HashMap<String, i64>) {
    let (mut matches, mut changes, mut refused) = (0, 0, HashMap::new());
    for class in classes {
        matches += class.devices;
        match plan.judge(&class.target) {
            Verdict::Change => changes += class.devices,
            Verdict::Unchanged => {}
            Verdict::Refused(why) => *refused.entry(why).or_default() += class.devices,
        }
    }
    (matches, changes, refused)
}

/// Says what an action would do, and changes nothing.
///
/// # Errors
/// A validation error for a field; [`crate::domain::DomainError::Denied`] for a product to which the person may move nothing;
/// [`crate::domain::DomainError::Busy`] when too many queries that read all devices run already.
pub async fn preview(
    context: &Context,
    scope: &Scope<Product>,
    form: &BulkForm,
) -> Result<Preview> {
    form.check()?;
    let filter = form.filter(context, scope).await?;
    let mut r = context.db.read().await?;
    let plan = action::resolve(&mut r, scope, form.action, &form.args).await?;
    drop(r);
    let lane = &context.limiters.scan_lane;
    let _lane = lane.enter(&scope.product().org.id, READ_WAIT).await?;
    let mut r = context.db.read().await?;
    let (facts, now) = (plan.facts(), context.now());
    let classes = targets::classes(&mut r, scope, &filter, facts, BULK_CLASSES, now).await?;
    if i64::try_from(classes.len()).is_ok_and(|n| n >= BULK_CLASSES) {
        let text = "finds devices of too many kinds to judge them together; narrow it";
        return Err(field("query", text));
    }
    let (matches, would_change, mut refused) = judged(&plan, &classes);
    let missing = form.named().map_or(0, |named| named - matches);
    if missing > 0 {
        refused.insert("is not a device of this product".into(), missing);
    }
    let mut refused: Vec<_> = refused.into_iter().collect();
    refused.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    refused.truncate(JOB_REASONS);
    let order = (Order::Identifier, false);
    let (sample, _) = table::list(&mut r, scope, &filter, order, 0, BULK_SAMPLE, now).await?;
    Ok(Preview {
        matches,
        would_change,
        refused,
        sample: sample.into_iter().map(|d| d.identifier).collect(),
        confirm: confirm::seal(context, scope, (form, &plan), matches)?,
    })
}
