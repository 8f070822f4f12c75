//! A small database, and the state after each of its records.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Command, Context, Fields, NewId, Settings, StreamId, XAdd};
use storage::checkpoint::Checkpointer;
use storage::fs::sim::{Random, SimFs};
use storage::{Database, Options, RecoveryReport, StorageError};

use crate::commands;
use crate::state::State;

pub const DIR: &str = "/db";
const NOW: u64 = 1_700_000_000_000;
const HASH_SEED: u64 = 1;

/// Bytes before the first record of a segment.
pub const LOG_BEGIN: u64 = 4096;

/// A disk with a database, and what it should hold.
pub struct Small {
    pub sim: SimFs,
    /// After each record.
    pub states: BTreeMap<u64, State>,
    /// Where each record ends in its segment; record 0 is the beginning.
    pub ends: BTreeMap<u64, u64>,
    /// Of the segments to come.
    pub segment_bytes: u64,
    random: Random,
    now: u64,
}

impl Small {
    pub fn new(segment_bytes: u64, seed: u64) -> Self {
        let (sim, random) = (SimFs::new(1), Random(seed));
        let ends = BTreeMap::from([(0, LOG_BEGIN)]);
        Self { sim, states: BTreeMap::new(), ends, segment_bytes, random, now: NOW }
    }

    pub fn open(&self, sim: &SimFs) -> Result<(Database, RecoveryReport), StorageError> {
        let options = Options {
            segment_bytes: self.segment_bytes,
            first_segment_bytes: self.segment_bytes,
            reserve_bytes: 256,
            settings: Settings { block_entries_max: 4, block_bytes_max: 0 },
            hash_seed: HASH_SEED,
            ..Options::default()
        };
        Database::open(Arc::new(sim.clone()), Path::new(DIR), options, NOW, &mut |_| {})
    }

    /// Opens the database itself and notes its first record.
    pub fn begin(&mut self) -> Database {
        let (database, report) = self.open(&self.sim).unwrap();
        assert_eq!(report.last_lsn, 0);
        database.log().commit().unwrap();
        self.note(&database);
        database
    }

    pub fn note(&mut self, database: &Database) {
        let lsn = database.log().last();
        self.states.insert(lsn, State::of(database.engine()));
        self.ends.insert(lsn, LOG_BEGIN + database.log().stats().bytes_written);
    }

    /// Executes random commands, each committed by itself, until `is_enough`.
    pub fn work(&mut self, database: &mut Database, is_enough: impl Fn(&Database) -> bool) {
        while !is_enough(database) {
            self.now += self.random.below(3) as u64;
            let before = database.log().last();
            commands::random(&mut self.random, self.now, |command, context| {
                // What is not recorded would be in the state, and not in the log.
                let decided = database.engine().decide(command, context);
                if decided.is_ok_and(|decided| decided.ops.iter().all(|op| op.is_recorded())) {
                    let _ = database.execute(command, context);
                }
            });
            database.log().commit().unwrap();
            if before < database.log().last() {
                self.note(database);
            }
        }
    }

    /// Appends entries to a stream that random commands do not touch.
    pub fn add(&mut self, database: &mut Database, count: u64) {
        for _ in 0..count {
            self.now += 1;
            let fields: [&[u8]; 2] = [b"reading", b"of a quiet stream"];
            let (id, fields) =
                (NewId::Explicit(StreamId::new(self.now, 0)), Fields::Borrowed(&fields));
            let (key, no_make_stream, trim) = (b"quiet", false, None);
            let xadd = Command::XAdd(XAdd { key, id, fields, no_make_stream, trim });
            database.execute(&xadd, Context { db: 5, now: self.now }).unwrap();
            database.log().commit().unwrap();
            self.note(database);
        }
    }

    /// Makes a checkpoint and gives up the segments that nobody needs after it.
    pub fn checkpoint(&self, database: &Database) {
        let disk = Arc::new(self.sim.clone());
        let mut checkpointer = Checkpointer::new(disk, PathBuf::from(DIR), HASH_SEED);
        let report = checkpointer.run(database.log().durable()).unwrap();
        report.cleanup.unwrap();
        database.log().remove_before(report.log_needed_from).unwrap();
    }

    pub fn last(&self) -> u64 {
        *self.states.last_key_value().unwrap().0
    }

    /// The state after the last record.
    pub fn whole(&self) -> &State {
        self.states.last_key_value().unwrap().1
    }

    /// A copy of the disk with a file changed.
    pub fn damaged(&self, file: &Path, change: impl FnOnce(&mut Vec<u8>)) -> SimFs {
        let sim = self.sim.fork();
        sim.damage(file, change);
        sim
    }

    /// The only file in a directory.
    pub fn newest(&self, part: &str) -> PathBuf {
        self.sim.files(&Path::new(DIR).join(part)).last().unwrap().clone()
    }
}

/// The file that a refusal names.
#[track_caller]
pub fn named(error: &StorageError) -> &Path {
    match error {
        StorageError::Corrupt { file, .. } | StorageError::UnsupportedVersion { file, .. } => file,
        other => panic!("no refusal of damage: {other}"),
    }
}

pub fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}
