//! Every bound in one table, each with its reason. Nothing a peer can reach is unbounded.

pub use detools::MAX_IMAGE_BYTES as ESP_DELTA_BYTES;
pub use device_protocol::limits::*;
use std::num::NonZeroU32;
use std::time::Duration;

/// A TLS handshake must finish in this time; a real one over a slow cellular link takes two to four seconds.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// The HTTP head of an upgrade must arrive in this time.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// Bytes of an upgrade's HTTP head. `nerves_hub_link` sends about 700.
pub const HEAD_BYTES: usize = 8 * 1024;
/// Header fields of an upgrade's HTTP head.
pub const HEAD_FIELDS: usize = 64;
/// Connections that have not finished their upgrade. Each costs a file descriptor and about 2 KiB until its first byte.
pub const PENDING_CONNECTIONS: usize = 8_192;
/// TLS handshakes in progress; more wait in line, their ClientHello with the kernel. Each holds about 40 KiB and a
/// millisecond of CPU, so that all of them together take less than [`HANDSHAKE_PATIENCE`] of one core.
pub const HANDSHAKES: usize = 1_024;
/// How long a handshake and its request keep their place when others wait for one.
pub const HANDSHAKE_PATIENCE: Duration = Duration::from_millis(1_500);
/// Upgrades that ask the store at the same time; more wait in line for [`STORE_TIME`].
pub const DECISIONS: usize = 256;
/// A socket without any frame for this long is closed (docs/protocol/device.md, "Life of a connection").
pub const IDLE_TIME: Duration = Duration::from_secs(180);
/// One WebSocket message from a device. A join with a large key-value store is some 10 KiB; scripts may print more.
pub const MESSAGE_BYTES: usize = 256 * 1024;
/// Bytes of one frame to a device; longer messages are fragmented, since a client for small chips reads no longer ones
/// (docs/protocol/device.md, "Frames").
pub const FRAME_BYTES: usize = 65_535;
/// A frame that a device does not read is abandoned, and the socket with it, after this time.
pub const SEND_TIME: Duration = Duration::from_secs(30);
/// Commands waiting for one device's socket; more are dropped, and the reconcile tick repeats what matters.
pub const MAILBOX: usize = 4;
/// How long the store may take to answer while a device waits to be let in.
pub const STORE_TIME: Duration = Duration::from_secs(20);
/// Characters of a device identifier.
pub const IDENTIFIER_CHARS: usize = 255;
/// PBKDF2 rounds that a device may ask for in `x-nh-alg` (docs/protocol/device.md, "Shared secrets"): they cost CPU before any check.
pub const KDF_ROUNDS: std::ops::RangeInclusive<u32> = 1..=100_000;
/// Rounds of PBKDF2 above which a check is done on a thread that may wait; as many take about a third of a millisecond.
pub const KDF_ROUNDS_INLINE: u32 = 1_000;
/// Lines of the log about devices that are not let in, at once, and the time after which there may be one more.
pub const REFUSALS: NonZeroU32 = NonZeroU32::new(100).expect("above zero");
/// See [`REFUSALS`].
pub const REFUSAL_EVERY: Duration = Duration::from_millis(200);
/// Connections of a device that may take the place of an open one at once, and the time after which one more may, before people
/// are told that two devices have one identity. A lost line does it once in a while.
pub const CHASES: NonZeroU32 = NonZeroU32::new(5).expect("above zero");
/// See [`CHASES`].
pub const CHASE_EVERY: Duration = Duration::from_secs(60);
/// How often people are told of one device.
pub const CHASE_TOLD_EVERY: Duration = Duration::from_secs(3600);
/// How often people are told of the wrong clock of one device, or of a certificate that names it and is refused.
pub const CLOCK_TOLD_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Checks of one device key from one address that are in work at once.
pub const KEY_CHECKS: usize = 8;
/// Wrong signatures of one device key from one address at once, beyond which each takes [`KEY_FAILED_PAUSE`] of a turn.
pub const KEY_FAILURES: NonZeroU32 = NonZeroU32::new(20).expect("above zero");
/// How soon one more wrong signature is allowed without a pause.
pub const KEY_FAILURES_EVERY: Duration = Duration::from_secs(3);
/// How long a wrong signature beyond the rate holds its turn.
pub const KEY_FAILED_PAUSE: Duration = Duration::from_secs(1);
/// PBKDF2 output bytes that a device may ask for.
pub const KDF_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
/// Age at which a shared-secret signature expires.
pub const SIGNATURE_AGE: Duration = Duration::from_secs(90);
/// How far a device's clock may run ahead.
pub const SIGNATURE_AHEAD: Duration = Duration::from_secs(5);
/// Sockets closed in one batch when the server stops, and the pause between batches.
pub const DRAIN_BATCH: usize = 1_000;
/// The pause between two drain batches.
pub const DRAIN_PAUSE: Duration = Duration::from_secs(4);
/// All of the drain.
pub const DRAIN_TIME: Duration = Duration::from_secs(30);

