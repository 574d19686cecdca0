//! Whether the devices that got a release are worse off than the others of their group. A release must not stop because the
//! network of the whole fleet is bad, so what is bad for all alike does not count.

use super::plan::Plan;
use crate::clock::Micros;
use crate::ids::ReleaseId;
use crate::limits::{
    COMPARED_EVERY, COMPARED_FAILURES, COMPARED_FOR, COMPARED_RISK, DELTA_FAILURE_SHARE,
    DELTA_FAILURES,
};
use crate::store::deployments::comparisons::{self, Trouble};
use crate::store::deployments::rollouts::RolloutRow;
use crate::store::words::RolloutState;
use crate::store::{self, On};

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    pub release: ReleaseId,
    /// Attempts that had failed.
    pub failures: i64,
    /// Firmwares from which the delta to the release fails too often: uuid, devices that failed, devices that tried it.
    pub bad_deltas: Vec<(String, i64, i64)>,
    /// Why the release has to stop, if it has to.
    pub worse: Option<String>,
}

/// Compares the devices of a group's release with the others, if it is time to: once a minute while devices are updated, and at
/// once when the failures have become a tenth more. It reads the whole group, so it is no part of the run that claims.
pub async fn compare_if_due(on: &mut impl On, plan: &Plan) -> store::Result<Option<Comparison>> {
    let Some((row, since)) = compared(plan) else {
        return Ok(None);
    };
    let (release, now) = (plan.release.id, plan.now);
    let next = next_failures(row);
    let failures = comparisons::failures(on, release, since, next).await?;
    let at_work = now.since(row.compared_at) >= COMPARED_EVERY
        && comparisons::any_since(on, plan.group.id, now.before(COMPARED_FOR)).await?;
    if failures < next && !at_work {
        return Ok(None);
    }
    let bad_deltas = if failures >= DELTA_FAILURES {
        comparisons::bad_deltas(on, release, since, DELTA_FAILURES, DELTA_FAILURE_SHARE).await?
    } else {
        Vec::new()
    };
    // What failed with a bad delta says nothing about the firmware: once it is withdrawn, failures count anew.
    let worse = if bad_deltas.is_empty() && plan.policy.stop_when_worse {
        let updated = comparisons::updated(on, release, since).await?;
        // So few could be chance, whatever the others are, who are the whole group: it is not read for them.
        let others = if updated.troubled < COMPARED_FAILURES {
            Trouble::default()
        } else {
            comparisons::others(on, plan.group.id, release, since).await?
        };
        worse(updated, others)
    } else {
        None
    };
    Ok(Some(Comparison {
        release,
        failures: failures.max(row.compared),
        bad_deltas,
        worse,
    }))
}

/// Whether a tenth more have failed since the last comparison, so that another one must be made before anybody else is claimed.
pub(super) async fn failed_since(on: &mut impl On, plan: &Plan) -> store::Result<bool> {
    let Some((row, since)) = compared(plan) else {
        return Ok(false);
    };
    let next = next_failures(row);
    Ok(comparisons::failures(on, plan.release.id, since, next).await? >= next)
}

/// The rollout of a release that is compared, and since when its failures count.
fn compared(plan: &Plan) -> Option<(&RolloutRow, Micros)> {
    let running = plan.rollout.state() == RolloutState::Running;
    let row = plan.rollout.row.as_ref().filter(|_| running)?;
    Some((row, row.failures_from.max(plan.release.inserted_at)))
}

/// The number of failures at which the next comparison is due.
fn next_failures(row: &RolloutRow) -> i64 {
    COMPARED_FAILURES.max(row.compared + row.compared / 10 + 1)
}

/// Both figures in words, when the updated devices are significantly worse off than the others.
fn worse(updated: Trouble, others: Trouble) -> Option<String> {
    if updated.troubled < COMPARED_FAILURES || chance(updated, others) >= COMPARED_RISK {
        return None;
    }
    Some(format!(
        "{} of {} devices that were offered it failed, were lost or are unhealthy, and {} of {} of the others",
        updated.troubled, updated.total, others.troubled, others.total
    ))
}

/// How likely it is that as many of the updated devices or more are in trouble if the release has nothing to do with it: the one
/// sided exact test of Fisher, which is the upper tail of the hypergeometric distribution.
fn chance(updated: Trouble, others: Trouble) -> f64 {
    let total = updated.total + others.total;
    let troubled = updated.troubled + others.troubled;
    let all = ln_choose(total, troubled);
    let most = troubled.min(updated.total);
    (updated.troubled..=most)
        .filter(|k| troubled - k <= others.total)
        .map(|k| (ln_choose(updated.total, k) + ln_choose(others.total, troubled - k) - all).exp())
        .sum()
}

/// The logarithm of the number of ways to choose `k` of `n`.
fn ln_choose(n: i64, k: i64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// By Stirling's series, whose error is below 1e-9 from 16 on; below that, the product itself.
#[expect(clippy::cast_precision_loss, reason = "numbers of devices")]
fn ln_factorial(n: i64) -> f64 {
    if n < 16 {
        return (2..=n).map(|i| (i as f64).ln()).sum();
    }
    let x = n as f64;
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    x * x.ln() - x + (std::f64::consts::TAU * x).ln() / 2.0 + series
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(troubled: i64, total: i64) -> Trouble {
        Trouble { total, troubled }
    }

    #[test]
    fn chances_are_those_of_fishers_exact_test() {
        // Computed with exact fractions.
        for (updated, others, wanted) in [
            (of(3, 4), of(1, 4), 0.242_857_142_857_142_85),
            (of(2, 2), of(0, 400), 1.240_679_396_037_27e-5),
            (of(5, 10), of(5, 10), 0.671_859_340_970_143_5),
            (of(0, 10), of(3, 10), 1.0),
            (of(7, 7), of(0, 0), 1.0),
        ] {
            let got = chance(updated, others);
            assert!((got / wanted - 1.0).abs() < 1e-6, "{got} is not {wanted}");
        }
    }

    #[test]
    fn a_bad_release_is_told_from_a_bad_network() {
        let said = worse(of(11, 40), of(1, 400)).unwrap();
        assert!(said.starts_with("11 of 40 devices") && said.ends_with("1 of 400 of the others"));
        assert_eq!(worse(of(8, 40), of(80, 400)), None, "a fifth of all");
        assert_eq!(worse(of(2, 2), of(0, 400)), None, "two may be chance");
        assert!(worse(of(3, 10), of(1, 4_000)).is_some());
        assert_eq!(worse(of(30, 30), of(0, 0)), None, "nothing to compare with");
        assert!(worse(of(1_500, 5_000), of(50, 495_000)).is_some());
        assert_eq!(worse(of(1_000, 5_000), of(99_000, 495_000)), None);
    }
}
