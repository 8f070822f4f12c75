use std::sync::Arc;

use engine::{Command, Context};

use super::*;
use crate::checkpoint::Checkpointer;
use crate::database::Database;
use crate::fs::RealFs;
use crate::options::Options;
use crate::snapshot::{Loaded, load_newest};
use crate::testing::{Live, data_dir, put};

const CONTEXT: Context = Context { db: 0, now: 1_700_000_000_000 };

/// A database with a snapshot and records after it, closed.
fn database() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 64 << 10,
        first_segment_bytes: 64 << 10,
        reserve_bytes: 4 << 10,
        spares: 0,
        ..Options::default()
    };
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let (mut database, _) =
        Database::open(fs.clone(), dir.path(), options, 1, &mut |_| {}).unwrap();
    for round in 0..3 {
        for key in [b"a", b"b", b"c"] {
            database.execute(&Command::Append { key, value: b"value" }, CONTEXT).unwrap();
        }
        let durable = database.log().commit().unwrap();
        if round < 2 {
            Checkpointer::new(fs.clone(), dir.path().to_path_buf(), 0).run(durable).unwrap();
        }
    }
    dir
}

fn run(dir: &Path) -> CheckReport {
    let (mut before, mut total) = (0, 0);
    let report = check(&RealFs, dir, &mut |progress| {
        assert!(before <= progress.bytes && progress.bytes <= progress.bytes_total);
        (before, total) = (progress.bytes, progress.bytes_total);
    });
    assert_eq!(before, total, "the bar reaches its end");
    report.unwrap()
}

