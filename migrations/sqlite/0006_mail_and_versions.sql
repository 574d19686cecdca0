-- Members who are told by mail of what happens in a product; several happenings become one mail.
CREATE TABLE mail_rules (
  id INTEGER PRIMARY KEY,
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
  id INTEGER PRIMARY KEY,
  rule_id BIGINT NOT NULL REFERENCES mail_rules (id) ON DELETE CASCADE,
  event TEXT NOT NULL,
  data TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX mail_events_rule ON mail_events (rule_id, id);

-- Mails on their way, and sent; the text is sealed, since it may hold the link of an invitation.
CREATE TABLE mails (
  id INTEGER PRIMARY KEY,
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

-- Devices that run a version, by identifier: its parts are looked for among these.
CREATE INDEX devices_version ON devices (product_id, fw_version, identifier, deleted_at);
