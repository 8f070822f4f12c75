//! The log by hand: one rule per test.

#![allow(missing_docs, clippy::cast_possible_truncation, clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use common::{DIR, open, options, segment, set, state};
use engine::{Command, Context};
use storage::fs::sim::{Fault, SimFs};
use storage::fs::{Fs, Pin, RealFs};
use storage::inspect::LogFiles;
use storage::{Damage, Database, StorageError};

const SEGMENT: u64 = 12 << 10;

#[test]
fn a_transaction_is_one_record() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    database.begin_transaction(5);
    assert_eq!(set(&mut database, "a", b"1").unwrap(), 1);
    assert_eq!(set(&mut database, "b", b"2").unwrap(), 1);
    assert_eq!(database.log().last(), 0, "nothing before the end");
    assert_eq!(database.end_transaction().unwrap(), 1);
    database.begin_transaction(5);
    assert_eq!(database.end_transaction().unwrap(), 0, "nothing changed");
    assert_eq!(database.log().last(), 1);
    database.log().commit().unwrap();
    let expected = state(&database);
    drop(database);
    fs.power_cut(1);
    assert!(state(&open(&fs, SEGMENT).unwrap().0) == expected);
}

#[test]
fn a_failed_sync_ends_the_log_for_good() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    set(&mut database, "a", b"1").unwrap();
    let log = database.log().clone();
    fs.fail_call(2, Fault::Eio);
    assert!(matches!(log.commit(), Err(StorageError::Io { op: "sync", .. })));
    // The disk would say yes now.
    assert!(matches!(log.commit(), Err(StorageError::Poisoned { .. })));
    assert!(matches!(log.sync(), Err(StorageError::Poisoned { .. })));
    assert_eq!(log.durable(), 0);
    assert!(matches!(set(&mut database, "b", b"1"), Err(StorageError::Poisoned { .. })));
    assert!(log.poison().is_some());
}

#[test]
fn what_a_failed_sync_left_in_the_cache_is_durable_after_recovery() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    set(&mut database, "a", b"1").unwrap();
    fs.fail_call(2, Fault::Eio);
    database.log().commit().unwrap_err();
    drop(database);
    fs.kill();
    // The page cache still has the record, so recovery finds it and calls it durable.
    let (database, report) = open(&fs, SEGMENT).unwrap();
    assert_eq!((report.last_lsn, database.log().durable()), (1, 1));
    drop(database);
    fs.power_cut(3);
    assert_eq!(open(&fs, SEGMENT).unwrap().1.last_lsn, 1);
}

#[test]
fn a_full_disk_refuses_writes_keeps_a_reserve_and_lets_go_on() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    fs.set_capacity(Some(fs.used()));
    let context = Context { db: 0, now: 1 };
    let (key, value) = (&b"key"[..], vec![7; 100]);
    let pairs = [key, &value];
    let write = Command::MSet { pairs: &pairs, only_if_free: false };
    let free = Command::Del { keys: &[key] };
    let mut count = 0;
    let refusal = loop {
        match database.execute(&write, context) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(30 < count, "{count}");
    let text = "MISCONF Errors writing to the AOF file: No space left on device";
    assert_eq!(refusal.to_string(), text);
    assert!(database.log().prepare_segment().unwrap_err().is_space());
    assert!(database.log().stats().is_disk_full);
    // What frees space still works, for a while, and nothing is lost.
    database.execute(&free, context).unwrap();
    database.log().commit().unwrap();
    let before = state(&database);
    assert_eq!(database.execute(&write, context).unwrap_err().to_string(), text);
    assert!(state(&database) == before, "refused before it was applied");
    // Space again: no restart needed.
    fs.set_capacity(None);
    assert!(database.log().prepare_segment().unwrap());
    database.execute(&write, context).unwrap();
    database.log().commit().unwrap();
    let expected = state(&database);
    drop(database);
    fs.power_cut(1);
    assert!(state(&open(&fs, SEGMENT).unwrap().0) == expected);
}

