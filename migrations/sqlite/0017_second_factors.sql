-- Codes by time (RFC 6238) beside a password. On once a first code has shown that the person's device knows the secret.
CREATE TABLE second_factors (
  user_id BIGINT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  secret BLOB NOT NULL,
  confirmed BOOLEAN NOT NULL,
  -- The time step of the last code that was taken, in 30 seconds: none is taken twice.
  last_step BIGINT NOT NULL
);
-- What lets a person in once each who has lost that device; only hashes.
CREATE TABLE recovery_codes (
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  hash BLOB NOT NULL,
  PRIMARY KEY (user_id, hash)
);
