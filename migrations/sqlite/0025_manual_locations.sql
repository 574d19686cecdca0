-- Where people say that devices are. It is shown instead of what devices report, which stays in locations and is shown again once
-- this is taken away.
CREATE TABLE manual_locations (
  device_id BIGINT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
  at BIGINT NOT NULL,
  latitude DOUBLE PRECISION NOT NULL,
  longitude DOUBLE PRECISION NOT NULL
);
-- An import from NervesHub has stored what people had set there among the reports.
INSERT INTO manual_locations (device_id, at, latitude, longitude)
  SELECT device_id, at, latitude, longitude FROM locations
  WHERE source = 'custom' AND accuracy IS NULL;
DELETE FROM locations WHERE source = 'custom' AND accuracy IS NULL;
-- The devices of a group that take no updates by themselves are few; a list of groups counts them.
CREATE INDEX devices_updates_off ON devices (group_id, fw_uuid) WHERE NOT updates_enabled;