/// Three records that were committed one by one, killed; `ends[n]` is where record n ends.
fn three_records() -> (SimFs, [usize; 4]) {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    let mut ends = [4096; 4];
    for (n, end) in ends.iter_mut().enumerate().skip(1) {
        set(&mut database, "key", &[n as u8; 40]).unwrap();
        database.log().commit().unwrap();
        *end += database.log().stats().bytes_written as usize;
    }
    drop(database);
    fs.kill();
    (fs, ends)
}

#[test]
fn a_bad_last_record_is_a_torn_tail() {
    let (fs, ends) = three_records();
    fs.damage(&segment(1), |bytes| bytes[ends[3] - 1 - 8] ^= 1);
    let (_, report) = open(&fs, SEGMENT).unwrap();
    assert_eq!(report.last_lsn, 2);
    let torn = report.torn_tail.unwrap();
    assert_eq!((torn.file, torn.offset), (segment(1), ends[2] as u64));
}

#[test]
fn a_bad_record_that_a_later_one_vouches_for_is_damage() {
    let (fs, ends) = three_records();
    fs.damage(&segment(1), |bytes| bytes[ends[1] + 50] ^= 1);
    let damaged = fs.bytes(&segment(1));
    let error = open(&fs, SEGMENT).unwrap_err();
    let StorageError::Corrupt { file, offset, reason } = &error else { panic!("{error}") };
    assert_eq!((file, *offset), (&segment(1), ends[1] as u64));
    assert_eq!(*reason, Damage::Record { lsn: 2, durable_says: 3 });
    assert_eq!(fs.bytes(&segment(1)), damaged, "nothing was changed");
}

#[test]
fn a_mark_makes_the_last_record_provable() {
    let (fs, ends) = three_records();
    let (database, _) = open(&fs, SEGMENT).unwrap();
    database.log().mark(1).unwrap();
    database.log().mark(1).unwrap();
    assert_eq!(database.log().last(), 4, "a second mark would say nothing new");
    drop(database);
    fs.kill();
    assert_eq!(open(&fs.fork(), SEGMENT).unwrap().1.last_lsn, 4);
    // Record 3 is the newest that holds anything.
    fs.damage(&segment(1), |bytes| bytes[ends[2] + 50] ^= 1);
    let error = open(&fs, SEGMENT).unwrap_err();
    let reason = Damage::Record { lsn: 3, durable_says: 4 };
    assert!(matches!(&error, StorageError::Corrupt { reason: r, .. } if *r == reason), "{error}");
}

#[test]
fn a_whole_record_behind_a_gap_does_not_come_back() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    set(&mut database, "key", b"1").unwrap();
    database.log().commit().unwrap();
    let gap = 4096 + database.log().stats().bytes_written as usize;
    // Records 2 and 3 in one write, of which only the second reaches the disk.
    set(&mut database, "key", b"2").unwrap();
    set(&mut database, "key", b"3").unwrap();
    database.log().write().unwrap();
    drop(database);
    fs.kill();
    fs.damage(&segment(1), |bytes| bytes[gap..gap + 48].fill(0));
    let (mut database, report) = open(&fs, SEGMENT).unwrap();
    assert_eq!(report.last_lsn, 1);
    // As long as the old record 2: the old record 3 would follow without a seam.
    set(&mut database, "key", b"x").unwrap();
    database.log().commit().unwrap();
    let expected = state(&database);
    drop(database);
    fs.power_cut(1);
    let (database, report) = open(&fs, SEGMENT).unwrap();
    assert_eq!(report.last_lsn, 2);
    assert!(state(&database) == expected);
}

