//! Limits of people, their requests, files and mail.

use super::*;

/// How often one address may poll command-line logins at once, and the time after which one more poll is
/// allowed (docs/protocol/rest.md, "Login through a browser"; NervesHub allows 30 a minute).
pub const POLLS: NonZeroU32 = NonZeroU32::new(30).expect("above zero");
/// See [`POLLS`].
pub const POLL_EVERY: Duration = Duration::from_secs(2);
/// Webhook test deliveries that one person may send at once, and the time after which one more is allowed.
pub const WEBHOOK_TESTS: NonZeroU32 = NonZeroU32::new(10).expect("above zero");
/// See [`WEBHOOK_TESTS`].
pub const WEBHOOK_TEST_EVERY: Duration = Duration::from_secs(10);
/// Maximum saved views of a person in a product.
pub const VIEWS_A_PERSON: i64 = 200;
/// Maximum bytes of what a saved view is narrowed to.
pub const VIEW_BYTES: usize = 4_096;
/// Maximum devices that a person has pinned.
pub const PINS_A_PERSON: i64 = 200;
/// Lines of a log that are read at once, and that a search looks at.
pub const LOG_PAGE: i64 = 1_000;
/// See [`LOG_PAGE`].
pub const LOG_SCAN: usize = 50_000;
/// Points of a chart of metrics.
pub const METRIC_POINTS: std::ops::RangeInclusive<i64> = 2..=2_000;
/// Points of a chart when the request does not say how many.
pub const METRIC_POINTS_UNTOLD: i64 = 300;
/// What a chart goes back to when the request does not say since when.
pub const CHART_UNTOLD: Duration = Duration::from_secs(24 * 3600);
/// Metrics of a chart.
pub const METRIC_KEYS: usize = 64;
/// Health reports that are read at once for a chart.
pub const METRIC_REPORTS: i64 = 1_000;
/// Places of a map: more do not fit beside each other on a screen.
pub const MAP_CELLS: i64 = 2_000;
/// How finely a map puts devices together; the finest cells are some 20 metres wide.
pub const MAP_ZOOM: std::ops::RangeInclusive<i64> = 0..=16;
/// Products that a search over everything looks into, bytes of its text, and hits of each kind.
pub const FINDER_PRODUCTS: usize = 20;
/// See [`FINDER_PRODUCTS`].
pub const FINDER_BYTES: usize = 255;
/// See [`FINDER_PRODUCTS`].
pub const FINDER_HITS: usize = 50;
/// Devices that one stream of events may name.
pub const EVENT_STREAM_DEVICES: usize = 200;
/// How long a product's summary is kept before it is counted anew.
pub const SUMMARY_KEPT: Duration = Duration::from_secs(5);
/// How many times as long as it took to count it a summary is kept at least.
pub const SUMMARY_SHARE: u32 = 10;
/// How often a stream of events looks whether there is a newer one.
pub const SUMMARY_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Versions and rollouts in a summary.
pub const SUMMARY_VERSIONS: usize = 10;
/// See [`SUMMARY_VERSIONS`].
pub const SUMMARY_ROLLOUTS: usize = 50;
/// Products in one answer of the summary of an organization: each may have to be counted.
pub const ORG_SUMMARY_PRODUCTS: u64 = 50;
/// Deployment groups of a product that a list without pages shows.
pub const GROUPS_LISTED: i64 = 10_000;
/// Values of a column that are counted for a list of devices.
pub const FACET_VALUES: i64 = 50;
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
/// PostgreSQL ends a transaction that waits for its server for this long.
pub const TRANSACTION_IDLE: Duration = Duration::from_secs(30);
/// Database connections that serve people. Devices and jobs have their own.
pub const PEOPLE_READERS: u32 = 6;
/// How long a person's request waits for one of these connections on PostgreSQL.
pub const PEOPLE_CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// SQLite read connections for devices and jobs.
pub const DEVICE_READERS: u32 = 4;
/// PostgreSQL connections for devices and jobs.
pub const DEVICE_CONNECTIONS: u32 = 12;
/// The same of a node that serves devices only. There may be many such nodes, and what devices say is written by few statements for
/// many devices, so that more connections only wait for each other in PostgreSQL.
pub const DEVICE_NODE_CONNECTIONS: u32 = 4;
/// The most that can be set.
pub const DATABASE_CONNECTIONS: u32 = 100;
/// How long a PostgreSQL connection may have lain idle and be used without being tested first.
pub const CONNECTION_TRUSTED: Duration = Duration::from_secs(1);
/// How long devices and jobs wait for one of these connections.
pub const DEVICE_CONNECTION_WAIT: Duration = Duration::from_secs(10);
/// Time limit of a rollback. The rollback of a transaction without a failure is a single message; a database
/// that does not answer it in this time loses the connection.
pub const ROLLBACK_TIME: Duration = Duration::from_secs(5);
/// Maximum callers whose rate is remembered. Those that have been idle for a while are forgotten before.
pub const ASKERS_REMEMBERED: usize = 50_000;

