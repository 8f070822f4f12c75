//! The real binary is killed, stopped and crowded, and everything that it had
//! acknowledged is compared.
//!
//! - `kill`: kill -9 and SIGTERM under pipelined load, again and again on one directory.
//! - `model`: what must be there afterwards, fed by the acknowledgements alone.
//! - `directory`: a second server on the same directory.
//! - `crowd`: too many clients, and one that does not read.

mod crowd;
mod directory;
mod kill;
mod model;

use support::Launch;

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_headwater"))
}
