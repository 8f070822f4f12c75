//! A bug to be switched on by a test of the tests. Part of no release: only with the feature `sim`.
//!
//! The other planted bugs stand between the database and its disk (`tests/simulation/disk.rs`); this
//! one cannot.

use std::cell::Cell;

thread_local! {
    static STALE_BYTES_PASS: Cell<bool> = const { Cell::new(false) };
}

/// Lets this thread's readers of segments take a record for the next one whatever number it has.
/// (The other guard, the salt of the checksum, is drawn from the disk.)
pub fn let_stale_bytes_pass(pass: bool) {
    STALE_BYTES_PASS.set(pass);
}

pub(crate) fn stale_bytes_pass() -> bool {
    STALE_BYTES_PASS.get()
}
