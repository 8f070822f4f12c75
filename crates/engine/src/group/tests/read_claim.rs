//! XREADGROUP CLAIM.

use super::Bench;

/// Alice owes 1-0 and 2-0 for 30 ms, and 3-0 for 10 ms; 4-0 is new.
fn owing() -> Bench {
    let mut bench = Bench::new();
    for ms in 1..=4 {
        bench.run(&format!("XADD s {ms}-0 f {ms}-0"));
    }
    bench.run("XGROUP CREATE s g 0");
    bench.run("XREADGROUP GROUP g Alice COUNT 2 STREAMS s >");
    bench.now += 20;
    bench.run("XREADGROUP GROUP g Alice COUNT 1 STREAMS s >");
    bench.now += 10;
    bench
}

#[test]
fn claimed_entries_come_before_new_ones() {
    let mut bench = owing();
    bench
        .check("XREADGROUP GROUP g Bob CLAIM 30 STREAMS s >", "[s:[1-0(30,1) 2-0(30,1) 4-0(0,0)]]");
    bench.check(
        "XPENDING s g - + 9",
        "[[1-0 Bob 0 2] [2-0 Bob 0 2] [3-0 Alice 10 1] [4-0 Bob 0 1]]",
    );
    bench.check("XREADGROUP GROUP g Bob CLAIM 30 STREAMS s >", "nil");
    bench.check("XREADGROUP GROUP g Bob CLAIM 10 STREAMS s >", "[s:[3-0(10,1)]]");
}

#[test]
fn a_shorter_time_takes_more_and_none_takes_the_own() {
    let mut bench = owing();
    bench.check("XREADGROUP GROUP g Bob CLAIM 31 STREAMS s >", "[s:[4-0(0,0)]]");
    bench.check(
        "XREADGROUP GROUP g Alice CLAIM 0 STREAMS s >",
        "[s:[1-0(30,1) 2-0(30,1) 3-0(10,1) 4-0(0,1)]]",
    );
    bench.check("XPENDING s g", "[4 1-0 4-0 [[Alice 4]]]");
}

#[test]
fn the_longest_idle_comes_first_and_released_ones_before_all() {
    let mut bench = owing();
    bench.run("XCLAIM s g Alice 0 3-0 IDLE 500 JUSTID");
    bench.run("XADD s 5-0 f 5-0");
    bench.run("XADD s 6-0 f 6-0");
    bench.run("XREADGROUP GROUP g Carl STREAMS s >");
    bench.run("XNACK s g FAIL 6-0 2-0");
    bench.run("XNACK s g FAIL 5-0 6-0");
    let all = "[s:[2-0(-1,1) 5-0(-1,1) 6-0(-1,1) 3-0(500,1) 1-0(30,1)]]";
    bench.check("XREADGROUP GROUP g Bob CLAIM 1 STREAMS s >", all);
    bench.check("XREADGROUP GROUP g Bob CLAIM 1 STREAMS s >", "nil");
}

#[test]
fn count_holds_for_both_together() {
    let mut bench = owing();
    bench.check("XREADGROUP GROUP g Bob COUNT 1 CLAIM 10 STREAMS s >", "[s:[1-0(30,1)]]");
    bench.check(
        "XREADGROUP GROUP g Bob COUNT 3 CLAIM 10 STREAMS s >",
        "[s:[2-0(30,1) 3-0(10,1) 4-0(0,0)]]",
    );
}

#[test]
fn noack_holds_for_new_entries_only() {
    let mut bench = owing();
    bench.check(
        "XREADGROUP GROUP g Bob NOACK CLAIM 30 STREAMS s >",
        "[s:[1-0(30,1) 2-0(30,1) 4-0(0,0)]]",
    );
    bench.check("XPENDING s g", "[3 1-0 3-0 [[Alice 1] [Bob 2]]]");
    bench.check(
        "XINFO GROUPS s",
        "[[name=g consumers=2 pending=3 last-delivered-id=4-0 entries-read=4 lag=0]]",
    );
}

#[test]
fn ghosts_are_removed_and_not_answered() {
    let mut bench = owing();
    bench.run("XDEL s 1-0 4-0");
    bench.check("XREADGROUP GROUP g Bob COUNT 1 CLAIM 30 STREAMS s >", "[s:[2-0(30,1)]]");
    bench.check("XPENDING s g", "[2 2-0 3-0 [[Alice 1] [Bob 1]]]");
    bench.run("XDEL s 2-0 3-0");
    bench.check("XREADGROUP GROUP g Carl CLAIM 0 STREAMS s >", "nil");
    bench.check("XPENDING s g", "[0 nil nil nil]");
    bench.check(
        "XINFO CONSUMERS s g",
        "[[name=Alice pending=0 idle=10 inactive=10] [name=Bob pending=0 idle=0 inactive=0] \
         [name=Carl pending=0 idle=0 inactive=-1]]",
    );
}

#[test]
fn after_setid_backwards_an_entry_comes_twice() {
    let mut bench = owing();
    bench.run("XGROUP SETID s g 2-0");
    bench.check(
        "XREADGROUP GROUP g Bob CLAIM 10 STREAMS s >",
        "[s:[1-0(30,1) 2-0(30,1) 3-0(10,1) 3-0(0,0) 4-0(0,0)]]",
    );
    bench.check("XPENDING s g - + 9", "[[1-0 Bob 0 2] [2-0 Bob 0 2] [3-0 Bob 0 1] [4-0 Bob 0 1]]");
}

#[test]
fn a_history_overlooks_claim() {
    let mut bench = owing();
    bench.check("XREADGROUP GROUP g Bob CLAIM 0 STREAMS s 0", "[s:[]]");
    bench.check("XREADGROUP GROUP g Alice CLAIM 0 STREAMS s 1-0", "[s:[2-0 3-0]]");
}

#[test]
fn a_clock_that_goes_back_makes_nobody_old() {
    let mut bench = owing();
    bench.now -= 500;
    bench.check("XREADGROUP GROUP g Bob COUNT 9 CLAIM 1 STREAMS s >", "[s:[4-0(0,0)]]");
    bench.check("XREADGROUP GROUP g Bob COUNT 1 CLAIM 0 STREAMS s >", "[s:[4-0(0,1)]]");
}

#[test]
fn a_claim_that_finds_nothing_waits_and_takes_no_record() {
    let mut bench = owing();
    bench.run("XREADGROUP GROUP g Bob STREAMS s >");
    let line = "XREADGROUP GROUP g Bob BLOCK 0 CLAIM 100 STREAMS s >";
    assert_eq!(bench.operations(line), 0);
    bench.check(line, "nil");
}
