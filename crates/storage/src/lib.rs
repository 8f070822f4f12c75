//! The log, the blocks, the snapshots, recovery and checkpoints: a durable database around the engine.

pub mod error;
pub mod format;
pub mod fs;

pub use error::{Damage, StorageError};
