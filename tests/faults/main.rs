//! The real binary on disks that fail, lie full, stall, or lose their power: the disk's half of what
//! can go wrong, as `drill` is the process's.
//!
//! - `inject`: every system call on the data directory fails once, or from then on.
//! - `syskill`: SIGKILL from inside chosen system calls.
//! - `cuts`: power cuts of a disk with a volatile write cache, and a disk whose writes fail.
//! - `full`: no space left, on a small disk and under a limit on the length of files.
//! - `shared`: blocks of the log that a backup shares, on a file system that can.
//! - `slow`: syncs that take seconds.
//! - `tails`: a log that ends anywhere.
//! - `order`: no reply leaves before the sync that covers it, seen from the system calls.
//! - `disk`, `load`, `model`: file systems of a test's own, and clients that know what must be there.
//!
//! Counts come from the environment; the defaults are those of CI, `scripts/durability` asks for more.

mod cuts;
mod disk;
mod full;
mod inject;
mod load;
mod model;
mod order;
mod shared;
mod slow;
mod syskill;
mod tails;

use support::Launch;

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_headwater"))
}

/// A count from the environment, or that of CI.
fn count(name: &str, in_ci: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => in_ci,
    }
}
