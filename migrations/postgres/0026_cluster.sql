-- Several nodes work on one database: what each of them does, and with which version.
ALTER TABLE nodes ADD COLUMN role TEXT COLLATE "C" NOT NULL DEFAULT 'all';
ALTER TABLE nodes ADD COLUMN version TEXT COLLATE "C" NOT NULL DEFAULT '';
-- When the others took a node for dead. Its row goes when all that it held is closed; until then it knows by this that it is.
ALTER TABLE nodes ADD COLUMN declared_dead_at BIGINT;
-- When a node saw last whether the database takes what is written. It is no sign of life.
ALTER TABLE nodes ADD COLUMN checked_at BIGINT;
-- An import that a dead node has left is taken back; one that another node works on is not.
ALTER TABLE imports ADD COLUMN node_id BIGINT;
-- Sign-ins at providers that have come back, until they would be over by themselves: each is good once, at whichever node it comes.
CREATE TABLE finished_sign_ins (
  state_hash BYTEA PRIMARY KEY,
  ends_at BIGINT NOT NULL
);
CREATE INDEX finished_sign_ins_ends ON finished_sign_ins (ends_at);