#[test]
fn stale_bytes_of_a_recycled_segment_do_not_pass() {
    let fs = SimFs::new(1);
    let (mut database, needed) = beyond_its_segments(&fs);
    assert!(0 < database.log().remove_before(needed).unwrap());
    assert!(0 < database.log().stats().spares);
    let segments = database.log().stats().segments;
    while database.log().stats().segments < segments + 1 {
        set(&mut database, "key", &[9; 100]).unwrap();
        database.log().commit().unwrap();
    }
    let (last, expected) = (database.log().last(), state(&database));
    drop(database);
    fs.kill();
    let (database, report) = open(&fs, SEGMENT).unwrap();
    assert_eq!((report.last_lsn, report.torn_tail), (last, None));
    assert!(state(&database) == expected);
}

#[test]
fn a_busy_log_uses_its_segments_again_and_one_at_rest_gives_them_back() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    let mut checkpointer =
        storage::checkpoint::Checkpointer::new(Arc::new(fs.clone()), DIR.into(), 1);
    let mut busy_until_checkpoint = |database: &mut Database| {
        let until = database.log().last() + 6 * SEGMENT / 160;
        while database.log().last() < until {
            set(database, "key", &[9; 100]).unwrap();
            database.log().commit().unwrap();
        }
        let report = checkpointer.run(database.log().durable()).unwrap();
        database.log().remove_before(report.log_needed_from).unwrap();
    };
    let files = || fs.list(&Path::new(DIR).join("log")).unwrap().len();
    busy_until_checkpoint(&mut database);
    busy_until_checkpoint(&mut database);
    assert_eq!(database.log().stats().spares, 4, "as many as are used, up to four");
    let before = files();
    busy_until_checkpoint(&mut database);
    assert_eq!(files(), before);
    for gone in 1..=3 {
        database.log().mark(8).unwrap();
        assert_eq!(database.log().stats().spares, 4 - gone);
        assert_eq!(files(), before - gone);
    }
    database.log().mark(8).unwrap();
    assert_eq!(files(), before - 3, "one stays");
    // And after a checkpoint while it rests.
    let report = checkpointer.run(database.log().durable()).unwrap();
    database.log().remove_before(report.log_needed_from).unwrap();
    database.log().mark(9).unwrap();
    assert_eq!(database.log().stats().spares, 1);
}

/// A spare that is too short for any ordinary record must not pass for room.
#[test]
fn a_log_that_refuses_records_calls_the_disk_full() {
    let fs = SimFs::new(1);
    let options = storage::Options {
        segment_bytes: 1 << 20,
        first_segment_bytes: 1 << 20,
        spares: 1,
        ..storage::Options::default()
    };
    let disk = Arc::new(fs.clone());
    let (mut database, _) = Database::open(disk, Path::new(DIR), options, 1, &mut |_| {}).unwrap();
    fs.set_capacity(Some(fs.used() + (200 << 10)));
    let value = [9; 40_000];
    let write = Command::MSet { pairs: &[b"key", &value], only_if_free: false };
    let refusal = loop {
        let _ = database.log().prepare_segment();
        if let Err(error) = database.execute(&write, Context { db: 0, now: 1 }) {
            break error.to_string();
        }
        database.log().commit().unwrap();
    };
    assert!(refusal.contains("No space left"), "{refusal}");
    for _ in 0..2 {
        assert!(database.log().stats().is_disk_full);
        assert!(database.log().prepare_segment().unwrap_err().is_space());
    }
}

/// A log whose snapshots, made as only a checkpoint may, need none of its first eight segments.
fn beyond_its_segments(fs: &SimFs) -> (Database, u64) {
    beyond_segments_of(fs, SEGMENT, 100)
}

/// The same with segments and values of this many bytes.
fn beyond_segments_of(fs: &SimFs, segment: u64, value: usize) -> (Database, u64) {
    let (mut database, _) = open(fs, segment).unwrap();
    let mut checkpointer =
        storage::checkpoint::Checkpointer::new(Arc::new(fs.clone()), DIR.into(), 1);
    let value = vec![9; value];
    while database.log().stats().segments <= 8 {
        set(&mut database, "key", &value).unwrap();
        database.log().commit().unwrap();
    }
    checkpointer.run(database.log().durable()).unwrap();
    set(&mut database, "key", b"x").unwrap();
    database.log().commit().unwrap();
    let report = checkpointer.run(database.log().durable()).unwrap();
    (database, report.log_needed_from)
}

