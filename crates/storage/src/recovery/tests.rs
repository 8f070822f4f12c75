//! Records that a later one made void. Nothing writes such a record yet, so it is appended by hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Command, Context, Reply};

use super::*;
use crate::checkpoint::Checkpointer;
use crate::database::Database;
use crate::format::header::{FileHeader, FileKind, HEADER_BYTES};
use crate::fs::RealFs;
use crate::fs::sim::SimFs;
use crate::log::Urgency;
use crate::options::Options;

const DIR: &str = "/data";
const CONTEXT: Context = Context { db: 0, now: 1 };

fn open(fs: &SimFs) -> Result<Database, StorageError> {
    let options = Options {
        segment_bytes: 8 << 10,
        first_segment_bytes: 8 << 10,
        reserve_bytes: 512,
        ..Options::default()
    };
    let opened = Database::open(Arc::new(fs.clone()), Path::new(DIR), options, 1, &mut |_| {});
    opened.map(|(database, _)| database)
}

/// One record that appends to the key.
fn append(database: &mut Database, value: &[u8]) {
    database.execute(&Command::Append { key: b"key", value }, CONTEXT).unwrap();
    database.log().commit().unwrap();
}

/// The record that makes those from `from` on void.
fn supersede(database: &Database, from: u64) {
    let fill = |out: &mut Vec<u8>| out.extend_from_slice(&from.to_le_bytes());
    database.log().append(Kind::Supersede, 1, Urgency::Ordinary, fill).unwrap();
    database.log().commit().unwrap();
}

fn checkpoint(fs: &SimFs, database: &Database) {
    let mut checkpointer = Checkpointer::new(Arc::new(fs.clone()), DIR.into(), 0);
    checkpointer.run(database.log().durable()).unwrap();
}

fn value(database: &mut Database) -> Reply {
    database.execute(&Command::Get { key: b"key" }, CONTEXT).unwrap().reply
}

/// Records 1 to 3 append `a`, `b`, `c`; record 4 makes those from `from` on void.
fn superseded(from: u64, snapshot_after: Option<u64>) -> SimFs {
    let fs = SimFs::new(1);
    let mut database = open(&fs).unwrap();
    for (lsn, value) in [(1, b"a"), (2, b"b"), (3, b"c")] {
        append(&mut database, value);
        if snapshot_after == Some(lsn) {
            checkpoint(&fs, &database);
        }
    }
    supersede(&database, from);
    drop(database);
    fs.kill();
    fs
}

#[test]
fn superseded_records_are_not_applied() {
    let check = |from: u64, snapshot_after: Option<u64>, expected: &str| {
        let fs = superseded(from, snapshot_after);
        let mut database = open(&fs).unwrap();
        assert_eq!(database.log().last(), 4, "the numbers go on");
        assert_eq!(value(&mut database), Reply::bulk(expected.as_bytes()), "void from {from}");
        append(&mut database, b"d");
        // A checkpoint replays as a start does.
        checkpoint(&fs, &database);
        drop(database);
        fs.kill();
        let expected = format!("{expected}d");
        assert_eq!(
            value(&mut open(&fs).unwrap()),
            Reply::bulk(expected.as_bytes()),
            "after a snapshot"
        );
    };
    check(2, None, "a");
    check(3, None, "ab");
    check(4, None, "abc");
    check(3, Some(1), "ab");
    check(3, Some(2), "ab");
}

#[test]
fn a_snapshot_of_superseded_records_is_refused() {
    let check = |from: u64, snapshot: u64| {
        let fs = superseded(from, Some(snapshot));
        let error = open(&fs).unwrap_err();
        let StorageError::Corrupt { file, .. } = &error else { panic!("{error}") };
        assert_eq!(*file, dir::snapshot(Path::new(DIR), snapshot), "{error}");
    };
    check(2, 2);
    check(2, 3);
    check(3, 3);
}

#[test]
fn progress_rises_to_the_end_of_each_phase() {
    let fs = SimFs::new(1);
    let mut database = open(&fs).unwrap();
    append(&mut database, b"a");
    checkpoint(&fs, &database);
    append(&mut database, b"b");
    drop(database);
    fs.kill();
    let mut told: Vec<Progress> = Vec::new();
    let options = Options { segment_bytes: 8 << 10, ..Options::default() };
    let arc = Arc::new(fs.clone());
    let (_database, report) =
        Database::open(arc, Path::new(DIR), options, 1, &mut |progress| told.push(progress))
            .unwrap();
    let (snapshot, log): (Vec<Progress>, Vec<Progress>) =
        told.iter().copied().partition(|progress| progress.phase == Phase::Snapshot);
    for phase in [&snapshot, &log] {
        assert!(phase.is_sorted_by_key(|progress| progress.bytes), "{phase:?}");
        assert!(phase.iter().all(|progress| progress.bytes <= progress.bytes_total), "{phase:?}");
        assert!(phase.iter().all(|progress| progress.percent() <= 100), "{phase:?}");
    }
    let last = log.last().unwrap();
    assert_eq!(last.records, report.records);
    assert!(report.bytes <= last.bytes, "{last:?}");
    assert!(snapshot.last().is_some_and(|last| 0 < last.bytes), "{snapshot:?}");
    assert_eq!(told.last().unwrap().phase, Phase::Log);
}

#[test]
fn progress_is_told_in_words() {
    let progress = Progress { phase: Phase::Log, records: 7, bytes: 5 << 20, bytes_total: 8 << 20 };
    assert_eq!(progress.to_string(), "Replaying the log: 62 %, 7 records, 5 of 8 MiB");
    let progress = Progress { phase: Phase::Snapshot, bytes: 0, bytes_total: 0, ..progress };
    assert_eq!(progress.to_string(), "Loading the snapshot: 100 %, 0 of 0 MiB");
}