/// Rows of one group commit. A statement costs about 30 µs, so a full batch holds the writer for some 50 ms.
pub const BATCH_ROWS: usize = 500;
/// Records that may wait for a group commit; senders wait beyond it (back-pressure).
pub const BATCH_QUEUE: usize = 4_096;

/// How long a socket waits until what its device said is stored; it is written afterwards all the same.
pub const NOTE_TIME: Duration = Duration::from_secs(5);
/// How long a batch is tried again while the database is away; a PostgreSQL that fails over needs some 30 s.
pub const BATCH_PATIENCE: Duration = Duration::from_secs(180);
/// The first pause between two such tries; it doubles up to sixteen times this.
pub const BATCH_RETRY: Duration = Duration::from_millis(125);

/// Open files that sockets of devices leave to people, downloads, the database and stored files; of a low limit a quarter.
pub const FILES_RESERVE: usize = 1_024;

/// How often a server looks whether it can do its work.
pub const HEALTH_LOOK_EVERY: Duration = Duration::from_secs(2);
/// A look at the database that takes longer counts as failed.
pub const HEALTH_LOOK_TIME: Duration = Duration::from_secs(5);
/// Free bytes below which uploads, deltas and device logs are refused, so that joins, claims and reports can go on:
/// at 1 KiB a report this is a quarter of a million of them.
pub const DISK_RESERVE: u64 = 256 << 20;

/// A token that a login made ends when it was not used for so long.
pub const LOGIN_IDLE: Duration = Duration::from_secs(90 * 86_400);
/// Logins of one person at once; the one that was used the longest ago makes room.
pub const LOGINS_A_PERSON: i64 = 100;
/// Characters of a new password.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 12..=1_024;
/// Bytes of a form that is looked at for the method that it names, before it is known who asks.
pub const OVERRIDE_BYTES: usize = 16 * 1024;
/// Logins of command lines that one address may begin at once, and the time after which it may begin one more. As many wait
/// for a browser, who has five minutes to confirm it.
pub const CLI_LOGINS: NonZeroU32 = NonZeroU32::new(30).expect("above zero");
/// See [`CLI_LOGINS`].
pub const CLI_LOGIN_EVERY: Duration = Duration::from_secs(5);
/// How often one address may ask at once whether such a login is done, and the time after which it may once more
/// (docs/protocol/rest.md, "Login through a browser"; NervesHub allows 30 a minute).
pub const POLLS: NonZeroU32 = NonZeroU32::new(30).expect("above zero");
/// See [`POLLS`].
pub const POLL_EVERY: Duration = Duration::from_secs(2);
/// Tests of webhooks that one person may send at once, and the time after which one more is allowed.
pub const WEBHOOK_TESTS: NonZeroU32 = NonZeroU32::new(10).expect("above zero");
/// See [`WEBHOOK_TESTS`].
pub const WEBHOOK_TEST_EVERY: Duration = Duration::from_secs(10);
/// Tokens whose use is remembered between two writes. A use beyond it is not noted; the token's next one is.
pub const TOKEN_USES: usize = 10_000;
/// How often it is written when tokens were last used.
pub const TOKEN_USES_EVERY: Duration = Duration::from_secs(2);

/// A person's statement is stopped after this time. The slowest list of 500,000 devices takes some 1.5 s.
pub const STATEMENT_TIME: Duration = Duration::from_secs(8);
/// Instructions of SQLite's virtual machine between two looks at the clock; about a tenth of a millisecond.
pub const STATEMENT_STEPS: i32 = 10_000;
/// Database connections that serve people. Devices and jobs have their own.
pub const PEOPLE_READERS: u32 = 6;
/// How long a person's request waits for one of these on PostgreSQL.
pub const PEOPLE_CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// SQLite connections that read for devices and jobs.
pub const DEVICE_READERS: u32 = 4;
/// PostgreSQL connections for devices and jobs.
pub const DEVICE_CONNECTIONS: u32 = 12;
/// How long devices and jobs wait for one of these.
pub const DEVICE_CONNECTION_WAIT: Duration = Duration::from_secs(10);
/// The rollback of a transaction in which nothing failed is one message; an engine that does not answer it in this time
/// loses the connection.
pub const ROLLBACK_TIME: Duration = Duration::from_secs(5);
/// Askers whose rate is remembered; one that has not asked for a while is forgotten before.
pub const ASKERS_REMEMBERED: usize = 50_000;

