//! entries-read and lag, row by row of their tables, and as XINFO shows them.

use super::super::lag::StreamNumbers;
use super::Bench;
use crate::id::StreamId;

fn id(ms: u64) -> StreamId {
    StreamId::new(ms, 0)
}

/// Numbers of a stream from A, L, F, T, D.
fn numbers(added: u64, length: u64, first: u64, last: u64, deleted: u64) -> StreamNumbers {
    StreamNumbers {
        length,
        entries_added: added,
        first_id: id(first),
        last_id: id(last),
        max_deleted_id: id(deleted),
    }
}

#[test]
fn ordinals_are_known_at_the_ends_and_before_whole_streams() {
    let check = |numbers: StreamNumbers, at, expected| {
        assert_eq!(numbers.estimate_ordinal(id(at)), expected, "{numbers:?} at {at}");
    };
    check(numbers(0, 0, 0, 0, 0), 7, Some(0));
    check(numbers(5, 0, 0, 5, 3), 5, Some(5));
    check(numbers(5, 0, 0, 5, 3), 2, Some(5));
    check(numbers(5, 4, 1, 5, 3), 2, None);
    check(numbers(5, 4, 1, 5, 3), 0, None);
    check(numbers(5, 4, 1, 5, 3), 5, Some(5));
    check(numbers(5, 4, 1, 5, 3), 6, None);
    check(numbers(5, 3, 3, 5, 0), 2, Some(2));
    check(numbers(5, 3, 3, 5, 0), 0, Some(2));
    check(numbers(5, 3, 3, 5, 2), 3, Some(3));
    check(numbers(5, 3, 3, 5, 2), 4, None);
}

#[test]
fn lag_follows_its_table() {
    let check = |numbers: StreamNumbers, at, read, expected| {
        assert_eq!(numbers.lag(id(at), read), expected, "{numbers:?} at {at}, {read:?} read");
    };
    check(numbers(0, 0, 0, 0, 0), 0, None, Some(0));
    check(numbers(5, 0, 0, 5, 0), 2, None, Some(0));
    check(numbers(5, 5, 1, 5, 0), 0, None, Some(5));
    check(numbers(5, 3, 3, 5, 2), 1, Some(1), Some(3));
    check(numbers(5, 5, 1, 5, 0), 2, Some(2), Some(3));
    check(numbers(5, 4, 1, 5, 3), 2, Some(2), None);
    check(numbers(5, 4, 1, 5, 3), 4, Some(4), Some(1));
    check(numbers(5, 4, 1, 5, 3), 5, None, Some(0));
    check(numbers(5, 4, 1, 5, 3), 4, None, None);
    // XSETID set the lifetime count below what had been read.
    check(numbers(3, 2, 1, 5, 0), 2, Some(4), Some(-1));
}

#[test]
fn the_counter_counts_until_a_hole_and_is_estimated_after_it() {
    let check = |numbers: StreamNumbers, at, read, ids: &[u64], expected| {
        let ids: Vec<_> = ids.iter().map(|ms| id(*ms)).collect();
        assert_eq!(numbers.entries_read_after(id(at), read, &ids), expected, "{numbers:?}");
    };
    check(numbers(5, 5, 1, 5, 0), 0, Some(0), &[1, 2, 3], Some(3));
    check(numbers(5, 5, 1, 5, 0), 0, None, &[1, 2, 3], Some(3));
    check(numbers(5, 5, 1, 5, 0), 1, None, &[2, 3], None);
    check(numbers(5, 5, 1, 5, 0), 1, None, &[2, 3, 4, 5], Some(5));
    check(numbers(5, 4, 1, 5, 3), 0, Some(0), &[1, 2], None);
    check(numbers(5, 4, 1, 5, 3), 0, Some(0), &[1, 2, 4, 5], Some(5));
    check(numbers(5, 4, 1, 5, 3), 3, Some(3), &[4], None);
    check(numbers(5, 4, 1, 5, 3), 4, Some(4), &[5], Some(5));
}

/// What XINFO GROUPS says of entries-read and lag.
fn check(bench: &mut Bench, expected: &str) {
    let info = bench.run("XINFO GROUPS s");
    assert!(info.ends_with(&format!("{expected}]]")), "{info} instead of {expected}");
}

const FIVE: [&str; 6] = [
    "XADD s 1-0 f 1-0",
    "XADD s 2-0 f 2-0",
    "XADD s 3-0 f 3-0",
    "XADD s 4-0 f 4-0",
    "XADD s 5-0 f 5-0",
    "XGROUP CREATE s g 0",
];

#[test]
fn a_group_that_reads_all_has_no_lag() {
    let mut bench = Bench::after(&FIVE);
    check(&mut bench, "entries-read=nil lag=5");
    bench.run("XREADGROUP GROUP g c COUNT 1 STREAMS s >");
    check(&mut bench, "entries-read=1 lag=4");
    bench.run("XREADGROUP GROUP g c COUNT 2 STREAMS s >");
    check(&mut bench, "entries-read=3 lag=2");
    bench.run("XREADGROUP GROUP g c STREAMS s >");
    check(&mut bench, "entries-read=5 lag=0");
}

#[test]
fn a_hole_ahead_makes_lag_unknown_until_it_is_passed() {
    let mut bench = Bench::after(&FIVE);
    bench.run("XREADGROUP GROUP g c COUNT 1 STREAMS s >");
    bench.run("XDEL s 3-0");
    check(&mut bench, "entries-read=1 lag=nil");
    bench.run("XREADGROUP GROUP g c COUNT 1 STREAMS s >");
    check(&mut bench, "entries-read=nil lag=nil");
    bench.run("XREADGROUP GROUP g c STREAMS s >");
    check(&mut bench, "entries-read=5 lag=0");
}

#[test]
fn trimming_leaves_what_is_left_to_read() {
    let mut bench = Bench::after(&FIVE);
    bench.run("XREADGROUP GROUP g c COUNT 1 STREAMS s >");
    bench.run("XTRIM s MAXLEN 2");
    check(&mut bench, "entries-read=1 lag=2");
    bench.run("XTRIM s MAXLEN 0");
    check(&mut bench, "entries-read=1 lag=0");
}

#[test]
fn a_group_made_at_the_end_estimates_its_counter() {
    let mut bench = Bench::after(&[
        "XADD s 1-0 f 1-0",
        "XGROUP CREATE s g $",
        "XADD s 2-0 f 2-0",
        "XADD s 3-0 f 3-0",
        "XREADGROUP GROUP g c STREAMS s >",
    ]);
    check(&mut bench, "entries-read=3 lag=0");
}

#[test]
fn entries_read_is_capped_and_forgotten() {
    let mut bench = Bench::after(&["XADD s 1-0 f 1-0", "XGROUP CREATE s g $ ENTRIESREAD 9999"]);
    check(&mut bench, "entries-read=1 lag=0");
    bench.run("XGROUP SETID s g 0 ENTRIESREAD 0");
    check(&mut bench, "entries-read=0 lag=1");
    bench.run("XGROUP SETID s g $");
    check(&mut bench, "entries-read=nil lag=0");
    bench.run("XGROUP SETID s g 0 ENTRIESREAD 7");
    check(&mut bench, "entries-read=1 lag=1");
}
