-- Who people are at sign-in providers (OpenID Connect). Found by issuer and subject alone, which stay when an address changes hands.
CREATE TABLE identities (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  -- The address that the provider named last, for the person to tell accounts apart.
  email TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  last_used_at BIGINT,
  UNIQUE (issuer, subject)
);
CREATE INDEX identities_user ON identities (user_id);
