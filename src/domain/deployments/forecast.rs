//! What a release would do, asked before it is made: a dry run for a group that is there, a preview for one that is not.

use crate::access::scope::{Product, Scope};
use crate::domain::deployments::groups::{
    Changes, GroupRow, apply, apply_conditions, blank, policy_of, require_group,
};
use crate::domain::deployments::members::{Pages, Tagged, conditions, group_names, running};
use crate::domain::error::{BLANK, field};
use crate::domain::{DomainError, Result};
use crate::ids::{GroupId, ProductId};
use crate::limits::{DELTA_SOURCES, OVERVIEW_ROWS};
use crate::rollout::forecast::{Forecaster, Intent};
use crate::rollout::rollout_state::Rollout;
use crate::rollout::workflow::{self, StepKind};
use crate::store::catalog::firmwares::{self, FirmwareRow};
use crate::store::deployments::{deployment_groups, overview, releases, server_bandwidth};
use crate::store::words::DeltaState;
use crate::store::{Db, On};
use std::collections::{BTreeMap, HashMap, HashSet};

pub use crate::rollout::forecast::{Forecast, StepForecast};

/// A release that somebody proposes, to see what it would do.
#[derive(Debug, Default)]
pub struct Proposal {
    /// The uuid of the firmware.
    pub firmware: Option<String>,
    /// The settings that would be changed with it. Names and switches have no part in a forecast.
    pub changes: Changes,
    /// Whether nothing of a release is changed: the current one is looked at as it is.
    pub as_it_is: bool,
}

/// What a release would do, and whom it is about.
#[derive(Debug)]
pub struct ForecastReport {
    /// The uuid and the version of the firmware.
    pub firmware: (String, String),
    pub forecast: Forecast,
    /// Where conditions were given: the devices that they take, by the group that they are in now.
    pub by_group: BTreeMap<Option<String>, i64>,
}

/// What a group's current release has left to do, or what another one would do in it.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown group, or one without a release; a validation error for an unknown firmware, one of
/// another platform, or a wrong setting.
pub async fn dry_run(
    db: &Db,
    scope: &Scope<Product>,
    name: &str,
    proposal: Proposal,
) -> Result<ForecastReport> {
    let mut r = db.read().await?;
    let mut group = require_group(&mut r, scope, name).await?;
    apply(&mut group, &proposal.changes)?;
    let taken = match &proposal.changes.conditions {
        Some(conditions) => {
            let tags = apply_conditions(&mut group, conditions)?;
            let kept = words(&mut r, &group, "tag", tags).await?;
            Some(kept)
        }
        None => None,
    };
    let release = releases::current(&mut r, group.id).await?;
    let target = match &proposal.firmware {
        Some(uuid) => of_uuid(&mut r, scope, uuid).await?,
        None => {
            let release = release.as_ref().ok_or(DomainError::NotFound)?;
            let row = firmwares::row(&mut r, release.firmware_id).await?;
            row.ok_or(DomainError::NotFound)?
        }
    };
    if (&target.platform, &target.architecture) != (&group.platform, &group.architecture) {
        let text = format!(
            "is for {} {}, but the deployment group is for {} {}",
            target.platform, target.architecture, group.platform, group.architecture
        );
        return Err(field("firmware", &text));
    }
    let words = (
        words(&mut r, &group, "release_tag", proposal.changes.release_tags).await?,
        words(&mut r, &group, "interface", proposal.changes.interfaces).await?,
    );
    let mut intent = intent(&mut r, &group, target, words).await?;
    if let (true, Some(release)) = (proposal.as_it_is, &release) {
        let rollout = Rollout::counted(&mut r, release).await?;
        let step = usize::try_from(rollout.number()).unwrap_or(0);
        intent.present = (step, rollout.counts.touched);
        intent.salt = rollout.row.as_ref().map(|row| row.salt);
        let share = rollout.share();
        intent.workflow = rollout.workflow;
        if let Some(StepKind::Devices(own)) =
            intent.workflow.steps.get_mut(step).map(|s| &mut s.kind)
        {
            own.share = share;
        }
    }
    drop(r);
    match taken {
        Some(tags) => of_taken(db, scope, &group, &tags, intent).await,
        None => of_members(db, scope, &group, intent).await,
    }
}

/// What a release would do with the devices of a group.
async fn of_members(
    db: &Db,
    scope: &Scope<Product>,
    group: &GroupRow,
    intent: Intent,
) -> Result<ForecastReport> {
    let firmware = (intent.target.uuid.clone(), intent.target.version.clone());
    let mut forecaster = Forecaster::new(intent);
    let mut pages = Pages::of(scope, group, forecaster.needs_tags());
    let mut sources = Sources::of(scope.product().id);
    while let Some(mut page) = pages.next(db).await? {
        page.retain(|(device, _)| device.group_id == Some(group.id));
        sources.of_page(db, &mut forecaster, &page).await?;
        for (device, tags) in &page {
            forecaster.add(device, tags);
        }
    }
    Ok(ForecastReport {
        firmware,
        forecast: forecaster.finish(db.now()),
        by_group: BTreeMap::new(),
    })
}

