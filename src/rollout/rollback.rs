//! Taking a release back: its group gets a new release with the firmware of the last good one before it, for everyone at once.
//! Devices that run the bad release are updated again like any others, those in the middle after their outcome; those that it has
//! not reached run the good one already.

use super::policy::Policy;
use crate::access::random_id;
use crate::clock::Micros;
use crate::ids::UserId;
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::releases::{self, NewRelease, ReleaseRow};
use crate::store::deployments::rollouts;
use crate::store::{self, Write};

/// Why a release cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Nothing was released before it but what it brings itself, what was ended, or what is damaged.
    NothingBefore,
    /// The last good release has this version, which is below the group's minimum.
    BelowMinimum(String),
    /// It takes back another release itself.
    IsRollback,
}

impl Refused {
    /// A sentence for people.
    pub fn sentence(&self) -> String {
        match self {
            Self::NothingBefore => {
                "No earlier release with another firmware is there to go back to.".into()
            }
            Self::BelowMinimum(version) => format!(
                "The last good release has version {version}, and the group does not go below its minimum_version."
            ),
            Self::IsRollback => "The release takes back another one itself.".into(),
        }
    }
}

/// Makes the release that takes back the present one of a group: its number and version.
pub async fn take_back(
    w: &mut Write,
    group: &GroupRow,
    release: &ReleaseRow,
    by: Option<UserId>,
    now: Micros,
) -> store::Result<Result<(i64, String), Refused>> {
    if release.takes_back.is_some() {
        return Ok(Err(Refused::IsRollback));
    }
    let good = releases::last_good(w, group.id, release.number, release.firmware_id).await?;
    let Some((firmware, archive, number, version)) = good else {
        return Ok(Err(Refused::NothingBefore));
    };
    if Policy::kept(group.policy.as_deref()).is_none_or(|p| p.is_below(&version)) {
        return Ok(Err(Refused::BelowMinimum(version)));
    }
    let text = format!(
        "Takes back release {}, as release {number} was",
        release.number
    );
    let new = NewRelease {
        group: group.id,
        firmware,
        archive,
        description: Some(&text),
        notes: None,
        by,
        takes_back: Some(release.number),
    };
    releases::add(w, &new, now).await?;
    let Some(made) = releases::current(w, group.id).await? else {
        return Ok(Err(Refused::NothingBefore));
    };
    rollouts::begin(w, made.id, None, random_id(), &[], now).await?;
    Ok(Ok((made.number, version)))
}
