//! Bounds of one device's connection, so that a slow, noisy or hostile device costs only itself.

use std::time::Duration;

/// Messages a device may send in a burst, each 4 KiB begun counting as one; `fwup` 1.x reports each percent, and a logger
/// that runs wild may send a thousand lines in a second.
pub const MESSAGE_BURST: u32 = 2_000;
/// Bytes of a message that count as one.
pub const MESSAGE_UNIT: usize = 4_096;
/// Messages a device may send each second, on average, before its socket is closed.
pub const MESSAGES_A_SECOND: u32 = 50;
/// Characters of a script's output; the rest is cut off.
pub const OUTPUT_CHARS: usize = 128 * 1024;
/// Last-seen is stored at most this often, plus up to 5 minutes of jitter.
pub const SEEN_EVERY: Duration = Duration::from_secs(15 * 60);
/// Messages of a device's terminal in a burst; of what is beyond it people are told how much was left out.
pub const OUTPUT_BURST: u32 = 2_000;
/// Messages a second of a device's terminal: a file of 10 MiB in chunks of 1 KiB takes some 5 seconds.
pub const OUTPUT_A_SECOND: u32 = 2_000;
/// Progress of an update is stored at most this often while its status stays the same.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(15);
/// Characters of each firmware metadata value that a device reports; the rest is cut.
pub const METADATA_CHARS: usize = 512;
/// Bytes of an identity's details, as JSON.
pub const DETAILS_BYTES: usize = 4_096;
/// Pause between the health reports that the server asks for.
pub const HEALTH_EVERY: Duration = Duration::from_secs(3600);
/// Network identities of one report.
pub const IDENTITIES: usize = 10;
/// Log lines that a device may send at once.
pub const LOG_BURST: u32 = 10;
/// Characters of a log line, or of a value of its metadata; the rest is cut off.
pub const LOG_CHARS: usize = 4_096;
/// Log lines a second that a device may send.
pub const LOGS_A_SECOND: u32 = 5;
/// A larger health report is not stored.
pub const REPORT_BYTES: usize = 64 * 1024;
/// Health reports and positions that come sooner after the last one are not stored.
pub const REPORT_PAUSE: Duration = Duration::from_secs(5);