/// A power cut may bring back a name that was taken away, but never with fewer bytes behind it.
#[test]
fn a_deleted_segment_is_cut_only_when_its_name_is_gone_for_good() {
    for seed in 1..=40 {
        let fs = SimFs::new(seed);
        let (database, needed) = beyond_its_segments(&fs);
        let files = || fs.files(&Path::new(DIR).join("log"));
        let sizes: BTreeMap<_, _> =
            files().into_iter().map(|path| (path.clone(), fs.bytes(&path).len())).collect();
        let removed = database.log().remove_before(needed).unwrap();
        assert!(4 < removed, "some become spares, the others are deleted: {removed}");
        assert!(database.log().free_step());
        drop(database);
        fs.power_cut(seed);
        for path in files() {
            if let Some(size) = sizes.get(&path) {
                assert_eq!(fs.bytes(&path).len(), *size, "{} (seed {seed})", path.display());
            }
        }
    }
}

#[test]
fn a_log_without_room_does_not_wait_for_the_steps_of_a_deletion() {
    let fs = SimFs::new(1);
    let (database, needed) = beyond_its_segments(&fs);
    database.log().remove_before(needed).unwrap();
    assert!(database.log().give_way().unwrap());
    assert!(!database.log().free_step(), "everything is given back");
    assert!(!database.log().give_way().unwrap());
}

/// What is only kept for going back goes before a write is refused.
#[test]
fn kept_log_gives_way_when_the_disk_is_full() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    let log = database.log().clone();
    let write = |database: &mut Database| -> Result<u64, StorageError> {
        let lsn = set(database, "key", &[9; 1000])?;
        database.log().commit()?;
        Ok(lsn)
    };
    while log.stats().segments < 6 {
        write(&mut database).unwrap();
    }
    fs.set_capacity(Some(fs.used()));
    let fill = |database: &mut Database| (0..1000).find(|_| write(database).is_err());
    assert!(fill(&mut database).is_some(), "nothing may go, so writes are refused at last");
    let segments = log.stats().segments;
    log.set_needed_from(log.durable());
    let written = fill(&mut database).expect("refused once everything is given");
    // Seven such records fit into a segment.
    let rooms = (segments - 1) * ((SEGMENT as usize - 4096 - 304) / 1080);
    assert!(rooms <= written, "{written} records in the room of {} segments", segments - 1);
}

/// A backup links closed segments. Were such a file used again, the backup would hold other records.
#[test]
fn a_linked_segment_is_deleted_and_never_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let (mut database, _) =
        Database::open(fs.clone(), &db, options(SEGMENT), 1, &mut |_| {}).unwrap();
    let write = |database: &mut Database, segments_more: usize| {
        let until = database.log().stats().segments + segments_more;
        while database.log().stats().segments < until {
            set(database, "key", &[9; 100]).unwrap();
            database.log().commit().unwrap();
        }
    };
    write(&mut database, 3);
    let names: Vec<_> = fs.list(&db.join("log")).unwrap();
    let closed: Vec<_> = names.iter().filter(|name| name.ends_with(".log")).take(2).collect();
    let linked = |name: &str| dir.path().join(name);
    let before: Vec<_> = closed
        .iter()
        .map(|name| {
            std::fs::hard_link(db.join("log").join(name), linked(name)).unwrap();
            std::fs::read(linked(name)).unwrap()
        })
        .collect();

    let pin = fs.pin(&db.join("log"), Pin::Keep).unwrap().unwrap();
    let last = database.log().last();
    assert_eq!(database.log().remove_before(last).unwrap(), 0, "a backup is being made");
    drop(pin);
    assert_eq!(database.log().remove_before(last).unwrap(), 3);
    write(&mut database, 4);
    for (name, before) in closed.iter().zip(before) {
        assert!(std::fs::read(linked(name)).unwrap() == before, "{name} was overwritten");
    }
}

