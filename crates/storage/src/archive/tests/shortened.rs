//! What is not all there any more: nothing may pass for the whole.

use std::ops::ControlFlow;

use super::*;
use crate::check;
use crate::inspect::LogFiles;

fn is_sound(dir: &Path) -> bool {
    check::check(&RealFs, dir, &mut |_| {}).unwrap().sound
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let firsts = dir::list_segments(&RealFs, dir).unwrap();
    firsts.into_iter().map(|first| dir::segment(dir, first)).collect()
}

/// Changes the bytes of a file.
fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Cuts off the last third of the records in a segment.
fn shorten(bytes: &mut Vec<u8>) {
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes.truncate(4096 + (end - 4096) * 2 / 3);
}

fn restored(request: &RestoreRequest) -> Result<RestoreReport, ArchiveError> {
    let report = restore(request, &mut |_| {});
    if report.is_ok() {
        std::fs::remove_dir_all(&request.to).unwrap();
    }
    report
}

/// Reads the log as `log show` does.
fn walk(dir: &Path) -> Result<u64, StorageError> {
    let mut log = LogFiles::find(&RealFs, dir)?;
    log.walk(&RealFs, 1, &mut |_, _| ControlFlow::Continue(())).map(|end| end.last)
}

#[test]
fn a_backup_without_its_last_records_is_refused() {
    let mut known = Known::new();
    known.write(60);
    let lsn = known.backup("backup").manifest.lsn;
    let last = segments(&known.path("backup")).pop().unwrap();
    let whole = std::fs::read(&last).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    type Change = Box<dyn Fn(&mut Vec<u8>)>;
    let changes: [(&str, Change); 4] = [
        ("a flipped bit in the last record", Box::new(move |bytes| bytes[end] ^= 4)),
        ("a shorter file", Box::new(shorten)),
        ("zeros", Box::new(|bytes| bytes[5000..].fill(0))),
        ("no record in the last segment", Box::new(|bytes| bytes[4096..].fill(0))),
    ];
    for (what, change) in changes {
        edit(&last, |bytes| change(bytes));
        assert!(!is_sound(&known.path("backup")), "{what}: called sound");
        for target in [Target::End, Target::Lsn(lsn), Target::Time(known.now)] {
            let error = restored(&known.request("backup", target)).expect_err(what);
            assert!(matches!(error, ArchiveError::Damaged { .. }), "{what}, {target:?}: {error}");
        }
        // What is there can be had, and it is said that there was more.
        let report = restored(&known.request("backup", Target::Lsn(20))).expect(what);
        assert!(report.damage_beyond.is_some(), "{what}");
        std::fs::write(&last, &whole).unwrap();
    }
    assert!(is_sound(&known.path("backup")));
    known.expect(&known.request("backup", Target::End), lsn);
}

#[test]
fn a_log_shorter_than_at_its_clean_stop_is_refused() {
    let mut known = Known::new();
    known.write(60);
    let database = known.database.take().unwrap();
    while database.log().wants_segment() && database.log().prepare_segment().unwrap() {}
    database.log().stop_cleanly(known.now).unwrap();
    drop(database);
    let db = known.path("db");
    assert_eq!(walk(&db).unwrap(), known.last() + 1, "and its mark");
    let last = segments(&db).pop().unwrap();
    let whole = std::fs::read(&last).unwrap();
    edit(&last, shorten);
    // The mark of the stop says so; without it, the number of the segment that is ready does.
    for what in ["the mark", "the next segment"] {
        let error = backup(&db, &known.path("backup"), &plain(), &mut |_| {}).expect_err(what);
        assert!(matches!(error, ArchiveError::Storage(StorageError::Corrupt { .. })), "{error}");
        assert!(matches!(walk(&db), Err(StorageError::Corrupt { .. })), "{what}");
        assert!(!is_sound(&db), "{what}: called sound");
        let error = restored(&known.request("db", Target::End)).expect_err(what);
        assert!(matches!(error, ArchiveError::Damaged { .. }), "{what}: {error}");
        assert!(restored(&known.request("db", Target::Lsn(20))).unwrap().damage_beyond.is_some());
        if what == "the mark" {
            std::fs::remove_file(dir::clean(&db)).unwrap();
        }
    }
    std::fs::write(&last, &whole).unwrap();
    backup(&db, &known.path("backup"), &plain(), &mut |_| {}).unwrap();
}

