-- Texts that people search, folded (no difference between capitals and small letters of any script), written by the server
-- with each row: the engine's own lower() knows ASCII only. Rows of before are folded at the next start.
ALTER TABLE devices ADD COLUMN folded TEXT NOT NULL DEFAULT '';
ALTER TABLE device_tags ADD COLUMN folded TEXT NOT NULL DEFAULT '';
-- The position at which a tag was given among a device's tags.
ALTER TABLE device_tags ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
-- The same of the tags of a deployment group.
ALTER TABLE group_words ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scripts ADD COLUMN folded_name TEXT NOT NULL DEFAULT '';
ALTER TABLE scripts ADD COLUMN folded_tags TEXT NOT NULL DEFAULT '';
-- Null where the text is ASCII alone, which is nearly always.
ALTER TABLE audit_logs ADD COLUMN folded TEXT;
ALTER TABLE health_reports ADD COLUMN folded_alarms TEXT;

-- Identifiers by any three letters within them.
CREATE VIRTUAL TABLE device_names USING fts5 (
  folded, content = 'devices', content_rowid = 'id', tokenize = 'trigram case_sensitive 1',
  detail = 'none', columnsize = 0
);
CREATE TRIGGER device_names_added AFTER INSERT ON devices BEGIN
  INSERT INTO device_names (rowid, folded) VALUES (new.id, new.folded);
END;
CREATE TRIGGER device_names_changed AFTER UPDATE OF folded ON devices BEGIN
  INSERT INTO device_names (device_names, rowid, folded) VALUES ('delete', old.id, old.folded);
  INSERT INTO device_names (rowid, folded) VALUES (new.id, new.folded);
END;
CREATE TRIGGER device_names_removed AFTER DELETE ON devices BEGIN
  INSERT INTO device_names (device_names, rowid, folded) VALUES ('delete', old.id, old.folded);
END;
INSERT INTO device_names (device_names) VALUES ('rebuild');

UPDATE devices SET folded = lower(identifier);
UPDATE device_tags SET folded = lower(tag);
UPDATE scripts SET folded_name = lower(name), folded_tags = lower(COALESCE(tags, ''));

-- Tables with rows of before, whose letters beyond ASCII are not folded yet.
CREATE TABLE unfolded (name TEXT NOT NULL PRIMARY KEY);
INSERT INTO unfolded (name) VALUES ('devices'), ('device_tags'), ('scripts'), ('audit_logs');
