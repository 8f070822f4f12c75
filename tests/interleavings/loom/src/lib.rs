//! The log of `crates/storage`, from its own sources, on the locks and atomics of loom: the tests run
//! it through the interleavings of its threads. Nothing here is part of a release.

// The unit tests in these sources run where they are at home.
#![cfg(not(test))]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "a part of a crate, as it stands there"
)]
#![allow(
    clippy::duplicate_mod,
    missing_docs,
    unexpected_cfgs,
    unfulfilled_lint_expectations,
    reason = "as above"
)]

#[path = "../../../../crates/storage/src/dir.rs"]
mod dir;
#[path = "../../../../crates/storage/src/error.rs"]
mod error;
/// No thread is made to fail here.
mod failpoint {
    pub(crate) fn pass(_: &str) {}
}
#[path = "../../../../crates/storage/src/format/mod.rs"]
mod format;
#[path = "../../../../crates/storage/src/fs/mod.rs"]
mod fs;
#[path = "../../../../crates/storage/src/log/mod.rs"]
mod log;
#[path = "../../memory.rs"]
mod memory;
#[path = "../../../../crates/storage/src/options.rs"]
mod options;
#[path = "../../scenario.rs"]
pub mod scenario;
pub mod sync;
/// Once more by itself, as the log keeps its own to itself.
#[path = "../../../../crates/storage/src/log/turn.rs"]
mod turn;
