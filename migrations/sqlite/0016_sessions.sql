-- Logins of browsers. A session is a token that only a cookie may carry; it ends with its token.
CREATE TABLE sessions (
  token_id BIGINT PRIMARY KEY REFERENCES tokens (id) ON DELETE CASCADE,
  -- Whether it outlasts the browser, and the hours in which nobody uses it.
  remembered BOOLEAN NOT NULL,
  -- What the browser called itself, and where it asked from, as far as the server could see.
  agent TEXT NOT NULL,
  address TEXT NOT NULL
);
-- What a person's console remembers for them: theme, columns, the product that was looked at last.
CREATE TABLE preferences (
  user_id BIGINT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  document TEXT NOT NULL
);
