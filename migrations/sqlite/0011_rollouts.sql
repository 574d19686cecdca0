-- Releases in steps: a group's workflow is taken over by each release of it, whose rollout says how far it is. Releases
-- without a row go to the whole group at once.
ALTER TABLE deployment_groups ADD COLUMN workflow TEXT;
CREATE TABLE rollouts (
  release_id BIGINT PRIMARY KEY REFERENCES releases (id) ON DELETE CASCADE,
  workflow TEXT,
  salt BIGINT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  changed_at BIGINT NOT NULL,
  step BIGINT NOT NULL,
  step_at BIGINT NOT NULL,
  over_at BIGINT
);
-- Tags and interfaces that a device needs for a step.
CREATE TABLE rollout_words (
  release_id BIGINT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  step BIGINT NOT NULL,
  kind TEXT NOT NULL,
  word TEXT NOT NULL,
  PRIMARY KEY (release_id, step, kind, word)
);
CREATE TABLE rollout_approvals (
  release_id BIGINT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  step BIGINT NOT NULL,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  reason TEXT,
  at BIGINT NOT NULL,
  PRIMARY KEY (release_id, step, user_id)
);
CREATE INDEX rollout_approvals_user ON rollout_approvals (user_id);
ALTER TABLE inflight ADD COLUMN step BIGINT;
CREATE INDEX inflight_release ON inflight (release_id, step);
ALTER TABLE attempts ADD COLUMN step BIGINT;
CREATE INDEX attempts_step ON attempts (release_id, step, device_id);
