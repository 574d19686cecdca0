//! The files of the web console, as the build script left them: compressed, with the names that browsers ask for.
//!
//! A crate of its own, so that a change of the server does not build the console, and a change of the console does not run the
//! build scripts of the server.

/// A file of the console.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// The path below `/`, such as `assets/main-1a2b3c.js`.
    pub path: &'static str,
    /// Compressed by Brotli (RFC 7932), which browsers take over https and from this machine.
    pub brotli: &'static [u8],
    /// Compressed by gzip (RFC 1952), for all others.
    pub gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));
