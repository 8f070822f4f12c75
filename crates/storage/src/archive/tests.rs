//! Backups and restores against a model, interrupted, damaged and mixed up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use engine::{Command, Context, NewId, References, StreamId, Trim, TrimKeep, TrimPrecision, XAdd};

use super::*;
use crate::checkpoint::Checkpointer;
use crate::database::Database;
use crate::error::Damage;
use crate::options::Options;
use crate::testing::answers;

mod shortened;

/// A database whose state after every record is remembered.
struct Known {
    home: tempfile::TempDir,
    database: Option<Database>,
    /// State and time after each record; the first is that of the empty database.
    states: Vec<(Vec<String>, u64)>,
    now: u64,
    ids: u64,
}

const SEGMENT: u64 = 8 << 10;

fn options() -> Options {
    let settings = engine::Settings { block_entries_max: 3, ..engine::Settings::default() };
    Options {
        segment_bytes: SEGMENT,
        first_segment_bytes: SEGMENT,
        reserve_bytes: 512,
        settings,
        ..Options::default()
    }
}

fn open(dir: &Path) -> Result<Database, StorageError> {
    Database::open(Arc::new(RealFs), dir, options(), 1, &mut |_| {}).map(|(database, _)| database)
}

/// What clients see, wherever the bytes of a block lie.
fn state(engine: &engine::Engine) -> Vec<String> {
    let mut seen = answers(engine, b"s");
    let text = engine.decide(&Command::Get { key: b"text" }, Context { db: 0, now: 1 }).unwrap();
    seen.push(format!("{:?}", text.reply));
    seen
}

