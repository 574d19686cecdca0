-- A share of a few devices may be nobody. Then the step takes one of them: those with a place below this as well.
ALTER TABLE rollouts ADD COLUMN share_at_least BIGINT NOT NULL DEFAULT 0;
-- When it was looked at last whether a step's share is nobody.
ALTER TABLE rollouts ADD COLUMN share_looked_at BIGINT NOT NULL DEFAULT 0;
