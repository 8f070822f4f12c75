//! Damage at rest: every truncation, every bit flip, each file lost. An exact prefix or a refusal by
//! name; never a lie, never a panic.

#![allow(missing_docs, clippy::cast_possible_truncation, clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;

use common::{History, open, segment, set, state};
use storage::fs::sim::SimFs;
use storage::{Damage, StorageError};

const SEGMENT: u64 = 4096 + 8192;

/// A log of about 8 KiB in one segment, killed, not stopped; each record was committed by itself.
/// The offset where each record ends is given beside it.
fn small_log() -> (SimFs, History, BTreeMap<u64, u64>) {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    let mut history = History::default();
    history.note(&database);
    let mut ends = BTreeMap::from([(0, 4096)]);
    let mut end = 4096;
    for n in 0u64.. {
        let value = vec![n as u8; 100 + (n as usize * 37) % 150];
        let size = (48 + 9 + value.len() + 8).next_multiple_of(8) as u64;
        if SEGMENT - 400 < end + size {
            break;
        }
        let lsn = set(&mut database, &format!("k{}", n % 5), &value).unwrap();
        database.log().commit().unwrap();
        end = 4096 + database.log().stats().bytes_written;
        ends.insert(lsn, end);
        history.note(&database);
    }
    drop(database);
    fs.kill();
    (fs, history, ends)
}

#[test]
fn every_truncation_gives_the_exact_prefix() {
    let (fs, history, ends) = small_log();
    let end = *ends.values().last().unwrap();
    for len in (0..4096).step_by(64).chain(4096..=end) {
        let fs = fs.fork();
        fs.damage(&segment(1), |bytes| bytes.truncate(len as usize));
        let opened = open(&fs, SEGMENT);
        if len < 4096 {
            let error = opened.unwrap_err();
            assert!(matches!(&error, StorageError::Corrupt { file, .. } if *file == segment(1)));
            continue;
        }
        let (mut database, report) = opened.unwrap_or_else(|error| panic!("cut at {len}: {error}"));
        let (&last, &last_end) = ends.iter().rfind(|(_, end)| **end <= len).unwrap();
        let found = report.last_lsn;
        assert_eq!(found, last, "cut at {len}");
        assert!(state(&database) == history.states[&found], "cut at {len}");
        if last_end < len {
            let torn = report.torn_tail.expect("something was cut");
            assert_eq!((torn.file, torn.offset), (segment(1), last_end));
        }
        // What is written next survives.
        set(&mut database, "next", b"one").unwrap();
        database.log().commit().unwrap();
        let expected = state(&database);
        drop(database);
        fs.power_cut(len);
        let (database, report) = open(&fs, SEGMENT).unwrap();
        assert_eq!(report.last_lsn, found + 1, "cut at {len}");
        assert!(state(&database) == expected, "cut at {len}");
    }
}

#[test]
fn every_bit_flip_is_harmless_or_refused_by_name() {
    let (fs, history, ends) = small_log();
    let end = *ends.values().last().unwrap();
    let count = *ends.keys().last().unwrap();
    let mut refused = 0;
    for bit in (0..64 * 8).chain(4096 * 8..end * 8) {
        let fs = fs.fork();
        let (byte, mask) = ((bit / 8) as usize, 1u8 << (bit % 8));
        fs.damage(&segment(1), |bytes| bytes[byte] ^= mask);
        match open(&fs, SEGMENT) {
            Ok((database, report)) => {
                // Every record but the last is proven durable by the one after it.
                assert!(count - 1 <= report.last_lsn, "bit {bit}: {report:?}");
                assert!(state(&database) == history.states[&report.last_lsn], "bit {bit}");
            }
            Err(
                StorageError::Corrupt { file, .. } | StorageError::UnsupportedVersion { file, .. },
            ) => {
                assert_eq!(file, segment(1), "bit {bit}");
                refused += 1;
            }
            Err(error) => panic!("bit {bit}: {error}"),
        }
    }
    assert!((end - 4096) * 7 < refused, "only {refused} of {} were refused", end * 8);
}

#[test]
fn a_log_shortened_after_a_clean_stop_is_refused() {
    let (fs, _, ends) = small_log();
    let (database, _) = open(&fs, SEGMENT).unwrap();
    database.log().stop_cleanly(5).unwrap();
    drop(database);
    fs.power_cut(1);
    let stopped = fs.fork();
    assert!(open(&fs, SEGMENT).unwrap().1.was_clean);
    for &end in ends.values() {
        let fs = stopped.fork();
        fs.damage(&segment(1), |bytes| bytes[end as usize..].fill(0));
        let error = open(&fs, SEGMENT).unwrap_err();
        assert!(
            matches!(&error, StorageError::Corrupt { file, reason: Damage::Short { .. }, .. } if *file == segment(1)),
            "cut at {end}: {error}"
        );
    }
}

#[test]
fn each_lost_file_is_named_or_not_missed() {
    let fs = SimFs::new(1);
    let (mut database, _) = open(&fs, SEGMENT).unwrap();
    for n in 0..200 {
        set(&mut database, &format!("k{}", n % 5), &[n; 200]).unwrap();
        database.log().commit().unwrap();
    }
    let expected = state(&database);
    drop(database);
    fs.kill();
    let files = fs.files(std::path::Path::new(common::DIR));
    assert!(4 < files.iter().filter(|file| file.extension().is_some_and(|e| e == "log")).count());
    for file in files {
        let fs = fs.fork();
        fs.lose(&file);
        match open(&fs, SEGMENT) {
            Ok((database, _)) => assert!(state(&database) == expected, "{}", file.display()),
            Err(StorageError::Corrupt { file: named, .. }) => {
                let is_log = file.extension().is_some_and(|extension| extension == "log");
                // A gap shows where the records stop, or as the missing file itself.
                assert!(named == file || is_log, "{} for {}", named.display(), file.display());
            }
            Err(error) => panic!("{}: {error}", file.display()),
        }
    }
}
