//! What the kernel knows about a process and about a directory.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Clock ticks per second of the figures in `/proc/PID/stat`.
pub fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

/// User and system time of a process so far, in ticks.
pub fn cpu_ticks(pid: u32) -> io::Result<(u64, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = fields_after_name(&stat);
    Ok((number(&fields, 11)?, number(&fields, 12)?))
}

/// Anonymous memory of a process in bytes: what the kernel cannot give back by dropping a page of
/// a file.
pub fn anonymous_bytes(pid: u32) -> io::Result<u64> {
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib = smaps
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:")?.split_whitespace().next()?.parse().ok());
    kib.map(|kib: u64| kib * 1024)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no Anonymous in smaps_rollup"))
}

/// Bytes that a directory takes on its disk: allocated blocks, not lengths, so that preallocated
/// files count and holes do not.
pub fn disk_bytes(dir: &Path) -> io::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // A file may go between the listing and the look at it.
        let Ok(metadata) = entry.metadata() else { continue };
        total +=
            if metadata.is_dir() { disk_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(total)
}

/// The first child of a process: the program that `strace` runs.
pub fn child_of(pid: u32) -> Option<u32> {
    fs::read_dir("/proc").ok()?.filter_map(Result::ok).find_map(|entry| {
        let child = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent: u32 = fields_after_name(&stat).get(1)?.parse().ok()?;
        (parent == pid).then_some(child)
    })
}

/// The name may hold blanks and brackets; it ends at the last bracket.
fn fields_after_name(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect()
}

fn number(fields: &[&str], at: usize) -> io::Result<u64> {
    fields
        .get(at)
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat is short"))
}

/// Lets this process, and those that it starts, open as many files as its hard limit allows; the soft
/// one is often 1,024. Returns how many that is.
pub fn raise_descriptor_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // What cannot be raised stays; whoever needs more will see it fail.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
