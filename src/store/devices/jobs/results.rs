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
    pub device_id: DeviceId,
    /// `None` of a device that was destroyed.
    pub identifier: Option<String>,
    /// `None` while the job has not come to it, or waits for its answer.
    pub outcome: Option<JobOutcome>,
    pub reason: Option<String>,
    /// What is kept of what the script printed.
    pub output: Option<String>,
    /// Whether it printed more.
    pub output_cut: bool,
}

macro_rules! result_columns {
    () => {
        "SELECT x.device_id, d.identifier, CASE WHEN r.state = 'failed' THEN 'failed' ELSE x.outcome END AS outcome,
                x.reason, r.output, COALESCE(r.output_cut, FALSE) AS output_cut
         FROM job_devices x LEFT JOIN devices d ON d.id = x.device_id
         LEFT JOIN job_runs r ON r.job_id = x.job_id AND r.device_id = x.device_id
         WHERE x.job_id = $1 AND (CAST($2 AS TEXT) IS NULL
               OR CASE WHEN r.state = 'failed' THEN 'failed' ELSE x.outcome END = $2) "
    };
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
            concat!(result_columns!(), "ORDER BY x.device_id LIMIT $4 OFFSET $3")
        ),
        job,
        outcome,
        offset,
        limit
    )
}

/// The same, those behind a device: one batch of an export.
pub async fn results_behind(
    on: &mut impl On,
    job: JobId,
    outcome: Option<JobOutcome>,
    behind: DeviceId,
    limit: i64,
) -> Result<Vec<ResultRow>> {
    fetch_all!(
        on,
        sql!(
            "jobs.results_behind",
            concat!(
                result_columns!(),
                "AND x.device_id > $3 ORDER BY x.device_id LIMIT $4"
            )
        ),
        job,
        outcome,
        behind,
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
