//! Limits of the server's own work.

use super::*;

/// Maximum rows of one import.
pub const IMPORT_ROWS: usize = 500_000;
/// Columns of a CSV file that nobody knows and that the answer of its import names.
pub const IGNORED_COLUMNS: usize = 20;
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
/// Period of the reconcile tick, which repairs everything that a lost message could have left behind.
pub const TICK: Duration = Duration::from_secs(5);
/// Maximum claims in one transaction. A group with more free slots takes several.
pub const CLAIMS_A_RUN: i64 = 500;
/// Devices of a queue that one run looks at beyond its free slots, to find those that the release is for.
pub const QUEUE_LOOKAHEAD: i64 = 500;
/// Devices of a release in trouble from which on they are compared with the others of the group.
pub const COMPARED_FAILURES: i64 = 3;
/// A release stops when what became of its devices is less likely than this to be chance.
pub const COMPARED_RISK: f64 = 0.001;
/// How often the devices of a release are compared with the others while it updates devices.
pub const COMPARED_EVERY: Duration = Duration::from_secs(60);
/// How long after an attempt has begun its release counts as updating devices.
pub const COMPARED_FOR: Duration = Duration::from_secs(3_600);
/// Devices that failed with a delta from which on it may be withdrawn.
pub const DELTA_FAILURES: i64 = 3;
/// A delta is withdrawn when at least one in so many devices that tried it failed.
pub const DELTA_FAILURE_SHARE: i64 = 5;
/// While the bucket does not answer, one device in so long is told of its update, to find out whether it does.
pub const BUCKET_REST: Duration = Duration::from_secs(5);
/// How often it is looked whether the share of a step that waits for devices is nobody. That reads the whole group.
pub const SHARE_LOOKED_EVERY: Duration = Duration::from_secs(60);
/// Held devices that one run puts back into the queue before it claims.
pub const HELD_RELEASED: i64 = 5_000;
/// A server without a heartbeat for this long counts as dead, and its connections as closed.
pub const NODE_SILENCE: Duration = Duration::from_secs(30);
/// How often a node among others says that it is alive, and looks whether they are.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// How often in a row another node must be seen without a new sign of life before it counts as dead: some 12 seconds. Looks
/// are counted, and no clocks compared, so that nodes whose clocks differ do not take each other for dead, nor do all of
/// them after the database was away.
pub const HEARTBEATS_MISSED: u32 = 6;
/// A heartbeat that takes longer has failed.
pub const HEARTBEAT_TIME: Duration = Duration::from_secs(5);
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
/// Default time limit of a script.
pub const SCRIPT_TIME: Duration = Duration::from_secs(30);
/// Longest time limit of a script that a caller may request.
pub const SCRIPT_TIME_MOST: Duration = Duration::from_secs(300);
/// Maximum script runs that requests and jobs wait for at the same time.
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
/// Maximum messages that wait for another node whose people look at a terminal. One that falls further behind is told all anew.
pub const RELAY_QUEUE: usize = TERMINAL_QUEUE;
/// Maximum terminals and script runs that wait to be asked of other nodes.
pub const REMOTE_REQUESTS: usize = 4_096;
/// Maximum conversations with other nodes.
pub const CONVERSATIONS: usize = 4_096;
/// Bytes of one part of a conversation. As a text within a text it may become twice as long, and must fit into [`NOTIFY_BYTES`].
pub const PART_BYTES: usize = 3_800;
/// Parts of a conversation that may be under way without an answer.
pub const PARTS_UNDER_WAY: usize = 64;
/// Parts that may wait at one end of a conversation; with more than that it waits with what it says next.
pub const PARTS_WAITING: usize = 256;
/// How long a part may remain without an answer before it is sent again.
pub const PART_AGAIN: Duration = Duration::from_millis(500);
/// How often the ends of a conversation say that they are there.
pub const CONVERSATION_BEAT: Duration = Duration::from_secs(3);
/// A conversation whose other end was silent for this long has ended.
pub const CONVERSATION_SILENCE: Duration = Duration::from_secs(12);
/// A conversation that was begun longer ago is not begun once more by a message that comes late, or is sent again by a stranger. The clocks
/// of nodes may differ by less.
pub const OPENING_LIFE: Duration = Duration::from_secs(120);
/// How long it is known that a conversation is over: longer than [`OPENING_LIFE`] on two clocks.
pub const OVER_KEPT: Duration = Duration::from_secs(300);
/// Conversations that are known to be over.
pub const OVERS: usize = 65_536;
/// How long the last parts of a conversation may take to arrive.
pub const CONVERSATION_END: Duration = Duration::from_secs(5);
/// How often it is looked where the device of an open terminal is connected.
pub const TERMINAL_LOOK: Duration = Duration::from_secs(2);
/// How often a node says that people watch its events.
pub const WATCHING_EVERY: Duration = Duration::from_secs(5);
/// How long it counts as watching after it said so.
pub const WATCHING_FOR: Duration = Duration::from_secs(15);
/// Events that go to another node together, and those that wait to. Further ones are lost.
pub const EVENTS_TOGETHER: usize = 64;
/// See [`EVENTS_TOGETHER`].
pub const EVENTS_WAITING: usize = 8_192;
/// Maximum messages that wait for one viewer, shared with all other viewers of the terminal: two seconds of
/// [`OUTPUT_A_SECOND`]. Further ones are dropped, and the viewer is told how much.
pub const TERMINAL_QUEUE: usize = 2 * OUTPUT_A_SECOND as usize;
/// How long a device may take to report that its terminal is open (docs/protocol/device.md, "Remote console").
pub const TERMINAL_OPEN_TIME: Duration = Duration::from_millis(500);
/// The same when another node may hold the device: a read of the database and a conversation come first.
pub const REMOTE_TERMINAL_OPEN_TIME: Duration = Duration::from_secs(3);
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
/// How often the devices of all products are counted for charts.
pub const SERIES_EVERY: Duration = Duration::from_secs(60);
/// How many times as long as it took to count them it is waited at least, so that a large fleet is not counted all the time.
pub const SERIES_SHARE: u32 = 50;
/// How long counts are kept by the minute.
pub const SERIES_MINUTES: Duration = Duration::from_secs(2 * 24 * 3600);
/// How long they are kept by the hour.
pub const SERIES_HOURS: Duration = Duration::from_secs(400 * 24 * 3600);
/// How far back a server that starts counts the attempts that ended while none counted.
pub const SERIES_CATCH_UP: Duration = Duration::from_secs(2 * 3600);
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
/// Hints in flight before the slowest reader loses some.
pub const BUS_MESSAGES: usize = 16_384;
/// The most bytes of a text between nodes by PostgreSQL, which takes payloads of less than 8,000 (its manual, "NOTIFY").
pub const NOTIFY_BYTES: usize = 7_999;
/// The most bytes of a text between nodes by NATS. A server takes 1 MiB unless it is told otherwise; smaller ones keep others from
/// waiting long.
pub const NATS_BYTES: usize = 64 * 1024;
/// Messages that wait for the way to other nodes. Further ones are lost.
pub const BUS_QUEUE: usize = 16_384;
/// Messages that go to other nodes together.
pub const BUS_BATCH: usize = 1_024;
/// Pause before the bus is tried again when it did not answer.
pub const BUS_RETRY_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two tries to reach a NATS server.
pub const BUS_AWAY: Duration = Duration::from_secs(4);
/// How long the bus may take to accept a message.
pub const BUS_SEND_TIME: Duration = Duration::from_secs(5);
/// How often a node says something to itself over the database, to hear whether the bus brings it.
pub const BUS_PING: Duration = Duration::from_secs(5);
/// A listener that has heard nothing for this long hears nothing any more.
pub const BUS_SILENCE: Duration = Duration::from_secs(15);
/// How long the bus waits for one of its database connections.
pub const BUS_CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// Bytes that are given to the file store at a time; S3 takes no part below 5 MiB but the last.
pub const BLOB_PART_BYTES: usize = 5 << 20;
/// Maximum number of distinct running firmwares that one run considers.
pub const DELTA_SOURCES: usize = 64;
/// Maximum number of rows that one step repairs.
pub const REPAIR_ROWS: i64 = 500;
/// Hints within this time share one run.
pub const SIGNALS_FOLDED: Duration = Duration::from_millis(10);
/// The same while runs take long.
pub const SIGNALS_FOLDED_MOST: Duration = Duration::from_millis(250);
/// Consecutive runs of one group before the other groups get their turn.
pub const GROUP_RUNS: usize = 8;
/// Pause before what a device could not take is tried again, and how often.
pub const TERMINAL_RETRY_PAUSE: Duration = Duration::from_millis(20);
/// How often it is tried again before the device counts as too slow.
pub const TERMINAL_RETRIES: u32 = 500;
/// Rows that are folded in one transaction.
pub const FOLD_ROWS: i64 = 1_000;
/// Maximum number of rows that are reported one by one.
pub const IMPORT_LINES: usize = 1_000;
/// Events in flight before the slowest watcher misses some.
pub const DEVICE_EVENTS: usize = 4_096;
/// Maximum number of characters of a script's output that the audit log keeps.
pub const SCRIPT_OUTPUT_CHARS: usize = 16_384;

