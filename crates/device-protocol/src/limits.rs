//! Limits of one device's connection, so that a slow, noisy, or hostile device costs only itself.

use std::time::Duration;

/// Messages that a device may send in a burst; each started 4 KiB count as one. `fwup` 1.x reports each
/// percent, and a runaway logger may send a thousand lines in a second.
pub const MESSAGE_BURST: u32 = 2_000;
/// Bytes of a message that count as one.
pub const MESSAGE_UNIT: usize = 4_096;
/// Messages a second that a device may send on average before its connection is closed.
pub const MESSAGES_A_SECOND: u32 = 50;
/// Maximum characters of a script's output; the rest is cut off.
pub const OUTPUT_CHARS: usize = 128 * 1024;
/// Minimum time between two writes of the last-seen time, plus up to 5 minutes of jitter.
pub const SEEN_EVERY: Duration = Duration::from_secs(15 * 60);
/// Terminal messages in a burst. Beyond it output is dropped, and viewers are told how much.
pub const OUTPUT_BURST: u32 = 2_000;
/// Terminal messages a second: a file of 10 MiB in chunks of 1 KiB takes some 5 seconds.
pub const OUTPUT_A_SECOND: u32 = 2_000;
/// Minimum time between two writes of an update's progress while its status stays the same.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(15);
/// Maximum characters of each firmware metadata value that a device reports; the rest is cut off.
pub const METADATA_CHARS: usize = 512;
/// Maximum bytes of an identity's details, as JSON.
pub const DETAILS_BYTES: usize = 4_096;
/// Period of the health reports that the server requests.
pub const HEALTH_EVERY: Duration = Duration::from_secs(3600);
/// Maximum network identities of one report.
pub const IDENTITIES: usize = 10;
/// Log lines that a device may send in a burst.
pub const LOG_BURST: u32 = 10;
/// Maximum characters of a log line, or of a value of its metadata; the rest is cut off.
pub const LOG_CHARS: usize = 4_096;
/// Log lines a second that a device may send on average.
pub const LOGS_A_SECOND: u32 = 5;
/// Maximum bytes of a health report; a larger one is not stored.
pub const REPORT_BYTES: usize = 64 * 1024;
/// Minimum time between two stored health reports, and between two stored positions.
pub const REPORT_PAUSE: Duration = Duration::from_secs(5);
