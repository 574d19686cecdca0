//! Limits of devices and of what they say.

use super::*;

/// Time for a TLS handshake. A real one over a slow cellular link takes two to four seconds.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Time in which the HTTP head of an upgrade must arrive.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// Maximum bytes of an upgrade's HTTP head. `nerves_hub_link` sends about 700.
pub const HEAD_BYTES: usize = 8 * 1024;
/// Maximum header fields of an upgrade's HTTP head.
pub const HEAD_FIELDS: usize = 64;
/// Maximum connections that have not finished their upgrade. Each costs a file descriptor, and about 2 KiB
/// until its first byte.
pub const PENDING_CONNECTIONS: usize = 8_192;
/// Maximum TLS handshakes in progress. Further ones wait in line, with their ClientHello in the kernel. Each
/// holds about 40 KiB and takes a millisecond of CPU, so that all of them together take less than
/// [`HANDSHAKE_PATIENCE`] of one core.
pub const HANDSHAKES: usize = 1_024;
/// How long a handshake and its request keep their place while others wait for one.
pub const HANDSHAKE_PATIENCE: Duration = Duration::from_millis(1_500);
/// Maximum bytes of a message of the TLS handshake that is not complete, which may come in several records: as in rustls itself.
pub const HANDSHAKE_MESSAGE_BYTES: usize = 0xffff;
/// Bytes of frames that are read at a time, and kept for it between them: hardly any frame is longer.
pub const FRAME_READ_BYTES: usize = 256;
/// Maximum upgrades that query the database at the same time. Further ones wait in line for [`STORE_TIME`].
pub const DECISIONS: usize = 256;
/// A connection without any frame for this long is closed (docs/protocol/device.md, "Life of a connection").
pub const IDLE_TIME: Duration = Duration::from_secs(180);
/// Maximum bytes of a WebSocket message from a device. A join with a large key-value store takes some 10 KiB;
/// scripts may print more.
pub const MESSAGE_BYTES: usize = 256 * 1024;
/// Maximum bytes of a frame to a device. Longer messages are fragmented, because a client for small chips reads
/// no longer frames (docs/protocol/device.md, "Frames").
pub const FRAME_BYTES: usize = 65_535;
/// Time in which a device must read a frame. After it the connection is closed.
pub const SEND_TIME: Duration = Duration::from_secs(30);
/// Maximum commands that wait for one device's connection. Further ones are dropped, and the reconcile tick
/// repeats those that matter.
pub const MAILBOX: usize = 4;
/// How long the database may take to answer while a device waits to be accepted.
pub const STORE_TIME: Duration = Duration::from_secs(20);
/// Maximum characters of a device identifier.
pub const IDENTIFIER_CHARS: usize = 255;
/// PBKDF2 rounds that a device may request in `x-nh-alg` (docs/protocol/device.md, "Shared secrets"). They are
/// limited because they cost CPU before the device is authenticated.
pub const KDF_ROUNDS: std::ops::RangeInclusive<u32> = 1..=100_000;
/// PBKDF2 rounds above which a check runs on a blocking thread. This many take about a third of a millisecond.
pub const KDF_ROUNDS_INLINE: u32 = 1_000;
/// Log lines about refused devices at once, and the time after which one more is allowed.
pub const REFUSALS: NonZeroU32 = NonZeroU32::new(100).expect("above zero");
/// See [`REFUSALS`].
pub const REFUSAL_EVERY: Duration = Duration::from_millis(200);
/// Connections of a device that may replace an open one at once, and the time after which one more may, before
/// people are notified that two devices share an identity. A lost line causes this once in a while.
pub const CHASES: NonZeroU32 = NonZeroU32::new(5).expect("above zero");
/// See [`CHASES`].
pub const CHASE_EVERY: Duration = Duration::from_secs(60);
/// How often people are notified about one device.
pub const CHASE_TOLD_EVERY: Duration = Duration::from_secs(3600);
/// How often people are notified about the wrong clock of one device, or about a refused certificate that names
/// it.
pub const CLOCK_TOLD_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Checks of one device key from one address that may wait while wrong signatures hold its turns. Each of them holds one of the
/// [`DECISIONS`].
pub const ATTEMPTS_WAITING: usize = 32;
/// Maximum checks of one device key from one address at once.
pub const KEY_CHECKS: usize = 8;
/// Wrong signatures of one device key from one address at once. Beyond them each holds its turn for
/// [`KEY_FAILED_PAUSE`].
pub const KEY_FAILURES: NonZeroU32 = NonZeroU32::new(20).expect("above zero");
/// Time after which one more wrong signature is allowed without a pause.
pub const KEY_FAILURES_EVERY: Duration = Duration::from_secs(3);
/// How long a wrong signature above the rate holds its turn.
pub const KEY_FAILED_PAUSE: Duration = Duration::from_secs(1);
/// PBKDF2 output bytes that a device may request.
pub const KDF_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
/// Derived keys that are kept: one for each product and each second in which its devices sign.
pub const DERIVED_KEYS: usize = 64;
/// Age at which a shared-secret signature expires.
pub const SIGNATURE_AGE: Duration = Duration::from_secs(90);
/// How far a device's clock may run ahead.
pub const SIGNATURE_AHEAD: Duration = Duration::from_secs(5);
/// Connections that are closed in one batch when the server stops.
pub const DRAIN_BATCH: usize = 1_000;
/// Pause between two batches.
pub const DRAIN_PAUSE: Duration = Duration::from_secs(4);
/// Time for closing all connections.
pub const DRAIN_TIME: Duration = Duration::from_secs(30);

