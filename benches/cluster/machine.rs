//! What the kernel says of processes, memory and sockets.

use std::collections::HashSet;
use std::fs;

/// The fields of `/proc/<pid>/stat` behind the name of the program, the first of which is the state (proc(5) calls it field 3).
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn seconds(fields: &[String], numbers: &[usize]) -> f64 {
    let ticks = numbers.iter().filter_map(|n| fields.get(n - 3));
    ticks.filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Seconds of CPU of a process, its own and the kernel's for it; 0 of one that is gone.
pub fn cpu(pid: u32) -> f64 {
    stat(pid).map_or(0.0, |fields| seconds(&fields, &[14, 15]))
}

/// Seconds of CPU of a process, of its children, and of those of them that have ended.
pub fn cpu_of_family(pid: u32) -> f64 {
    let own = stat(pid).map_or(0.0, |fields| seconds(&fields, &[14, 15, 16, 17]));
    own + children(pid).into_iter().map(cpu).sum::<f64>()
}

/// The processes that this one started and that live.
pub fn children(pid: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = pid.to_string();
    numbers
        .filter(|n| stat(*n).is_some_and(|fields| fields.get(1) == Some(&parent)))
        .collect()
}

fn kib(path: &str, names: &[&str]) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let wanted = lines.filter(|(name, _)| names.contains(name));
    wanted
        .filter_map(|(_, value)| value.split_whitespace().next()?.parse::<u64>().ok())
        .sum()
}

/// Resident memory in KiB.
pub fn resident(pid: u32) -> u64 {
    kib(&format!("/proc/{pid}/status"), &["VmRSS"])
}

/// Memory in KiB, where what processes share is shared out among them.
pub fn proportional(pid: u32) -> u64 {
    kib(&format!("/proc/{pid}/smaps_rollup"), &["Pss"])
}

/// KiB that the kernel holds for itself: its objects, stacks and page tables, and what sockets have buffered. Caches of files are
/// part of the objects, so that other work on the machine shows.
pub fn kernel() -> u64 {
    let own = kib("/proc/meminfo", &["Slab", "KernelStack", "PageTables"]);
    let sockets = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let tcp = sockets.lines().find(|line| line.starts_with("TCP:"));
    let pages = tcp.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    own + pages.unwrap_or(0) * 4
}

/// KiB that are available to programs.
pub fn available() -> u64 {
    kib("/proc/meminfo", &["MemAvailable"])
}

/// Seconds in which cores of the machine worked, and in which they had nothing to do.
pub fn cores() -> (f64, f64) {
    let text = fs::read_to_string("/proc/stat").unwrap();
    let first = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = first
        .split_whitespace()
        .skip(1)
        .filter_map(|t| t.parse().ok())
        .collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; the rest is part of the first.
    let idle: f64 = ticks[3..5].iter().sum();
    (
        (ticks[..8].iter().sum::<f64>() - idle) / 100.0,
        idle / 100.0,
    )
}

/// Established connections of these ports of 127.0.0.1.
pub fn sockets(ports: &HashSet<u16>) -> usize {
    let text = fs::read_to_string("/proc/net/tcp").unwrap();
    let established = text.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next()?;
        let state = fields.nth(1)?;
        let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
        (state == "01" && ports.contains(&port)).then_some(())
    });
    established.count()
}
