//! Two segments, all their records durable, killed: the first of the two loses its end. Whatever the
//! lengths of the two, the records of the second prove that those were there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Op, Text};
use storage::fs::Fs;
use storage::fs::sim::SimFs;
use storage::{Damage, Database, Options, RecoveryReport, StorageError, repair};

use crate::small::{DIR, LOG_BEGIN, index, named};

/// Records in the second segment.
const BEHIND: u64 = 20;

fn open(fs: &SimFs, segment_bytes: u64) -> Result<(Database, RecoveryReport), StorageError> {
    let options = Options {
        segment_bytes,
        first_segment_bytes: segment_bytes,
        reserve_bytes: 256,
        ..Options::default()
    };
    Database::open(Arc::new(fs.clone()), Path::new(DIR), options, 1, &mut |_| {})
}

fn append(database: &mut Database) {
    let value = Text::Borrowed(b"value");
    database.record(&[Op::StringSet { db: 0, key: b"key", value, expire_at: None }], 1).unwrap();
    database.log().commit().unwrap();
}

fn files(fs: &SimFs, suffix: &str) -> Vec<PathBuf> {
    let mut files = fs.files(&Path::new(DIR).join("log"));
    files.retain(|file| file.extension().is_some_and(|is| is == suffix));
    files
}

/// What is left of a log.
struct Two {
    fs: SimFs,
    /// The segments, and the name that the second had while it was ready.
    paths: [PathBuf; 2],
    ready: PathBuf,
    /// First record of the second.
    second: u64,
    last: u64,
}

/// Segments of these lengths, the second of which got ready when the first had just begun.
fn two(first_bytes: u64, second_bytes: u64) -> Two {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, first_bytes).unwrap();
    append(&mut database);
    drop(database);
    fs.kill();
    // From here on segments have another length, as they do when the disk fills up.
    let (mut database, _) = open(&fs, second_bytes).unwrap();
    append(&mut database);
    while database.log().wants_segment() && database.log().prepare_segment().unwrap() {}
    let ready = files(&fs, "next").pop().unwrap();
    while database.log().stats().segments < 2 {
        append(&mut database);
    }
    let second = database.log().last();
    for _ in 1..BEHIND {
        append(&mut database);
    }
    let last = database.log().durable();
    drop(database);
    fs.kill();
    let paths = files(&fs, "log").try_into().unwrap();
    Two { fs, paths, ready, second, last }
}

fn each_case(check: impl Fn(&Two, &SimFs, u64, &str)) {
    const SHORT: u64 = 8 << 10;
    const LONG: u64 = 64 << 10;
    for (first, second) in [(LONG, SHORT), (LONG, LONG), (SHORT, LONG), (LONG, LONG / 2)] {
        let two = two(first, second);
        assert!(5 < two.second);
        let cuts = [2, 3, two.second / 4, two.second / 2, two.second - 2, two.second - 1];
        for next in cuts {
            for is_zeroed in [false, true] {
                let fs = two.fs.fork();
                let from = place(&two, next);
                fs.damage(&two.paths[0], |bytes| match is_zeroed {
                    true => bytes[from..].fill(0),
                    false => bytes.truncate(from),
                });
                let how = if is_zeroed { "zeroed" } else { "cut off" };
                check(
                    &two,
                    &fs,
                    next,
                    &format!("{first} and {second}, {how} from record {next} on"),
                );
            }
        }
    }
}

/// Where this record begins in the first segment.
fn place(two: &Two, lsn: u64) -> usize {
    let bytes = two.fs.bytes(&two.paths[0]);
    let number = |at: usize| u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap());
    (index(LOG_BEGIN)..bytes.len()).step_by(8).find(|at| number(*at) == lsn).unwrap()
}

#[test]
fn a_segment_without_its_end_is_refused_whatever_the_length_of_the_next() {
    each_case(|two, fs, next, what| {
        let error = open(fs, 8 << 10).map(|(_, report)| report.last_lsn).unwrap_err();
        assert_eq!(named(&error), two.paths[0], "{what}");
        let StorageError::Corrupt { reason: Damage::Record { lsn, durable_says }, .. } = error
        else {
            panic!("{what}: {error}")
        };
        assert_eq!(lsn, next, "{what}");
        assert!((two.second..=two.last).contains(&durable_says), "{what}: {durable_says}");
    });
}

#[test]
fn so_it_is_if_the_next_one_has_its_old_name_still() {
    each_case(|two, fs, _, what| {
        fs.rename(&two.paths[1], &two.ready).unwrap();
        let error = open(fs, 8 << 10).map(|(_, report)| report.last_lsn).unwrap_err();
        assert_eq!(named(&error), two.paths[0], "{what}");
    });
}

#[test]
fn a_repair_knows_of_all_records_behind_the_gap() {
    each_case(|two, fs, next, what| {
        for is_ready in [false, true] {
            if is_ready {
                fs.rename(&two.paths[1], &two.ready).unwrap();
            }
            // The first record of the second goes as well: then nothing but the others say where it begins.
            let second = if is_ready { &two.ready } else { &two.paths[1] };
            fs.damage(second, |bytes| bytes[index(LOG_BEGIN) + 20] ^= 1);
            let repair = repair::examine(fs, Path::new(DIR), &mut |_| {}).unwrap();
            fs.damage(second, |bytes| bytes[index(LOG_BEGIN) + 20] ^= 1);
            assert_eq!((repair.lsn_last, repair.lsn_promised), (next - 1, two.last), "{what}");
            let lost: Vec<_> = repair
                .lost_records()
                .into_iter()
                .map(|lost| (lost.lsns, lost.is_readable))
                .collect();
            let behind = two.second + 1;
            assert_eq!(lost, [(next..behind, false), (behind..two.last + 1, true)], "{what}");
        }
    });
}
