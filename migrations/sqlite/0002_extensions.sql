-- Extensions (device-protocol 4.2): switches as bits, and what they report.
ALTER TABLE products ADD COLUMN extensions BIGINT NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN extensions_off BIGINT NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN connecting_code TEXT;

CREATE TABLE health_reports (
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  at BIGINT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('unknown', 'healthy', 'warning', 'unhealthy')),
  reasons TEXT NOT NULL,
  report TEXT NOT NULL,
  PRIMARY KEY (device_id, at)
);
CREATE INDEX health_reports_at ON health_reports (at);

CREATE TABLE locations (
  device_id BIGINT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
  at BIGINT NOT NULL,
  latitude DOUBLE PRECISION NOT NULL,
  longitude DOUBLE PRECISION NOT NULL,
  accuracy BIGINT,
  source TEXT NOT NULL
);

CREATE TABLE device_logs (
  id INTEGER PRIMARY KEY,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  at BIGINT NOT NULL,
  level TEXT NOT NULL,
  message TEXT NOT NULL,
  meta TEXT NOT NULL,
  received_at BIGINT NOT NULL
);
CREATE INDEX device_logs_device ON device_logs (device_id, at);
CREATE INDEX device_logs_received ON device_logs (received_at);