/// While somebody waits for the database for so long, devices that come are refused before TLS, and come back when their own back-off
/// is over. Clients give up a join after some ten seconds, of which the way to it and back takes a part.
pub const ADMISSION_WAIT: Duration = Duration::from_secs(4);

/// Rows of one group commit. A record costs some 50 µs, so a full batch holds the writer for some 25 ms.
pub const BATCH_ROWS: usize = 500;
/// Records from which on a batch is followed by a pause of [`BATCH_GATHER`].
pub const BATCH_BUSY: usize = 4;
/// How long a busy writer gathers records before it writes again. A transaction costs as much as some ten records.
pub const BATCH_GATHER: Duration = Duration::from_millis(4);
/// Maximum records that wait for a group commit. Beyond it senders wait (back-pressure).
pub const BATCH_QUEUE: usize = 4_096;

/// How long a connection waits until a report of its device is stored. The report is written afterwards all the
/// same.
pub const NOTE_TIME: Duration = Duration::from_secs(5);
/// How long a batch is retried while the database is away. A PostgreSQL failover takes some 30 s.
pub const BATCH_PATIENCE: Duration = Duration::from_secs(180);
/// The first pause between two retries. It doubles up to sixteen times this.
pub const BATCH_RETRY: Duration = Duration::from_millis(125);

/// Open files that device connections leave to people, downloads, the database, and stored files. Under a low
/// limit it is a quarter of all.
pub const FILES_RESERVE: usize = 1_024;

/// How often the server checks its own health.
pub const HEALTH_LOOK_EVERY: Duration = Duration::from_secs(2);
/// A health check of the database that takes longer counts as failed.
pub const HEALTH_LOOK_TIME: Duration = Duration::from_secs(5);
/// Free bytes below which uploads, deltas, and device logs are refused, so that joins, claims, and reports can
/// go on: at 1 KiB a report this is a quarter of a million of them.
pub const DISK_RESERVE: u64 = 256 << 20;

