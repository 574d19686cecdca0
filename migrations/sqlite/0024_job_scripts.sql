-- Jobs that run a script on many devices. The text is the one that was confirmed: a script that is changed or deleted later changes no job.
ALTER TABLE jobs ADD COLUMN script_name TEXT;
ALTER TABLE jobs ADD COLUMN script_text TEXT;
-- Devices at which the script failed; those that were left as they are count as refused.
ALTER TABLE jobs ADD COLUMN failed BIGINT NOT NULL DEFAULT 0;
-- Bytes of output that are kept.
ALTER TABLE jobs ADD COLUMN output_bytes BIGINT NOT NULL DEFAULT 0;
-- The runs of a job's script, each filed before the device is told, so that no device runs it twice.
CREATE TABLE job_runs (
  job_id BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  device_id BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'answered', 'failed')),
  output TEXT,
  -- Whether the device printed more than is kept.
  output_cut BOOLEAN NOT NULL DEFAULT FALSE,
  PRIMARY KEY (job_id, device_id)
);
CREATE INDEX job_runs_running ON job_runs (job_id, device_id) WHERE state = 'running';
