-- Names of stored files in the file store. A new file has a name of its own, so that it can be stored before its row is
-- written; files of before keep the names that were made of their rows' numbers.
ALTER TABLE firmwares ADD COLUMN file TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE firmwares SET file = 'firmware/' || id || '.fw';
CREATE UNIQUE INDEX firmwares_file ON firmwares (file);
ALTER TABLE archives ADD COLUMN file TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE archives SET file = 'archives/' || id || '.fw';
CREATE UNIQUE INDEX archives_file ON archives (file);
-- Null until the delta is made.
ALTER TABLE deltas ADD COLUMN file TEXT COLLATE "C";
UPDATE deltas SET file = 'deltas/' || source_id || '-' || target_id || '.fw' WHERE status = 'completed';
CREATE UNIQUE INDEX deltas_file ON deltas (file);