#[test]
fn many_threads_commit_together() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let fs: Arc<dyn Fs> = Arc::new(RealFs);
        Database::open(fs, &dir.path().join("db"), options(1 << 16), 1, &mut |_| {}).unwrap().0
    };
    let database = Arc::new(std::sync::Mutex::new(open()));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let database = database.clone();
            scope.spawn(move || {
                for n in 0..50 {
                    let (lsn, log) = {
                        let mut database = database.lock().unwrap();
                        let lsn = set(&mut database, &format!("{thread}"), &[n; 200]).unwrap();
                        (lsn, database.log().clone())
                    };
                    assert!(lsn <= log.commit().unwrap());
                }
            });
        }
    });
    let database = Arc::into_inner(database).unwrap().into_inner().unwrap();
    let stats = database.log().stats();
    assert!(stats.syncs <= 400 + 2 * stats.segments as u64, "{stats:?}");
    assert_eq!(database.log().durable(), 400);
    let expected = state(&database);
    drop(database);
    assert!(state(&open()) == expected);
}

#[test]
fn a_directory_is_refused_by_name() {
    let fs = SimFs::new(1);
    let (database, _) = open(&fs, SEGMENT).unwrap();
    let error = open(&fs, SEGMENT).unwrap_err();
    let pid = std::process::id().to_string();
    assert!(matches!(&error, StorageError::Locked { pid: found, .. } if *found == pid), "{error}");
    drop(database);
    fs.create(&Path::new(DIR).join("dump.rdb")).unwrap();
    let error = open(&fs, SEGMENT).unwrap_err();
    assert!(matches!(&error, StorageError::Stray { name, .. } if name == "dump.rdb"), "{error}");
}

#[test]
fn a_spare_that_was_not_laid_out_does_not_count_as_one() {
    let fs = SimFs::new(1);
    drop(open(&fs, SEGMENT).unwrap());
    // A process that was killed between making the file and giving it its length.
    let stub = Path::new(DIR).join("log/00000000000000000007.spare");
    fs.create(&stub).unwrap();
    fs.kill();
    let (database, _) = open(&fs, SEGMENT).unwrap();
    assert_eq!(database.log().stats().spares, 0);
    assert!(database.log().wants_segment());
    assert!(!fs.exists(&stub).unwrap());
}

#[test]
fn a_transaction_without_room_is_refused_before_its_first_command() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    fs.set_capacity(Some(fs.used()));
    while set(&mut database, "key", &[7; 100]).is_ok() {}
    let before = state(&database);
    let refusal = database.begin_transaction_with_room(5, 100).unwrap_err();
    assert!(refusal.to_string().starts_with("MISCONF "), "{refusal}");
    assert_eq!(database.log().stats().spares, 0);
    assert!(state(&database) == before);
    // None has begun, so that the next one can.
    fs.set_capacity(None);
    assert!(database.log().prepare_segment().unwrap());
    database.begin_transaction_with_room(5, 100).unwrap();
    set(&mut database, "a", b"1").unwrap();
    assert!(0 < database.end_transaction().unwrap());
}

#[test]
fn a_transaction_that_was_let_in_may_use_the_reserve_to_its_end() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    fs.set_capacity(Some(fs.used()));
    let context = Context { db: 0, now: 1 };
    let pairs = [&b"key"[..], &[7; 40]];
    let write = Command::MSet { pairs: &pairs, only_if_free: false };
    // The smallest transaction that is let in, and one whose estimate was too low by a command.
    while database.begin_transaction_with_room(5, 100).is_ok() {
        for _ in 0..2 {
            database.execute(&write, context).expect("let in as a whole");
        }
        database.end_transaction().unwrap();
    }
    database.log().commit().unwrap();
    let expected = state(&database);
    drop(database);
    fs.power_cut(1);
    assert!(state(&open(&fs, SEGMENT).unwrap().0) == expected);
}

