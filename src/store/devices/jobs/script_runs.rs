//! Runs of a job's script on its devices. Each is filed before the device is told, so that none is told twice.

use crate::store::ids::{DeviceId, JobId};
use crate::store::words::JobRunState;
use crate::store::{On, Result, Write};

/// Files runs that begin, and moves the job behind the last device that it has come to.
pub async fn begin_runs(
    w: &mut Write,
    job: JobId,
    devices: &[DeviceId],
    last: DeviceId,
) -> Result<()> {
    execute_rows!(
        w,
        "jobs.begin_runs",
        devices,
        |d| [of_job BIGINT = job, device BIGINT = *d],
        "INSERT INTO job_runs (job_id, device_id, state)
         SELECT x.of_job, x.device, 'running' FROM ",
        " WHERE TRUE ON CONFLICT DO NOTHING",
    )?;
    execute!(
        w,
        sql!(
            "jobs.advance",
            "UPDATE jobs SET position = $2, tries = 0 WHERE id = $1"
        ),
        job,
        last
    )?;
    Ok(())
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedRun {
    pub device: DeviceId,
    pub state: JobRunState,
    /// What is kept of what the device printed.
    pub output: Option<String>,
    /// Whether it printed more.
    pub output_cut: bool,
}

/// Notes how runs ended, and how many bytes of output the job keeps now.
pub async fn end_runs(w: &mut Write, job: JobId, ended: &[EndedRun]) -> Result<()> {
    execute_rows!(
        w,
        "jobs.end_runs",
        ended,
        |r| [
            of_job BIGINT = job,
            device BIGINT = r.device,
            state TEXT = r.state.word(),
            output TEXT = &r.output,
            cut BOOLEAN = r.output_cut,
        ],
        "UPDATE job_runs SET state = x.state, output = x.output, output_cut = CAST(x.cut AS BOOLEAN) FROM ",
        " WHERE job_runs.job_id = x.of_job AND job_runs.device_id = x.device",
    )?;
    let bytes: usize = ended.iter().flat_map(|r| &r.output).map(String::len).sum();
    execute!(
        w,
        sql!(
            "jobs.add_output",
            "UPDATE jobs SET output_bytes = output_bytes + $2 WHERE id = $1"
        ),
        job,
        i64::try_from(bytes).unwrap_or(i64::MAX)
    )?;
    Ok(())
}

/// The devices that a job waits for, at most so many.
pub async fn open_runs(on: &mut impl On, job: JobId, most: i64) -> Result<Vec<DeviceId>> {
    let rows: Vec<(DeviceId,)> = fetch_all!(
        on,
        sql!(
            "jobs.open_runs",
            "SELECT device_id FROM job_runs WHERE job_id = $1 AND state = 'running'
             ORDER BY device_id LIMIT $2"
        ),
        job,
        most
    )?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// Those of these devices that a job waits for.
pub async fn open_runs_of(
    on: &mut impl On,
    job: JobId,
    devices: &[DeviceId],
) -> Result<Vec<DeviceId>> {
    let rows: Vec<(DeviceId,)> = fetch_rows!(
        on,
        "jobs.open_runs_of",
        devices,
        |d| [of_job BIGINT = job, device BIGINT = *d],
        "SELECT r.device_id FROM ",
        " JOIN job_runs r ON r.job_id = x.of_job AND r.device_id = x.device AND r.state = 'running'",
    )?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// The jobs, whether or not they run, that wait for devices; at most so many.
pub async fn with_open_runs(on: &mut impl On, most: i64) -> Result<Vec<JobId>> {
    let rows: Vec<(JobId,)> = fetch_all!(
        on,
        sql!(
            "jobs.with_open_runs",
            "SELECT DISTINCT job_id FROM job_runs WHERE state = 'running' ORDER BY job_id LIMIT $1"
        ),
        most
    )?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}
