-- A serial number is unique for its issuer only (RFC 5280, 4.1.2.2): two signers may give out the same one. SQLite cannot take a
-- constraint away, so that the tables are made anew; their numbers go on where they were, since none is ever used twice.
CREATE TABLE ca_certificates_new (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  serial TEXT NOT NULL,
  ski BLOB NOT NULL,
  der BLOB NOT NULL,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  description TEXT,
  check_expiration BOOLEAN NOT NULL,
  jitp_product_id BIGINT REFERENCES products (id),
  jitp_tags TEXT,
  jitp_description TEXT,
  inserted_at BIGINT NOT NULL
);
INSERT INTO ca_certificates_new
  SELECT id, org_id, serial, ski, der, not_before, not_after, description, check_expiration, jitp_product_id, jitp_tags,
         jitp_description, inserted_at FROM ca_certificates;
DELETE FROM sqlite_sequence WHERE name = 'ca_certificates_new';
INSERT INTO sqlite_sequence (name, seq) SELECT 'ca_certificates_new', seq FROM sqlite_sequence WHERE name = 'ca_certificates';
DROP TABLE ca_certificates;
ALTER TABLE ca_certificates_new RENAME TO ca_certificates;
CREATE INDEX ca_certificates_org ON ca_certificates (org_id);
CREATE UNIQUE INDEX ca_certificates_signer ON ca_certificates (org_id, ski, serial);
-- Which device a certificate belongs to is asked by the signer's key identifier, whoever registered it.
CREATE INDEX ca_certificates_ski ON ca_certificates (ski);

CREATE TABLE device_certificates_new (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  serial TEXT NOT NULL,
  fingerprint TEXT NOT NULL UNIQUE,
  fingerprint_sha256 TEXT NOT NULL,
  public_key_fingerprint TEXT NOT NULL,
  aki BLOB NOT NULL,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  last_used_at BIGINT,
  inserted_at BIGINT NOT NULL,
  -- Certificates of devices, whole, so that they can be exported; absent of those from before.
  der BLOB
);
INSERT INTO device_certificates_new
  SELECT id, org_id, device_id, serial, fingerprint, fingerprint_sha256, public_key_fingerprint, aki, not_before, not_after,
         last_used_at, inserted_at, der FROM device_certificates;
DELETE FROM sqlite_sequence WHERE name = 'device_certificates_new';
INSERT INTO sqlite_sequence (name, seq)
  SELECT 'device_certificates_new', seq FROM sqlite_sequence WHERE name = 'device_certificates';
DROP TABLE device_certificates;
ALTER TABLE device_certificates_new RENAME TO device_certificates;
CREATE INDEX device_certificates_key ON device_certificates (public_key_fingerprint);
CREATE INDEX device_certificates_sha256 ON device_certificates (fingerprint_sha256);
CREATE INDEX device_certificates_device ON device_certificates (device_id, serial);
