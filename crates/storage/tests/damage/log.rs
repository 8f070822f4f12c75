//! A log of 8 KiB in one segment, killed rather than stopped, each record committed by itself: so all
//! but the last are proven durable by the one after them.
//!
//! `HEADWATER_TAILS=all`: truncations of longer logs as well, for as long as that takes.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use storage::{Damage, StorageError};

use crate::small::{DIR, LOG_BEGIN, Small, index, named};
use crate::state::State;

const LOG_BYTES: u64 = 8192;
const SECTOR: u64 = 512;

fn segment() -> PathBuf {
    format!("{DIR}/log/{:020}.log", 1).into()
}

/// The database, and where its log ends.
fn log() -> (Small, u64) {
    log_of(LOG_BYTES)
}

/// Room for such a log, and for a long record that ends it.
fn segment_bytes(log_bytes: u64) -> u64 {
    LOG_BEGIN + log_bytes + log_bytes.min(32 << 10)
}

fn log_of(log_bytes: u64) -> (Small, u64) {
    let segment_bytes = segment_bytes(log_bytes);
    let one_segment = |seed| {
        let mut small = Small::new(segment_bytes, seed);
        let mut database = small.begin();
        small.work(&mut database, |database| log_bytes <= database.log().stats().bytes_written);
        let stats = database.log().stats();
        let end = LOG_BEGIN + stats.bytes_written;
        drop(database);
        small.sim.kill();
        (stats.segments == 1).then_some((small, end))
    };
    // A long value in the end takes a second segment: then it is another seed's turn.
    (8..16).find_map(one_segment).expect("most seeds have none")
}

/// The record that byte `at` belongs to, and where it begins.
fn record_at(small: &Small, at: u64) -> (u64, u64) {
    let (&before, &begin) = small.ends.iter().rfind(|(_, end)| **end <= at).unwrap();
    (before + 1, begin)
}

#[test]
fn every_truncation_gives_the_exact_prefix() {
    let (small, end) = log();
    for len in (0..LOG_BEGIN).step_by(64) {
        let opened = small.open(&small.damaged(&segment(), |bytes| bytes.truncate(index(len))));
        assert_eq!(named(&opened.unwrap_err()), segment());
    }
    (LOG_BEGIN..=end).for_each(|len| truncate(&small, len));
    if std::env::var("HEADWATER_TAILS").is_ok_and(|which| which == "all") {
        truncate_longer_logs();
    }
}

/// Every truncation of 64 KiB, and in 1 MiB those around the edges of records.
fn truncate_longer_logs() {
    const AROUND: u64 = 16;
    let (small, end) = log_of(64 << 10);
    let every: Vec<_> = (LOG_BEGIN..=end).collect();
    truncate_each(&small, &every);
    let (mut small, end) = log_of(1 << 20);
    // Most of the time would go into laying out what is written next.
    small.segment_bytes = LOG_BEGIN + LOG_BYTES;
    let around = |edge: &u64| (edge - AROUND).max(LOG_BEGIN)..=(edge + AROUND).min(end);
    let mut edges: Vec<_> = small.ends.values().flat_map(around).collect();
    edges.dedup();
    truncate_each(&small, &edges);
    eprintln!(
        "figure: {} truncations of 64 KiB, {} of 1 MiB around the edges of {} records: each cut there, \
         and what was written next survived",
        every.len(),
        edges.len(),
        small.ends.len() - 1,
    );
}

fn truncate_each(small: &Small, lens: &[u64]) {
    let next = AtomicUsize::new(0);
    let work = || {
        let _rest = Rest { next: &next, end: lens.len() };
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(&len) = lens.get(number) else { break };
            if number.is_multiple_of(20_000) {
                eprintln!("{number} of {} truncations", lens.len());
            }
            truncate(small, len);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
}

/// What is still to do, which is nothing once one of the threads has failed.
struct Rest<'a> {
    next: &'a AtomicUsize,
    end: usize,
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.next.store(self.end, Ordering::Relaxed);
        }
    }
}

/// The log ends at `len`: what is before that is there, and what is written next survives.
fn truncate(small: &Small, len: u64) {
    let sim = small.damaged(&segment(), |bytes| bytes.truncate(index(len)));
    let (next, begin) = record_at(small, len);
    let opened = small.open(&sim);
    let (mut database, report) = opened.unwrap_or_else(|error| panic!("cut at {len}: {error}"));
    assert_eq!(report.last_lsn, next - 1, "cut at {len}");
    if let Some(expected) = small.states.get(&report.last_lsn) {
        assert!(State::of(database.engine()) == *expected, "cut at {len}");
    }
    let torn = report.torn_tail.map(|torn| (torn.file, torn.offset));
    // Zeros at the end of a record may be missing without being missed.
    let is_zero = len == begin + 1 && small.sim.bytes(&segment())[index(begin)] == 0;
    let is_torn = begin < len && !is_zero;
    assert_eq!(torn, is_torn.then(|| (segment(), begin)), "cut at {len}");
    let mut after = Small::new(LOG_BEGIN + LOG_BYTES, 1);
    after.add(&mut database, 1);
    drop(database);
    sim.power_cut(len);
    let (database, _) = small.open(&sim).unwrap();
    assert!(State::of(database.engine()) == *after.whole(), "written after a cut at {len}");
}

