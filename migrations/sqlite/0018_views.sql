-- What people look at often: a page of the console with what it is narrowed to. A shared one is seen by all members.
CREATE TABLE views (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  page TEXT NOT NULL,
  name TEXT NOT NULL,
  search TEXT NOT NULL,
  shared BOOLEAN NOT NULL,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (product_id, user_id, page, name)
);
CREATE INDEX views_user ON views (user_id);
-- Devices that a person keeps an eye on.
CREATE TABLE pins (
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  PRIMARY KEY (user_id, device_id)
);
CREATE INDEX pins_device ON pins (device_id);