/// The files with problems, after `change` was made to the bytes of `path`.
fn damaged(dir: &Path, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Vec<FileReport> {
    let good = std::fs::read(path).unwrap();
    let mut bytes = good.clone();
    change(&mut bytes);
    put(path, &bytes);
    let report = run(dir);
    assert_eq!(std::fs::read(path).unwrap(), bytes, "a check changes nothing");
    put(path, &good);
    let files: Vec<_> = report.files.into_iter().filter(|file| !file.problems.is_empty()).collect();
    assert_eq!(files.is_empty(), report.sound);
    files
}

#[test]
fn a_sound_directory_is_told_in_numbers() {
    let dir = database();
    let report = run(dir.path());
    assert!(report.sound, "{report:#?}");
    let contents: Vec<_> = report.files.iter().map(|file| file.content.clone()).collect();
    let snapshot = |lsn| Content::Snapshot { lsn, items: 6, blocks: 0, block_bytes: 0 };
    assert_eq!(
        contents,
        [
            snapshot(3),
            snapshot(6),
            Content::Mark,
            Content::Segment { records: 9, lsn_first: 1, lsn_last: 9, torn_tail: None },
        ]
    );
}

#[test]
fn damage_is_named_with_its_file() {
    let dir = database();
    let check = |path: &Path, offset: usize, reported: u64| {
        let files = damaged(dir.path(), path, |bytes| bytes[offset] ^= 1);
        assert_eq!(files.len(), 1, "{files:#?}");
        assert_eq!(files[0].file, path);
        assert_eq!(files[0].problems[0].offset, reported, "{files:#?}");
    };
    check(&dir::snapshot(dir.path(), 6), 100, 96);
    check(&dir::snapshot(dir.path(), 3), 70, 64);
    check(&dir::format(dir.path()), 20, 0);
    // The first record, which later ones prove to have been durable.
    let segment = dir::segment(dir.path(), 1);
    check(&segment, 4096 + 50, 4096);
}

#[test]
fn a_torn_tail_is_no_damage() {
    let dir = database();
    let path = dir::segment(dir.path(), 1);
    let good = std::fs::read(&path).unwrap();
    let end = good.iter().rposition(|byte| *byte != 0).unwrap();
    let mut torn = good.clone();
    torn[end + 9..end + 30].fill(7);
    put(&path, &torn);
    let report = run(dir.path());
    assert!(report.sound, "{report:#?}");
    let content = &report.files.last().unwrap().content;
    let is_torn = matches!(content, Content::Segment { records: 9, torn_tail: Some(_), .. });
    assert!(is_torn, "{content:?}");
}

#[test]
fn a_log_that_ends_before_a_snapshot_is_damaged() {
    let dir = database();
    let path = dir::segment(dir.path(), 1);
    let files = damaged(dir.path(), &path, |bytes| bytes[4096..].fill(0));
    assert_eq!(files[0].file, path);
}

#[test]
fn a_locked_directory_is_left_alone() {
    let dir = database();
    let held = RealFs.lock(&dir::lock(dir.path()), "4711\n").unwrap();
    let error = check(&RealFs, dir.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(&error, StorageError::Locked { pid, .. } if pid == "4711"), "{error}");
    drop(held);
    assert!(run(dir.path()).sound);
}

#[test]
fn a_damaged_block_is_named_with_its_key_and_entries() {
    let dir = data_dir();
    let mut live = Live::new();
    live.add(b"orders", 1, 8);
    live.run(Command::SwapDb { first: 0, second: 2 });
    let base = load_newest(&RealFs, dir.path(), 0, 1).unwrap();
    let base = Loaded { engine: std::mem::replace(&mut live.engine, base.engine), ..base };
    Checkpointer::new(Arc::new(RealFs), dir.path().to_path_buf(), 0).write(base, 1).unwrap();

    // The second block of three entries.
    let path = dir::block_file(dir.path(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    let length = (bytes.len() - 96) / 2;
    bytes[64 + length + 60] ^= 1;
    put(&path, &bytes);
    let report = run(dir.path());
    let file = report.files.iter().find(|file| file.file == path).unwrap();
    assert_eq!(file.problems.len(), 1, "{file:#?}");
    let lost = file.problems[0].entries.as_ref().unwrap();
    assert_eq!((lost.db, &*lost.key), (2, "orders"));
    assert_eq!((&*lost.first, &*lost.last), ("4-0", "6-0"));
    let is_counted = matches!(file.content, Content::Blocks { number: 1, blocks: 1, .. });
    assert!(is_counted, "{file:#?}");
}

#[test]
fn a_directory_without_a_database_is_refused_by_that() {
    let check = |prepare: &dyn Fn(&Path), expected: &str| {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let before = RealFs.list(dir.path()).unwrap();
        let error = check(&RealFs, dir.path(), &mut |_| {}).unwrap_err();
        let expected = format!("{}: not a Headwater directory{expected}", dir.path().display());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert_eq!(RealFs.list(dir.path()).unwrap(), before, "a check changes nothing");
    };
    check(&|_| {}, ": there is no database in it");
    check(&|dir| put(&dir::lock(dir), b"4711\n"), ": there is no database in it");
    check(&|dir| put(&dir.join("dump.rdb"), b"REDIS0011"), " (dump.rdb does not belong there)");
}

#[test]
fn the_marks_are_counted_with_their_bytes() {
    let dir = database();
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let opened = Database::open(fs, dir.path(), Options::default(), 1, &mut |_| {});
    opened.unwrap().0.log().stop_cleanly(2).unwrap();
    let report = run(dir.path());
    let bytes = |path: &Path| report.files.iter().find(|file| file.file == path).unwrap().bytes;
    assert_eq!(bytes(&dir::format(dir.path())), 64);
    assert_eq!(bytes(&dir::clean(dir.path())), 84);
    assert!(report.sound, "{report:#?}");
    // A log that goes on behind the mark of a clean stop.
    let path = dir::clean(dir.path());
    let files = damaged(dir.path(), &path, |bytes| bytes[70] ^= 1);
    assert_eq!(files.len(), 1, "{files:#?}");
    assert_eq!(files[0].file, path);
}
