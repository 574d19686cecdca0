-- The schema of an original NervesHub after all of its migrations: every table with its columns, their types, which of them
-- may be null, and the keys that hold its rows together. Written from a description of it, for tests of the import.
CREATE EXTENSION citext;
CREATE TYPE action AS ENUM ('create', 'update', 'delete');
CREATE TYPE type AS ENUM ('user', 'group');

CREATE TABLE orgs (
  id bigserial PRIMARY KEY,
  name varchar(255) NOT NULL,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  type type DEFAULT 'group',
  deleted_at timestamp,
  audit_log_days_to_keep integer,
  settings jsonb DEFAULT '{}',
  UNIQUE (name)
);

CREATE TABLE products (
  id bigserial PRIMARY KEY,
  name varchar(255),
  org_id bigint NOT NULL REFERENCES orgs,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  deleted_at timestamp,
  extensions jsonb DEFAULT '{}',
  require_unique_firmware_version boolean DEFAULT false,
  allowed_update_tools varchar(255)[] DEFAULT '{fwup}',
  allow_unsigned_esp_idf_firmware boolean DEFAULT false,
  UNIQUE (org_id, name)
);

CREATE TABLE users (
  id bigserial PRIMARY KEY,
  username varchar(255) NOT NULL,
  email citext NOT NULL,
  password_hash varchar(255),
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  password_reset_token uuid,
  password_reset_token_expires timestamp,
  deleted_at timestamp,
  server_role varchar(255),
  confirmed_at timestamp,
  profile_picture_url text,
  google_id varchar(255),
  google_hd varchar(255),
  google_last_synced_at timestamp,
  display_preferences jsonb,
  UNIQUE (email)
);

CREATE TABLE org_keys (
  id bigserial PRIMARY KEY,
  org_id bigint NOT NULL REFERENCES orgs,
  name varchar(255) NOT NULL,
  key text NOT NULL,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  created_by_id bigint REFERENCES users,
  scheme varchar(255) DEFAULT 'ed25519',
  UNIQUE (org_id, name),
  UNIQUE (org_id, key)
);

CREATE TABLE archives (
  id bigserial PRIMARY KEY,
  product_id bigint NOT NULL REFERENCES products,
  org_key_id bigint NOT NULL REFERENCES org_keys,
  size integer NOT NULL,
  architecture varchar(255) NOT NULL,
  author varchar(255),
  description text,
  misc text,
  platform varchar(255) NOT NULL,
  uuid uuid NOT NULL,
  version varchar(255) NOT NULL,
  vcs_identifier varchar(255),
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  UNIQUE (product_id, uuid)
);

CREATE TABLE audit_logs (
  id uuid PRIMARY KEY,
  action action,
  actor_id integer NOT NULL,
  actor_type varchar(255) NOT NULL,
  params jsonb,
  resource_id integer NOT NULL,
  resource_type varchar(255) NOT NULL,
  inserted_at timestamp NOT NULL,
  changes jsonb,
  description text,
  org_id bigint,
  reference_id varchar(255)
);

CREATE TABLE jitp (
  id bigserial PRIMARY KEY,
  product_id bigint NOT NULL REFERENCES products,
  tags varchar(255)[],
  description varchar(255),
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL
);

CREATE TABLE ca_certificates (
  id bigserial PRIMARY KEY,
  org_id bigint NOT NULL REFERENCES orgs,
  serial varchar(255) NOT NULL,
  aki bytea,
  ski bytea,
  not_before timestamp NOT NULL,
  not_after timestamp NOT NULL,
  der bytea NOT NULL,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  last_used timestamp,
  description varchar(255),
  jitp_id bigint REFERENCES jitp,
  check_expiration boolean DEFAULT false,
  UNIQUE (serial)
);

CREATE TABLE custom_health_metrics_labels (
  id bigserial PRIMARY KEY,
  product_id bigint NOT NULL REFERENCES products,
  key varchar(255) NOT NULL,
  label varchar(255) NOT NULL,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  UNIQUE (product_id, key)
);

