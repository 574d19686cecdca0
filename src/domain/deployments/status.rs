//! Whether a deployment group waits for deltas, in the words of the original (docs/protocol/rules.md, "Deltas"). It is
//! counted whenever it is asked for, never remembered.

use crate::clock::Micros;
use crate::ids::GroupId;
use crate::limits::DELTA_WAIT;
use crate::store::deployments::overview::{self, DeltaCounts};
use crate::store::{self, On};
use std::collections::HashMap;

/// Whether a group waits for deltas to its current release. NervesHub's fourth word, `unknown_error`, does not occur: deltas
/// that end differently keep no device from its update here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupStatus {
    /// No device waits for a delta.
    #[default]
    Ready,
    /// A delta is being made, and the devices that need it wait for it.
    Preparing,
    /// No delta could be made, or all were withdrawn. Devices get the whole file: a hint, not a hindrance.
    DeltasFailed,
}

impl GroupStatus {
    /// The original's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Preparing => "preparing",
            Self::DeltasFailed => "deltas_failed",
        }
    }

    fn of(waited_for: i64, failed: i64, total: i64) -> Self {
        if waited_for > 0 {
            Self::Preparing
        } else if failed > 0 && failed == total {
            Self::DeltasFailed
        } else {
            Self::Ready
        }
    }
}

/// The status of each of these groups that is not ready.
pub async fn statuses(
    on: &mut impl On,
    groups: &[GroupId],
    now: Micros,
) -> store::Result<HashMap<GroupId, GroupStatus>> {
    let counted = overview::delta_counts(on, groups, now.before(DELTA_WAIT)).await?;
    let status = |c: &DeltaCounts| GroupStatus::of(c.waited_for, c.failed, c.total);
    let known = counted.iter().map(|c| (c.group_id, status(c)));
    Ok(known.collect())
}

/// The status of a group.
pub async fn status(on: &mut impl On, group: GroupId, now: Micros) -> store::Result<GroupStatus> {
    let found = statuses(on, &[group], now).await?;
    Ok(found.get(&group).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(waited_for: i64, failed: i64, total: i64) -> &'static str {
        GroupStatus::of(waited_for, failed, total).word()
    }

    #[test]
    fn a_mixture_is_ready_as_soon_as_nobody_waits() {
        assert_eq!(of(0, 0, 0), "ready");
        assert_eq!(of(0, 0, 3), "ready");
        assert_eq!(of(1, 0, 3), "preparing");
        assert_eq!(of(1, 2, 3), "preparing");
        assert_eq!(of(0, 2, 3), "ready");
        assert_eq!(of(0, 3, 3), "deltas_failed");
    }
}
