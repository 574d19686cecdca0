-- A device that a scan of its group found not admitted by the present step or the release is held, so that the next scan does
-- not look at it again. `held_until` is when it is admitted by itself, as at the next maintenance window.
ALTER TABLE devices ADD COLUMN held BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE devices ADD COLUMN held_until BIGINT;
ALTER TABLE devices ADD COLUMN time_zone TEXT;
DROP INDEX devices_fifo;
DROP INDEX devices_lifo;
CREATE INDEX devices_fifo ON devices (group_id, fw_uuid, connected_at, id)
  WHERE online AND updates_enabled AND blocked_until IS NULL AND NOT in_flight AND NOT held
    AND validation <> 'not_validated' AND deleted_at IS NULL;
CREATE INDEX devices_lifo ON devices (group_id, fw_uuid, first_seen_at, id)
  WHERE online AND updates_enabled AND blocked_until IS NULL AND NOT in_flight AND NOT held
    AND validation <> 'not_validated' AND deleted_at IS NULL;
CREATE INDEX devices_held ON devices (group_id, id) WHERE held;
CREATE INDEX devices_held_until ON devices (held_until) WHERE held_until IS NOT NULL;
-- Whether held devices of the group have to be looked at again: what admits them has changed.
ALTER TABLE deployment_groups ADD COLUMN release_held BOOLEAN NOT NULL DEFAULT FALSE;
-- Limits of a group beyond NervesHub's, as JSON.
ALTER TABLE deployment_groups ADD COLUMN policy TEXT;
-- Until when the bytes that claims of the group have promised fill its bandwidth.
ALTER TABLE deployment_groups ADD COLUMN bandwidth_until BIGINT NOT NULL DEFAULT 0;
-- Failed attempts count from here on: a person had the failed devices tried again.
ALTER TABLE rollouts ADD COLUMN failures_from BIGINT NOT NULL DEFAULT 0;
-- When the devices of the release were compared with the others, and how many attempts had failed then.
ALTER TABLE rollouts ADD COLUMN compared_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rollouts ADD COLUMN compared BIGINT NOT NULL DEFAULT 0;
-- The number of the release that a release takes back: it brings again what devices ran before.
ALTER TABLE releases ADD COLUMN takes_back BIGINT;
CREATE INDEX attempts_failed ON attempts (release_id, outcome, device_id);
CREATE INDEX attempts_delta ON attempts (release_id, source_uuid, outcome) WHERE kind = 'delta';
