//! Every limit of the server in one table, each with its reason. Nothing that a peer can reach is unbounded.

pub use detools::MAX_IMAGE_BYTES as ESP_DELTA_BYTES;
pub use device_protocol::limits::*;
use std::num::NonZeroU32;
use std::time::Duration;

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

/// Rows of one group commit. A record costs some 50 µs, so a full batch holds the writer for some 25 ms.
pub const BATCH_ROWS: usize = 500;
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
/// Length of a new password in characters.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 12..=1_024;
/// Maximum bytes of a form that is parsed for its method override before the request is authenticated.
pub const OVERRIDE_BYTES: usize = 16 * 1024;
/// Command-line logins that one address may begin at once, and the time after which one more is allowed. This
/// also bounds how many of an address are pending, because a login expires after five minutes.
pub const CLI_LOGINS: NonZeroU32 = NonZeroU32::new(30).expect("above zero");
/// See [`CLI_LOGINS`].
pub const CLI_LOGIN_EVERY: Duration = Duration::from_secs(5);
/// How often one address may poll command-line logins at once, and the time after which one more poll is
/// allowed (docs/protocol/rest.md, "Login through a browser"; NervesHub allows 30 a minute).
pub const POLLS: NonZeroU32 = NonZeroU32::new(30).expect("above zero");
/// See [`POLLS`].
pub const POLL_EVERY: Duration = Duration::from_secs(2);
/// Webhook test deliveries that one person may send at once, and the time after which one more is allowed.
pub const WEBHOOK_TESTS: NonZeroU32 = NonZeroU32::new(10).expect("above zero");
/// See [`WEBHOOK_TESTS`].
pub const WEBHOOK_TEST_EVERY: Duration = Duration::from_secs(10);
/// Maximum tokens whose last use is remembered between two writes. Beyond it a use is not recorded; the token's
/// next one is.
pub const TOKEN_USES: usize = 10_000;
/// How often the last uses of tokens are written.
pub const TOKEN_USES_EVERY: Duration = Duration::from_secs(2);

/// Time limit of a database statement for a person. The slowest list of 500,000 devices takes some 1.5 s.
pub const STATEMENT_TIME: Duration = Duration::from_secs(8);
/// Instructions of SQLite's virtual machine between two checks of the time limit: about a tenth of a
/// millisecond.
pub const STATEMENT_STEPS: i32 = 10_000;
/// Database connections that serve people. Devices and jobs have their own.
pub const PEOPLE_READERS: u32 = 6;
/// How long a person's request waits for one of these connections on PostgreSQL.
pub const PEOPLE_CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// SQLite read connections for devices and jobs.
pub const DEVICE_READERS: u32 = 4;
/// PostgreSQL connections for devices and jobs.
pub const DEVICE_CONNECTIONS: u32 = 12;
/// How long devices and jobs wait for one of these connections.
pub const DEVICE_CONNECTION_WAIT: Duration = Duration::from_secs(10);
/// Time limit of a rollback. The rollback of a transaction without a failure is a single message; a database
/// that does not answer it in this time loses the connection.
pub const ROLLBACK_TIME: Duration = Duration::from_secs(5);
/// Maximum callers whose rate is remembered. Those that have been idle for a while are forgotten before.
pub const ASKERS_REMEMBERED: usize = 50_000;

/// How often the query planner's statistics are refreshed.
pub const OPTIMIZE_EVERY: Duration = Duration::from_secs(1_800);
/// How often new audit entries are sealed.
pub const SEAL_EVERY: Duration = Duration::from_secs(2);
/// Audit entries that are sealed in one transaction.
pub const SEAL_ROWS: i64 = 500;