/// How often SQLite's statistics for the query planner are refreshed.
pub const OPTIMIZE_EVERY: Duration = Duration::from_secs(1_800);
/// How often it is looked whether a table of PostgreSQL has doubled, so that its statistics are refreshed.
pub const TABLES_LOOKED_EVERY: Duration = Duration::from_secs(5);
/// Changed rows from which on a table's size matters to the planner.
pub const ANALYZE_ROWS: u32 = 500;
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
/// Maximum resumable uploads that are incomplete, on all nodes together. Each holds up to the bytes of a file in the file store.
pub const UPLOAD_SESSIONS: usize = 32;
/// Maximum resumable uploads of one person.
pub const UPLOAD_SESSIONS_A_PERSON: usize = 16;
/// A resumable upload makes room for another one after this time without a request.
pub const UPLOAD_IDLE: Duration = Duration::from_secs(120);
/// A resumable upload is deleted after this time without a request.
pub const UPLOAD_LIFE: Duration = Duration::from_secs(6 * 3600);
/// What came of a resumable upload is stored at the latest after this time, also on a slow line: a server that dies loses no more. It
/// is below [`UPLOAD_IDLE`], since an upload counts as idle from its last part on.
pub const UPLOAD_PART_TIME: Duration = Duration::from_secs(60);
/// Maximum parts of a resumable upload. The slowest line that is waited for brings 1,700 of them.
pub const UPLOAD_PARTS: i64 = 4_096;
/// How often a request that writes to a resumable upload looks whether a newer one has come.
pub const UPLOAD_LOOK: Duration = Duration::from_millis(500);
/// How long a newer request waits for an older one to store what came, before it takes that one for dead.
pub const UPLOAD_HANDOVER: Duration = Duration::from_secs(10);
/// Pause between two looks whether the older request is done.
pub const UPLOAD_HANDOVER_LOOK: Duration = Duration::from_millis(25);
/// How long it may take to make a firmware or an archive of a resumable upload, before that request is taken for dead. A file that a
/// slow bucket takes back at its least rate needs some minutes.
pub const UPLOAD_FINISH: Duration = Duration::from_secs(600);
/// How long a request may go on to write to a resumable upload when the server stops. What came is stored then, before the server
/// gives its requests up after [`HTTP_STOP_TIME`].
pub const UPLOAD_STOP_TIME: Duration = Duration::from_secs(5);
/// Chunks of a resumable upload that wait to be written to the disk. Each is what one read of a socket brings, at most 408 KiB.
pub const UPLOAD_CHUNKS: usize = 2;
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

/// Maximum deployment groups in a page of their list that says how far each release is.
pub const PROGRESS_PAGE: u64 = 100;

