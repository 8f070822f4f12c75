//! XNACK.

use super::Bench;

#[test]
fn each_mode_sets_the_count_and_the_entry_has_no_owner() {
    let check = |before: u64, release: &str, after: &str| {
        let mut bench = Bench::read();
        bench.run(&format!("XCLAIM s g Alice 0 1-0 RETRYCOUNT {before}"));
        bench.now += 50;
        bench.check(&format!("XNACK s g {release}"), "1");
        bench.check("XPENDING s g - + 1", &format!("[[1-0 '' -1 {after}]]"));
        bench.check("XPENDING s g", "[3 1-0 3-0 [[Alice 2]]]");
        bench.check("XPENDING s g - + 9 Alice", "[[2-0 Alice 50 1] [3-0 Alice 50 1]]");
    };
    check(4, "SILENT 1-0", "3");
    check(0, "SILENT 1-0", "0");
    check(4, "FAIL 1-0", "4");
    check(4, "FATAL 1-0", "9223372036854775807");
    check(4, "SILENT 1-0 RETRYCOUNT 0", "0");
    check(4, "FAIL 1-0 RETRYCOUNT 9", "9");
    check(4, "FATAL 1-0 RETRYCOUNT 9223372036854775807", "9223372036854775807");
}

#[test]
fn a_fatal_count_stays_at_its_end() {
    let mut bench = Bench::read();
    bench.check("XNACK s g FATAL 1-0", "1");
    bench.check("XCLAIM s g Bob 1000 1-0", "[1-0]");
    bench.check("XPENDING s g - + 1", "[[1-0 Bob 0 9223372036854775807]]");
    bench.check("XNACK s g SILENT 1-0", "1");
    bench.check("XPENDING s g - + 1", "[[1-0 '' -1 9223372036854775806]]");
}

#[test]
fn what_is_not_pending_is_not_counted_unless_forced() {
    let mut bench = Bench::read();
    bench.run("XADD s 4-0 f 4-0");
    bench.run("XACK s g 1-0");
    bench.check("XNACK s g FAIL 1-0 4-0 9-0", "0");
    bench.check("XNACK s g FAIL 9-0 FORCE", "0");
    bench.check("XNACK s g FAIL 1-0 9-0 4-0 FORCE", "2");
    bench.check("XNACK s g SILENT 1-0", "1");
    bench.check(
        "XPENDING s g - + 9",
        "[[1-0 '' -1 0] [2-0 Alice 0 1] [3-0 Alice 0 1] [4-0 '' -1 0]]",
    );
    bench.run("XACK s g 1-0 4-0");
    bench.check("XNACK s g FATAL 1-0 FORCE", "1");
    bench.check("XNACK s g SILENT 4-0 RETRYCOUNT 6 FORCE", "1");
    bench.check(
        "XPENDING s g - + 9",
        "[[1-0 '' -1 9223372036854775807] [2-0 Alice 0 1] [3-0 Alice 0 1] [4-0 '' -1 6]]",
    );
}

#[test]
fn a_repeated_id_counts_each_time() {
    let mut bench = Bench::read();
    bench.run("XCLAIM s g Alice 0 2-0 RETRYCOUNT 9");
    bench.check("XNACK s g SILENT 2-0 2-0 2-0", "3");
    bench.check("XPENDING s g - + 9", "[[1-0 Alice 0 1] [2-0 '' -1 6] [3-0 Alice 0 1]]");
    bench.run("XADD s 4-0 f 4-0");
    bench.check("XNACK s g FAIL 4-0 4-0 FORCE", "2");
}

#[test]
fn a_release_is_one_operation_and_nothing_is_none() {
    let bench = Bench::read();
    assert_eq!(bench.operations("XNACK s g FAIL 1-0 2-0"), 1);
    assert_eq!(bench.operations("XNACK s g FAIL 9-0"), 0);
}

#[test]
fn released_entries_are_claimed_whatever_the_idle_time() {
    let mut bench = Bench::read();
    bench.run("XNACK s g FAIL 1-0 2-0");
    bench.check("XCLAIM s g Bob 99999999 1-0 3-0", "[1-0]");
    bench.check("XAUTOCLAIM s g Bob 99999999 -", "[0-0 [2-0] []]");
    bench.check("XPENDING s g - + 9", "[[1-0 Bob 0 2] [2-0 Bob 0 2] [3-0 Alice 0 1]]");
    bench.run("XNACK s g FAIL 1-0");
    bench.check("XCLAIM s g Bob 99999999 1-0 1-0 JUSTID", "[1-0]");
}

#[test]
fn neither_new_reads_nor_histories_return_released_entries() {
    let mut bench = Bench::read();
    bench.run("XNACK s g FAIL 2-0");
    bench.check("XREADGROUP GROUP g Alice STREAMS s >", "nil");
    bench.check("XREADGROUP GROUP g Alice STREAMS s 0", "[s:[1-0 3-0]]");
    bench.check("XREADGROUP GROUP g '' STREAMS s 0", "[s:[]]");
    bench.check(
        "XINFO CONSUMERS s g",
        "[[name='' pending=0 idle=0 inactive=-1] [name=Alice pending=2 idle=0 inactive=0]]",
    );
}

#[test]
fn released_entries_outlive_their_entry_and_their_consumer() {
    let mut bench = Bench::read();
    bench.run("XNACK s g FAIL 1-0 2-0");
    bench.check("XGROUP DELCONSUMER s g Alice", "1");
    bench.run("XDEL s 1-0");
    bench.check("XPENDING s g", "[2 1-0 2-0 []]");
    bench.check("XPENDING s g IDLE 99999999 - + 9", "[[1-0 '' -1 1] [2-0 '' -1 1]]");
    bench.check("XNACK s g FAIL 1-0", "1");
    bench.check("XCLAIM s g Bob 0 1-0", "[]");
    bench.check("XPENDING s g", "[1 2-0 2-0 []]");
    bench.check("XACK s g 2-0 2-0", "1");
    bench.check("XPENDING s g", "[0 nil nil nil]");
}

#[test]
fn reading_again_after_setid_takes_a_released_entry_over() {
    let mut bench = Bench::read();
    bench.run("XNACK s g FATAL 2-0");
    bench.run("XGROUP SETID s g 1-0");
    bench.check("XREADGROUP GROUP g Bob COUNT 1 STREAMS s >", "[s:[2-0]]");
    bench.check("XPENDING s g - + 9", "[[1-0 Alice 0 1] [2-0 Bob 0 1] [3-0 Alice 0 1]]");
    bench.check("XREADGROUP GROUP g Carl CLAIM 9 STREAMS s >", "[s:[3-0(0,0)]]");
}

#[test]
fn the_key_and_the_group_are_looked_at_first() {
    let mut bench = Bench::after(&["SET t x", "XGROUP CREATE s g 0 MKSTREAM"]);
    bench.check("XNACK k g FAIL 1-0", "!NOGROUP No such key 'k' or consumer group 'g'");
    bench.check("XNACK s h FAIL 1-0", "!NOGROUP No such key 's' or consumer group 'h'");
    bench.check(
        "XNACK t g FAIL 1-0",
        "!WRONGTYPE Operation against a key holding the wrong kind of value",
    );
}