/// Bytes of an address that a person sets.
pub const URL_BYTES: usize = 2_000;
/// Limits of metrics that a deployment group may have.
pub const HEALTH_LIMITS: usize = 16;
/// Devices to which one request pushes a firmware.
pub const PUSHES: usize = 1_000;
/// Those of them that are done in one transaction.
pub const PUSHES_AT_ONCE: usize = 100;
/// Devices that a forecast, and a list of strays, reads at once.
pub const SUMMARY_PAGE: i64 = 5_000;
/// Devices that a forecast names of those with something in common.
pub const FORECAST_SAMPLE: usize = 5;
/// Strays that are listed of each kind, and devices that are adopted or expelled at once.
pub const STRAYS: usize = 1_000;

/// Updates in flight, and deltas, that one answer about a group has at most.
pub const OVERVIEW_ROWS: i64 = 1_000;
/// Kinds of failures that one answer has at most.
pub const FAILURE_GROUPS: i64 = 50;
/// The longest span of time that one answer about failures is of.
pub const TROUBLE_SPAN: Duration = Duration::from_secs(92 * 24 * 3600);
/// The span that it is of unless told.
pub const TROUBLE_UNTOLD: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many hours are looked back for devices that lose their connections, and how many connections must have ended, unless told.
pub const FLAPPING_HOURS: u64 = 24;
/// See [`FLAPPING_HOURS`].
pub const FLAPPING_LEAST: i64 = 5;
/// Devices that lose their connections often that one answer has at most.
pub const FLAPPING_DEVICES: i64 = 100;
/// Devices that are named of each kind of failure.
pub const FAILURE_SAMPLE: i64 = 5;
