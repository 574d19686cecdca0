-- Times are microseconds since 1970, UTC. Documents are JSON text. Booleans are BOOLEAN with the bool of sqlx.
-- Ids are AUTOINCREMENT: a number is never used twice, so that a link, a log entry or an open console of something
-- that was destroyed can never mean its successor.
CREATE TABLE orgs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  email TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  service_of BIGINT REFERENCES orgs (id),
  -- People whose address nobody has confirmed: such accounts come from another server only.
  confirmed BOOLEAN NOT NULL DEFAULT TRUE
);
CREATE INDEX users_service ON users (service_of) WHERE service_of IS NOT NULL;

CREATE TABLE memberships (
  org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('admin', 'manage', 'view')),
  inserted_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE products (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  name TEXT NOT NULL,
  require_unique_firmware_version BOOLEAN NOT NULL,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  -- Extensions (device-protocol 4.2): switches as bits, and what they report.
  extensions BIGINT NOT NULL DEFAULT 0,
  -- ESP-IDF images beside fwup files: a product says which kinds it takes, and an image may be without a signature.
  allowed_update_tools TEXT NOT NULL DEFAULT 'fwup',
  allow_unsigned_esp_idf_firmware BOOLEAN NOT NULL DEFAULT FALSE,
  UNIQUE (org_id, name)
);

CREATE TABLE tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  hash BLOB NOT NULL UNIQUE,
  note TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  last_used_at BIGINT,
  -- Tokens that end, and that may do less than their person; service accounts, which have no password.
  access TEXT NOT NULL DEFAULT 'full' CHECK (access IN ('full', 'read', 'publish')),
  product_id BIGINT REFERENCES products (id) ON DELETE CASCADE,
  expires_at BIGINT
);
CREATE INDEX tokens_user ON tokens (user_id);
CREATE INDEX tokens_product ON tokens (product_id);

CREATE TABLE org_keys (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  scheme TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  UNIQUE (org_id, name),
  UNIQUE (org_id, key)
);

CREATE TABLE product_secrets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  key TEXT NOT NULL UNIQUE,
  secret BLOB NOT NULL,
  deactivated_at BIGINT,
  inserted_at BIGINT NOT NULL
);
CREATE INDEX product_secrets_product ON product_secrets (product_id);

CREATE TABLE ca_certificates (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  serial TEXT NOT NULL,
  ski BLOB NOT NULL,
  der BLOB NOT NULL,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  description TEXT,
  check_expiration BOOLEAN NOT NULL,
  jitp_product_id BIGINT REFERENCES products (id),
  jitp_tags TEXT,
  jitp_description TEXT,
  inserted_at BIGINT NOT NULL,
  -- Unique for an organization only: another one can neither block a CA nor learn that it is here.
  UNIQUE (org_id, serial),
  UNIQUE (org_id, ski)
);
CREATE INDEX ca_certificates_org ON ca_certificates (org_id);

CREATE TABLE firmwares (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  product_id BIGINT NOT NULL REFERENCES products (id),
  uuid TEXT NOT NULL,
  version TEXT NOT NULL,
  platform TEXT NOT NULL,
  architecture TEXT NOT NULL,
  author TEXT,
  description TEXT,
  misc TEXT,
  vcs_identifier TEXT,
  size BIGINT NOT NULL,
  checksum TEXT NOT NULL,
  partials TEXT NOT NULL,
  delta_updatable BOOLEAN NOT NULL,
  full_fwup_version TEXT NOT NULL,
  delta_fwup_version TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  tool TEXT NOT NULL DEFAULT 'fwup',
  signer_id BIGINT REFERENCES org_keys (id),
  UNIQUE (product_id, uuid)
);
CREATE INDEX firmwares_signer ON firmwares (signer_id);