#[test]
fn every_bit_flip_is_harmless_or_refused_by_name() {
    let (small, end) = log();
    let last = small.last();
    let (mut refused, mut cut) = (0, 0);
    for bit in (0..64 * 8).chain(LOG_BEGIN * 8..end * 8) {
        let (at, mask) = (bit / 8, 1u8 << (bit % 8));
        let sim = small.damaged(&segment(), |bytes| bytes[index(at)] ^= mask);
        match small.open(&sim) {
            Ok((database, report)) => {
                let found = report.last_lsn;
                assert!(State::of(database.engine()) == small.states[&found], "bit {bit}");
                if found != last {
                    // Only the last record has nobody to vouch for it.
                    assert_eq!((found, record_at(&small, at).0), (last - 1, last), "bit {bit}");
                    assert!(report.torn_tail.is_some(), "bit {bit}");
                    cut += 1;
                }
            }
            Err(error) => {
                assert_eq!(named(&error), segment(), "bit {bit}");
                if let StorageError::Corrupt {
                    offset, reason: Damage::Record { lsn, .. }, ..
                } = error
                {
                    assert_eq!((lsn, offset), record_at(&small, at), "bit {bit}");
                } else {
                    assert!(at < LOG_BEGIN, "bit {bit}: {error}");
                }
                refused += 1;
            }
        }
    }
    // The rest are zeros that fill records up to a multiple of 8.
    assert!(60_000 < refused && 100 < cut, "{refused} refused, {cut} cut");
}

/// What may come of damage to some bytes: all is well, or the damage reaches to the end of the log and
/// counts as torn, or a refusal that names the segment.
fn check_range(
    small: &Small,
    hit: &[RangeInclusive<u64>],
    sim: &storage::fs::sim::SimFs,
    what: &str,
) {
    let (database, report) = match small.open(sim) {
        Ok(opened) => opened,
        Err(error) => return assert_eq!(named(&error), segment(), "{what}"),
    };
    let found = report.last_lsn;
    if let Some(expected) = small.states.get(&found) {
        assert!(State::of(database.engine()) == *expected, "{what}");
    }
    let is_hit = |lsn: u64| {
        let bytes = small.ends[&(lsn - 1)]..small.ends[&lsn];
        hit.iter().any(|hit| *hit.start() < bytes.end && bytes.start <= *hit.end())
    };
    assert!((found + 1..=small.last()).all(is_hit), "{what}: more than what was hit is gone");
}

#[test]
fn zeroed_and_exchanged_sectors_are_cut_or_refused() {
    let (small, end) = log();
    let sector = |number: u64| index(number * SECTOR)..index((number + 1) * SECTOR);
    let bytes = |number: u64| number * SECTOR..=(number + 1) * SECTOR - 1;
    let sectors = [0, 1].into_iter().chain(LOG_BEGIN / SECTOR..end.div_ceil(SECTOR));
    let sectors: Vec<_> = sectors.collect();
    for &one in &sectors {
        let sim = small.damaged(&segment(), |bytes| bytes[sector(one)].fill(0));
        check_range(&small, &[bytes(one)], &sim, &format!("sector {one} zeroed"));
        for &other in sectors.iter().filter(|other| one < **other) {
            let sim = small.damaged(&segment(), |bytes| {
                let (first, second) = bytes.split_at_mut(sector(other).start);
                first[sector(one)].swap_with_slice(&mut second[..sector(0).end]);
            });
            let what = format!("sectors {one} and {other} exchanged");
            check_range(&small, &[bytes(one), bytes(other)], &sim, &what);
        }
    }
}

#[test]
fn a_log_shortened_after_a_clean_stop_is_refused() {
    let (small, end) = log();
    let (database, _) = small.open(&small.sim).unwrap();
    database.log().stop_cleanly(5).unwrap();
    drop(database);
    small.sim.power_cut(1);
    let (_, report) = small.open(&small.sim.fork()).unwrap();
    assert!(report.was_clean);
    for at in (LOG_BEGIN..=end).step_by(8) {
        for is_zeroed in [true, false] {
            let sim = small.damaged(&segment(), |bytes| {
                bytes.truncate(index(at));
                if is_zeroed {
                    bytes.resize(index(segment_bytes(LOG_BYTES)), 0);
                }
            });
            let error = small.open(&sim).unwrap_err();
            let StorageError::Corrupt { file, reason, .. } = &error else {
                panic!("{at}: {error}")
            };
            assert!(matches!(reason, Damage::Short { .. }), "cut at {at}: {error}");
            assert_eq!(*file, segment(), "cut at {at}");
        }
    }
}