CREATE TABLE deployments (
  id bigserial PRIMARY KEY,
  name varchar(255) NOT NULL,
  conditions jsonb DEFAULT '{}',
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  is_active boolean DEFAULT false,
  product_id bigint NOT NULL REFERENCES products,
  device_failure_threshold integer DEFAULT 3,
  device_failure_rate_seconds integer DEFAULT 180,
  device_failure_rate_amount integer DEFAULT 5,
  failure_threshold integer DEFAULT 50,
  healthy boolean DEFAULT true,
  org_id bigint REFERENCES orgs,
  penalty_timeout_minutes integer DEFAULT 1440,
  connecting_code text,
  concurrent_updates integer DEFAULT 10,
  total_updating_devices integer DEFAULT 0,
  current_updated_devices integer DEFAULT 0,
  orchestrator_strategy varchar(255) DEFAULT 'distributed',
  queue_management varchar(255) DEFAULT 'FIFO',
  delta_updatable boolean DEFAULT true,
  status varchar(255) DEFAULT 'ready',
  priority_queue_enabled boolean DEFAULT false,
  priority_queue_concurrent_updates integer DEFAULT 5,
  priority_queue_firmware_version_threshold varchar(255),
  release_network_interfaces varchar(255)[] DEFAULT '{}',
  release_tags varchar(255)[] DEFAULT '{}',
  current_deployment_release_id bigint,
  platform varchar(255),
  architecture varchar(255),
  notes text,
  lock_device_membership boolean DEFAULT false,
  UNIQUE (product_id, name)
);

CREATE TABLE firmwares (
  id bigserial PRIMARY KEY,
  platform varchar(255) NOT NULL,
  architecture varchar(255) NOT NULL,
  org_key_id bigint,
  upload_metadata jsonb NOT NULL,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  version varchar(255) NOT NULL,
  author varchar(255),
  description varchar(255),
  misc varchar(255),
  uuid varchar(255) NOT NULL,
  vcs_identifier varchar(255),
  product_id bigint NOT NULL REFERENCES products,
  size integer,
  org_id bigint REFERENCES orgs,
  delta_updatable boolean DEFAULT false,
  tool varchar(255) DEFAULT 'fwup',
  tool_delta_required_version varchar(255),
  tool_full_required_version varchar(255),
  tool_metadata jsonb,
  checksum varchar(255),
  partials_checksums varchar(255)[],
  UNIQUE (product_id, uuid)
);

CREATE TABLE deployment_releases (
  id bigserial PRIMARY KEY,
  deployment_group_id bigint NOT NULL REFERENCES deployments,
  firmware_id bigint NOT NULL REFERENCES firmwares,
  archive_id bigint REFERENCES archives,
  created_by_id integer,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  number integer,
  description varchar(255),
  notes varchar(255),
  UNIQUE (deployment_group_id, number)
);

CREATE TABLE devices (
  id bigserial PRIMARY KEY,
  org_id bigint NOT NULL REFERENCES orgs,
  identifier varchar(255) NOT NULL,
  tags varchar(255)[],
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  description varchar(255),
  firmware_metadata jsonb,
  updates_enabled boolean DEFAULT true,
  product_id bigint REFERENCES products,
  deleted_at timestamp,
  update_attempts timestamp[] DEFAULT '{}',
  updates_blocked_until timestamp,
  deployment_id bigint,
  connecting_code text,
  status varchar(255) DEFAULT 'registered',
  first_seen_at timestamp,
  extensions jsonb DEFAULT '{}',
  latest_connection_id uuid,
  custom_location_coordinates double precision[],
  latest_health_id integer,
  priority_updates boolean DEFAULT false,
  firmware_validation_status varchar(255) DEFAULT 'unknown',
  firmware_auto_revert_detected boolean DEFAULT false,
  network_interface varchar(255),
  current_device_firmware_id uuid,
  UNIQUE (identifier)
);

CREATE TABLE device_certificates (
  id bigserial PRIMARY KEY,
  serial varchar(255) NOT NULL,
  not_before timestamp NOT NULL,
  not_after timestamp NOT NULL,
  device_id bigint NOT NULL REFERENCES devices,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  ski bytea,
  aki bytea,
  last_used timestamp,
  org_id bigint REFERENCES orgs,
  der bytea,
  fingerprint varchar(255),
  public_key_fingerprint varchar(255),
  UNIQUE (device_id, serial),
  UNIQUE (fingerprint)
);

