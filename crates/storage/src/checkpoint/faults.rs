//! Power cuts and failing calls during a checkpoint, on the simulated disk.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use engine::{
    AdoptCursor, Command, Context, Fields, GroupReadFrom, GroupStart, NewId, ReadLimits,
    References, Settings, StreamId, Trim, TrimKeep, TrimPrecision, XAdd, XReadGroup,
};

use super::{CheckpointReport, Checkpointer};
use crate::check::check;
use crate::database::Database;
use crate::dir;
use crate::error::StorageError;
use crate::fs::Fs;
use crate::fs::sim::{Fault, SimFs};
use crate::options::Options;
use crate::testing::answers;

const DIR: &str = "/data";
const CONTEXT: Context = Context { db: 0, now: 1_700_000_000_000 };
const KEYS: [&[u8]; 2] = [b"alpha", b"beta"];

fn open(fs: &SimFs) -> Database {
    let options = Options {
        segment_bytes: 8 << 10,
        first_segment_bytes: 8 << 10,
        reserve_bytes: 512,
        spares: 1,
        settings: Settings { block_entries_max: 3, block_bytes_max: 0 },
        ..Options::default()
    };
    let fs: Arc<dyn Fs> = Arc::new(fs.clone());
    let opened = Database::open(fs, Path::new(DIR), options, CONTEXT.now, &mut |_| {});
    let (database, _) = opened.unwrap();
    while database.log().prepare_segment().unwrap() {}
    database.log().commit().unwrap();
    database
}

fn run(database: &mut Database, command: &Command<'_>) {
    database.log().free_step();
    while database.log().wants_segment() && database.log().prepare_segment().unwrap() {}
    database.execute(command, CONTEXT).unwrap();
    database.log().commit().unwrap();
}

/// Appends, deliveries, deletes and trims; `round` keeps the IDs rising.
fn work(database: &mut Database, round: u64) {
    for key in KEYS {
        for at in 1..=14 {
            let id = NewId::Explicit(StreamId::new(round * 100 + at, 0));
            let fields = Fields::Borrowed(&[b"field", b"a value that takes some room on the disk"]);
            let (no_make_stream, trim) = (false, None);
            run(database, &Command::XAdd(XAdd { key, id, fields, no_make_stream, trim }));
        }
        let (group, from) = (b"g", Ok(GroupStart::After(StreamId::MIN)));
        let (make_stream, entries_read) = (false, None);
        if round == 1 {
            let create = Command::XGroupCreate { key, group, from, make_stream, entries_read };
            run(database, &create);
        }
        run(
            database,
            &Command::XReadGroup(XReadGroup {
                group,
                consumer: b"worker",
                streams: vec![(key, Ok(GroupReadFrom::New))],
                limits: ReadLimits::count(Some(9)),
                block_ms: None,
                no_ack: false,
                claim_idle_min_ms: None,
            }),
        );
        let ids = [3, 4, 8].map(|at| StreamId::new(round * 100 + at, 0));
        run(database, &Command::XAck { key, group, ids: Ok(vec![ids[0]]) });
        run(database, &Command::XDel { key, ids: Ok(ids.to_vec()) });
    }
    let keep = TrimKeep::MaxLen(8);
    let trim = Trim { keep, precision: TrimPrecision::Exact, references: References::Keep };
    run(database, &Command::XTrim { key: b"beta", trim });
}

/// A sync of names that failed has ended the log: the next start.
fn restart_if_over(fs: &SimFs, database: Database) -> Database {
    if database.log().poison().is_none() {
        return database;
    }
    drop(database);
    fs.kill();
    open(fs)
}

/// A checkpoint with all that follows it: adoption, and segments given back.
fn checkpoint(database: &mut Database) -> Result<CheckpointReport, StorageError> {
    checkpoint_within(u64::MAX, database)
}

/// As [`checkpoint`], with at most so many bytes of blocks in memory.
fn checkpoint_within(
    memory_max: u64,
    database: &mut Database,
) -> Result<CheckpointReport, StorageError> {
    let durable = database.log().durable();
    let mut checkpointer = Checkpointer::new(database.fs().clone(), DIR.into(), 0);
    checkpointer.set_memory_max(memory_max);
    let report = checkpointer.run(durable)?;
    let mut cursor = Some(AdoptCursor::default());
    while let Some(at) = cursor {
        cursor = database.adopt_blocks(&report.adoption, at, 2);
    }
    database.log().remove_before(report.log_needed_from)?;
    Ok(report)
}