/// What a group with these settings would do with a firmware, if all devices that its conditions take were in it.
///
/// # Errors
/// A validation error for an unknown firmware, or a wrong setting.
pub async fn preview(
    db: &Db,
    scope: &Scope<Product>,
    proposal: Proposal,
) -> Result<ForecastReport> {
    let mut r = db.read().await?;
    let uuid = proposal.firmware.as_deref();
    let uuid = uuid.ok_or_else(|| field("firmware", BLANK))?;
    let target = of_uuid(&mut r, scope, uuid).await?;
    let mut group = blank(scope, "", &target);
    apply(&mut group, &proposal.changes)?;
    let wanted = match &proposal.changes.conditions {
        Some(conditions) => apply_conditions(&mut group, conditions)?.unwrap_or_default(),
        None => Vec::new(),
    };
    let words = (
        proposal.changes.release_tags.unwrap_or_default(),
        proposal.changes.interfaces.unwrap_or_default(),
    );
    let intent = intent(&mut r, &group, target, words).await?;
    drop(r);
    of_taken(db, scope, &group, &wanted, intent).await
}

/// What a release would do with the devices that the conditions of a group take, whichever group they are in; `wanted` are the tags
/// of the conditions.
async fn of_taken(
    db: &Db,
    scope: &Scope<Product>,
    group: &GroupRow,
    wanted: &[String],
    intent: Intent,
) -> Result<ForecastReport> {
    let firmware = (intent.target.uuid.clone(), intent.target.version.clone());
    let mut forecaster = Forecaster::new(intent);
    let tagged = forecaster.needs_tags() || !wanted.is_empty();
    let mut pages = Pages::of(scope, group, tagged);
    let mut members: HashMap<Option<GroupId>, i64> = HashMap::new();
    let mut sources = Sources::of(scope.product().id);
    let taken = conditions(group, wanted);
    let mut left_out = 0;
    while let Some(mut page) = pages.next(db).await? {
        page.retain(|(d, tags)| {
            let fits = running(d).is_some_and(|runs| taken.take(tags, runs));
            left_out += i64::from(!fits && d.group_id == Some(group.id));
            fits
        });
        sources.of_page(db, &mut forecaster, &page).await?;
        for (device, tags) in &page {
            *members.entry(device.group_id).or_default() += 1;
            forecaster.add(device, tags);
        }
    }
    let mut forecast = forecaster.finish(db.now());
    let others = members
        .iter()
        .filter(|(id, _)| id.is_some_and(|id| id != group.id));
    let elsewhere: i64 = others.map(|(_, n)| n).sum();
    if elsewhere > 0 {
        forecast.warnings.push(format!(
            "{elsewhere} of these devices are in other groups, where they stay until the group adopts them."
        ));
    }
    if left_out > 0 {
        forecast.warnings.push(format!(
            "{left_out} devices of the group do not fit the conditions and are not counted; they stay in it until they are expelled, or \
             until their version or platform makes them leave."
        ));
    }
    let names = group_names(&mut db.read().await?, members.keys().copied().flatten()).await?;
    let named = members
        .into_iter()
        .map(|(group, n)| (group.and_then(|id| names.get(&id).cloned()), n));
    Ok(ForecastReport {
        firmware,
        forecast,
        by_group: named.collect(),
    })
}

async fn of_uuid(on: &mut impl On, scope: &Scope<Product>, uuid: &str) -> Result<FirmwareRow> {
    let found = firmwares::by_uuid(on, scope.product().id, uuid).await?;
    found.ok_or_else(|| field("firmware", "is not the uuid of a firmware of this product"))
}

/// Words of a group, unless others are proposed.
async fn words(
    on: &mut impl On,
    group: &GroupRow,
    kind: &str,
    proposed: Option<Vec<String>>,
) -> Result<Vec<String>> {
    match proposed {
        Some(words) => Ok(words),
        None => Ok(deployment_groups::words(on, group.id, kind).await?),
    }
}

/// A new release of a firmware in a group with these settings.
async fn intent(
    on: &mut impl On,
    group: &GroupRow,
    target: FirmwareRow,
    (release_tags, interfaces): (Vec<String>, Vec<String>),
) -> Result<Intent> {
    let mut delta_sizes = HashMap::new();
    for delta in overview::deltas(on, target.id, OVERVIEW_ROWS).await? {
        let made = delta.status == DeltaState::Completed;
        delta_sizes.insert(delta.from_uuid, delta.size.filter(|_| made));
    }
    let server = server_bandwidth::read(on).await?;
    Ok(Intent {
        workflow: workflow::kept(group.workflow.as_deref()).unwrap_or_else(workflow::everyone),
        present: (0, 0),
        salt: None,
        release_tags,
        interfaces,
        deltas: group.delta_updatable && target.delta_updatable,
        delta_sizes,
        policy: policy_of(group)?,
        concurrent_updates: group.concurrent_updates,
        server_rate: server.bytes_per_second,
        target,
    })
}

/// The firmwares that devices run, as far as deltas from them are made or would be.
struct Sources {
    product: ProductId,
    seen: HashSet<String>,
}

impl Sources {
    fn of(product: ProductId) -> Self {
        Self {
            product,
            seen: HashSet::new(),
        }
    }

    /// Looks up what the devices of a page run. The scheduler makes deltas from so many firmwares only.
    async fn of_page(
        &mut self,
        db: &Db,
        forecaster: &mut Forecaster,
        page: &[Tagged],
    ) -> Result<()> {
        for (device, _) in page {
            let uuid = &device.fw_uuid;
            if self.seen.len() >= DELTA_SOURCES || self.seen.contains(uuid) {
                continue;
            }
            self.seen.insert(uuid.clone());
            let mut r = db.read().await?;
            if let Some(source) = firmwares::by_uuid(&mut r, self.product, uuid).await? {
                forecaster.add_source(&source);
            }
        }
        Ok(())
    }
}
