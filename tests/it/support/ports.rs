//! Ports for programs that tests start, and may kill and start again at the same address.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that Linux gives to connections (`ip_local_port_range`, from 32,768): one of these is still free when its program has been
/// away for a while, although thousands of connections began meanwhile.
const FIRST: u16 = 10_000;
const NUMBER: u16 = 22_000;

/// A port of this machine that nobody listens on, and that no other test is given.
pub fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two runs of tests beside each other begin at different ones.
    let begin = std::process::id().wrapping_mul(101);
    loop {
        let next = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed).into());
        let port = FIRST + u16::try_from(next % u32::from(NUMBER)).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
