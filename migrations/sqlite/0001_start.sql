-- Times are microseconds since 1970, UTC. Documents are JSON text. Booleans are BOOLEAN with sqlx's bool.
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE tokens (
  id INTEGER PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  hash BLOB NOT NULL UNIQUE,
  note TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  last_used_at BIGINT
);
CREATE INDEX tokens_user ON tokens (user_id);

CREATE TABLE orgs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE memberships (
  org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('admin', 'manage', 'view')),
  inserted_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE products (
  id INTEGER PRIMARY KEY,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  name TEXT NOT NULL,
  require_unique_firmware_version BOOLEAN NOT NULL,
  inserted_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (org_id, name)
);

CREATE TABLE org_keys (
  id INTEGER PRIMARY KEY,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  scheme TEXT NOT NULL,
  inserted_at BIGINT NOT NULL,
  UNIQUE (org_id, name),
  UNIQUE (org_id, key)
);

CREATE TABLE product_secrets (
  id INTEGER PRIMARY KEY,
  product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
  key TEXT NOT NULL UNIQUE,
  secret BLOB NOT NULL,
  deactivated_at BIGINT,
  inserted_at BIGINT NOT NULL
);
CREATE INDEX product_secrets_product ON product_secrets (product_id);

CREATE TABLE ca_certificates (
  id INTEGER PRIMARY KEY,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  serial TEXT NOT NULL UNIQUE,
  ski BLOB NOT NULL UNIQUE,
  der BLOB NOT NULL,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  description TEXT,
  check_expiration BOOLEAN NOT NULL,
  jitp_product_id BIGINT REFERENCES products (id),
  jitp_tags TEXT,
  jitp_description TEXT,
  inserted_at BIGINT NOT NULL
);
CREATE INDEX ca_certificates_org ON ca_certificates (org_id);

CREATE TABLE firmwares (
  id INTEGER PRIMARY KEY,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  product_id BIGINT NOT NULL REFERENCES products (id),
  key_id BIGINT NOT NULL REFERENCES org_keys (id),
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
  UNIQUE (product_id, uuid)
);
CREATE INDEX firmwares_key ON firmwares (key_id);

CREATE TABLE deltas (
  id INTEGER PRIMARY KEY,
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
  id INTEGER PRIMARY KEY,
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

CREATE TABLE releases (
  id INTEGER PRIMARY KEY,
  group_id BIGINT NOT NULL REFERENCES deployment_groups (id) ON DELETE CASCADE,
  number BIGINT NOT NULL,
  firmware_id BIGINT NOT NULL REFERENCES firmwares (id),
  description TEXT,
  notes TEXT,
  created_by BIGINT REFERENCES users (id),
  inserted_at BIGINT NOT NULL,
  UNIQUE (group_id, number)
);
CREATE INDEX releases_firmware ON releases (firmware_id);

CREATE TABLE devices (
  id INTEGER PRIMARY KEY,
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
  updated_at BIGINT NOT NULL
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

CREATE TABLE device_tags (
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  PRIMARY KEY (device_id, tag)
);

CREATE TABLE device_secrets (
  id INTEGER PRIMARY KEY,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  key TEXT NOT NULL UNIQUE,
  secret BLOB NOT NULL,
  deactivated_at BIGINT,
  inserted_at BIGINT NOT NULL
);
CREATE INDEX device_secrets_device ON device_secrets (device_id);

CREATE TABLE device_certificates (
  id INTEGER PRIMARY KEY,
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
  api_version TEXT
);
CREATE INDEX connections_node ON connections (node_id) WHERE status <> 'disconnected';

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
  id INTEGER PRIMARY KEY,
  device_id BIGINT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  release_id BIGINT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  at BIGINT NOT NULL,
  cleared BOOLEAN NOT NULL
);
CREATE INDEX update_attempts_open ON update_attempts (device_id, release_id, at) WHERE NOT cleared;

CREATE TABLE update_stats (
  id INTEGER PRIMARY KEY,
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

CREATE TABLE audit_logs (
  id INTEGER PRIMARY KEY,
  org_id BIGINT NOT NULL REFERENCES orgs (id),
  product_id BIGINT,
  actor_type TEXT NOT NULL,
  actor_id BIGINT NOT NULL,
  resource_type TEXT NOT NULL,
  resource_id BIGINT NOT NULL,
  description TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX audit_logs_resource ON audit_logs (resource_type, resource_id, at);
CREATE INDEX audit_logs_org ON audit_logs (org_id, at);

CREATE TABLE nodes (
  id BIGINT PRIMARY KEY,
  started_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL
);

CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
);
