//! The log, the blocks, the snapshots, recovery and checkpoints: a durable database around the engine.
//!
//! # What is durable when
//!
//! [`Database::execute`] decides a command, appends its operations to the commit buffer of the
//! [`Log`] and applies them. Nothing is on disk then. [`Log::commit`] writes and syncs, and raises
//! [`Log::durable`]; a reply may leave once the record that it depends on ([`Executed::depends`]) is
//! at or below that number. With a lazier policy, [`Log::write`] and [`Log::written`] take their
//! places, and [`Log::sync`] follows in its own time.
//!
//! # What is absent
//!
//! No thread, no socket, no async runtime, no RESP. Time is an argument.
//!
//! # How it is tested
//!
//! `tests/simulation` drives all of it on a simulated disk whose power is cut between any two calls,
//! and says at its top which environment variables make more of it; `tests/damage` damages every byte
//! of small files; `tests/interleavings` (at the root of the repository) runs the threads of the log
//! through their interleavings.
//!
//! # Reading order
//!
//! `docs/on-disk-format.md`, then `database`, `log`, [`recovery`](RecoveryReport), `snapshot`,
//! [`checkpoint`]. The disk itself is behind [`fs`].

pub mod archive;
mod blocks;
pub mod check;
pub mod checkpoint;
mod database;
mod dir;
pub mod error;
#[doc(hidden)]
pub mod failpoint;
pub mod format;
pub mod fs;
pub mod inspect;
mod log;
mod options;
#[cfg(any(test, feature = "sim"))]
pub mod planted;
mod recovery;
pub mod repair;
pub mod retention;
pub mod scrub;
pub mod snapshot;
mod sync;
#[cfg(test)]
mod testing;

pub use blocks::DamagedBlocks;
pub use database::{Database, Executed};
pub use error::{Damage, StorageError};
pub use log::{Log, LogStats, SLOW_SYNC, Urgency};
pub use options::Options;
pub use recovery::{OnProgress, Phase, Progress, RecoveryReport, TornTail};
