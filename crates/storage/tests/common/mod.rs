//! A database on the simulated disk, with the state after every record remembered.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "shared by tests only"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Op, Text};
use storage::checkpoint::Checkpointer;
use storage::format::codec;
use storage::fs::sim::{Random, SimFs};
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

/// What was done, and what was promised about it.
#[derive(Default)]
pub struct History {
    /// State after each record; record 0 is the beginning.
    pub states: BTreeMap<u64, Vec<u8>>,
    /// Every record up to here was acknowledged as durable.
    pub durable: u64,
    /// Every record up to here was acknowledged as written.
    pub written: u64,
}

impl History {
    pub fn note(&mut self, database: &Database) {
        self.states.insert(database.log().last(), state(database));
        self.acknowledge(database);
    }

    pub fn acknowledge(&mut self, database: &Database) {
        self.durable = self.durable.max(database.log().durable());
        self.written = self.written.max(database.log().written());
    }

    /// The recovered state is that after some prefix, with everything up to `floor` inside.
    pub fn check(&mut self, database: &Database, floor: u64, what: &str) {
        let last = database.log().last();
        assert!(floor <= last, "{what}: record {floor} was acknowledged, the log ends with {last}");
        let before = self.states.range(..=last).next_back();
        let (lsn, expected) = before.expect("state 0 is known");
        assert!(state(database) == *expected, "{what}: not the state after record {lsn}");
        self.states.split_off(&(last + 1));
        self.states.insert(last, state(database));
        self.durable = last;
        self.written = last;
    }
}

/// One random step. An error means that the disk failed.
pub fn step(
    database: &mut Database,
    history: &mut History,
    random: &mut Random,
    fs: &SimFs,
) -> Result<(), StorageError> {
    let value = vec![random.below(256) as u8; random.below(300)];
    let key = format!("key{}", random.below(9));
    match random.below(20) {
        0..10 => {
            refused_is_fine(set(database, &key, &value))?;
        }
        10 => {
            // Longer than a segment.
            let value = vec![1; 9000 + random.below(9000)];
            refused_is_fine(set(database, &key, &value))?;
        }
        11 | 12 => {
            database.begin_transaction(9);
            for part in 0..1 + random.below(4) {
                refused_is_fine(set(database, &format!("part{part}"), &value))?;
            }
            database.end_transaction()?;
        }
        13..16 => {
            database.log().commit()?;
        }
        16 => {
            database.log().write()?;
        }
        17 => {
            database.log().sync()?;
        }
        18 => match random.below(3) {
            0 => {
                database.log().mark(11)?;
            }
            1 => {
                refused_is_fine(database.log().prepare_segment().map(|_| 0))?;
            }
            _ => {
                history.acknowledge(database);
                let disk = Arc::new(fs.clone());
                let mut checkpointer = Checkpointer::new(disk, PathBuf::from(DIR), 1);
                let report = checkpointer.run(database.log().durable())?;
                report.cleanup.clone()?;
                database.log().remove_before(report.log_needed_from)?;
            }
        },
        _ => {}
    }
    history.note(database);
    Ok(())
}

fn refused_is_fine(result: Result<u64, StorageError>) -> Result<(), StorageError> {
    match result {
        Err(error) if !error.is_space() => Err(error),
        _ => Ok(()),
    }
}
