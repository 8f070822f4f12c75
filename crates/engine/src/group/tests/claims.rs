//! XCLAIM and XAUTOCLAIM.

use super::{Bench, READ};

#[test]
fn history_shows_deleted_entries_as_null() {
    let mut bench = Bench::read();
    bench.run("XDEL s 2-0");
    bench.check("XREADGROUP GROUP g Alice STREAMS s 0", "[s:[1-0 2-0=nil 3-0]]");
}

#[test]
fn xclaim_removes_pending_entries_whose_entry_is_gone() {
    let mut bench = Bench::read();
    bench.run("XDEL s 2-0");
    bench.check("XCLAIM s g Bob 0 1-0 2-0 3-0", "[1-0 3-0]");
    bench.check("XPENDING s g", "[2 1-0 3-0 [[Bob 2]]]");
    bench.check("XPENDING s g - + 9 Alice", "[]");
}

#[test]
fn xautoclaim_walks_and_lists_deleted_entries() {
    let mut bench = Bench::read();
    bench.run("XDEL s 1-0 2-0");
    bench.check("XAUTOCLAIM s g Bob 0 0-0 COUNT 1", "[2-0 [] [1-0]]");
    bench.check("XAUTOCLAIM s g Bob 0 2-0 COUNT 1", "[3-0 [] [2-0]]");
    bench.check("XAUTOCLAIM s g Bob 0 3-0 COUNT 1", "[0-0 [3-0] []]");
    bench.check("XPENDING s g - + 9", "[[3-0 Bob 0 2]]");
}

#[test]
fn xautoclaim_after_a_trim() {
    let mut bench = Bench::read();
    bench.run("XTRIM s MAXLEN 1");
    bench.check("XAUTOCLAIM s g Bob 0 0-0", "[0-0 [3-0] [1-0 2-0]]");
}

#[test]
fn xautoclaim_takes_idle_entries_only_and_removes_ghosts_anyway() {
    let mut bench = Bench::read();
    bench.now += 10;
    bench.run("XREADGROUP GROUP g Alice COUNT 1 STREAMS s 0");
    bench.run("XDEL s 1-0");
    bench.now += 5;
    bench.check("XAUTOCLAIM s g Bob 10 0-0 COUNT 2 JUSTID", "[3-0 [2-0] [1-0]]");
    bench.check("XAUTOCLAIM s g Bob 16 3-0", "[0-0 [] []]");
    bench.check("XPENDING s g - + 9", "[[2-0 Bob 0 1] [3-0 Alice 15 1]]");
}

#[test]
fn xautoclaim_gives_up_after_ten_looks_per_count() {
    let mut bench = Bench::after(&["XGROUP CREATE s g 0 MKSTREAM"]);
    for ms in 1..=25 {
        bench.run(&format!("XADD s {ms}-0 f {ms}-0"));
    }
    bench.run("XREADGROUP GROUP g Alice STREAMS s >");
    bench.check("XAUTOCLAIM s g Bob 5 - COUNT 1", "[11-0 [] []]");
    bench.check("XAUTOCLAIM s g Bob 5 11-0 COUNT 1", "[21-0 [] []]");
    bench.check("XAUTOCLAIM s g Bob 5 21-0 COUNT 1", "[0-0 [] []]");
    bench.check(&format!("XAUTOCLAIM s g Bob 5 - COUNT {}", i64::MAX), "[0-0 [] []]");
    bench.check("XAUTOCLAIM s g Bob 0 25-0 COUNT 1", "[0-0 [25-0] []]");
}

#[test]
fn xclaim_sets_time_and_count() {
    let check = |options: &str, row: &str| {
        let mut bench = Bench::read();
        bench.now += 100;
        bench.run(&format!("XCLAIM s g Bob 0 1-0{options}"));
        bench.check("XPENDING s g - + 1", &format!("[[1-0 Bob {row}]]"));
    };
    check("", "0 2");
    check(" JUSTID", "0 1");
    check(" RETRYCOUNT 7", "0 7");
    check(" RETRYCOUNT 7 JUSTID", "0 7");
    check(" RETRYCOUNT -1", "0 2");
    check(" RETRYCOUNT 0", "0 0");
    check(" RETRYCOUNT 9223372036854775807", "0 9223372036854775807");
    check(" IDLE 30", "30 2");
    check(" IDLE -30", "0 2");
    check(" IDLE 2000000", "0 2");
    check(" TIME 1000000", "100 2");
    check(" TIME -5", "0 2");
    check(" TIME 5000000000000", "0 2");
    check(" IDLE -9223372036854775808", "0 2");
}

