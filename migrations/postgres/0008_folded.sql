-- Texts that people search, folded (no difference between capitals and small letters of any script), written by the server
-- with each row: the engine's own lower() depends on the database's locale. Rows of before are folded at the next start.
ALTER TABLE devices ADD COLUMN folded TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE device_tags ADD COLUMN folded TEXT COLLATE "C" NOT NULL DEFAULT '';
-- The position at which a tag was given among a device's tags.
ALTER TABLE device_tags ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
-- The same of the tags of a deployment group.
ALTER TABLE group_words ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scripts ADD COLUMN folded_name TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE scripts ADD COLUMN folded_tags TEXT COLLATE "C" NOT NULL DEFAULT '';
-- Null where the text is ASCII alone, which is nearly always.
ALTER TABLE audit_logs ADD COLUMN folded TEXT COLLATE "C";
ALTER TABLE health_reports ADD COLUMN folded_alarms TEXT COLLATE "C";

-- Identifiers by any three letters within them. A table of its own, since each connection of a device changes its row, and
-- an index of three letters costs more than all others together.
CREATE TABLE device_names (
  device_id BIGINT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
  folded TEXT COLLATE "C" NOT NULL
);
CREATE FUNCTION device_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO device_names (device_id, folded) VALUES (new.id, new.folded)
  ON CONFLICT (device_id) DO UPDATE SET folded = excluded.folded;
  RETURN NULL;
END $$;

UPDATE devices SET folded = lower(identifier COLLATE "C");
INSERT INTO device_names (device_id, folded) SELECT id, folded FROM devices;
UPDATE device_tags SET folded = lower(tag COLLATE "C");
UPDATE scripts SET folded_name = lower(name COLLATE "C"),
                   folded_tags = lower(COALESCE(tags, '') COLLATE "C");

CREATE TRIGGER device_names_added AFTER INSERT OR UPDATE OF folded ON devices
  FOR EACH ROW EXECUTE FUNCTION device_name();

-- The extension comes with PostgreSQL and may be added by the owner of the database. A server whose owner may not reads all
-- names instead.
DO $$ BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX device_names_folded ON device_names USING gin (folded gin_trgm_ops);
EXCEPTION WHEN OTHERS THEN
  RAISE NOTICE 'pg_trgm cannot be added (%), searches of devices will be slower', SQLERRM;
END $$;

-- Tables with rows of before, whose letters beyond ASCII are not folded yet.
CREATE TABLE unfolded (name TEXT NOT NULL PRIMARY KEY);
INSERT INTO unfolded (name) VALUES ('devices'), ('device_tags'), ('scripts'), ('audit_logs');