/// Two directories with the same past have the same file names and record numbers: only the history
/// tells a segment of the one from a segment of the other.
#[test]
fn a_segment_of_another_history_is_refused_by_name() {
    let fs = RealFs;
    let open = |dir: &Path| {
        let small = 8 << 10;
        let options =
            Options { segment_bytes: small, first_segment_bytes: small, ..Options::default() };
        Database::open(Arc::new(fs), dir, options, 1, &mut |_| {})
    };
    let [ours, other] = [(); 2].map(|()| {
        let dir = tempfile::tempdir().unwrap();
        let (mut database, _) = open(dir.path()).unwrap();
        for _ in 0..200 {
            append(&mut database, &[b'x'; 100]);
        }
        dir
    });
    let firsts = dir::list_segments(&fs, ours.path()).unwrap();
    assert_eq!(firsts, dir::list_segments(&fs, other.path()).unwrap());
    let foreign = dir::segment(ours.path(), firsts[1]);
    let whole = std::fs::read(&foreign).unwrap();
    std::fs::copy(dir::segment(other.path(), firsts[1]), &foreign).unwrap();
    let error = open(ours.path()).unwrap_err();
    let is_foreign = matches!(
        &error,
        StorageError::Corrupt { file, reason: Damage::Foreign { .. }, .. } if *file == foreign
    );
    assert!(is_foreign, "{error}");
    std::fs::write(&foreign, whole).unwrap();
    open(ours.path()).unwrap();
}

/// A segment that was given up may be back after a power cut, without those behind it. It does not make
/// the empty state a base to start from: the refusal is about the snapshot that is damaged.
#[test]
fn a_segment_that_came_back_does_not_hide_what_is_damaged() {
    let fs = SimFs::new(1);
    let mut database = open(&fs).unwrap();
    while database.log().stats().segments < 3 {
        append(&mut database, &[b'x'; 500]);
    }
    checkpoint(&fs, &database);
    drop(database);
    fs.kill();
    let dir = Path::new(DIR);
    let segments = dir::list_segments(&fs, dir).unwrap();
    fs.remove(&dir::segment(dir, segments[1])).unwrap();
    let snapshots = dir::list_snapshots(&fs, dir).unwrap();
    let snapshot = dir::snapshot(dir, *snapshots.last().unwrap());
    fs.damage(&snapshot, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    let error = open(&fs).unwrap_err();
    let StorageError::Corrupt { file, .. } = &error else { panic!("{error}") };
    assert_eq!(*file, snapshot, "{error}");
}

/// Ten records, a checkpoint in the middle, all in one segment.
fn half_in_a_snapshot() -> SimFs {
    let fs = SimFs::new(1);
    let mut database = open(&fs).unwrap();
    for count in 1..=10 {
        append(&mut database, b".");
        if count == 5 {
            checkpoint(&fs, &database);
        }
    }
    drop(database);
    fs.kill();
    fs
}

/// Where record `lsn` stands.
fn place_of(fs: &SimFs, lsn: u64) -> (PathBuf, u64) {
    let mut found = None;
    let mut each = |record: &Record<'_>, path: &Path, at| {
        found = found.take().or((record.stamp.lsn == lsn).then(|| (path.to_path_buf(), at)));
        Ok(())
    };
    each_record(fs, Path::new(DIR), (LogPosition::behind(0), lsn), &mut each).unwrap();
    found.unwrap()
}

fn overwrite(fs: &SimFs, path: &Path, bytes: &[u8], at: u64) {
    let file = fs.open_write(path).unwrap();
    file.write_all_at(bytes, at).unwrap();
    file.sync_data().unwrap();
}

#[test]
fn a_start_begins_where_the_snapshot_ends() {
    let fs = half_in_a_snapshot();
    let (path, at) = place_of(&fs, 2);
    overwrite(&fs, &path, &[0; 8], at);
    let mut database = open(&fs).unwrap();
    assert_eq!(value(&mut database), Reply::bulk(b".........."), "record 2 is in the snapshot");
    // So does the next checkpoint; and then the log has nothing more that counts.
    append(&mut database, b"!");
    checkpoint(&fs, &database);
    drop(database);
    fs.kill();
    let scan = scan(&fs, Path::new(DIR), LogPosition::behind(0), &mut |_, _, _| {}, &mut |_| {});
    assert!(matches!(scan, Err(StorageError::Corrupt { .. })), "{scan:?}");
    assert_eq!(value(&mut open(&fs).unwrap()), Reply::bulk(b"..........!"));
}

#[test]
fn a_place_where_another_record_stands_is_not_believed() {
    let fs = half_in_a_snapshot();
    let (path, right) = place_of(&fs, 5);
    let size = fs.open(&path).unwrap().size().unwrap();
    let snapshot = dir::snapshot(Path::new(DIR), 5);
    let bytes = fs.open(&snapshot).unwrap();
    let mut header = [0; HEADER_BYTES];
    bytes.read_exact_at(&mut header, 0).unwrap();
    let header = FileHeader::decode(&header, FileKind::Snapshot, &snapshot).unwrap();
    assert_eq!(header.log_offset, right);
    for wrong in [0, 1, 4096, right - 8, right + 8, place_of(&fs, 6).1, size - 8, size, u64::MAX] {
        let position = LogPosition { lsn: 5, offset: wrong };
        let mut found = Vec::new();
        let mut each = |record: &Record<'_>, _: &Path, _| found.push(record.stamp.lsn);
        scan(&fs, Path::new(DIR), position, &mut each, &mut |_| {}).unwrap();
        assert_eq!(found, [6, 7, 8, 9, 10], "offset {wrong}");
    }
}