#[test]
fn the_log_that_continues_a_backup_must_be_whole_as_well() {
    let mut known = Known::new();
    known.write(20);
    known.backup("backup");
    known.write(40);
    known.database.take().unwrap().log().stop_cleanly(known.now).unwrap();
    let db = known.path("db");
    let request =
        |target| RestoreRequest { log: Some(db.clone()), ..known.request("backup", target) };
    assert_eq!(restored(&request(Target::End)).unwrap().lsn, known.last() + 1);
    edit(&segments(&db).pop().unwrap(), shorten);
    let error = restored(&request(Target::End)).unwrap_err();
    assert!(matches!(error, ArchiveError::Damaged { .. }), "{error}");
    let inside = RestoreRequest { to: db.join("restored"), ..request(Target::Lsn(20)) };
    let error = restored(&inside).unwrap_err();
    assert!(matches!(error, ArchiveError::Inside { .. }), "{error}");
}

#[test]
fn a_segment_that_is_missing_in_the_middle_is_missed() {
    let mut known = Known::new();
    known.write(60);
    drop(known.database.take());
    let db = known.path("db");
    let firsts = dir::list_segments(&RealFs, &db).unwrap();
    let (gone, after) = (firsts[1], firsts[2]);
    std::fs::remove_file(dir::segment(&db, gone)).unwrap();
    let is_missed = |error: &StorageError| match error {
        StorageError::Corrupt { reason: Damage::Missing, file, .. } => {
            *file == dir::segment(&db, gone)
        }
        _ => false,
    };
    assert!(is_missed(&walk(&db).unwrap_err()));
    let time = known.states[usize::try_from(gone + 1).unwrap()].1;
    for target in [Target::Lsn(gone), Target::Lsn(after), Target::Time(time), Target::End] {
        let error = restored(&known.request("db", target)).unwrap_err();
        let ArchiveError::Damaged { error, before, .. } = error else { panic!("{error}") };
        assert!(is_missed(&error), "{target:?}: {error}");
        assert_eq!(before, Some(gone - 1));
    }
    known.expect(&known.request("db", Target::Lsn(gone - 1)), gone - 1);
}

#[test]
fn a_database_without_the_state_that_its_log_goes_on_from_is_not_sound() {
    let mut known = Known::new();
    known.write(60);
    known.checkpoint();
    known.write(20);
    let needed = known.checkpoint();
    known.database.as_ref().unwrap().log().remove_before(needed).unwrap();
    known.backup("backup");
    drop(known.database.take());
    for dir in [known.path("db"), known.path("backup")] {
        assert!(is_sound(&dir));
        for lsn in dir::list_snapshots(&RealFs, &dir).unwrap() {
            std::fs::remove_file(dir::snapshot(&dir, lsn)).unwrap();
        }
        assert!(!is_sound(&dir), "{}", dir.display());
    }
    assert!(open(&known.path("db")).is_err(), "nor does a server start");
}

#[test]
fn a_time_is_found_beyond_damage_that_a_snapshot_leads_past() {
    let mut known = Known::new();
    known.write(60);
    known.checkpoint();
    known.write(20);
    drop(known.database.take());
    let wanted = known.last() - 5;
    let time = known.states[usize::try_from(wanted).unwrap()].1;
    edit(&segments(&known.path("db"))[0], |bytes| bytes[4096 + 300] ^= 1);
    known.expect(&known.request("db", Target::Lsn(wanted)), wanted);
    known.expect(&known.request("db", Target::Time(time)), wanted);
}

#[test]
fn a_torn_tail_that_reaches_into_the_next_segment_is_no_damage() {
    let mut known = Known::new();
    known.write(1);
    let database = known.database.as_mut().unwrap();
    while database.log().wants_segment() && database.log().prepare_segment().unwrap() {}
    let durable = database.log().durable();
    let torn = usize::try_from(4096 + database.log().stats().bytes_written).unwrap();
    // Written and never synced, over the end of the segment. Of the first of it nothing gets to the disk.
    while database.log().stats().segments < 2 {
        let command = Command::Append { key: b"text", value: &[b'y'; 500] };
        database.execute(&command, Context { db: 0, now: 7 }).unwrap();
        database.log().write().unwrap();
    }
    drop(known.database.take());
    let db = known.path("db");
    edit(&segments(&db)[0], |bytes| bytes[torn..torn + 512].fill(0));
    assert!(is_sound(&db));
    assert_eq!(walk(&db).unwrap(), durable);
    assert_eq!(known.backup("backup").manifest.lsn, durable);
    known.expect(&known.request("db", Target::End), durable);
}

#[test]
fn a_backup_whose_manifest_is_damaged_can_be_restored_without_it() {
    let mut known = Known::new();
    known.write(20);
    known.backup("backup");
    let manifest = dir::backup(&known.path("backup"));
    edit(&manifest, |bytes| bytes[10] ^= 1);
    assert!(!is_sound(&known.path("backup")));
    let error = restored(&known.request("backup", Target::End)).unwrap_err();
    assert!(matches!(error, ArchiveError::Manifest { .. }), "{error}");
    std::fs::remove_file(manifest).unwrap();
    known.expect(&known.request("backup", Target::End), known.last());
}