/// A database that has just gone over to a segment that was ready, with everything committed.
fn rolled(fs: &SimFs) -> Database {
    let (mut database, _) = open(fs, SEGMENT).unwrap();
    set(&mut database, "key", b"1").unwrap();
    database.log().commit().unwrap();
    assert!(database.log().prepare_segment().unwrap());
    assert!(!database.log().wants_segment());
    let segments = database.log().stats().segments;
    while database.log().stats().segments == segments {
        set(&mut database, "key", &[9; 100]).unwrap();
        database.log().write().unwrap();
    }
    database
}

#[test]
fn going_over_to_a_segment_that_is_ready_syncs_nothing() {
    let database = rolled(&SimFs::new(1));
    let (syncs, durable) = (database.log().stats().syncs, database.log().durable());
    assert_eq!((syncs, durable), (1, 1), "the one record that rolled() commits");
    // The commit syncs both segments before it tells.
    let last = database.log().last();
    assert_eq!(database.log().commit().unwrap(), last);
    assert_eq!(database.log().stats().syncs, 3);
}

#[test]
fn a_segment_whose_new_name_was_lost_is_found_under_the_old_one() {
    let mut is_lost = false;
    for seed in 0..40 {
        let fs = SimFs::new(seed);
        let mut database = rolled(&fs);
        set(&mut database, "key", b"after").unwrap();
        let expected = database.log().commit().unwrap();
        let state_before = state(&database);
        drop(database);
        fs.power_cut(seed);
        let names = fs.list(&Path::new(DIR).join("log")).unwrap();
        is_lost |= names.iter().any(|name| name.ends_with(".next"));
        let (database, report) = open(&fs, SEGMENT).unwrap();
        assert_eq!(report.last_lsn, expected, "seed {seed}: {names:?}");
        assert!(state(&database) == state_before, "seed {seed}");
        let names = fs.list(&Path::new(DIR).join("log")).unwrap();
        assert!(!names.iter().any(|name| name.ends_with(".next")), "seed {seed}: {names:?}");
    }
    assert!(is_lost, "no seed lost the name");
}

#[test]
fn a_lost_segment_is_missed_although_another_is_ready() {
    let fs = SimFs::new(1);
    let mut database = rolled(&fs);
    set(&mut database, "key", b"after").unwrap();
    database.log().commit().unwrap();
    database.log().prepare_segment().unwrap();
    let segments = database.log().stats().segments;
    drop(database);
    fs.kill();
    let names = fs.list(&Path::new(DIR).join("log")).unwrap();
    let logs: Vec<_> = names.iter().filter(|name| name.ends_with(".log")).collect();
    assert_eq!(logs.len(), segments);
    let active = Path::new(DIR).join("log").join(logs[segments - 1]);
    fs.remove(&active).unwrap();
    let error = open(&fs, SEGMENT).unwrap_err();
    let StorageError::Corrupt { file, reason, .. } = &error else { panic!("{error}") };
    assert_eq!((file, reason), (&active, &Damage::Missing), "{error}");
}

#[test]
fn a_seal_that_a_crash_took_is_put_back() {
    let fs = SimFs::new(1);
    let mut database = rolled(&fs);
    set(&mut database, "key", b"after").unwrap();
    let last = database.log().commit().unwrap();
    drop(database);
    fs.kill();
    fs.damage(&segment(1), |bytes| {
        // Kind and format are the last bytes of a record header that are not zero.
        let start = bytes.iter().rposition(|byte| *byte != 0).unwrap() - 41;
        assert_eq!(bytes[start + 40], 5, "a seal");
        bytes[start..].fill(0);
    });
    let (database, report) = open(&fs, SEGMENT).unwrap();
    assert_eq!((report.last_lsn, report.torn_tail), (last, None));
    drop(database);
    fs.kill();
    // From now on the log cannot lose its last segment unseen.
    let names = fs.list(&Path::new(DIR).join("log")).unwrap();
    let active = names.iter().rfind(|name| name.ends_with(".log")).unwrap();
    fs.remove(&Path::new(DIR).join("log").join(active)).unwrap();
    let error = open(&fs, SEGMENT).unwrap_err();
    assert!(matches!(&error, StorageError::Corrupt { reason: Damage::Missing, .. }), "{error}");
}

