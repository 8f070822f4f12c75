use super::*;
use crate::error::StorageError;
use crate::fs::RealFs;
use crate::snapshot::SnapshotWriter;
use crate::testing::{data_dir, put, small_engine};

fn run(dir: &Path) -> CheckReport {
    let (mut before, mut total) = (0, 0);
    let report = check(&RealFs, dir, &mut |progress| {
        assert!(before <= progress.bytes && progress.bytes <= progress.bytes_total);
        (before, total) = (progress.bytes, progress.bytes_total);
    });
    assert_eq!(before, total, "the bar reaches its end");
    report.unwrap()
}

fn write_snapshot(dir: &Path, lsn: u64) {
    let mut writer = SnapshotWriter::create(&RealFs, dir, lsn, &[]).unwrap();
    small_engine().image().for_each(|item| writer.item(&item).unwrap());
    writer.finish().unwrap();
}

#[test]
fn a_damaged_snapshot_is_reported_beside_a_sound_one() {
    let dir = data_dir();
    write_snapshot(dir.path(), 3);
    write_snapshot(dir.path(), 4);
    let report = run(dir.path());
    assert!(report.sound, "{report:#?}");
    assert_eq!(report.files.len(), 2);
    assert!(matches!(report.files[1].content, Content::Snapshot { lsn: 4, items: 7, .. }));

    let path = dir::snapshot(dir.path(), 4);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    put(&path, &bytes);
    let report = run(dir.path());
    assert!(!report.sound);
    assert!(report.files[0].problems.is_empty());
    assert_eq!(report.files[1].problems[0].offset, 96);
}

#[test]
fn a_locked_directory_is_left_alone() {
    let dir = data_dir();
    let path = dir::lock(dir.path());
    let held = RealFs.lock(&path, "4711\n").unwrap();
    let error = check(&RealFs, dir.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(&error, StorageError::Locked { pid, .. } if pid == "4711"), "{error}");
    drop(held);
    assert!(run(dir.path()).sound);
}
