-- People whose address nobody has confirmed: such accounts come from another server only.
ALTER TABLE users ADD COLUMN confirmed BOOLEAN NOT NULL DEFAULT TRUE;
