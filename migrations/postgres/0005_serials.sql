-- A serial number is unique for its issuer only (RFC 5280, 4.1.2.2): two signers may give out the same one.
ALTER TABLE ca_certificates DROP CONSTRAINT ca_certificates_org_id_serial_key;
ALTER TABLE ca_certificates DROP CONSTRAINT ca_certificates_org_id_ski_key;
CREATE UNIQUE INDEX ca_certificates_signer ON ca_certificates (org_id, ski, serial);
ALTER TABLE device_certificates DROP CONSTRAINT device_certificates_device_id_serial_key;
CREATE INDEX device_certificates_device ON device_certificates (device_id, serial);
-- Which device a certificate belongs to is asked by the signer's key identifier, whoever registered it.
CREATE INDEX ca_certificates_ski ON ca_certificates (ski);