/// Stored files that are read completely at the same time to check them.
pub const FILE_LOOKS: usize = 2;
/// How often a file that is offered is looked at: a release is offered to thousands of devices at once.
pub const FILE_LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a bucket may take to accept a connection.
pub const BUCKET_CONNECT: Duration = Duration::from_secs(5);
/// How long a bucket may be silent in the middle of a file that is read from it.
pub const BUCKET_SILENCE: Duration = Duration::from_secs(30);
/// How long a bucket may take to answer, its repeated requests included; a part of 5 MiB is on its way within it.
pub const BUCKET_ANSWER: Duration = Duration::from_secs(90);
/// How often a request to a bucket is repeated that failed in a way that passes.
pub const BUCKET_RETRIES: usize = 5;
/// After this time no request to a bucket is repeated: a person waits for the answer.
pub const BUCKET_RETRY_TIME: Duration = Duration::from_secs(20);
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
/// Connections at once on one listener.
pub const HTTP_CONNECTIONS: usize = 4_096;
/// A request's head must be there in this time; idle keep-alive connections end with it.
pub const HTTP_HEAD_TIME: Duration = Duration::from_secs(30);
/// What goes on when the server stops may take this long.
pub const HTTP_STOP_TIME: Duration = Duration::from_secs(10);
/// A peer that takes nothing of its answer for this long is cut, or it would hold its place for ever; a device's
/// downloader gives up a silent connection after 60 s itself, and resumes.
pub const DOWNLOAD_STALL: Duration = Duration::from_secs(90);
/// A connection has this long to show how fast it is before it may have to give way.
pub const SLOW_PEER_PATIENCE: Duration = Duration::from_secs(10);
/// A connection without a token has this long to be done before it may have to give way.
pub const STRANGER_PATIENCE: Duration = Duration::from_secs(2);
/// So many of them give way at once, since whoever fills all places also takes those that become free.
pub const STRANGERS_AT_ONCE: usize = 256;
/// While all places are taken, somebody gives way each time this has passed.
pub const GIVE_WAY_EVERY: Duration = Duration::from_millis(50);
/// A comment this often keeps proxies from closing a quiet stream.
pub const STREAM_COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Bytes of a piece of a download: the most that one call sends.
pub const DOWNLOAD_PIECE_BYTES: usize = 1024 * 1024;
/// The most that one download holds when `sendfile` is not to be had, and how far apart its pieces are looked for in the page cache.
pub const DOWNLOAD_HELD_BYTES: usize = 256 * 1024;
/// Bytes that are read at a time where the content itself is not wanted, or the socket takes little of it.
pub const DOWNLOAD_STEP_BYTES: usize = 16 * 1024;
/// Number of callers above which idle ones are forgotten.
pub const IDLE_ASKERS: usize = 1_024;
/// Number of crowds (see [`CROWD`]) above which the pauses do not grow any more.
pub const CROWD_PAUSES: usize = 8;
/// Maximum number of problems that are listed.
pub const CHAIN_PROBLEMS: usize = 20;
/// Different values that are looked at; where there are more of them, the devices are looked at instead.
pub const SEARCH_VALUES: i64 = 5_000;
/// Values that match which are looked for.
pub const SEARCH_VALUES_FOUND: usize = 200;
/// Devices that an index is asked for; where more match, reading them in the order of the page is faster.
pub const SEARCH_NAMES_FOUND: i64 = 5_000;
/// From so many matches on, the newest connections are walked in their order instead of sorting all matches.
pub const LIST_WALK: i64 = 5_000;
/// Rows of one statement: 3,000 values, far below what either engine binds.
pub const BULK_ROWS: usize = 1_000;
/// Maximum number of rules of a product.
pub const MAIL_RULES: usize = 50;
/// Maximum length of a subject in characters.
pub const MAIL_SUBJECT_CHARS: usize = 120;
/// Maximum number of webhooks of a product.
pub const WEBHOOKS: usize = 20;
/// How long a command-line login waits for its confirmation.
pub const CLI_LOGIN_LIFE: Duration = Duration::from_secs(5 * 60);
/// Maximum number of pending logins. It is bounded because anybody can begin one without an account.
pub const CLI_LOGINS_PENDING: i64 = 10_000;
/// How long an invitation can be accepted.
pub const INVITE_LIFE: Duration = Duration::from_secs(48 * 3600);
/// Maximum number of tokens of one person.
pub const TOKENS_A_PERSON: usize = 200;
/// The longest lifetime that can be requested, in days.
pub const TOKEN_DAYS: i64 = 3_650;
/// Maximum length of a query in bytes.
pub const QUERY_BYTES: usize = 4_096;
/// Maximum nesting of parentheses and `not`s.
pub const QUERY_DEPTH: usize = 32;
/// Maximum number of comparisons: each is evaluated for each device.
pub const QUERY_COMPARISONS: usize = 64;
/// Maximum length of the details, encoded, in bytes.
pub const IROH_DETAILS_BYTES: usize = 4_096;
/// Maximum number of lines that are reported; the rest is only counted.
pub const CSV_LINES: usize = 100;
/// Steps of a workflow.
pub const WORKFLOW_STEPS: std::ops::RangeInclusive<usize> = 1..=50;
/// Characters of the reason that a person gives for what they do to a rollout.
pub const REASON_CHARS: usize = 500;
/// How long a sign-in at an OpenID Connect provider may take, from the button to the callback.
pub const OIDC_LIFE: Duration = Duration::from_secs(600);
/// Time limit of a question to a provider.
pub const OIDC_TIME: Duration = Duration::from_secs(10);
/// Time limit of a connection to a provider.
pub const OIDC_CONNECT_TIME: Duration = Duration::from_secs(5);
/// Maximum bytes of an answer of a provider. Documents and key sets have some 10 KiB.
pub const OIDC_ANSWER_BYTES: usize = 256 * 1024;
/// Maximum sign-ins that wait for an answer of one provider.
pub const OIDC_CALLS: usize = 16;
/// How long the documents and keys of a provider are kept.
pub const OIDC_KEPT: Duration = Duration::from_secs(3_600);
/// Maximum keys of a provider.
pub const OIDC_KEYS: usize = 64;
/// Minimum time between two questions for the documents of a provider that failed, or for keys that it did not have.
pub const OIDC_PAUSE: Duration = Duration::from_secs(10);
/// How far the clocks of a provider and this server may differ.
pub const OIDC_LEEWAY: Duration = Duration::from_secs(60);
/// Maximum bytes of a subject (Core 1.0, section 2).
pub const OIDC_SUBJECT_BYTES: usize = 255;
/// Maximum bytes of a code.
pub const OIDC_CODE_BYTES: usize = 4_096;
/// Maximum bytes of the path that a sign-in leads to; it is kept in a cookie, of which browsers take 4 KiB.
pub const OIDC_NEXT_BYTES: usize = 1_024;
/// How often one address may begin or end a sign-in at a provider at once, and the time after which once more is allowed. An office
/// has one address for all of its people, each of whom does both.
pub const OIDC_SIGN_INS: NonZeroU32 = NonZeroU32::new(120).expect("above zero");
/// See [`OIDC_SIGN_INS`].
pub const OIDC_SIGN_IN_EVERY: Duration = Duration::from_secs(1);
/// Maximum sign-in providers that a person links.
pub const IDENTITIES_A_PERSON: i64 = 20;
/// A person without a password proves that an open browser is theirs by having logged in with it within this time.
pub const FRESH_LOGIN: Duration = Duration::from_secs(600);