#[test]
fn a_count_at_its_end_stays_there() {
    let mut bench = Bench::read();
    bench.run("XCLAIM s g Bob 0 1-0 RETRYCOUNT 9223372036854775807");
    bench.run("XREADGROUP GROUP g Bob STREAMS s 0");
    bench.run("XCLAIM s g Bob 0 1-0");
    bench.check("XPENDING s g - + 1", "[[1-0 Bob 0 9223372036854775807]]");
}

#[test]
fn xclaim_leaves_entries_that_are_not_idle_or_not_pending() {
    let mut bench = Bench::read();
    bench.run("XADD s 4-0 f 4-0");
    bench.now += 10;
    bench.check("XCLAIM s g Bob 11 1-0 2-0", "[]");
    bench.check("XCLAIM s g Bob 10 1-0 4-0 9-0", "[1-0]");
    bench.check("XCLAIM s g Bob 10 4-0 9-0 FORCE", "[4-0]");
    bench.check("XCLAIM s g Bob 0 3-0 1-0 JUSTID", "[3-0 1-0]");
    bench.check(
        "XPENDING s g - + 9",
        "[[1-0 Bob 0 2] [2-0 Alice 10 1] [3-0 Bob 0 1] [4-0 Bob 0 2]]",
    );
    bench.check("XCLAIM s g Alice 0 2-0 JUSTID", "[2-0]");
    bench.check("XPENDING s g", "[4 1-0 4-0 [[Alice 1] [Bob 3]]]");
}

#[test]
fn an_id_named_twice_sees_its_first_claim() {
    let mut bench = Bench::read();
    bench.run("XADD s 4-0 f 4-0");
    bench.now += 10;
    bench.check("XCLAIM s g Bob 5 1-0 1-0", "[1-0]");
    bench.check("XCLAIM s g Bob 0 2-0 2-0", "[2-0 2-0]");
    bench.check("XCLAIM s g Bob 5 3-0 3-0 IDLE 6", "[3-0 3-0]");
    bench.check("XCLAIM s g Bob 0 4-0 4-0 FORCE", "[4-0 4-0]");
    bench.check("XPENDING s g - + 9", "[[1-0 Bob 0 2] [2-0 Bob 0 3] [3-0 Bob 6 3] [4-0 Bob 0 3]]");
    bench.run("XDEL s 1-0");
    bench.check("XCLAIM s g Bob 0 1-0 1-0 1-0 FORCE", "[]");
    bench.check("XPENDING s g", "[3 2-0 4-0 [[Bob 3]]]");
}

#[test]
fn claims_make_the_consumer_and_set_its_times() {
    let mut bench = Bench::read();
    bench.run("XGROUP DELCONSUMER s g Alice");
    bench.check("XCLAIM s g Bob 0 9-0", "[]");
    bench.check("XAUTOCLAIM s g Carl 0 -", "[0-0 [] []]");
    bench.now += 5;
    bench.check("XCLAIM s g Bob 0 9-0", "[]");
    bench.check("XCLAIM s g Carl 0 1-0 FORCE JUSTID", "[1-0]");
    bench.now += 2;
    bench.check(
        "XINFO CONSUMERS s g",
        "[[name=Bob pending=0 idle=2 inactive=-1] [name=Carl pending=1 idle=2 inactive=2]]",
    );
    bench.check("XAUTOCLAIM s g Bob 0 -", "[0-0 [1-0] []]");
    bench.check(
        "XINFO CONSUMERS s g",
        "[[name=Bob pending=1 idle=0 inactive=0] [name=Carl pending=0 idle=2 inactive=2]]",
    );
}

#[test]
fn lastid_moves_the_group_forward_only() {
    let mut bench = Bench::after(&READ[..4]);
    bench.check("XCLAIM s g Bob 0 9-0 LASTID 2-0", "[]");
    bench.check("XCLAIM s g Bob 0 9-0 LASTID 1-0", "[]");
    bench.check("XREADGROUP GROUP g Bob STREAMS s >", "[s:[3-0]]");
}
