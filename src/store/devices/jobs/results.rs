//! What jobs came to at their devices.

use crate::store::ids::{DeviceId, JobId};
use crate::store::words::JobOutcome;
use crate::store::{On, Result};
use sqlx::FromRow;

/// The reasons for which devices of a job were left as they were, the most frequent first.
pub async fn reasons(on: &mut impl On, job: JobId, most: i64) -> Result<Vec<(String, i64)>> {
    fetch_all!(
        on,
        sql!(
            "jobs.reasons",
            "SELECT COALESCE(reason, ''), COUNT(*) FROM job_devices WHERE job_id = $1 AND outcome = 'refused'
             GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $2"
        ),
        job,
        most
    )
}

/// A device of a job.
#[derive(Debug, Clone, FromRow)]
pub struct ResultRow {
    /// `None` of a device that was destroyed.
    pub identifier: Option<String>,
    /// `None` while the job has not come to it.
    pub outcome: Option<JobOutcome>,
    pub reason: Option<String>,
}

/// The devices of a job, in the order in which it comes to them; those with one outcome when it is given.
pub async fn results(
    on: &mut impl On,
    job: JobId,
    outcome: Option<JobOutcome>,
    offset: i64,
    limit: i64,
) -> Result<Vec<ResultRow>> {
    fetch_all!(
        on,
        sql!(
            "jobs.results",
            "SELECT d.identifier, x.outcome, x.reason
             FROM job_devices x LEFT JOIN devices d ON d.id = x.device_id
             WHERE x.job_id = $1 AND (CAST($2 AS TEXT) IS NULL OR x.outcome = $2)
             ORDER BY x.device_id LIMIT $4 OFFSET $3"
        ),
        job,
        outcome,
        offset,
        limit
    )
}

/// What a job has changed at these devices, as JSON, before and after.
pub async fn values(
    on: &mut impl On,
    job: JobId,
    devices: &[DeviceId],
) -> Result<Vec<(DeviceId, Option<String>, Option<String>)>> {
    fetch_rows!(
        on,
        "jobs.values",
        devices,
        |d| [of_job BIGINT = job, device BIGINT = *d],
        "SELECT o.device_id, o.value_before, o.value_after FROM ",
        " JOIN job_devices o ON o.job_id = x.of_job AND o.device_id = x.device",
    )
}