CREATE TABLE deltas (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source_id BIGINT NOT NULL REFERENCES firmwares (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES firmwares (id) ON DELETE CASCADE,
  status TEXT NOT NULL CHECK (status IN ('processing', 'completed', 'failed', 'timed_out')),
  reason TEXT,
  tries BIGINT NOT NULL,
  taken_by BIGINT,
  taken_at BIGINT,
  size BIGINT,
  checksum TEXT,
  partials TEXT,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (source_id, target_id)
);
CREATE INDEX deltas_open ON deltas (taken_at, id) WHERE status = 'processing';
CREATE INDEX deltas_target ON deltas (target_id);

CREATE TABLE deployment_groups (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  product_id BIGINT NOT NULL REFERENCES products (id),
  name TEXT NOT NULL,
  is_active BOOLEAN NOT NULL,
  platform TEXT NOT NULL,
  architecture TEXT NOT NULL,
  version_requirement TEXT NOT NULL,
  tag_operator TEXT NOT NULL CHECK (tag_operator IN ('and', 'or')),
  delta_updatable BOOLEAN NOT NULL,
  lock_device_membership BOOLEAN NOT NULL,
  concurrent_updates BIGINT NOT NULL,
  queue_management TEXT NOT NULL,
  priority_queue_enabled BOOLEAN NOT NULL,
  priority_queue_concurrent_updates BIGINT NOT NULL,
  priority_queue_firmware_version_threshold TEXT,
  device_failure_threshold BIGINT NOT NULL,
  device_failure_rate_amount BIGINT NOT NULL,
  device_failure_rate_seconds BIGINT NOT NULL,
  penalty_timeout_minutes BIGINT NOT NULL,
  failure_threshold BIGINT NOT NULL,
  connecting_code TEXT,
  notes TEXT,
  current_updated_devices BIGINT NOT NULL,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (product_id, name)
);

CREATE TABLE group_words (
  group_id BIGINT NOT NULL REFERENCES deployment_groups (id) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('tag', 'release_tag', 'interface')),
  word TEXT NOT NULL,
  PRIMARY KEY (group_id, kind, word)
);

CREATE TABLE group_leases (
  group_id BIGINT PRIMARY KEY REFERENCES deployment_groups (id) ON DELETE CASCADE,
  node_id BIGINT,
  until BIGINT NOT NULL
);

CREATE TABLE devices (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  product_id BIGINT NOT NULL REFERENCES products (id),
  group_id BIGINT REFERENCES deployment_groups (id) ON DELETE SET NULL,
  identifier TEXT NOT NULL UNIQUE,
  description TEXT,
  tags_set BOOLEAN NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('registered', 'provisioned')),
  updates_enabled BOOLEAN NOT NULL,
  blocked_until BIGINT,
  validation TEXT NOT NULL CHECK (validation IN ('validated', 'not_validated', 'unknown')),
  auto_revert BOOLEAN NOT NULL,
  full_next_for TEXT,
  fw_uuid TEXT NOT NULL,
  fw_product TEXT,
  fw_version TEXT,
  fw_platform TEXT,
  fw_architecture TEXT,
  fw_author TEXT,
  fw_description TEXT,
  fw_misc TEXT,
  fw_vcs_identifier TEXT,
  fw_fwup_version TEXT,
  online BOOLEAN NOT NULL,
  in_flight BOOLEAN NOT NULL,
  interface TEXT NOT NULL,
  connected_at BIGINT NOT NULL,
  first_seen_at BIGINT NOT NULL,
  deleted_at BIGINT,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  extensions_off BIGINT NOT NULL DEFAULT 0,
  connecting_code TEXT
);
CREATE INDEX devices_product ON devices (product_id, identifier);
CREATE INDEX devices_group ON devices (group_id, fw_uuid);
CREATE INDEX devices_blocked ON devices (blocked_until) WHERE blocked_until IS NOT NULL;
CREATE INDEX devices_fifo ON devices (group_id, fw_uuid, connected_at, id)
  WHERE online AND updates_enabled AND blocked_until IS NULL AND NOT in_flight
    AND validation <> 'not_validated' AND deleted_at IS NULL;
CREATE INDEX devices_lifo ON devices (group_id, fw_uuid, first_seen_at, id)
  WHERE online AND updates_enabled AND blocked_until IS NULL AND NOT in_flight
    AND validation <> 'not_validated' AND deleted_at IS NULL;
-- What device lists are narrowed by.
CREATE INDEX devices_platform ON devices (product_id, fw_platform, fw_version, identifier);
CREATE INDEX devices_platform_state ON devices
  (product_id, fw_platform, online, updates_enabled, deleted_at);
CREATE INDEX devices_architecture ON devices (product_id, fw_architecture);
-- Devices that run a version, by identifier: its parts are looked for among these.
CREATE INDEX devices_version ON devices (product_id, fw_version, identifier, deleted_at);

CREATE TABLE device_tags (
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  PRIMARY KEY (device_id, tag)
);
CREATE INDEX device_tags_tag ON device_tags (tag, device_id);

CREATE TABLE device_secrets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  key TEXT NOT NULL UNIQUE,
  secret BLOB NOT NULL,
  deactivated_at BIGINT,
  inserted_at BIGINT NOT NULL
);
CREATE INDEX device_secrets_device ON device_secrets (device_id);