/// Maximum bytes of an uploaded firmware file (docs/protocol/firmware.md, "Kinds of files").
pub const UPLOAD_BYTES: u64 = 200_000_000;
/// Maximum uploads in progress on one node. Each holds a staging file.
pub const UPLOADS: usize = 16;
/// Maximum uploads in progress of one person: a quarter, so that one slow line does not stop the others.
pub const UPLOADS_A_PERSON: usize = 4;
/// Maximum bytes of an upload's form that are not the file: heads of parts, and parts that were not expected.
/// The form's parser keeps some of them in memory. A frame of the body that is not parsed yet counts as well,
/// which is at most 408 KiB.
pub const FORM_BYTES: usize = 1 << 20;
/// How long an upload waits for a free slot.
pub const UPLOAD_WAIT: Duration = Duration::from_secs(20);
/// Minimum average bytes a second of an upload after [`UPLOAD_STALL`]. The slowest real line is a 2G modem with
/// some 5 KiB/s.
pub const UPLOAD_RATE: u64 = 2 * 1024;
/// Time in which a body that is not a file must arrive.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// Maximum bytes of the body of a request that needs no token: an email, a password, and a note.
pub const ANONYMOUS_BYTES: usize = 4 * 1024;
/// Time in which the body of a request that needs no token must arrive.
pub const ANONYMOUS_BODY_TIME: Duration = Duration::from_secs(10);
/// Maximum requests of people in progress.
pub const REQUESTS: usize = 1_024;
/// Maximum requests in progress of one person.
pub const REQUESTS_A_PERSON: usize = 32;
/// Maximum read requests of one person that are worked on at once; the others wait. At most a third of the
/// database connections for people and half of the cores: with more, the lists of one person would keep all
/// others waiting.
pub fn reads_a_person() -> usize {
    scans().min(2)
}
/// Maximum device lists at once, on the whole server, that no index serves and that read a whole product. Each
/// keeps a core busy; half of the cores are for devices.
pub fn scans() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}
/// How long a person with too many requests in progress waits for the refusal of one more.
pub const REFUSAL_PAUSE: Duration = Duration::from_millis(500);
/// Waiting operations of one caller from which on there are pauses between them. A browser has six in flight.
pub const CROWD: usize = 8;
/// How long a read request waits for the person's other ones.
pub const READ_WAIT: Duration = Duration::from_secs(30);
/// Maximum password checks at once. Each takes 19 MiB and some 50 ms of a core.
pub const PASSWORD_CHECKS: usize = 2;
/// Maximum password checks that wait. Further ones are refused.
pub const PASSWORD_QUEUE: usize = 64;
/// Wrong passwords of one account, and of one address, before attempts are slowed down.
pub const PASSWORD_TRIES: u32 = 10;
/// Time after which one more attempt is allowed from then on.
pub const PASSWORD_PAUSE: Duration = Duration::from_secs(15);
/// An upload that sends nothing for this long is aborted.
pub const UPLOAD_STALL: Duration = Duration::from_secs(60);
/// Maximum resumable uploads on one node that are incomplete. Each holds a staging file and up to a MiB.
pub const UPLOAD_SESSIONS: usize = 32;
/// Maximum resumable uploads of one person.
pub const UPLOAD_SESSIONS_A_PERSON: usize = 16;
/// A resumable upload makes room for another one after this time without a request.
pub const UPLOAD_IDLE: Duration = Duration::from_secs(120);
/// A resumable upload is deleted after this time without a request.
pub const UPLOAD_LIFE: Duration = Duration::from_secs(6 * 3600);
/// Maximum events in one message of an event stream.
pub const EVENT_BURST: usize = 500;
/// How long an event stream collects events into one message.
pub const EVENT_PAUSE: Duration = Duration::from_millis(100);

/// Time limit of an attempt to deliver to a webhook.
pub const WEBHOOK_TIME: Duration = Duration::from_secs(15);
/// Webhook deliveries that are sent at once.
pub const WEBHOOK_BATCH: i64 = 32;
/// Maximum events in one mail. Further ones are left out, and the mail says so.
pub const MAIL_EVENTS: i64 = 200;
/// How long a mail waits for further events.
pub const MAIL_GATHER: Duration = Duration::from_secs(5);
/// Minimum time between two mails of a rule.
pub const MAIL_PAUSE: Duration = Duration::from_secs(300);
/// Time limit of an attempt to send a mail.
pub const MAIL_TIME: Duration = Duration::from_secs(30);
/// Mails that are sent at once.
pub const MAIL_BATCH: i64 = 8;
/// How long the record of a sent mail is kept.
pub const MAIL_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// How long deliveries of webhooks are kept.
pub const WEBHOOK_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// Stored files that are read completely at the same time to check them.
pub const FILE_LOOKS: usize = 2;
/// Files that are given to the file store at the same time: each has a part of 5 MiB in memory.
pub const FILE_PUTS: usize = 4;
/// How often the file store is looked through for files that no row names.
pub const LEFTOVERS_EVERY: Duration = Duration::from_secs(6 * 3600);
/// The age from which such a file is removed. One that is being stored has no row yet, for seconds; and who restored a
/// database that is older than the files has a day to notice.
pub const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 3600);
/// Maximum stored files that are remembered as checked.
pub const FILES_REMEMBERED: usize = 100_000;
/// Bytes a second that the scrub job reads: half a terabyte a day.
pub const SCRUB_RATE: u64 = 6 << 20;
/// Pause of the scrub job after the last file.
pub const SCRUB_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// How often damaged files are checked again, because they may have been repaired.
pub const DAMAGED_LOOK_EVERY: Duration = Duration::from_secs(30);