#[test]
fn damage_before_the_seal_is_proven_by_the_segment_behind() {
    let fs = SimFs::new(1);
    let mut database = rolled(&fs);
    for value in [b"x", b"y"] {
        set(&mut database, "key", value).unwrap();
        database.log().commit().unwrap();
    }
    drop(database);
    fs.kill();
    fs.damage(&segment(1), |bytes| {
        let seal = bytes.iter().rposition(|byte| *byte != 0).unwrap() - 41;
        // The seal itself, and the last byte of the last record: a value of nines.
        bytes[seal..].fill(0);
        let last = bytes.iter().rposition(|byte| *byte == 9).unwrap();
        bytes[last] ^= 1;
    });
    let error = open(&fs, SEGMENT).unwrap_err();
    let StorageError::Corrupt { file, reason, .. } = &error else { panic!("{error}") };
    assert_eq!(*file, segment(1), "{error}");
    assert!(matches!(reason, Damage::Record { .. }), "{error}");
}

#[test]
fn a_segment_that_is_ready_does_not_pass_for_one_that_was_lost() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    set(&mut database, "key", b"1").unwrap();
    database.log().commit().unwrap();
    database.log().prepare_segment().unwrap();
    // Too long for the segment that is ready, which stays for the next time.
    set(&mut database, "key", &vec![1; 20_000]).unwrap();
    database.log().commit().unwrap();
    assert_eq!(database.log().stats().segments, 2);
    drop(database);
    fs.kill();
    fs.remove(&segment(2)).unwrap();
    let error = open(&fs, SEGMENT).unwrap_err();
    let StorageError::Corrupt { file, reason, .. } = &error else { panic!("{error}") };
    assert_eq!((file, reason), (&segment(2), &Damage::Missing), "{error}");
}

/// A server goes over to the next segment without syncing the one that it leaves; a backup links both.
#[test]
fn what_was_read_beside_a_server_is_durable_once_it_is_synced() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    set(&mut database, "key", &[1; 100]).unwrap();
    database.log().commit().unwrap();
    while database.log().prepare_segment().unwrap() {}
    while database.log().stats().segments == 1 {
        set(&mut database, "key", &[2; 100]).unwrap();
        database.log().write().unwrap();
    }
    let mut log = LogFiles::find(&fs, Path::new(DIR)).unwrap();
    let end = log.walk(&fs, 1, &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!((end.last, end.passed.len()), (database.log().last(), 1));
    assert!(database.log().durable() < end.last - 1, "most of the segment that was left as well");
    end.sync().unwrap();
    for seed in 0..20 {
        let fs = fs.fork();
        fs.power_cut(seed);
        let (_, report) = open(&fs, SEGMENT).unwrap();
        assert!(end.last <= report.last_lsn, "seed {seed}: cut after {}", report.last_lsn);
    }
}

/// The name of a segment that came into use is durable only after a sync of its directory, which waits
/// for a helper. After a power cut the log is still whole, under the name that the segment had before.
#[test]
fn a_segment_under_its_old_name_is_read() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    set(&mut database, "key", &[1; 100]).unwrap();
    database.log().commit().unwrap();
    while database.log().prepare_segment().unwrap() {}
    while database.log().stats().segments == 1 {
        set(&mut database, "key", &[2; 100]).unwrap();
        database.log().commit().unwrap();
    }
    let last = database.log().last();
    drop(database);
    fs.kill();
    let first = fs
        .files(Path::new("/db/log"))
        .into_iter()
        .filter(|path| path.extension() == Some("log".as_ref()))
        .max()
        .unwrap();
    let old_name = first.with_file_name(format!("{:020}.next", last - 1));
    fs.rename(&first, &old_name).unwrap();
    let mut log = LogFiles::find(&fs, Path::new(DIR)).unwrap();
    let end = log.walk(&fs, 1, &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!((end.last, end.segment.path, end.passed.len()), (last, old_name, 1));
}

