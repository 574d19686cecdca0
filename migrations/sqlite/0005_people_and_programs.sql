-- Tokens that end, and that may do less than their person; service accounts, which have no password.
ALTER TABLE tokens ADD COLUMN access TEXT NOT NULL DEFAULT 'full' CHECK (access IN ('full', 'read', 'publish'));
ALTER TABLE tokens ADD COLUMN product_id BIGINT REFERENCES products (id) ON DELETE CASCADE;
ALTER TABLE tokens ADD COLUMN expires_at BIGINT;
CREATE INDEX tokens_product ON tokens (product_id);
ALTER TABLE users ADD COLUMN service_of BIGINT REFERENCES orgs (id);
CREATE INDEX users_service ON users (service_of) WHERE service_of IS NOT NULL;

-- The audit log is a chain: each sealed entry's mac covers the one before it. New entries wait to be sealed.
ALTER TABLE audit_logs ADD COLUMN details TEXT;
ALTER TABLE audit_logs ADD COLUMN seq BIGINT;
ALTER TABLE audit_logs ADD COLUMN mac BLOB;
CREATE UNIQUE INDEX audit_logs_seq ON audit_logs (seq);
CREATE INDEX audit_logs_unsealed ON audit_logs (id) WHERE seq IS NULL;
CREATE INDEX audit_logs_product ON audit_logs (product_id, at);

-- Certificates of devices, whole, so that they can be exported; absent of those from before.
ALTER TABLE device_certificates ADD COLUMN der BLOB;

-- Logins of command lines that wait for a browser.
CREATE TABLE cli_sessions (
  token TEXT PRIMARY KEY,
  code BIGINT NOT NULL,
  note TEXT NOT NULL,
  user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
  user_token BLOB,
  inserted_at BIGINT NOT NULL
);
CREATE INDEX cli_sessions_at ON cli_sessions (inserted_at);
CREATE INDEX cli_sessions_user ON cli_sessions (user_id);

-- People who were asked to join; their link is signed, and not kept.
CREATE TABLE invites (
  id INTEGER PRIMARY KEY,
  org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
  email TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('admin', 'manage', 'view')),
  invited_by BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  inserted_at BIGINT NOT NULL,
  UNIQUE (org_id, email)
);
CREATE INDEX invites_inviter ON invites (invited_by);

-- Keys on other networks that people entered; those that devices report are in network_identities.
CREATE TABLE endpoints (
  id INTEGER PRIMARY KEY,
  org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
  user_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
  instance TEXT NOT NULL,
  identifier TEXT NOT NULL UNIQUE,
  details TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (org_id, user_id, instance)
);
CREATE INDEX endpoints_user ON endpoints (user_id);

-- Programs that are told over HTTP, and what they were told.
CREATE TABLE webhooks (
  id INTEGER PRIMARY KEY,
  org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  url TEXT NOT NULL,
  description TEXT,
  secret BLOB NOT NULL,
  events TEXT NOT NULL,
  active BOOLEAN NOT NULL,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX webhooks_product ON webhooks (product_id);
CREATE TABLE webhook_deliveries (
  id INTEGER PRIMARY KEY,
  webhook_id BIGINT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  message TEXT NOT NULL,
  event TEXT NOT NULL,
  body TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  answer BIGINT,
  error TEXT,
  inserted_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_at ON webhook_deliveries (inserted_at);

-- What device lists are narrowed by.
CREATE INDEX devices_platform ON devices (product_id, fw_platform, fw_version, identifier);
CREATE INDEX devices_platform_state ON devices
  (product_id, fw_platform, online, updates_enabled, deleted_at);
CREATE INDEX connections_established ON connections (established_at, device_id);
CREATE INDEX connections_last_seen ON connections (last_seen_at, device_id);
CREATE INDEX devices_architecture ON devices (product_id, fw_architecture);
CREATE INDEX device_tags_tag ON device_tags (tag, device_id);
