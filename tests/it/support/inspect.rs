//! Readings of the database past the server, each for what nobody can ask the server for; `readings` has the others. Each is the
//! text of a query for `Server::count`, `until` or `column`.

// How far an update is. People are told of each step as an event when it happens, and cannot ask afterwards.
pub const OFFERED: &str = "SELECT COUNT(*) FROM inflight WHERE sent_at IS NOT NULL";
pub const OFFERED_ONLY: &str =
    "SELECT COUNT(*) FROM inflight WHERE sent_at IS NOT NULL AND status = 'requested'";
pub const RECEIVED: &str = "SELECT COUNT(*) FROM inflight WHERE status = 'received'";
pub const DOWNLOADING: &str = "SELECT COUNT(*) FROM inflight WHERE status = 'downloading'";
pub const INSTALLING: &str = "SELECT COUNT(*) FROM inflight WHERE status = 'updating'";
pub const INSTALLED: &str = "SELECT COUNT(*) FROM inflight WHERE status = 'completed'";
pub const ATTEMPTED: &str = "SELECT COUNT(*) FROM inflight WHERE attempted";
pub const BY_DELTA: &str = "SELECT COUNT(*) FROM inflight WHERE delta_id IS NOT NULL";
pub const IN_FULL: &str = "SELECT COUNT(*) FROM inflight WHERE delta_id IS NULL";
pub const STAGE: &str = "SELECT status || ' ' || COALESCE(progress, -1) FROM inflight";
pub const CLAIMS: &str = "SELECT COUNT(*) FROM inflight";

// Attempts that count against the device's next ones: the server's own memory, which people see as the penalty box only.
pub const ATTEMPTS: &str = "SELECT COUNT(*) FROM update_attempts";
pub const OPEN_ATTEMPTS: &str = "SELECT COUNT(*) FROM update_attempts WHERE NOT cleared";

// Work on deltas. Nobody can ask for it: a delta is used when it is there.
pub const DELTAS_WAITING: &str = "SELECT COUNT(*) FROM deltas WHERE status = 'processing'";
pub const DELTAS_MADE: &str = "SELECT COUNT(*) FROM deltas WHERE status = 'completed'";
pub const DELTAS_WITH_A_FILE: &str =
    "SELECT COUNT(*) FROM deltas WHERE status = 'completed' AND size > 0";
pub const DELTA_TRIES: &str = "SELECT COALESCE(SUM(tries), 0) FROM deltas";
pub const DELTAS_PUT_OFF: &str =
    "SELECT COUNT(*) FROM deltas WHERE status = 'processing' AND tries = 0 AND reason IS NOT NULL";
pub const DELTA_WAIT: &str = "SELECT taken_at - updated_at FROM deltas";

// Devices that the database believes to be there after the server has stopped, so that nobody can be asked.
pub const ONLINE: &str = "SELECT COUNT(*) FROM devices WHERE online";

// Servers that use the database, by their own word.
pub const NODES: &str = "SELECT COUNT(*) FROM nodes";
pub const NODE_NUMBERS: &str = "SELECT id FROM nodes";

// What an import of devices has still to do, which ends with the request that began it.
pub const TO_IMPORT: &str = "SELECT COUNT(*) FROM import_devices";

// Mail that waits or was sent. A mail server has it then; people have no list of it.
pub const MAILS_OF_RULES_SENT: &str =
    "SELECT COUNT(*) FROM mails WHERE status = 'sent' AND rule_id IS NOT NULL";
pub const MAILS_SENT_AND_KEPT: &str =
    "SELECT COUNT(*) FROM mails WHERE LENGTH(body) > 0 AND status = 'sent'";
pub const MAILS_FAILED: &str = "SELECT COUNT(*) FROM mails WHERE status = 'failed'";
pub const MAIL_EVENTS: &str = "SELECT COUNT(*) FROM mail_events";

// How secrets are kept: nothing shows them again, which is the point.
pub const SEALED_SECRETS: &str = "SELECT secret FROM webhooks";
pub const TOKEN_HASH_LENGTH: &str = "SELECT length(hash) FROM tokens";

// Numbers of rows, which no answer has.
pub const LAST_DEVICE: &str = "SELECT MAX(id) FROM devices";
pub const LAST_USER: &str = "SELECT MAX(id) FROM users";

// Files that a check found damaged: people get a notification, and the mark is the server's.
pub const DAMAGED: &str = "SELECT COUNT(*) FROM firmwares WHERE damaged_at IS NOT NULL";

// What is stored of uploads that can go on, and whether a request writes to one: people are told of bytes.
pub const UPLOAD_PARTS: &str = "SELECT COUNT(*) FROM upload_parts";
pub const UPLOADS_HELD: &str = "SELECT COUNT(*) FROM uploads WHERE holder IS NOT NULL";