/// Whoever reads a log beside its server (`log show` into a pager) may be slower than what removes it.
#[test]
fn log_that_its_server_gives_up_while_it_is_read_is_not_called_damaged() {
    // Small segments are read in one go, and the next one is missing; of large ones the rest is.
    for (segment_bytes, value_bytes) in [(SEGMENT, 100), (4 << 20, 700_000)] {
        let fs = SimFs::new(1);
        let (database, needed) = beyond_segments_of(&fs, segment_bytes, value_bytes);
        let mut log = LogFiles::find(&fs, Path::new(DIR)).unwrap();
        // One that is deleted: older ones become spares, which keep their bytes for a while.
        let (first, next) = (log.segments()[6].first, log.segments()[7].first);
        let end = log.walk(&fs, first, &mut |record, _| {
            if record.stamp.lsn == first {
                database.log().remove_before(needed).unwrap();
                while database.log().free_step() {}
            }
            ControlFlow::Continue(())
        });
        let error = end.unwrap_err();
        let StorageError::LogGivenUp { wanted, oldest, .. } = error else { panic!("{error}") };
        assert_eq!(oldest, LogFiles::find(&fs, Path::new(DIR)).unwrap().first());
        assert_eq!(wanted, if segment_bytes == SEGMENT { next } else { first });
    }
}

/// The mark of a clean stop names the segment that the log ends in. If that is gone, and so is the seal
/// that tells of it, the refusal is about the segment that is gone.
#[test]
fn the_last_segment_is_missed_after_a_clean_stop() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    while database.log().stats().segments < 2 {
        set(&mut database, "key", &[2; 100]).unwrap();
        database.log().commit().unwrap();
    }
    database.log().stop_cleanly(1).unwrap();
    drop(database);
    fs.kill();
    let mut log = LogFiles::find(&fs, Path::new(DIR)).unwrap();
    let end = log.walk(&fs, 1, &mut |_, _| ControlFlow::Continue(())).unwrap();
    let (before, last) = (&end.passed[0], &end.segment);
    let seal = usize::try_from(before.1.offset).unwrap();
    fs.damage(&before.0.path, |bytes| bytes[seal..].fill(0));
    fs.remove(&last.path).unwrap();
    let error = open(&fs, SEGMENT).unwrap_err();
    let StorageError::Corrupt { file, offset, reason } = &error else { panic!("{error}") };
    assert_eq!((file, *offset, reason), (&last.path, 0, &Damage::Missing), "{error}");
}

/// The directory is made, and the sync that makes its name durable fails. The next start finds the
/// directory there, and must not take that for a sign that its name is durable.
#[test]
fn a_name_that_an_earlier_start_could_not_sync_is_synced_again() {
    let fs = SimFs::new(1);
    let mut nth = 0;
    let refused = loop {
        nth += 1;
        fs.fail_call(nth, Fault::Eio);
        match open(&fs, SEGMENT) {
            Err(error) if error.to_string().contains("sync /:") => break error,
            Err(_) => fs.heal(),
            Ok(_) => panic!("no start failed at the sync of the root"),
        }
        fs.power_cut(nth);
    };
    fs.heal();
    fs.kill();
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    set(&mut database, "key", b"1").unwrap();
    database.log().commit().unwrap();
    let last = database.log().last();
    drop(database);
    for seed in 0..20 {
        let fs = fs.fork();
        fs.power_cut(seed);
        let (_, report) = open(&fs, SEGMENT).unwrap();
        assert_eq!(report.last_lsn, last, "seed {seed}, after {refused}");
    }
}