fn seen(database: &Database) -> Vec<String> {
    KEYS.iter().flat_map(|key| answers(database.engine(), key)).collect()
}

/// A disk with two snapshots and records after them, and what its database answers.
fn two_checkpoints() -> (SimFs, Vec<String>) {
    let fs = SimFs::new(1);
    let mut database = open(&fs);
    for round in 1..=4 {
        work(&mut database, round);
        if round < 4 {
            checkpoint(&mut database).unwrap().cleanup.unwrap();
        }
    }
    let expected = seen(&database);
    assert!(expected[0].contains("401-0"), "{expected:#?}");
    assert_eq!(dir::list_snapshots(&fs, Path::new(DIR)).unwrap().len(), 2);
    drop(database);
    (fs, expected)
}

#[track_caller]
fn assert_sound(fs: &SimFs, what: &str) {
    let report = check(fs, Path::new(DIR), &mut |_| {}).unwrap();
    assert!(report.sound, "{what}: {report:#?}");
}

/// Everything at the end, or what fills a few blocks at once.
const MEMORY_MAX: [u64; 2] = [u64::MAX, 300];

fn with_memory(fault: Fault) -> [(Fault, u64); 2] {
    MEMORY_MAX.map(|memory_max| (fault, memory_max))
}

#[test]
fn a_replay_that_gathers_too_much_writes_before_it_goes_on() {
    let (disk, expected) = two_checkpoints();
    let run = |memory_max| {
        let fs = disk.fork();
        let mut database = open(&fs);
        let report = checkpoint_within(memory_max, &mut database).unwrap();
        report.cleanup.unwrap();
        assert_eq!(seen(&database), expected, "memory {memory_max}");
        assert_eq!(database.engine().block_memory().bytes(), 0, "memory {memory_max}");
        drop(database);
        assert_sound(&fs, "after a checkpoint with little memory");
        assert_eq!(seen(&open(&fs)), expected, "memory {memory_max}");
        let files = dir::list_block_files(&fs, Path::new(DIR)).unwrap().len();
        (report.blocks, report.block_bytes, files)
    };
    let (blocks, bytes, files) = run(u64::MAX);
    let (blocks_within, bytes_within, files_within) = run(300);
    // A block may be written that is trimmed later in the same replay.
    assert!(blocks <= blocks_within && bytes <= bytes_within, "{blocks_within} of {blocks}");
    assert!(files + 2 <= files_within, "{files_within} files instead of {files}");
}

#[test]
fn a_power_cut_at_any_call_of_a_checkpoint_costs_nothing() {
    let (disk, expected) = two_checkpoints();
    for memory_max in MEMORY_MAX {
        power_cuts(&disk, &expected, memory_max);
    }
}

fn power_cuts(disk: &SimFs, expected: &[String], memory_max: u64) {
    let mut cuts = 0;
    for call in 1.. {
        let mut is_over = false;
        for seed in 0..6 {
            let what = format!("power cut at call {call}, seed {seed}, memory {memory_max}");
            let fs = disk.fork();
            let mut database = open(&fs);
            fs.fail_from_call(call, Fault::PowerCut);
            let result = checkpoint_within(memory_max, &mut database);
            is_over = result.is_ok_and(|report| report.cleanup.is_ok());
            drop(database);
            fs.power_cut(seed);

            assert_sound(&fs, &what);
            let mut database = open(&fs);
            assert_eq!(seen(&database), expected, "{what}");
            checkpoint(&mut database).expect(&what).cleanup.expect(&what);
            work(&mut database, 5);
            let after = seen(&database);
            checkpoint(&mut database).expect(&what).cleanup.expect(&what);
            drop(database);
            assert_sound(&fs, &what);
            assert_eq!(seen(&open(&fs)), after, "{what}");
            cuts += 1;
        }
        if is_over {
            break;
        }
    }
    assert!(60 < cuts, "{cuts} cuts: a checkpoint makes more calls than that");
}

