//! The real binary is crowded, and meets another one. (It is killed and stopped in `drill`.)
//!
//! - `recovery`: how long a start takes that has a log to read.
//! - `directory`: a second server on the same directory.
//! - `crowd`: too many clients, and one that does not read.

mod crowd;
mod directory;
mod recovery;

use support::Launch;

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_headwater"))
}