CREATE TABLE device_certificates (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  serial TEXT NOT NULL,
  fingerprint TEXT NOT NULL UNIQUE,
  fingerprint_sha256 TEXT NOT NULL,
  public_key_fingerprint TEXT NOT NULL,
  aki BLOB NOT NULL,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  last_used_at BIGINT,
  inserted_at BIGINT NOT NULL,
  -- Certificates of devices, whole, so that they can be exported; absent of those from before.
  der BLOB,
  UNIQUE (device_id, serial)
);
CREATE INDEX device_certificates_key ON device_certificates (public_key_fingerprint);
CREATE INDEX device_certificates_sha256 ON device_certificates (fingerprint_sha256);

CREATE TABLE connections (
  device_id BIGINT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
  id BIGINT NOT NULL,
  node_id BIGINT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('connecting', 'connected', 'disconnected')),
  established_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  disconnected_at BIGINT,
  api_version TEXT,
  -- Where a connection comes from, and why it ended; ended ones move to the history.
  peer TEXT,
  reason TEXT,
  types TEXT
);
CREATE INDEX connections_node ON connections (node_id) WHERE status <> 'disconnected';
CREATE INDEX connections_established ON connections (established_at, device_id);
CREATE INDEX connections_last_seen ON connections (last_seen_at, device_id);

CREATE TABLE audit_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  product_id BIGINT,
  actor_type TEXT NOT NULL,
  actor_id BIGINT NOT NULL,
  resource_type TEXT NOT NULL,
  resource_id BIGINT NOT NULL,
  description TEXT NOT NULL,
  at BIGINT NOT NULL,
  -- The audit log is a chain: each sealed entry's mac covers the one before it. New entries wait to be sealed.
  details TEXT,
  seq BIGINT,
  mac BLOB
);
CREATE INDEX audit_logs_resource ON audit_logs (resource_type, resource_id, at);
CREATE INDEX audit_logs_org ON audit_logs (org_id, at);
CREATE UNIQUE INDEX audit_logs_seq ON audit_logs (seq);
CREATE INDEX audit_logs_unsealed ON audit_logs (id) WHERE seq IS NULL;
CREATE INDEX audit_logs_product ON audit_logs (product_id, at);

CREATE TABLE nodes (
  id BIGINT PRIMARY KEY,
  started_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL
);

CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
);

CREATE TABLE health_reports (
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  at BIGINT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('unknown', 'healthy', 'warning', 'unhealthy')),
  reasons TEXT NOT NULL,
  report TEXT NOT NULL,
  PRIMARY KEY (device_id, at)
);
CREATE INDEX health_reports_at ON health_reports (at);

CREATE TABLE locations (
  device_id BIGINT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
  at BIGINT NOT NULL,
  latitude DOUBLE PRECISION NOT NULL,
  longitude DOUBLE PRECISION NOT NULL,
  accuracy BIGINT,
  source TEXT NOT NULL
);

CREATE TABLE device_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  at BIGINT NOT NULL,
  level TEXT NOT NULL,
  message TEXT NOT NULL,
  meta TEXT NOT NULL,
  received_at BIGINT NOT NULL
);
CREATE INDEX device_logs_device ON device_logs (device_id, at);
CREATE INDEX device_logs_received ON device_logs (received_at);

-- Support scripts of a product. Tags are lines of one text, absent when never set.
CREATE TABLE scripts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  tags TEXT,
  created_by BIGINT NOT NULL REFERENCES users (id),
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX scripts_product ON scripts (product_id, name, id);
CREATE INDEX scripts_creator ON scripts (created_by);

-- Archives, and which release brings one.
CREATE TABLE archives (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  key_id BIGINT NOT NULL REFERENCES org_keys (id),
  uuid TEXT NOT NULL,
  version TEXT NOT NULL,
  platform TEXT NOT NULL,
  architecture TEXT NOT NULL,
  description TEXT,
  size BIGINT NOT NULL,
  checksum TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  UNIQUE (product_id, uuid)
);
CREATE INDEX archives_key ON archives (key_id);

CREATE TABLE releases (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  group_id BIGINT NOT NULL REFERENCES deployment_groups (id) ON DELETE CASCADE,
  number BIGINT NOT NULL,
  firmware_id BIGINT NOT NULL REFERENCES firmwares (id),
  description TEXT,
  notes TEXT,
  created_by BIGINT REFERENCES users (id),
  inserted_at BIGINT NOT NULL,
  archive_id BIGINT REFERENCES archives (id),
  UNIQUE (group_id, number)
);
CREATE INDEX releases_firmware ON releases (firmware_id);
CREATE INDEX releases_archive ON releases (archive_id);

