//! Bounds of what is read: a file comes from a stranger, and what reads it must end with little memory.

/// `meta.conf`, unpacked.
pub const META_CONF_BYTES: u64 = 49_999;
/// Members of a firmware file. The largest real system has about 60.
pub const ZIP_MEMBERS: usize = 1_024;
/// Bytes of a member's path.
pub const ZIP_NAME_BYTES: usize = 511;
/// All resources of a firmware, unpacked: bounds the CPU of one upload.
pub const UNPACKED_BYTES: u64 = 4 << 30;
/// Bytes that a firmware's largest delta-capable resource may have for a delta to be made: both images are in memory.
pub const DELTA_SOURCE_BYTES: u64 = 512 << 20;
/// Nesting and number of sections and values of a `meta.conf`.
pub const CONF_NODES: usize = 50_000;
