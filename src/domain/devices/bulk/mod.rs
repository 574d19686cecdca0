//! Actions on many devices: what one would do, and the job that does it. A preview comes first; the job is made with its
//! confirmation, and with its devices, so that what comes to match afterwards is left alone.

mod action;
mod apply;
mod confirm;
mod run;
mod undo;

pub use action::{BulkArgs, can_be_undone};
pub use run::{Batch, batch, give_up};

use crate::access::scope::{Product, Role, Scope};
use crate::domain::devices::{enter_lane, query};
use crate::domain::error::{BLANK, field};
use crate::domain::{Context, DomainError, Result};
use crate::ids::JobId;
use crate::limits::{
    BULK_CLASSES, BULK_IDENTIFIERS, BULK_SAMPLE, JOB_REASONS, JOBS_AT_ONCE, JOBS_KEPT,
};
use crate::store::devices::jobs::{self, NewJob};
use crate::store::devices::query::{Cond, Test};
use crate::store::devices::targets::{self, TargetClass};
use crate::store::devices::{self as table, Filter, Order};
use crate::store::events::audit::{self, Resource};
use crate::store::words::BulkAction;
use action::{Plan, Verdict};
use serde::Serialize;
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
/// A validation error for a field; [`DomainError::Denied`] for a product to which the person may move nothing;
/// [`DomainError::Busy`] when too many queries that read all devices run already.
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
    let _lane = enter_lane(context, scope, &filter).await?;
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
        confirm: confirm::seal(context, scope, form, matches)?,
    })
}

/// What the audit log keeps of a job that begins.
#[derive(Serialize)]
struct Begun<'f> {
    job: i64,
    action: BulkAction,
    args: &'f BulkArgs,
    query: Option<&'f str>,
    devices: u64,
}

/// Makes the job of an action that was confirmed. The same confirmation makes one job, however often it is sent.
///
/// # Errors
/// A validation error for a field, `confirm` among them; [`DomainError::Conflict`] when more devices match than were confirmed, or
/// when as many jobs run as may; as [`preview()`].
pub async fn start(context: &Context, scope: &Scope<Product>, form: &BulkForm) -> Result<JobId> {
    form.check()?;
    let (confirmed, proof) = confirm::open(context, scope, form)?;
    let mut r = context.db.read().await?;
    if let Some(job) = jobs::by_proof(&mut r, scope, &proof).await? {
        return Ok(job);
    }
    drop(r);
    let filter = form.filter(context, scope).await?;
    let _lane = enter_lane(context, scope, &filter).await?;
    let now = context.now();
    let mut w = context.db.write().await?;
    action::resolve(&mut w, scope, form.action, &form.args).await?;
    let args = text_of(&form.args)?;
    let new = NewJob {
        action: form.action,
        args: &args,
        query: form.query.as_deref(),
        undoes: None,
        proof: Some(&proof),
    };
    let Some(job) = add(&mut w, scope, &new, now).await? else {
        // Another request with the same confirmation was faster.
        let job = jobs::by_proof(&mut w, scope, &proof).await?;
        return job.ok_or(DomainError::NotFound);
    };
    let count = targets::take(&mut w, scope, &filter, job, now).await?;
    if i64::try_from(count).is_ok_and(|n| n > confirmed) {
        return Err(DomainError::Conflict(format!(
            "{count} devices match now, and {confirmed} were confirmed; look at them again with dry_run.",
        )));
    }
    let begun = Begun {
        job: job.number(),
        action: form.action,
        args: &form.args,
        query: form.query.as_deref(),
        devices: count,
    };
    let name = &scope.person().name;
    let text = format!(
        "{name} started job {job}: {} on {count} devices",
        form.action
    );
    begin(&mut w, scope, (job, count), (&text, &text_of(&begun)?), now).await?;
    w.commit().await?;
    Ok(job)
}

fn text_of(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| DomainError::Fault(format!("what a job is given is no JSON: {e}")))
}

/// Adds a job, unless as many run as may.
async fn add(
    w: &mut crate::store::Write,
    scope: &Scope<Product>,
    new: &NewJob<'_>,
    now: crate::clock::Micros,
) -> Result<Option<JobId>> {
    if scope.role() < Role::Manage {
        return Err(DomainError::Denied(Role::Manage));
    }
    if jobs::count_running(w, scope).await? >= JOBS_AT_ONCE {
        return Err(DomainError::Conflict(format!(
            "{JOBS_AT_ONCE} jobs of this product run already; wait for one to end, or cancel it."
        )));
    }
    Ok(jobs::add(w, scope, new, now).await?)
}

/// Notes that a job begins, with so many devices.
async fn begin(
    w: &mut crate::store::Write,
    scope: &Scope<Product>,
    (job, count): (JobId, u64),
    (text, details): (&str, &str),
    now: crate::clock::Micros,
) -> Result<()> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    jobs::set_total(w, job, count).await?;
    jobs::keep_newest(w, scope, JOBS_KEPT, now).await?;
    let resource = Resource::Product(scope.product().id);
    audit::with_details(w, scope, resource, text, details, now).await?;
    Ok(())
}

/// Makes the job that puts back what another one has changed.
///
/// # Errors
/// [`DomainError::Conflict`] when a job undoes that one already, or when as many jobs run as may.
pub(super) async fn start_undo(
    context: &Context,
    scope: &Scope<Product>,
    undone: &jobs::JobRow,
) -> Result<JobId> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let new = NewJob {
        action: undone.action,
        args: &undone.args,
        query: None,
        undoes: Some(undone.id),
        proof: None,
    };
    let job = add(&mut w, scope, &new, now).await?;
    let job = job.ok_or_else(|| DomainError::Conflict("The job is undone already.".into()))?;
    let count = jobs::take_changed(&mut w, job, undone.id).await?;
    let (name, id) = (&scope.person().name, undone.id);
    let text =
        format!("{name} started job {job}: it undoes job {id}, which changed {count} devices");
    begin(&mut w, scope, (job, count), (&text, "{}"), now).await?;
    w.commit().await?;
    Ok(job)
}