/// A login token expires when it was not used for this long.
pub const LOGIN_IDLE: Duration = Duration::from_secs(90 * 86_400);
/// Maximum login tokens of one person. The least recently used one is deleted for a new one.
pub const LOGINS_A_PERSON: i64 = 100;
/// The session of a browser that is not remembered ends when it was not used for this long.
pub const SESSION_IDLE: Duration = Duration::from_secs(12 * 3_600);
/// A remembered session ends so long after its login.
pub const SESSION_REMEMBERED: Duration = Duration::from_secs(60 * 86_400);
/// Maximum sessions of one person. The least recently used one is deleted for a new one.
pub const SESSIONS_A_PERSON: i64 = 100;
/// Kept characters of what a browser calls itself.
pub const SESSION_AGENT_CHARS: usize = 255;
/// Maximum organizations of one person that makes another one.
pub const ORGS_A_PERSON: usize = 200;
/// Maximum bytes of what a person's console remembers, as JSON.
pub const PREFERENCES_BYTES: usize = 16_384;
/// Maximum bytes of an email address.
pub const EMAIL_BYTES: usize = 255;
/// Length of a person's name in characters.
pub const PERSON_NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=100;
/// Recovery codes of a second factor.
pub const RECOVERY_CODES: usize = 10;
/// Maximum passkeys of one person.
pub const PASSKEYS_A_PERSON: usize = 20;
/// Length of what a person calls a passkey in characters.
pub const PASSKEY_NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=100;
/// How long a person has to unlock a passkey: what WebAuthn recommends, since some have to fetch it first.
pub const PASSKEY_TIME: Duration = Duration::from_secs(300);
/// Logins with a passkey that one address may begin or finish at once, and the time after which one more step is allowed.
pub const PASSKEY_STEPS: NonZeroU32 = NonZeroU32::new(60).expect("above zero");
/// See [`PASSKEY_STEPS`].
pub const PASSKEY_STEP_EVERY: Duration = Duration::from_secs(2);
/// How long the second step of a login may take after the first.
pub const SECOND_STEP_TIME: Duration = Duration::from_secs(300);
/// After ten wrong codes of a second factor one more is allowed each five minutes: with three codes of a million good at a time, that
/// is one hit in three years for whoever knows the password.
pub const CODE_PAUSE: Duration = Duration::from_secs(300);
/// People whose codes are checked at once.
pub const CODE_TURNS: usize = 64;
/// Links for new passwords that are being made at once.
pub const RESETS_AT_ONCE: usize = 64;
/// How long a mailed link for a new password is good.
pub const RESET_LIFE: Duration = Duration::from_secs(86_400);
/// Links for new passwords that one address may ask for at once, and the time after which one more is allowed.
pub const RESETS: NonZeroU32 = NonZeroU32::new(20).expect("above zero");
/// See [`RESETS`].
pub const RESET_EVERY: Duration = Duration::from_secs(30);
/// Links for a new password that one person is mailed at once, and the time after which one more is.
pub const RESET_MAILS: NonZeroU32 = NonZeroU32::new(3).expect("above zero");
/// See [`RESET_MAILS`].
pub const RESET_MAIL_EVERY: Duration = Duration::from_secs(1_200);
/// How long a mailed link for a new account or a new address is good.
pub const CONFIRM_LIFE: Duration = Duration::from_secs(86_400);
/// How long the link to the old address is good that takes a change of the address back.
pub const TAKE_BACK_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// Registrations that one address of the network may ask for at once, and the time after which one more is allowed.
pub const REGISTRATIONS: NonZeroU32 = NonZeroU32::new(10).expect("above zero");
/// See [`REGISTRATIONS`].
pub const REGISTRATION_EVERY: Duration = Duration::from_secs(60);
/// Mails that somebody who has not shown that a mailbox is theirs can have sent to it at once, and the time after which one more is.
pub const UNPROVEN_MAILS: NonZeroU32 = NonZeroU32::new(3).expect("above zero");
/// See [`UNPROVEN_MAILS`].
pub const UNPROVEN_MAIL_EVERY: Duration = Duration::from_secs(1_200);
/// The same for all mailboxes together, so that this server cannot be used to mail to strangers.
pub const ALL_UNPROVEN_MAILS: NonZeroU32 = NonZeroU32::new(200).expect("above zero");
/// See [`ALL_UNPROVEN_MAILS`].
pub const ALL_UNPROVEN_MAIL_EVERY: Duration = Duration::from_secs(10);
/// Length of a new password in characters.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 12..=1_024;
/// Maximum bytes of a form that is parsed for its method override before the request is authenticated.
pub const OVERRIDE_BYTES: usize = 16 * 1024;
/// Command-line logins that one address may begin at once, and the time after which one more is allowed. This
/// also bounds how many of an address are pending, because a login expires after five minutes.
pub const CLI_LOGINS: NonZeroU32 = NonZeroU32::new(30).expect("above zero");
/// See [`CLI_LOGINS`].
pub const CLI_LOGIN_EVERY: Duration = Duration::from_secs(5);
/// Certificates that one connection may bring.
pub const CHAIN_CERTIFICATES: usize = 8;
/// The pause between two shards whose sockets are closed.
pub const DRAIN_SHARD_PAUSE: Duration = Duration::from_millis(50);
/// How long a row is taken for what the database says. A file that is deleted goes from the disk with its row, so that this
/// is not a time for which it can still be had.
pub const KNOWN_FILE_LIFE: Duration = Duration::from_secs(1);
/// Rows that are remembered; with more, all are forgotten, which costs a query each.
pub const KNOWN_FILES: usize = 1_000;
/// Life of the self-made CA: longer than the devices that trust it.
pub const CA_DAYS: i64 = 365 * 30;
/// Life of a server certificate.
pub const SERVER_CERTIFICATE_DAYS: i64 = 90;
/// It is renewed when less than this is left.
pub const RENEW_DAYS: i64 = 30;
/// How long a close may take.
pub const CLOSE_TIME: Duration = Duration::from_secs(5);
/// Size in bytes of the parts that have checksums of their own (docs/protocol/device.md, "Messages to the
/// device").
pub const CHECKSUM_PART_BYTES: usize = 1 << 20;
/// Devices that an action on many may name, and devices that it may leave out.
pub const BULK_IDENTIFIERS: usize = 5_000;
/// Kinds of devices, by what decides about them, that the preview of an action tells apart.
pub const BULK_CLASSES: i64 = 20_000;
/// Identifiers in such a preview.
pub const BULK_SAMPLE: i64 = 10;
/// How long the confirmation of such a preview can be used.
pub const BULK_CONFIRM_LIFE: Duration = Duration::from_secs(600);
/// Jobs of a product that run at once.
pub const JOBS_AT_ONCE: i64 = 4;
/// Finished jobs of a product that are kept, each with up to all devices of the product.
pub const JOBS_KEPT: i64 = 50;
/// How long a finished job is kept.
pub const JOB_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// How long after its end a job can be undone.
pub const JOB_UNDO_LIFE: Duration = Duration::from_secs(600);
/// How often jobs are looked for.
pub const JOB_EVERY: Duration = Duration::from_millis(500);
/// Jobs of which a batch is done in turn.
pub const JOBS_IN_TURN: i64 = 100;
/// Devices that are changed in one transaction where a few statements do it for all. It takes some 20 ms of SQLite's only writer.
pub const JOB_BATCH: i64 = 500;
/// Devices that are changed in one transaction one by one.
pub const JOB_BATCH_SINGLE: i64 = 50;
/// Pause between two batches, in which devices and people write.
pub const JOB_PAUSE: Duration = Duration::from_millis(20);
/// Pause between two batches of commands: so many devices connect again at once as a server takes in a second.
pub const JOB_COMMAND_PAUSE: Duration = Duration::from_millis(500);
/// Devices that run the script of one job at a time.
pub const JOB_SCRIPT_RUNS: usize = 64;
/// More runs of one job than are ever open: those that it waits for, and those that were filed by a commit in doubt.
pub const JOB_OPEN_RUNS: i64 = 128;
/// Devices that run the scripts of all jobs at a time: half of [`super::SCRIPT_RUNS`], so that people find a place.
pub const JOB_SCRIPT_PLACES: usize = 512;
/// Maximum of these places that one organization takes: a script that no device answers holds its places for minutes.
pub const JOB_SCRIPT_PLACES_AN_ORG: usize = 128;
/// How long the answers of a job's script are collected before they are written and the next devices are told.
pub const JOB_SCRIPT_PAUSE: Duration = Duration::from_millis(250);
/// How often a job that waits for answers looks whether it was cancelled, or who started it may not go on.
pub const JOB_SCRIPT_LOOK: Duration = Duration::from_secs(2);
/// Bytes that are kept of what a job's script prints on a device.
pub const JOB_OUTPUT_BYTES: usize = 16 * 1024;
/// Bytes of output that a job keeps in all: 67 bytes of each of 500,000 devices.
pub const JOB_OUTPUTS_BYTES: usize = 32 * 1024 * 1024;
/// Devices in a batch of a job's results as CSV, each with up to [`JOB_OUTPUT_BYTES`].
pub const JOB_RESULT_ROWS: i64 = 200;
/// Maximum results of a job in one page of its list, each with its output.
pub const JOB_RESULT_PAGE: u64 = 200;
/// Batches in a row that may fail before a job does.
pub const JOB_TRIES: i64 = 5;
/// Reasons that are told of a job, or of the preview of one.
pub const JOB_REASONS: usize = 20;