impl Known {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let database = open(&home.path().join("db")).unwrap();
        let empty = engine::Engine::new(engine::Settings::default(), 0);
        // Record 1 sets the block limits.
        let states = vec![(state(&empty), 0), (state(database.engine()), 1)];
        Self { home, database: Some(database), states, now: 1_000, ids: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn last(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    fn run(&mut self, command: &Command<'static>) {
        self.now += 10;
        let last = self.last();
        let database = self.database.as_mut().unwrap();
        database.execute(command, Context { db: 0, now: self.now }).unwrap();
        database.log().commit().unwrap();
        assert_eq!(database.log().last(), last + 1, "each of these is one record");
        self.states.push((state(database.engine()), self.now));
    }

    /// Entries, trims, deletes, other keys: `count` records.
    fn write(&mut self, count: u64) {
        for _ in 0..count {
            self.ids += 1;
            let id = self.ids;
            match id % 7 {
                5 => {
                    let (keep, references) = (TrimKeep::MaxLen(9), References::Keep);
                    let trim = Trim { keep, precision: TrimPrecision::Exact, references };
                    if 20 < id {
                        self.run(&Command::XTrim { key: b"s", trim });
                    }
                }
                6 => {
                    self.run(&Command::XDel { key: b"s", ids: Ok(vec![StreamId::new(id - 2, 0)]) })
                }
                0 => self.run(&Command::Append { key: b"text", value: &[b'x'; 700] }),
                _ => self.run(&Command::XAdd(XAdd {
                    key: b"s",
                    id: NewId::Explicit(StreamId::new(id, 0)),
                    fields: engine::Fields::Borrowed(&[b"field", b"a value of some length"]),
                    no_make_stream: false,
                    trim: None,
                })),
            }
        }
    }

    fn checkpoint(&self) -> u64 {
        let database = self.database.as_ref().unwrap();
        let mut checkpointer = Checkpointer::new(Arc::new(RealFs), self.path("db"), 0);
        checkpointer.run(database.log().durable()).unwrap().log_needed_from
    }

    fn backup(&self, name: &str) -> BackupReport {
        backup(&self.path("db"), &self.path(name), &plain(), &mut |_| {}).unwrap()
    }

    fn request(&self, from: &str, target: Target) -> RestoreRequest {
        let (from, to) = (self.path(from), self.path("restored"));
        RestoreRequest { from, to, log: None, target, verify: true, options: options(), now_ms: 5 }
    }

    /// Restores, opens, compares, writes a record, and removes it all again.
    fn expect(&self, request: &RestoreRequest, lsn: u64) {
        let report = restore(request, &mut |_| {})
            .unwrap_or_else(|error| panic!("{:?}: {error}", request.target));
        assert_eq!(report.lsn, lsn, "{:?}", request.target);
        assert_eq!(restored_from(&request.to).unwrap().lsn, lsn);
        let mut database = open(&request.to)
            .unwrap_or_else(|error| panic!("{:?} does not open: {error}", request.target));
        let expected = usize::try_from(lsn).unwrap();
        // Restored before record 1, the opening sets the block limits again.
        let expected = expected.max(1);
        assert!(
            state(database.engine()) == self.states[expected].0,
            "{:?}: not the state after record {lsn}",
            request.target
        );
        if lsn.is_multiple_of(8) {
            let command = Command::Append { key: b"new", value: b"history" };
            database.execute(&command, Context { db: 0, now: 7 }).unwrap();
            database.log().commit().unwrap();
            drop(database);
            let after = open(&request.to).unwrap();
            assert_eq!(after.log().last(), expected as u64 + 1);
        }
        std::fs::remove_dir_all(&request.to).unwrap();
    }
}

fn plain() -> BackupOptions {
    BackupOptions { verify: true, copy: false, now_ms: 4, version: "test".into() }
}

/// Every file below a directory, with its bytes.
fn files_of(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_of(&path));
        } else {
            files.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

#[test]
fn every_record_can_be_gone_back_to() {
    let mut known = Known::new();
    known.write(30);
    known.checkpoint();
    known.write(12);
    let early = known.backup("early");
    assert!(0 < early.bytes_linked, "on one file system");
    known.write(8);
    known.checkpoint();
    known.write(3);

    // From the directory itself, whose log goes back to the beginning, beside its server.
    for lsn in 0..=known.last() {
        known.expect(&known.request("db", Target::Lsn(lsn)), lsn);
    }
    known.expect(&known.request("db", Target::End), known.last());

    // From the backup alone, from its snapshot to its end.
    let Manifest { lsn, snapshot_lsn, .. } = early.manifest;
    assert!(0 < snapshot_lsn && snapshot_lsn < lsn && lsn < known.last());
    for target in [snapshot_lsn, snapshot_lsn + 1, lsn - 1, lsn] {
        known.expect(&known.request("early", Target::Lsn(target)), target);
    }
    known.expect(&known.request("early", Target::End), lsn);
    let before = dir::list_segments(&RealFs, &known.path("early")).unwrap()[0] - 1;
    assert!(1 < before && before < snapshot_lsn, "the backup has no more log than it needs");
    for beyond in [1, before, snapshot_lsn - 1, lsn + 1] {
        let error = restore(&known.request("early", Target::Lsn(beyond)), &mut |_| {});
        assert!(matches!(error, Err(ArchiveError::OutOfReach { .. })), "{beyond}: {error:?}");
        assert!(!known.path("restored").exists());
    }

    // From the backup and the log that went on; a server that was killed left it.
    drop(known.database.take());
    for place in ["db", "db/log"] {
        for target in (snapshot_lsn..=known.last()).step_by(5).chain([known.last()]) {
            let log = Some(known.path(place));
            known.expect(
                &RestoreRequest { log, ..known.request("early", Target::Lsn(target)) },
                target,
            );
        }
    }
}

#[test]
fn times_choose_the_last_record_of_that_time() {
    let mut known = Known::new();
    known.write(12);
    let (before, last) = (known.now, known.last());
    // A clock that was a day ahead for two records.
    known.now += 86_400_000;
    known.write(2);
    known.now = before;
    known.write(6);
    let check = |time: u64, lsn: u64, later: u64| {
        let request = known.request("db", Target::Time(time));
        let report = restore(&request, &mut |_| {}).unwrap();
        assert_eq!((report.lsn, report.later_times), (lsn, later), "{time}");
        assert_eq!(report.left_out, known.last() - lsn, "{time}");
        assert_eq!(report.lsn_ms, Some(known.states[usize::try_from(lsn).unwrap()].1));
        std::fs::remove_dir_all(&request.to).unwrap();
    };
    check(1_010, 2, 0);
    check(1_019, 2, 0);
    check(1_020, 3, 0);
    check(before, last, 0);
    check(known.now, known.last(), 2);
    check(u64::MAX, known.last(), 0);
    let error = restore(&known.request("db", Target::Time(0)), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("the oldest record in the log is 1"), "{error}");
}

#[test]
fn an_interrupted_backup_or_restore_leaves_nothing_that_looks_like_one() {
    let mut known = Known::new();
    known.write(30);
    known.checkpoint();
    known.write(20);
    let source = known.path("db");
    let whole = known.backup("whole");
    let backup_into = |interrupt_at: usize| {
        let mut calls = 0;
        let interrupted = catch_unwind(AssertUnwindSafe(|| {
            backup(&source, &known.path("backup"), &plain(), &mut |_| {
                calls += 1;
                // As a kill does: nothing is cleaned up behind it.
                assert!(calls != interrupt_at, "interrupted");
            })
        }));
        (interrupted.is_err(), calls)
    };
    let restore_into = |interrupt_at: usize| {
        let mut calls = 0;
        let interrupted = catch_unwind(AssertUnwindSafe(|| {
            restore(&known.request("whole", Target::End), &mut |_| {
                calls += 1;
                assert!(calls != interrupt_at, "interrupted");
            })
        }));
        (interrupted.is_err(), calls)
    };
    for (name, attempt) in
        [("backup", &backup_into as &dyn Fn(usize) -> (bool, usize)), ("restored", &restore_into)]
    {
        let mut interrupt_at = 1;
        loop {
            let (was_interrupted, calls) = attempt(interrupt_at);
            assert_eq!(known.path(name).exists(), !was_interrupted, "{name}, call {interrupt_at}");
            if !was_interrupted {
                assert!(5 < calls, "{name} has a call for each file");
                break;
            }
            interrupt_at += 1;
        }
    }
    // What the last attempt made is whole, although the ones before it left their parts.
    std::fs::remove_dir_all(known.path("restored")).unwrap();
    known.expect(&known.request("backup", Target::End), whole.manifest.lsn);
}

#[test]
fn what_a_server_writes_later_leaves_a_backup_as_it_was() {
    let mut known = Known::new();
    known.write(60);
    known.checkpoint();
    known.write(30);
    known.backup("backup");
    let before = files_of(&known.path("backup"));
    for _ in 0..3 {
        known.write(60);
        let needed = known.checkpoint();
        let log = known.database.as_ref().unwrap().log().clone();
        log.remove_before(needed).unwrap();
    }
    assert!(files_of(&known.path("backup")) == before);
    let manifest = Manifest::read(&RealFs, &known.path("backup")).unwrap().unwrap();
    known.expect(&known.request("backup", Target::End), manifest.lsn);
}

#[test]
fn damage_in_a_backup_is_named_and_restores_nothing() {
    let mut known = Known::new();
    known.write(40);
    known.checkpoint();
    known.write(20);
    let options = BackupOptions { copy: true, ..plain() };
    backup(&known.path("db"), &known.path("backup"), &options, &mut |_| {}).unwrap();
    let request = known.request("backup", Target::End);
    for (path, whole) in files_of(&known.path("backup")) {
        for at in [0, whole.len() / 3, whole.len() - 1] {
            let mut flipped = whole.clone();
            flipped[at] ^= 4;
            std::fs::write(&path, &flipped).unwrap();
            let check = crate::check::check(&RealFs, &request.from, &mut |_| {});
            let is_sound = check.is_ok_and(|report| report.sound);
            assert!(!is_sound, "{}, byte {at}: called sound", path.display());
            match restore(&request, &mut |_| {}) {
                Ok(_) => panic!("{}, byte {at}: restored", path.display()),
                Err(error) => {
                    let name = path.file_name().unwrap().to_string_lossy();
                    assert!(error.to_string().contains(&*name), "{name}, byte {at}: {error}");
                    assert!(!request.to.exists());
                }
            }
        }
        std::fs::remove_file(&path).unwrap();
        // Without its manifest it is a database like any other, only without the sums.
        if !path.ends_with("BACKUP") {
            assert!(restore(&request, &mut |_| {}).is_err(), "without {}", path.display());
        }
        std::fs::write(&path, &whole).unwrap();
    }
    known.expect(&request, known.last());
}

#[test]
fn a_log_of_another_history_is_refused() {
    let mut known = Known::new();
    known.write(40);
    let report = known.backup("backup");
    known.write(20);
    let mut other = Known::new();
    other.write(60);
    // Restored from the same backup, and gone on by itself: the same numbers, other records.
    let branch = known.path("branch");
    let request = RestoreRequest { to: branch.clone(), ..known.request("backup", Target::End) };
    restore(&request, &mut |_| {}).unwrap();
    let mut database = open(&branch).unwrap();
    for _ in 0..30 {
        let command = Command::Append { key: b"other", value: &[b'x'; 700] };
        database.execute(&command, Context { db: 0, now: 7 }).unwrap();
        database.log().commit().unwrap();
    }
    for log in [other.path("db"), branch] {
        let log = Some(log);
        let target = Target::Lsn(report.manifest.lsn + 5);
        let request = RestoreRequest { log, ..known.request("backup", target) };
        let error = restore(&request, &mut |_| {}).unwrap_err();
        assert!(matches!(error, ArchiveError::OtherHistory { .. }), "{error}");
    }
}

#[test]
fn places_that_will_not_do_are_refused() {
    let mut known = Known::new();
    known.write(3);
    let source = known.path("db");
    let made = |dest: &Path| backup(&source, dest, &plain(), &mut |_| {});
    std::fs::create_dir(known.path("empty")).unwrap();
    made(&known.path("empty")).unwrap();
    let again = made(&known.path("empty"));
    assert!(matches!(again, Err(ArchiveError::NotEmpty { .. })), "{again:?}");
    std::fs::write(known.path("file"), b"").unwrap();
    let onto_file = made(&known.path("file"));
    assert!(matches!(onto_file, Err(ArchiveError::NotEmpty { .. })), "{onto_file:?}");
    let orphan = made(&known.path("no/where"));
    assert!(matches!(orphan, Err(ArchiveError::NoParent { .. })), "{orphan:?}");
    let inside = made(&source.join("backup"));
    assert!(matches!(inside, Err(ArchiveError::Inside { .. })), "{inside:?}");
    let nothing = backup(&known.path("no"), &known.path("b"), &plain(), &mut |_| {});
    assert!(nothing.is_err(), "{nothing:?}");
    // Nor may a server start on a backup: it would change it.
    let error = open(&known.path("empty")).unwrap_err();
    assert!(matches!(error, StorageError::IsBackup { .. }), "{error}");
    // A backup of a backup is one.
    backup(&known.path("empty"), &known.path("second"), &plain(), &mut |_| {}).unwrap();
    known.expect(&known.request("second", Target::End), known.last());
}

#[test]
fn a_log_that_is_damaged_further_on_is_good_up_to_there() {
    let mut known = Known::new();
    known.write(60);
    drop(known.database.take());
    let firsts = dir::list_segments(&RealFs, &known.path("db")).unwrap();
    let path = dir::segment(&known.path("db"), firsts[firsts.len() / 2]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096 + 60] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let good = firsts[firsts.len() / 2] - 1;
    for target in [Target::End, Target::Time(u64::MAX), Target::Lsn(good + 1)] {
        let error = restore(&known.request("db", target), &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(&format!("--to-lsn {good}")), "{error}");
    }
    let report = restore(&known.request("db", Target::Lsn(good)), &mut |_| {}).unwrap();
    let beyond = report.damage_beyond.expect("the log is damaged");
    let is_record = matches!(beyond, StorageError::Corrupt { reason: Damage::Record { lsn, .. }, .. } if lsn == good + 1);
    assert!(is_record, "{beyond}");
    std::fs::remove_dir_all(known.path("restored")).unwrap();
    known.expect(&known.request("db", Target::Lsn(good)), good);
}
