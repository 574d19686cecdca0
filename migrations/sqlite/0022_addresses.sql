-- The address in small letters: people log in however they type it, and no two new ones differ by that alone. Null for those that have
-- differed so before, and for accounts of programs: they are found by their exact letters.
ALTER TABLE users ADD COLUMN email_key TEXT;
UPDATE users SET email_key = lower(email)
WHERE service_of IS NULL AND lower(email) IN (SELECT lower(email) FROM users GROUP BY lower(email) HAVING COUNT(*) = 1);
CREATE UNIQUE INDEX users_folded_email ON users (email_key);
-- The address that a person wants in place of the present one, from when on, and that is not confirmed yet.
ALTER TABLE users ADD COLUMN new_email TEXT;
ALTER TABLE users ADD COLUMN new_email_at BIGINT;
