-- ESP-IDF images beside fwup files: a product says which kinds it takes, and an image may be without a signature.
ALTER TABLE products ADD COLUMN allowed_update_tools TEXT NOT NULL DEFAULT 'fwup';
ALTER TABLE products ADD COLUMN allow_unsigned_esp_idf_firmware BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE firmwares ADD COLUMN tool TEXT NOT NULL DEFAULT 'fwup';
ALTER TABLE firmwares ADD COLUMN signer_id BIGINT REFERENCES org_keys (id);
UPDATE firmwares SET signer_id = key_id;
DROP INDEX firmwares_key;
ALTER TABLE firmwares DROP COLUMN key_id;
CREATE INDEX firmwares_signer ON firmwares (signer_id);
