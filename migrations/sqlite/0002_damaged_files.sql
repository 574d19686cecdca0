-- A stored file that is missing, or is not what was uploaded, is never sent. When that was found; null while all is well.
ALTER TABLE firmwares ADD COLUMN damaged_at BIGINT;
CREATE INDEX firmwares_damaged ON firmwares (id) WHERE damaged_at IS NOT NULL;
ALTER TABLE archives ADD COLUMN damaged_at BIGINT;
CREATE INDEX archives_damaged ON archives (id) WHERE damaged_at IS NOT NULL;
