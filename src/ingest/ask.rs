//! What devices that have joined are told, read for many of them at once when their joins are committed. None of it is read
//! inside the transaction that others wait for.

use super::said::{Joined, WriteOutcome};
use crate::domain::catalog::keys::ED25519;
use crate::ids::{DeviceId, Extensions, OrgId};
use crate::store::ingest::ask::{self, JoinedRow};
use crate::store::{self, Db};
use std::collections::HashMap;

/// Whether something is to be read for this outcome.
pub fn wanted(outcome: &WriteOutcome) -> bool {
    matches!(outcome, WriteOutcome::Joined(joined) if joined.device.is_some())
}

/// Reads what those that have joined are told: up to three queries, however many they are.
pub async fn tell(db: &Db, outcomes: &mut [WriteOutcome]) -> store::Result<()> {
    let mut all: HashMap<DeviceId, Vec<&mut Joined>> = HashMap::new();
    for outcome in outcomes {
        if let WriteOutcome::Joined(joined) = outcome
            && let Some(device) = joined.device
        {
            all.entry(device).or_default().push(joined);
        }
    }
    let devices: Vec<DeviceId> = all.keys().copied().collect();
    let of = |wants: fn(&Joined) -> bool| -> Vec<DeviceId> {
        let some = all.iter().filter(|(_, j)| j.iter().any(|j| wants(j)));
        some.map(|(device, _)| *device).collect()
    };
    let (for_archives, for_keys) = (of(|j| j.wants_archive), of(|j| j.wants_keys));
    let mut r = db.read().await?;
    let rows = ask::joined(&mut r, &devices).await?;
    let archives = ask::archives(&mut r, &for_archives, db.now()).await?;
    let mut orgs: Vec<OrgId> = rows
        .iter()
        .filter(|row| for_keys.contains(&row.id))
        .map(|row| row.org_id)
        .collect();
    orgs.sort();
    orgs.dedup();
    let mut keys: HashMap<OrgId, Vec<String>> = HashMap::new();
    for (org, key) in ask::keys(&mut r, &orgs, ED25519).await? {
        keys.entry(org).or_default().push(key);
    }
    drop(r);
    for found in archives {
        for joined in all.get_mut(&found.device).into_iter().flatten() {
            if joined.wants_archive {
                joined.archive = Some(found.archive.clone());
            }
        }
    }
    for row in rows {
        let own = keys.get(&row.org_id);
        for joined in all.get_mut(&row.id).into_iter().flatten() {
            if joined.wants_keys {
                joined.keys = own.cloned().unwrap_or_default();
            }
            joined.connecting_code = code(&row);
            joined.extensions = usable(&row);
            joined.claim = row.waits;
        }
    }
    Ok(())
}

/// The group's code first, then the device's own (docs/protocol/device.md, "Join").
fn code(row: &JoinedRow) -> Option<String> {
    let both = [&row.group_code, &row.own_code];
    let code: Vec<&str> = both
        .into_iter()
        .filter_map(|c| c.as_deref())
        .filter(|c| !c.is_empty())
        .collect();
    (!code.is_empty()).then(|| code.join("\n"))
}

fn usable(row: &JoinedRow) -> Extensions {
    Extensions::of_bits(row.extensions).without(Extensions::of_bits(row.extensions_off))
}