/// Maximum rows of one import.
pub const IMPORT_ROWS: usize = 500_000;
/// Devices that an import writes in one transaction: some 10 ms, after which other writers get their turn.
pub const IMPORT_SLICE: usize = 250;

/// Rows that an export reads at once.
pub const EXPORT_ROWS: i64 = 1_000;

/// Maximum files that an import looks through.
pub const IMPORT_FILES: usize = 1_000_000;

/// Maximum bytes of a JSON body.
pub const JSON_BYTES: usize = 8_000_000;

/// Maximum entries of one page of a list.
pub const PAGE_SIZE: u64 = 1_000;
/// How long a download link is valid: 24 h of retries and a slow start (docs/protocol/device.md, "Downloads").
pub const LINK_LIFE: Duration = Duration::from_secs(48 * 3600);
/// A delta in progress delays its devices for at most this long (docs/protocol/rules.md, "Deltas").
pub const DELTA_WAIT: Duration = Duration::from_secs(600);
/// A delta job without a result is started again after this long.
pub const DELTA_TIME: Duration = Duration::from_secs(960);
/// Tries of a delta job without a result before the pair counts as failed.
pub const DELTA_TRIES: i64 = 3;
/// An in-flight update without a sign of life frees its slot after this long (docs/protocol/rules.md,
/// "In-flight updates").
pub const INFLIGHT_SILENCE: Duration = Duration::from_secs(30 * 60);
/// A claim that was never answered by a device that is now offline frees its slot after this long.
pub const UNANSWERED: Duration = Duration::from_secs(120);
/// A scheduler lease that was not renewed for this long may be taken by another node.
pub const LEASE: Duration = Duration::from_secs(15);
/// Period of the reconcile tick, which repairs everything that a lost message could have left behind.
pub const TICK: Duration = Duration::from_secs(5);
/// Maximum claims in one transaction. A group with more free slots takes several.
pub const CLAIMS_A_RUN: i64 = 200;
/// A node without a heartbeat for this long counts as dead, and its connections as closed.
pub const NODE_SILENCE: Duration = Duration::from_secs(30);
/// KiB of log lines and health reports that a device may store at once. A device that logs a line of 200 bytes
/// each second sends 17 MiB a day.
pub const REPORT_KIB_BURST: NonZeroU32 = NonZeroU32::new(8 * 1024).expect("above zero");
/// Time after which a device may store one more KiB: 32 MiB a day.
pub const REPORT_KIB_EVERY: Duration = Duration::from_millis(2_637);
/// KiB of log lines and health reports that all devices of a product may store at once: 4 GiB.
pub const PRODUCT_KIB_BURST: NonZeroU32 = NonZeroU32::new(4 * 1024 * 1024).expect("above zero");
/// Time after which a product may store one more KiB: 64 GiB a day, the reports of 500,000 devices that report
/// their health every quarter of an hour and log little.
pub const PRODUCT_KIB_EVERY: Duration = Duration::from_nanos(1_287_461);
/// How long health reports are kept. A device's newest one is always kept (docs/protocol/rules.md, "History and
/// retention").
pub const HEALTH_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long log lines are kept.
pub const LOG_LIFE: Duration = Duration::from_secs(3 * 24 * 3600);
/// Rows that one sweep of old reports and log lines deletes before other writers get their turn.
pub const SWEEP_ROWS: i64 = 5_000;
/// Pause between sweeps.
pub const SWEEP_EVERY: Duration = Duration::from_secs(15 * 60);
/// Maximum bytes of the code that a device runs when it connects.
pub const CODE_BYTES: usize = 16_384;
/// Maximum bytes of a support script.
pub const SCRIPT_BYTES: usize = 65_536;
/// Default time limit of a script. A caller may request ten times as much.
pub const SCRIPT_TIME: Duration = Duration::from_secs(30);
/// Maximum script runs that requests wait for at the same time.
pub const SCRIPT_RUNS: usize = 1_024;
/// Pause after each page of devices that are signalled about a change. A fleet of 500,000 takes some 15
/// seconds.
pub const TELL_PAUSE: Duration = Duration::from_millis(20);
/// Devices that are examined at a time, and those that are assigned in one transaction, when a deployment group
/// is switched on.
pub const TAKE_WALK: i64 = 5_000;
/// See [`TAKE_WALK`].
pub const TAKE_SLICE: usize = 50;
/// Maximum open terminals.
pub const TERMINALS: usize = 1_024;
/// Maximum messages that wait for a device's terminal. Beyond it further input waits.
pub const TERMINAL_INBOX: usize = 64;
/// Maximum messages that wait for one viewer, shared with all other viewers of the terminal: two seconds of
/// [`OUTPUT_A_SECOND`]. Further ones are dropped, and the viewer is told how much.
pub const TERMINAL_QUEUE: usize = 2 * OUTPUT_A_SECOND as usize;
/// How long a device may take to report that its terminal is open (docs/protocol/device.md, "Remote console").
pub const TERMINAL_OPEN_TIME: Duration = Duration::from_millis(500);
/// Lines of earlier output that a new viewer gets (docs/protocol/rules.md, "Terminals").
pub const SCROLLBACK_LINES: usize = 1_024;
/// Maximum bytes of that output.
pub const SCROLLBACK_BYTES: usize = 256 * 1024;
/// Maximum bytes of a file that passes through a terminal (docs/protocol/device.md, "Remote console").
pub const TRANSFER_BYTES: usize = 10 * 1024 * 1024 - 1;
/// Maximum bytes of a chunk of such a file. Both sides send 1 KiB.
pub const CHUNK_BYTES: usize = 8 * 1024;
/// Maximum file transfers of one terminal in one direction.
pub const TRANSFERS: usize = 16;
/// How long past connections are kept.
pub const CONNECTION_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Maximum past connections, and maximum past firmwares, that are kept of one device; the newest ones stay.
pub const HISTORY_A_DEVICE: i64 = 1_000;
/// On average one connection in this many deletes what is beyond [`HISTORY_A_DEVICE`].
pub const TRIM_ONE_IN: u64 = 64;
/// How long past firmwares of devices and successful updates are kept. A device's newest firmware is always
/// kept.
pub const UPDATE_LIFE: Duration = Duration::from_secs(2 * 365 * 24 * 3600);
/// How long notifications are kept after their last occurrence.
pub const NOTIFICATION_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
/// Pause after which a polling device should ask again, give or take a third.
pub const POLL_PAUSE: Duration = Duration::from_secs(600);
/// Pause for a polling device whose group has no free slot, or whose delta is being made.
pub const POLL_SOON: Duration = Duration::from_secs(90);
/// Maximum WebSocket connections of people on one node.
pub const VIEWERS: usize = 1_024;
/// Maximum WebSocket connections of one person.
pub const VIEWERS_A_PERSON: usize = 64;
/// Maximum topics on one such connection.
pub const VIEWER_TOPICS: usize = 16;
/// Maximum bytes of a message on such a connection.
pub const VIEWER_MESSAGE_BYTES: usize = 64 * 1024;
/// A person's connection without any frame for this long is closed. Clients send a heartbeat every 30 s.
pub const VIEWER_IDLE: Duration = Duration::from_secs(90);
/// Minimum time between two access checks of a long-lived operation, however many rights are revoked.
pub const STANDING_PAUSE: Duration = Duration::from_secs(1);
/// Spacing of the access checks that a revocation causes: those of a thousand open operations are spread over
/// five seconds.
pub const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How often the access of an open connection is checked without a revocation.
pub const VIEWER_LOOK: Duration = Duration::from_secs(10);