/// How often the database looks how much there is of what.
pub const OPTIMIZE_EVERY: Duration = Duration::from_secs(1_800);
/// How often new audit entries are sealed.
pub const SEAL_EVERY: Duration = Duration::from_secs(2);
/// Audit entries sealed in one transaction.
pub const SEAL_ROWS: i64 = 500;

/// An uploaded firmware file (docs/protocol/firmware.md, "Kinds of files").
pub const UPLOAD_BYTES: u64 = 200_000_000;
/// Uploads in progress on one node: each holds a staging file.
pub const UPLOADS: usize = 16;
/// Of them, those of one person: a quarter, so that nobody's slow line stops the others.
pub const UPLOADS_A_PERSON: usize = 4;
/// Bytes of an upload's form that are not the file: heads of parts, and parts that nobody asked for. The form's parser keeps some of
/// them in memory. A frame of the body that it has not looked at yet counts as well, which is at most 408 KiB.
pub const FORM_BYTES: usize = 1 << 20;
/// How long an upload waits for a place that its own person or the server may give free.
pub const UPLOAD_WAIT: Duration = Duration::from_secs(20);
/// Bytes a second that an upload must have brought on average once it has taken [`UPLOAD_STALL`]; the slowest real line is a
/// 2G modem with some 5 KiB/s.
pub const UPLOAD_RATE: u64 = 2 * 1024;
/// A body that is not a file must be there in this time.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// The body of a request that needs no token: an email, a password and a note.
pub const ANONYMOUS_BYTES: usize = 4 * 1024;
/// The body of a request that needs no token must be there in this time.
pub const ANONYMOUS_BODY_TIME: Duration = Duration::from_secs(10);
/// Requests of people in progress.
pub const REQUESTS: usize = 1_024;
/// Of them, those of one person.
pub const REQUESTS_A_PERSON: usize = 32;
/// Of them, reading ones that a person has in work; the others wait. At most a third of the database's connections for people,
/// and half of the cores: with more, the lists of one person keep all others waiting.
pub fn reads_a_person() -> usize {
    scans().min(2)
}
/// Lists of devices that no index serves, and that read a whole product, in work at once on the whole server. Each keeps a
/// core busy; half of the cores are for devices.
pub fn scans() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}
/// How long a person with too many requests in progress waits for the word that it was one too many.
pub const REFUSAL_PAUSE: Duration = Duration::from_millis(500);
/// Things of one asker that wait at once before there are pauses between them. A browser has six in flight.
pub const CROWD: usize = 8;
/// How long a reading request waits for its person's others.
pub const READ_WAIT: Duration = Duration::from_secs(30);
/// Passwords that are checked at the same time. Each check takes 19 MiB and some 50 ms of a core.
pub const PASSWORD_CHECKS: usize = 2;
/// Checks that wait for one of these; more are refused.
pub const PASSWORD_QUEUE: usize = 64;
/// Wrong passwords of one account, and of one address, before tries are spaced out.
pub const PASSWORD_TRIES: u32 = 10;
/// From then on one more try is allowed each time this has passed.
pub const PASSWORD_PAUSE: Duration = Duration::from_secs(15);
/// An upload that sends nothing for this long is given up.
pub const UPLOAD_STALL: Duration = Duration::from_secs(60);
/// Uploads in several requests that wait for more on one node: each holds a staging file and up to a MiB.
pub const UPLOAD_SESSIONS: usize = 32;
/// Of them, those of one person.
pub const UPLOAD_SESSIONS_A_PERSON: usize = 16;
/// Such an upload makes room for another one after this time without a request.
pub const UPLOAD_IDLE: Duration = Duration::from_secs(120);
/// Such an upload is given up after this time without a request.
pub const UPLOAD_LIFE: Duration = Duration::from_secs(6 * 3600);
/// Happenings that an event stream tells together.
pub const EVENT_BURST: usize = 500;
/// How long an event stream gathers what comes at once.
pub const EVENT_PAUSE: Duration = Duration::from_millis(100);

