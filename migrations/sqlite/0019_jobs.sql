-- An action on many devices, which the server carries out in batches and goes on with after a restart.
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  -- Who started it: while it runs, its rights are this person's.
  user_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
  person TEXT NOT NULL,
  action TEXT NOT NULL,
  args TEXT NOT NULL,
  -- What the devices were found by; null when they were named.
  query TEXT,
  -- The job that this one undoes; each is undone once. The number stays when that job is deleted.
  undoes BIGINT UNIQUE,
  -- SHA-256 of the confirmation that it was started with, which starts one job.
  proof TEXT UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('running', 'done', 'cancelled', 'failed')),
  failure TEXT,
  total BIGINT NOT NULL,
  changed BIGINT NOT NULL DEFAULT 0,
  unchanged BIGINT NOT NULL DEFAULT 0,
  refused BIGINT NOT NULL DEFAULT 0,
  -- The last device that was dealt with: batches go by the numbers of devices.
  position BIGINT NOT NULL DEFAULT 0,
  -- Batches in a row that have failed.
  tries BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  finished_at BIGINT,
  -- When it is deleted.
  kept_until BIGINT
);
CREATE INDEX jobs_product ON jobs (product_id, id);
CREATE INDEX jobs_user ON jobs (user_id);
CREATE INDEX jobs_running ON jobs (id) WHERE state = 'running';
CREATE INDEX jobs_kept ON jobs (kept_until) WHERE kept_until IS NOT NULL;
-- The devices of a job, fixed when it is made. The number of a device that is destroyed later stays, and names nothing any more.
CREATE TABLE job_devices (
  job_id BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  device_id BIGINT NOT NULL,
  -- Null until the job has come to it.
  outcome TEXT CHECK (outcome IN ('changed', 'unchanged', 'refused')),
  reason TEXT,
  -- What was changed, as JSON, before and after: what undoing the job goes by.
  value_before TEXT,
  value_after TEXT,
  PRIMARY KEY (job_id, device_id)
) WITHOUT ROWID;