CREATE TABLE device_firmwares (
  id uuid PRIMARY KEY,
  device_id bigint NOT NULL REFERENCES devices,
  firmware_id bigint REFERENCES firmwares,
  firmware_metadata jsonb,
  firmware_validation_status varchar(255) DEFAULT 'unknown',
  firmware_auto_revert_detected boolean DEFAULT false,
  inserted_at timestamp NOT NULL
);

CREATE TABLE device_health (
  id bigserial PRIMARY KEY,
  device_id bigint NOT NULL REFERENCES devices,
  data jsonb,
  inserted_at timestamp NOT NULL,
  status varchar(255) DEFAULT 'unknown',
  status_reasons jsonb
);

CREATE TABLE device_log_lines (
  id uuid PRIMARY KEY,
  device_id bigint NOT NULL,
  product_id bigint NOT NULL,
  level varchar(255) NOT NULL,
  message text NOT NULL,
  meta jsonb,
  logged_at timestamp NOT NULL
);

CREATE TABLE device_metrics (
  id bigserial PRIMARY KEY,
  device_id bigint NOT NULL REFERENCES devices,
  key varchar(255),
  value double precision,
  inserted_at timestamp NOT NULL
);

CREATE TABLE product_shared_secret_auth (
  id bigserial PRIMARY KEY,
  product_id bigint NOT NULL REFERENCES products,
  key varchar(255) NOT NULL,
  secret varchar(255) NOT NULL,
  deactivated_at timestamp,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  UNIQUE (key)
);

CREATE TABLE device_shared_secret_auths (
  id bigserial PRIMARY KEY,
  device_id bigint NOT NULL REFERENCES devices,
  product_shared_secret_auth_id bigint REFERENCES product_shared_secret_auth,
  key varchar(255) NOT NULL,
  secret varchar(255) NOT NULL,
  deactivated_at timestamp,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  UNIQUE (key)
);

CREATE TABLE firmware_deltas (
  id bigserial PRIMARY KEY,
  source_id bigint NOT NULL REFERENCES firmwares,
  target_id bigint NOT NULL REFERENCES firmwares,
  upload_metadata jsonb NOT NULL,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  tool varchar(255),
  tool_metadata jsonb,
  size integer,
  source_size integer,
  target_size integer,
  status varchar(255) DEFAULT 'completed',
  checksum varchar(255),
  partials_checksums varchar(255)[],
  UNIQUE (source_id, target_id)
);

CREATE TABLE firmware_transfers (
  id uuid PRIMARY KEY,
  org_id bigint NOT NULL,
  firmware_uuid varchar(255) NOT NULL,
  remote_ip varchar(255) NOT NULL,
  bytes_total integer NOT NULL,
  bytes_sent integer NOT NULL,
  timestamp timestamp NOT NULL
);

CREATE TABLE inflight_deployment_checks (
  id bigserial PRIMARY KEY,
  device_id bigint NOT NULL REFERENCES devices,
  deployment_id bigint NOT NULL REFERENCES deployments,
  inserted_at timestamp NOT NULL,
  UNIQUE (device_id, deployment_id)
);

CREATE TABLE inflight_updates (
  id bigserial PRIMARY KEY,
  device_id bigint NOT NULL REFERENCES devices,
  deployment_id bigint REFERENCES deployments,
  firmware_id integer,
  firmware_uuid uuid,
  status varchar(255) DEFAULT 'requested',
  inserted_at timestamp NOT NULL,
  priority_queue boolean DEFAULT false,
  progress integer DEFAULT 0,
  updated_at timestamp,
  UNIQUE (device_id)
);

CREATE TABLE invites (
  id bigserial PRIMARY KEY,
  org_id bigint NOT NULL REFERENCES orgs,
  email varchar(255) NOT NULL,
  token uuid NOT NULL,
  accepted boolean DEFAULT false,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  role varchar(255) DEFAULT 'view',
  invited_by_id bigint REFERENCES users,
  UNIQUE (token)
);

CREATE TABLE latest_device_connections (
  id uuid PRIMARY KEY,
  device_id bigint NOT NULL REFERENCES devices,
  status varchar(255) DEFAULT 'connecting',
  established_at timestamp,
  last_seen_at timestamp,
  disconnected_at timestamp,
  disconnected_reason text,
  metadata jsonb,
  org_id bigint REFERENCES orgs,
  product_id bigint REFERENCES products,
  lib varchar(255),
  lib_version varchar(255),
  network_interface varchar(255),
  UNIQUE (device_id)
);