#[test]
fn a_call_that_fails_costs_a_checkpoint_and_nothing_else() {
    let (disk, expected) = two_checkpoints();
    let faults = [Fault::Eio, Fault::NoSpace, Fault::ShortWrite];
    for (fault, memory_max) in faults.into_iter().flat_map(with_memory) {
        for call in 1.. {
            let what = format!("{fault:?} at call {call}, memory {memory_max}");
            let fs = disk.fork();
            let mut database = open(&fs);
            let calls = fs.calls();
            fs.fail_call(call, fault);
            let result = checkpoint_within(memory_max, &mut database);
            let is_over = fs.calls() < calls + call;
            fs.heal();
            assert_eq!(seen(&database), expected, "{what}: the live database");
            if let Ok(report) = &result {
                assert!(fault != Fault::Eio || is_over || report.cleanup.is_err(), "{what}");
            }
            let mut database = restart_if_over(&fs, database);
            checkpoint(&mut database).expect(&what).cleanup.expect(&what);
            drop(database);
            assert_sound(&fs, &what);
            assert_eq!(seen(&open(&fs)), expected, "{what}: after a restart");
            if is_over {
                break;
            }
        }
    }
}

#[test]
fn a_checkpoint_that_fails_leaves_no_files() {
    let (disk, _) = two_checkpoints();
    let dir = Path::new(DIR);
    let files = |fs: &SimFs| {
        (dir::list_block_files(fs, dir).unwrap(), dir::list_temporaries(fs, dir).unwrap())
    };
    let mut failures = 0;
    for (fault, memory_max) in [Fault::NoSpace, Fault::Eio].into_iter().flat_map(with_memory) {
        for call in 1.. {
            let fs = disk.fork();
            let mut database = open(&fs);
            let (calls, before) = (fs.calls(), files(&fs));
            let snapshots = dir::list_snapshots(&fs, dir).unwrap();
            fs.fail_call(call, fault);
            let result = checkpoint_within(memory_max, &mut database);
            // What cannot go because a sync of names has failed goes with the next start.
            drop(restart_if_over(&fs, database));
            // A snapshot that has its name keeps its files, whatever failed afterwards.
            if result.is_err() && dir::list_snapshots(&fs, dir).unwrap() == snapshots {
                assert_eq!(files(&fs), before, "{fault:?} at call {call}");
                failures += 1;
            }
            if fs.calls() < calls + call {
                break;
            }
        }
    }
    assert!(10 < failures, "{failures} failures");
}

#[test]
fn a_checkpoint_that_is_given_up_leaves_nothing() {
    let (disk, expected) = two_checkpoints();
    let dir = Path::new(DIR);
    let files = |fs: &SimFs| {
        let (blocks, snapshots) = (dir::list_block_files(fs, dir), dir::list_snapshots(fs, dir));
        (blocks.unwrap(), snapshots.unwrap(), dir::list_temporaries(fs, dir).unwrap())
    };
    for memory_max in MEMORY_MAX {
        for patience in 0_u32.. {
            let fs = disk.fork();
            let mut database = open(&fs);
            let before = files(&fs);
            let mut checkpointer = Checkpointer::new(Arc::new(fs.clone()), DIR.into(), 0);
            checkpointer.set_memory_max(memory_max);
            let asked = Cell::new(0);
            let give_up = || asked.replace(asked.get() + 1) == patience;
            let result = checkpointer.run_unless(database.log().durable(), &give_up);
            if result.is_ok() {
                assert!(20 < patience, "asked {patience} times only");
                break;
            }
            let what = format!("given up when asked for the {patience}th time");
            assert!(matches!(result, Err(StorageError::GivenUp)), "{what}: {result:?}");
            assert_eq!(files(&fs), before, "{what}");
            checkpoint_within(memory_max, &mut database).expect(&what).cleanup.expect(&what);
            assert_eq!(seen(&database), expected, "{what}");
            drop(database);
            assert_sound(&fs, &what);
            assert_eq!(seen(&open(&fs)), expected, "{what}: after a restart");
        }
    }
}
