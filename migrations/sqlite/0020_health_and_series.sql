-- The status of each device's newest health report, so that lists and counts need not look for that report.
ALTER TABLE devices ADD COLUMN health TEXT NOT NULL DEFAULT 'unknown'
  CHECK (health IN ('unknown', 'healthy', 'warning', 'unhealthy'));
UPDATE devices SET health = (SELECT h.status FROM health_reports h WHERE h.device_id = devices.id ORDER BY h.at DESC LIMIT 1)
  WHERE id IN (SELECT h.device_id FROM health_reports h);
CREATE INDEX devices_health ON devices (product_id, health, identifier, deleted_at);
-- How a product's fleet was, minute by minute for two days and hour by hour for longer. What is counted at an instant is null
-- where nobody counted, as while no server ran; of an hour it is the average.
CREATE TABLE series (
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  -- How long the row stands for: `minute` or `hour`.
  span TEXT NOT NULL CHECK (span IN ('minute', 'hour')),
  at BIGINT NOT NULL,
  devices BIGINT,
  connected BIGINT,
  healthy BIGINT,
  warning BIGINT,
  unhealthy BIGINT,
  updating BIGINT,
  -- Attempts to update a device that ended in it, and the bytes of their files.
  installed BIGINT NOT NULL DEFAULT 0,
  failed BIGINT NOT NULL DEFAULT 0,
  reverted BIGINT NOT NULL DEFAULT 0,
  lapsed BIGINT NOT NULL DEFAULT 0,
  full_bytes BIGINT NOT NULL DEFAULT 0,
  delta_bytes BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (product_id, span, at)
);
CREATE INDEX series_at ON series (span, at);
CREATE INDEX attempts_ended ON attempts (ended_at) WHERE ended_at IS NOT NULL;