CREATE TABLE org_users (
  id bigserial PRIMARY KEY,
  org_id bigint REFERENCES orgs,
  user_id bigint REFERENCES users,
  role varchar(255) DEFAULT 'view',
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  deleted_at timestamp,
  UNIQUE (org_id, user_id)
);

CREATE TABLE network_identities (
  id bigserial PRIMARY KEY,
  org_id bigint NOT NULL REFERENCES orgs,
  device_id bigint REFERENCES devices,
  org_user_id bigint REFERENCES org_users,
  service varchar(255) NOT NULL,
  instance varchar(255) DEFAULT 'default',
  identifier varchar(255) NOT NULL,
  details jsonb DEFAULT '{}',
  source varchar(255) DEFAULT 'operator',
  last_reported_at timestamp,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  UNIQUE (service, identifier),
  CHECK (device_id IS NULL OR org_user_id IS NULL)
);

CREATE TABLE org_metrics (
  id uuid PRIMARY KEY,
  org_id bigint NOT NULL,
  devices integer NOT NULL,
  bytes_stored bigint NOT NULL,
  timestamp timestamp NOT NULL
);

CREATE TABLE pinned_devices (
  id bigserial PRIMARY KEY,
  user_id bigint REFERENCES users,
  device_id bigint REFERENCES devices,
  inserted_at timestamp NOT NULL,
  UNIQUE (user_id, device_id)
);

CREATE TABLE product_notifications (
  id uuid PRIMARY KEY,
  product_id bigint NOT NULL REFERENCES products,
  level varchar(255) NOT NULL,
  title text NOT NULL,
  message text NOT NULL,
  metadata jsonb,
  event_key varchar(255) NOT NULL,
  last_occurred_at timestamp NOT NULL,
  occurrence_count integer DEFAULT 1,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  UNIQUE (product_id, event_key)
);

CREATE TABLE product_users (
  id bigserial PRIMARY KEY,
  product_id bigint REFERENCES products,
  user_id bigint REFERENCES users,
  role varchar(255),
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  UNIQUE (product_id, user_id)
);

CREATE TABLE scripts (
  id bigserial PRIMARY KEY,
  product_id bigint NOT NULL REFERENCES products,
  name varchar(255) NOT NULL,
  text text NOT NULL,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  created_by_id bigint REFERENCES users,
  last_updated_by_id bigint REFERENCES users,
  tags varchar(255)[]
);

CREATE TABLE update_stats (
  product_id bigint,
  device_id bigint,
  deployment_id bigint,
  type varchar(255) NOT NULL,
  source_firmware_uuid uuid,
  target_firmware_uuid uuid,
  update_bytes integer NOT NULL,
  saved_bytes integer NOT NULL,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL
);

CREATE TABLE user_certificates (
  id bigserial PRIMARY KEY,
  serial varchar(255) NOT NULL,
  description varchar(255) NOT NULL,
  user_id bigint NOT NULL REFERENCES users,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  not_before timestamp,
  not_after timestamp,
  ski bytea,
  aki bytea,
  last_used timestamp,
  UNIQUE (serial)
);

CREATE TABLE user_tokens (
  id bigserial PRIMARY KEY,
  old_token varchar(255),
  note varchar(255),
  last_used timestamp,
  user_id bigint REFERENCES users,
  inserted_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  token bytea,
  context varchar(255) DEFAULT 'api',
  UNIQUE (token)
);

-- What refers to a table that is made later.
ALTER TABLE devices ADD FOREIGN KEY (deployment_id) REFERENCES deployments;
ALTER TABLE devices ADD FOREIGN KEY (latest_connection_id) REFERENCES latest_device_connections;
ALTER TABLE devices ADD FOREIGN KEY (current_device_firmware_id) REFERENCES device_firmwares;
ALTER TABLE deployments ADD FOREIGN KEY (current_deployment_release_id) REFERENCES deployment_releases;
ALTER TABLE firmwares ADD FOREIGN KEY (org_key_id) REFERENCES org_keys;

-- Bookkeeping of the libraries that it is made with.
CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp);
CREATE TABLE oban_jobs (id bigserial PRIMARY KEY, worker text NOT NULL, args jsonb NOT NULL);
CREATE TABLE oban_peers (name text PRIMARY KEY, node text NOT NULL);