/// An attempt to tell a webhook ends after this time.
pub const WEBHOOK_TIME: Duration = Duration::from_secs(15);
/// Messages that are sent to webhooks at once.
pub const WEBHOOK_BATCH: i64 = 32;
/// Happenings that one mail tells of; more are left out, and the mail says so.
pub const MAIL_EVENTS: i64 = 200;
/// A mail waits so long for what else happens.
pub const MAIL_GATHER: Duration = Duration::from_secs(5);
/// The next mail of a rule comes no sooner.
pub const MAIL_PAUSE: Duration = Duration::from_secs(300);
/// An attempt to send a mail ends after this time.
pub const MAIL_TIME: Duration = Duration::from_secs(30);
/// Mails that are sent at once.
pub const MAIL_BATCH: i64 = 8;
/// How long it is kept that a mail was sent.
pub const MAIL_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// How long the log of a webhook is kept.
pub const WEBHOOK_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// Stored files that are read whole at the same time, to see whether they are sound.
pub const FILE_LOOKS: usize = 2;
/// Stored files of which it is remembered that they were sound when they were read.
pub const FILES_REMEMBERED: usize = 100_000;
/// Bytes a second that the walk through all stored files reads: half a terabyte a day.
pub const SCRUB_RATE: u64 = 6 << 20;
/// Pause of that walk after its last file.
pub const SCRUB_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// How often files that were found damaged are looked at again; they may have been put back.
pub const DAMAGED_LOOK_EVERY: Duration = Duration::from_secs(30);

/// Rows of one import.
pub const IMPORT_ROWS: usize = 500_000;
/// Devices that an import writes in one transaction: some 10 ms, after which whoever waits for the writer has a turn.
pub const IMPORT_SLICE: usize = 250;

/// Rows that an export reads at once.
pub const EXPORT_ROWS: i64 = 1_000;

/// Files that an import looks through.
pub const IMPORT_FILES: usize = 1_000_000;

/// A JSON body.
pub const JSON_BYTES: usize = 8_000_000;

