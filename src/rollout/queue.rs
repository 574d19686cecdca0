//! The queue of a group: which firmwares its candidates run, and who of them is next.

use super::choice::{Choice, choose};
use super::claim::SchedulerRun;
use super::plan::Plan;
use crate::limits::{DELTA_SOURCES, QUEUE_LOOKAHEAD};
use crate::store::devices::held::{self, Hold};
use crate::store::devices::{Admission, Candidate, Queued};
use crate::store::words::QueueOrder;
use crate::store::{self, Write, devices};

/// A firmware that candidates run, and what those devices are sent.
pub(super) struct Source {
    pub uuid: String,
    pub version: Option<String>,
    pub choice: Choice,
}

/// The next text after `uuid` in byte order that a UUID could be.
pub(super) fn after(uuid: &str) -> String {
    format!("{uuid}\u{1}")
}

/// The firmwares that candidates of the group run, with what their devices are sent.
pub(super) async fn sources(
    w: &mut Write,
    plan: &Plan,
    run: &mut SchedulerRun,
) -> store::Result<Vec<Source>> {
    let mut found = Vec::new();
    let mut from = String::new();
    while found.len() < DELTA_SOURCES {
        let Some((uuid, version)) = devices::next_source(w, plan.group.id, &from).await? else {
            break;
        };
        from = after(&uuid);
        if uuid == plan.target.uuid {
            continue;
        }
        let (choice, filed) = choose(w, &plan.group, &uuid, &plan.target, plan.now).await?;
        run.filed |= filed;
        found.push(Source {
            uuid,
            version,
            choice,
        });
    }
    Ok(found)
}

/// The first devices of a source in the group's order.
async fn head(
    w: &mut Write,
    plan: &Plan,
    source: &Source,
    admits: &Admission,
    most: i64,
) -> store::Result<Vec<Queued>> {
    let (group, uuid, target) = (plan.group.id, &source.uuid, &plan.target.uuid);
    if plan.group.queue_management == QueueOrder::LastIn {
        devices::lifo(w, group, uuid, target, admits, most).await
    } else {
        devices::fifo(w, group, uuid, target, admits, most).await
    }
}

/// Candidates of all sources in the group's order, with at most as many from each source as there are slots. Devices that the
/// release is not for are held. The flag says that they were so many that another run has to look for the rest.
pub(super) async fn queue<'s>(
    w: &mut Write,
    plan: &Plan,
    sources: &[&'s Source],
    slots: i64,
) -> store::Result<(Vec<(Candidate, &'s Source)>, bool)> {
    let lifo = plan.group.queue_management == QueueOrder::LastIn;
    let (target, admits) = (&plan.target.uuid, plan.rollout.admission(&plan.release));
    let (mut queue, mut misfits, mut more) = (Vec::new(), Vec::new(), false);
    for source in sources {
        if matches!(source.choice, Choice::Wait) {
            continue;
        }
        let mut most = slots;
        let mut found = head(w, plan, source, &admits, most).await?;
        // Mostly all of them fit, and it is not necessary to look beyond.
        let fits = |q: &Queued| q.admitted && plan.opens_at(&q.candidate).is_none();
        if !found.iter().all(fits) {
            most = slots + QUEUE_LOOKAHEAD;
            found = head(w, plan, source, &admits, most).await?;
        }
        let cut = i64::try_from(found.len()).is_ok_and(|n| n >= most);
        let (fit, not): (Vec<Queued>, Vec<Queued>) = found.into_iter().partition(|q| q.admitted);
        misfits.extend(not.into_iter().map(|q| Hold {
            device: q.candidate.id,
            until: None,
        }));
        let first = usize::try_from(slots).unwrap_or(usize::MAX);
        let mut taken = 0;
        for Queued { candidate, .. } in fit {
            match plan.opens_at(&candidate) {
                Some(at) => misfits.push(Hold {
                    device: candidate.id,
                    until: Some(at),
                }),
                None if taken < first => {
                    taken += 1;
                    queue.push((candidate, *source));
                }
                None => break,
            }
        }
        more |= cut && taken < first;
    }
    if !misfits.is_empty() {
        held::hold(w, plan.group.id, target, &admits, &misfits).await?;
    }
    queue.sort_by_key(|(c, _)| {
        let since = if lifo { -c.since.0 } else { c.since.0 };
        let id = if lifo { -c.id.number() } else { c.id.number() };
        (since, id)
    });
    Ok((queue, more))
}
