-- Every attempt to update a device, from the moment that it was told until something ended it. `update_attempts` counts
-- what the failure limits of a group count; this is what people read.
CREATE TABLE attempts (
  claim_id BIGINT PRIMARY KEY,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  group_id BIGINT REFERENCES deployment_groups (id) ON DELETE SET NULL,
  release_id BIGINT REFERENCES releases (id) ON DELETE SET NULL,
  source_uuid TEXT NOT NULL,
  source_version TEXT,
  target_uuid TEXT NOT NULL,
  target_version TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('full', 'delta')),
  bytes BIGINT NOT NULL,
  at BIGINT NOT NULL,
  stage TEXT NOT NULL,
  ended_at BIGINT,
  outcome TEXT,
  reason TEXT,
  validated_at BIGINT
);
CREATE INDEX attempts_device ON attempts (device_id, at);
CREATE INDEX attempts_group ON attempts (group_id, at);
CREATE INDEX attempts_product ON attempts (product_id);
CREATE INDEX attempts_at ON attempts (at);
