//! A database on the simulated disk.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by tests only"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Op, Text};
use storage::format::codec;
use storage::fs::sim::SimFs;
use storage::{Database, Options, RecoveryReport, StorageError};

pub const DIR: &str = "/db";

pub fn segment(first: u64) -> PathBuf {
    Path::new(DIR).join(format!("log/{first:020}.log"))
}

/// Small segments, so that a short run crosses many.
pub fn options(segment_bytes: u64) -> Options {
    Options {
        segment_bytes,
        first_segment_bytes: segment_bytes,
        reserve_bytes: 256,
        hash_seed: 1,
        ..Options::default()
    }
}

pub fn open(fs: &SimFs, segment_bytes: u64) -> Result<(Database, RecoveryReport), StorageError> {
    let fs = Arc::new(fs.clone());
    Database::open(fs, Path::new(DIR), options(segment_bytes), 1, &mut |_| {})
}

/// The whole state as bytes.
pub fn state(database: &Database) -> Vec<u8> {
    let mut bytes = Vec::new();
    for item in database.engine().image() {
        codec::encode_into(&item, &mut bytes);
    }
    bytes
}

pub fn set(database: &mut Database, key: &str, value: &[u8]) -> Result<u64, StorageError> {
    let value = Text::Borrowed(value);
    database.record(&[Op::StringSet { db: 0, key: key.as_bytes(), value, expire_at: None }], 7)
}
