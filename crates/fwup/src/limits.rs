//! Limits of what is read. Files are untrusted, so reading one must end and use little memory.

/// Maximum bytes of `meta.conf`, unpacked.
pub const META_CONF_BYTES: u64 = 49_999;
/// Maximum members of a firmware file. The largest real system has about 60.
pub const ZIP_MEMBERS: usize = 1_024;
/// Maximum bytes of a member's path.
pub const ZIP_NAME_BYTES: usize = 511;
/// Maximum bytes of all resources of a firmware, unpacked. It bounds the CPU time of an upload.
pub const UNPACKED_BYTES: u64 = 4 << 30;
/// Maximum bytes of the largest delta-capable resource for a delta to be made, because both images are in
/// memory.
pub const DELTA_SOURCE_BYTES: u64 = 512 << 20;
/// Maximum nesting of a `meta.conf`, and maximum number of its sections and values.
pub const CONF_NODES: usize = 50_000;
