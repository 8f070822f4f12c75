//! The real binary is killed, stopped, starved and crowded, and everything that it had
//! acknowledged is compared.
//!
//! - `kill`: kill -9 and SIGTERM under pipelined load, again and again on one directory.
//! - `model`: what must be there afterwards, fed by the acknowledgements alone.
//! - `order`: no reply leaves before the sync that covers it, seen from the system calls.
//! - `directory`: a second server on the same directory.
//! - `full_disk`: no space left, and space again.
//! - `crowd`: too many clients, and one that does not read.

mod crowd;
mod directory;
mod full_disk;
mod kill;
mod model;
mod order;

use support::Launch;

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_headwater"))
}
