-- A token that a login made ends when it is not used for a while; one that somebody made for a program does not.
ALTER TABLE tokens ADD COLUMN login BOOLEAN NOT NULL DEFAULT FALSE;
