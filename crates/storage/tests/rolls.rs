//! Power cuts around the change from one segment to the next, which waits for no sync of its own.
//!
//! `HEADWATER_SIM_ROLLS` sets the number of runs, `HEADWATER_SIM_SEED` the first seed.

#![allow(missing_docs, clippy::cast_possible_truncation, clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{DIR, open, set, state};
use storage::check::check;
use storage::checkpoint::Checkpointer;
use storage::fs::sim::{Fault, Random, SimFs};
use storage::{Database, StorageError};

/// Room for some 30 records: a run crosses many segments, nearly all of them ready.
const SEGMENT: u64 = 8 << 10;

/// What was done, and what was promised about it.
#[derive(Default)]
struct History {
    /// State after each record; record 0 is the beginning.
    states: BTreeMap<u64, Vec<u8>>,
    /// Every record up to here was acknowledged as durable.
    durable: u64,
    /// Every record up to here was acknowledged as written.
    written: u64,
}

impl History {
    fn note(&mut self, database: &Database) {
        self.states.insert(database.log().last(), state(database));
        self.acknowledge(database);
    }

    fn acknowledge(&mut self, database: &Database) {
        self.durable = self.durable.max(database.log().durable());
        self.written = self.written.max(database.log().written());
    }

    /// The recovered state is that after some prefix, with everything up to `floor` inside.
    fn check(&mut self, database: &Database, floor: u64, what: &str) {
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

fn step(
    database: &mut Database,
    history: &mut History,
    random: &mut Random,
    fs: &SimFs,
) -> Result<(), StorageError> {
    let value = vec![random.below(256) as u8; random.below(160)];
    match random.below(40) {
        0..24 => {
            set(database, &format!("key{}", random.below(9)), &value)?;
        }
        24..30 => {
            database.log().commit()?;
        }
        30..33 => {
            database.log().write()?;
        }
        33..36 => {
            database.log().sync()?;
        }
        // Segments that no snapshot needs go.
        36 => {
            let disk = Arc::new(fs.clone());
            let mut checkpointer = Checkpointer::new(disk, PathBuf::from(DIR), 1);
            let report = checkpointer.run(database.log().durable())?;
            report.cleanup.clone()?;
            database.log().remove_before(report.log_needed_from)?;
        }
        // As the helper of the server does, which nothing keeps in step with the rest.
        _ => {
            database.log().free_step();
            database.log().prepare_segment()?;
        }
    }
    history.note(database);
    Ok(())
}

/// One life with a cut at a random call, and a second cut into the recovery after it.
fn run(seed: u64) {
    let mut random = Random(seed);
    let fs = SimFs::new(seed);
    let mut history = History::default();
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    history.note(&database);
    fs.fail_call(10 + random.below(600) as u64, Fault::PowerCut);
    for _ in 0..400 {
        if step(&mut database, &mut history, &mut random, &fs).is_err() {
            break;
        }
    }
    history.acknowledge(&database);
    drop(database);
    if random.one_in(4) {
        fs.kill();
    } else {
        fs.power_cut(random.next());
    }
    expect_sound(&fs, seed);
    fs.fail_call(1 + random.below(60) as u64, Fault::PowerCut);
    drop(open(&fs, SEGMENT));
    fs.power_cut(random.next());
    expect_sound(&fs, seed);
    let (database, _) = open(&fs, SEGMENT).unwrap_or_else(|error| {
        panic!("seed {seed}: {error}\n{:#?}", fs.files(std::path::Path::new("/")))
    });
    let floor = history.durable;
    history.check(&database, floor, &format!("seed {seed}"));
}

/// A check and a start never disagree: nothing of what a power cut leaves is damage.
fn expect_sound(fs: &SimFs, seed: u64) {
    let report = check(&fs.fork(), Path::new(DIR), &mut |_| {}).unwrap();
    let problems: Vec<_> = report.files.iter().filter(|file| !file.problems.is_empty()).collect();
    assert!(report.sound, "seed {seed}: {problems:#?}");
}

#[test]
fn power_cuts_around_a_new_segment_lose_nothing_acknowledged() {
    let number = |name, otherwise| {
        std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let first = number("HEADWATER_SIM_SEED", 1);
    eprintln!("seeds from {first}; HEADWATER_SIM_SEED repeats, HEADWATER_SIM_ROLLS extends");
    for seed in first..first + number("HEADWATER_SIM_ROLLS", 300_u64) {
        run(seed);
    }
}
