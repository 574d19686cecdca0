-- Archives, and which release brings one.
CREATE TABLE archives (
  id INTEGER PRIMARY KEY,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  key_id BIGINT NOT NULL REFERENCES org_keys (id),
  uuid TEXT NOT NULL,
  version TEXT NOT NULL,
  platform TEXT NOT NULL,
  architecture TEXT NOT NULL,
  description TEXT,
  size BIGINT NOT NULL,
  checksum TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  UNIQUE (product_id, uuid)
);
CREATE INDEX archives_key ON archives (key_id);
ALTER TABLE releases ADD COLUMN archive_id BIGINT REFERENCES archives (id);
CREATE INDEX releases_archive ON releases (archive_id);

-- Where a connection comes from, and why it ended; ended ones move to the history.
ALTER TABLE connections ADD COLUMN peer TEXT;
ALTER TABLE connections ADD COLUMN reason TEXT;
ALTER TABLE connections ADD COLUMN types TEXT;
CREATE TABLE connection_history (
  id BIGINT PRIMARY KEY,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  established_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  disconnected_at BIGINT NOT NULL,
  reason TEXT NOT NULL,
  peer TEXT,
  types TEXT,
  interface TEXT NOT NULL,
  api_version TEXT
);
CREATE INDEX connection_history_device ON connection_history (device_id, established_at);
CREATE INDEX connection_history_ended ON connection_history (disconnected_at);

-- What a device ran, a row each time that it changed.
CREATE TABLE device_firmwares (
  id INTEGER PRIMARY KEY,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  uuid TEXT NOT NULL,
  version TEXT,
  platform TEXT,
  architecture TEXT,
  validation TEXT NOT NULL,
  auto_revert BOOLEAN NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX device_firmwares_device ON device_firmwares (device_id, at);
CREATE INDEX device_firmwares_at ON device_firmwares (at);
CREATE INDEX update_stats_at ON update_stats (at);

-- What a product's people should know; the same again only raises the count.
CREATE TABLE notifications (
  id INTEGER PRIMARY KEY,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  event_key TEXT NOT NULL,
  level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
  title TEXT NOT NULL,
  message TEXT NOT NULL,
  occurrences BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  inserted_at BIGINT NOT NULL,
  UNIQUE (product_id, event_key)
);
CREATE INDEX notifications_last ON notifications (product_id, last_at);
CREATE INDEX notifications_at ON notifications (last_at);

-- Keys that devices hold on other networks; one belongs to one device of the server.
CREATE TABLE network_identities (
  id INTEGER PRIMARY KEY,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  service TEXT NOT NULL,
  instance TEXT NOT NULL,
  identifier TEXT NOT NULL,
  details TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (service, identifier),
  UNIQUE (device_id, service, instance)
);
