//! The log, the blocks, the snapshots, recovery and checkpoints: a durable database around the engine.

mod blocks;
pub mod checkpoint;
mod dir;
pub mod error;
pub mod format;
pub mod fs;
pub mod snapshot;
#[cfg(test)]
mod testing;

pub use error::{Damage, StorageError};