/// Entries of one page of a list.
pub const PAGE_SIZE: u64 = 1_000;
/// How long a download link stays good: 24 h of retries and a slow start (docs/protocol/device.md, "Downloads").
pub const LINK_LIFE: Duration = Duration::from_secs(48 * 3600);
/// A delta in the making holds its devices back for at most this long (docs/protocol/rules.md, "Deltas").
pub const DELTA_WAIT: Duration = Duration::from_secs(600);
/// A delta job without an end is started anew after this long.
pub const DELTA_TIME: Duration = Duration::from_secs(960);
/// Tries of a delta job before the pair counts as failed.
pub const DELTA_TRIES: i64 = 3;
/// An in-flight update without any sign of life frees its slot after this long (docs/protocol/rules.md, "In-flight updates").
pub const INFLIGHT_SILENCE: Duration = Duration::from_secs(30 * 60);
/// A claim that a vanished device never answered frees its slot after this long.
pub const UNANSWERED: Duration = Duration::from_secs(120);
/// A scheduler lease that is not renewed for this long may be taken by another node.
pub const LEASE: Duration = Duration::from_secs(15);
/// The reconcile tick: everything a lost message could have left behind is repaired by it.
pub const TICK: Duration = Duration::from_secs(5);
/// Claims taken in one transaction; a group with more free slots takes several.
pub const CLAIMS_A_RUN: i64 = 200;
/// A node that has not said it lives for this long is taken for dead and its sockets for closed.
pub const NODE_SILENCE: Duration = Duration::from_secs(30);
/// KiB of log lines and health reports that a device may have stored at once. A device that logs a line of 200 bytes each
/// second sends 17 MiB a day.
pub const REPORT_KIB_BURST: NonZeroU32 = NonZeroU32::new(8 * 1024).expect("above zero");
/// From then on one more KiB each time this has passed: 32 MiB a day.
pub const REPORT_KIB_EVERY: Duration = Duration::from_millis(2_637);
/// KiB of log lines and health reports that all devices of a product may have stored at once: 4 GiB.
pub const PRODUCT_KIB_BURST: NonZeroU32 = NonZeroU32::new(4 * 1024 * 1024).expect("above zero");
/// From then on one more KiB each time this has passed: 64 GiB a day, the reports of 500,000 devices that say how they are
/// every quarter of an hour and log little.
pub const PRODUCT_KIB_EVERY: Duration = Duration::from_nanos(1_287_461);
/// Health reports are kept this long, a device's newest always (docs/protocol/rules.md, "History and retention").
pub const HEALTH_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Log lines are kept this long.
pub const LOG_LIFE: Duration = Duration::from_secs(3 * 24 * 3600);
/// Rows that one sweep of old reports and lines deletes before it lets others write.
pub const SWEEP_ROWS: i64 = 5_000;
/// Pause between sweeps.
pub const SWEEP_EVERY: Duration = Duration::from_secs(15 * 60);
/// Bytes of the code that a device runs when it connects.
pub const CODE_BYTES: usize = 16_384;
/// Bytes of a support script.
pub const SCRIPT_BYTES: usize = 65_536;
/// How long a script may take unless its caller says otherwise; a caller may ask for ten times as much.
pub const SCRIPT_TIME: Duration = Duration::from_secs(30);
/// Runs of scripts that people wait for at the same time.
pub const SCRIPT_RUNS: usize = 1_024;
/// Pause after each page of devices that are told of a product's switches: a fleet of 500,000 takes some 15 seconds.
pub const TELL_PAUSE: Duration = Duration::from_millis(20);
/// Devices that a group that was switched on is looked through at a time, and those that it takes in one transaction.
pub const TAKE_WALK: i64 = 5_000;
/// See [`TAKE_WALK`].
pub const TAKE_SLICE: usize = 50;
/// Terminals of devices that are open at the same time.
pub const TERMINALS: usize = 1_024;
/// Messages for a device's terminal that wait; who types more waits too.
pub const TERMINAL_INBOX: usize = 64;
/// Messages for one viewer that wait, shared with all others before the terminal: two seconds of [`OUTPUT_A_SECOND`]. What
/// is beyond it is left out, and the viewer is told how much.
pub const TERMINAL_QUEUE: usize = 2 * OUTPUT_A_SECOND as usize;
/// How long a device may take to say that its terminal is there (docs/protocol/device.md, "Remote console").
pub const TERMINAL_OPEN_TIME: Duration = Duration::from_millis(500);
/// Lines of a terminal that a new viewer gets (docs/protocol/rules.md, "Terminals").
pub const SCROLLBACK_LINES: usize = 1_024;
/// Bytes of them.
pub const SCROLLBACK_BYTES: usize = 256 * 1024;
/// A file that passes through a terminal (docs/protocol/device.md, "Remote console").
pub const TRANSFER_BYTES: usize = 10 * 1024 * 1024 - 1;
/// A chunk of it; both sides send 1 KiB.
pub const CHUNK_BYTES: usize = 8 * 1024;
/// Files under way in one terminal and direction.
pub const TRANSFERS: usize = 16;
/// Connections that ended are kept this long.
pub const CONNECTION_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Connections that ended, and firmwares that it ran, that are kept of one device; the newest of them.
pub const HISTORY_A_DEVICE: i64 = 1_000;
/// One connection in so many, on average, is the occasion to delete what is beyond [`HISTORY_A_DEVICE`].
pub const TRIM_ONE_IN: u64 = 64;
/// Firmwares that a device ran, and updates that succeeded, are kept this long; a device's newest firmware always.
pub const UPDATE_LIFE: Duration = Duration::from_secs(2 * 365 * 24 * 3600);
/// Notifications are kept this long after their last occurrence.
pub const NOTIFICATION_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
/// A polling device should come back after this long, give or take a third.
pub const POLL_PAUSE: Duration = Duration::from_secs(600);
/// A polling device whose group has no free slot, or whose delta is in the making, should come back after this long.
pub const POLL_SOON: Duration = Duration::from_secs(90);
/// Sockets of people on one node.
pub const VIEWERS: usize = 1_024;
/// Of them, those of one person.
pub const VIEWERS_A_PERSON: usize = 64;
/// Topics on one of them.
pub const VIEWER_TOPICS: usize = 16;
/// A message of a person's socket.
pub const VIEWER_MESSAGE_BYTES: usize = 64 * 1024;
/// A person's socket without any frame for this long is closed; clients send a heartbeat each 30 s.
pub const VIEWER_IDLE: Duration = Duration::from_secs(90);
/// Looks whether somebody may still do something that lasts come no closer together, however many rights are taken away.
pub const STANDING_PAUSE: Duration = Duration::from_secs(1);
/// When a right is taken away, one of those who hold something open looks each so often: a thousand within five seconds.
pub const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How often it is looked at whether a person may still use an open socket.
pub const VIEWER_LOOK: Duration = Duration::from_secs(10);
