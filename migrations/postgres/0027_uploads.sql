-- Uploads that can go on after a cut, at any server of this database. What came of one is in the file store, in parts.
CREATE TABLE uploads (
  id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  size BIGINT NOT NULL,
  sha256 TEXT COLLATE "C" NOT NULL,
  -- Bytes in stored parts: where to go on.
  received BIGINT NOT NULL DEFAULT 0,
  parts BIGINT NOT NULL DEFAULT 0,
  -- Counts the requests about this upload; the one with the highest number is the only one that may begin to write.
  writer BIGINT NOT NULL DEFAULT 0,
  -- The request that stores parts now, by its number; null when none does.
  holder BIGINT,
  touched_at BIGINT NOT NULL,
  -- Until when a request has it that makes a firmware or an archive of it. After that time that request is taken for dead.
  finish_until BIGINT
);
CREATE INDEX uploads_product ON uploads (product_id);
CREATE INDEX uploads_user ON uploads (user_id);
CREATE TABLE upload_parts (
  upload_id TEXT COLLATE "C" NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
  begins_at BIGINT NOT NULL,
  length BIGINT NOT NULL,
  file TEXT COLLATE "C" NOT NULL UNIQUE,
  PRIMARY KEY (upload_id, begins_at)
);
-- One row, which whoever begins an upload changes first, so that one at a time counts those that there are.
CREATE TABLE upload_turns (
  id BIGINT PRIMARY KEY NOT NULL CHECK (id = 1),
  turns BIGINT NOT NULL
);
INSERT INTO upload_turns (id, turns) VALUES (1, 0);
