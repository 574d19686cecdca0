-- Passkeys (WebAuthn). A person who has one is asked for it, or for another second factor, after the password.
CREATE TABLE passkeys (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  -- What the authenticator knows the person by: a random UUID, the same for all passkeys of a person.
  handle TEXT NOT NULL,
  -- The id that the authenticator gave the credential, in Base64.
  credential_id TEXT NOT NULL UNIQUE,
  -- The public key and the counter of signatures, as JSON.
  credential TEXT NOT NULL,
  name TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  last_used_at BIGINT
);
CREATE INDEX passkeys_user ON passkeys (user_id, id);
-- Challenges that were answered, by their hashes, until they are over: each is answered once.
CREATE TABLE spent_challenges (
  hash BLOB PRIMARY KEY,
  until BIGINT NOT NULL
);
CREATE INDEX spent_challenges_until ON spent_challenges (until);
