-- What all deployment groups together may promise to devices: one row. Each start of a server writes its setting.
CREATE TABLE server_bandwidth (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  bytes_per_second BIGINT,
  -- Until when the bytes that claims have promised fill it.
  promised_until BIGINT NOT NULL
);
INSERT INTO server_bandwidth (id, bytes_per_second, promised_until) VALUES (1, NULL, 0);
