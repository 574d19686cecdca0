-- A large import is written in slices, so that devices are let in between. Until it is complete its devices stand here, and
-- are taken back when it fails or the server stops in the middle: all or none.
CREATE TABLE imports (
  id BIGINT PRIMARY KEY,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  begun_at BIGINT NOT NULL
);
CREATE TABLE import_devices (
  import_id BIGINT NOT NULL,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  PRIMARY KEY (import_id, device_id)
);
CREATE INDEX import_devices_device ON import_devices (device_id);