CREATE TABLE inflight (
  device_id BIGINT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
  claim_id BIGINT NOT NULL,
  group_id BIGINT REFERENCES deployment_groups (id) ON DELETE SET NULL,
  release_id BIGINT REFERENCES releases (id) ON DELETE SET NULL,
  firmware_id BIGINT REFERENCES firmwares (id),
  delta_id BIGINT REFERENCES deltas (id) ON DELETE SET NULL,
  priority BOOLEAN NOT NULL,
  status TEXT NOT NULL,
  progress BIGINT,
  attempted BOOLEAN NOT NULL,
  sent_at BIGINT,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX inflight_group ON inflight (group_id, priority);
CREATE INDEX inflight_unsent ON inflight (inserted_at) WHERE sent_at IS NULL;
CREATE INDEX inflight_updated ON inflight (updated_at);
CREATE INDEX inflight_firmware ON inflight (firmware_id);

CREATE TABLE update_attempts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  release_id BIGINT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  at BIGINT NOT NULL,
  cleared BOOLEAN NOT NULL
);
CREATE INDEX update_attempts_open ON update_attempts (device_id, release_id, at) WHERE NOT cleared;

CREATE TABLE update_stats (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id BIGINT NOT NULL REFERENCES products (id),
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  group_id BIGINT REFERENCES deployment_groups (id) ON DELETE SET NULL,
  release_id BIGINT REFERENCES releases (id) ON DELETE SET NULL,
  kind TEXT NOT NULL CHECK (kind IN ('full', 'delta')),
  source_uuid TEXT NOT NULL,
  target_uuid TEXT NOT NULL,
  sent_bytes BIGINT NOT NULL,
  full_bytes BIGINT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX update_stats_device ON update_stats (device_id, at);
CREATE INDEX update_stats_at ON update_stats (at);

CREATE TABLE connection_history (
  id BIGINT PRIMARY KEY,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  established_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  disconnected_at BIGINT NOT NULL,
  reason TEXT NOT NULL,
  peer TEXT,
  types TEXT,
  interface TEXT NOT NULL,
  api_version TEXT
);
CREATE INDEX connection_history_device ON connection_history (device_id, established_at);
CREATE INDEX connection_history_ended ON connection_history (disconnected_at);

-- What a device ran, a row each time that it changed.
CREATE TABLE device_firmwares (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  uuid TEXT NOT NULL,
  version TEXT,
  platform TEXT,
  architecture TEXT,
  validation TEXT NOT NULL,
  auto_revert BOOLEAN NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX device_firmwares_device ON device_firmwares (device_id, at);
CREATE INDEX device_firmwares_at ON device_firmwares (at);

-- What a product's people should know; the same again only raises the count.
CREATE TABLE notifications (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  event_key TEXT NOT NULL,
  level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
  title TEXT NOT NULL,
  message TEXT NOT NULL,
  occurrences BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  inserted_at BIGINT NOT NULL,
  UNIQUE (product_id, event_key)
);
CREATE INDEX notifications_last ON notifications (product_id, last_at);
CREATE INDEX notifications_at ON notifications (last_at);

-- Keys that devices hold on other networks; one belongs to one device of the server.
CREATE TABLE network_identities (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  service TEXT NOT NULL,
  instance TEXT NOT NULL,
  identifier TEXT NOT NULL,
  details TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (service, identifier),
  UNIQUE (device_id, service, instance)
);

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
  id INTEGER PRIMARY KEY AUTOINCREMENT,
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
  id INTEGER PRIMARY KEY AUTOINCREMENT,
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
  id INTEGER PRIMARY KEY AUTOINCREMENT,
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
  id INTEGER PRIMARY KEY AUTOINCREMENT,
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

-- Members who are told by mail of what happens in a product; several happenings become one mail.
CREATE TABLE mail_rules (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  events TEXT NOT NULL,
  active BOOLEAN NOT NULL,
  due_at BIGINT NOT NULL,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX mail_rules_product ON mail_rules (product_id);
CREATE INDEX mail_rules_user ON mail_rules (user_id);

CREATE TABLE mail_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  rule_id BIGINT NOT NULL REFERENCES mail_rules (id) ON DELETE CASCADE,
  event TEXT NOT NULL,
  data TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX mail_events_rule ON mail_events (rule_id, id);

-- Mails on their way, and sent; the text is sealed, since it may hold the link of an invitation.
CREATE TABLE mails (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  rule_id BIGINT REFERENCES mail_rules (id) ON DELETE CASCADE,
  recipient TEXT NOT NULL,
  subject TEXT NOT NULL,
  body BLOB NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'failed')),
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  error TEXT,
  inserted_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX mails_due ON mails (due_at) WHERE status = 'pending';
CREATE INDEX mails_rule ON mails (rule_id, id);
CREATE INDEX mails_at ON mails (inserted_at);

