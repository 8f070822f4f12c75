//! XREADGROUP, XACK, XPENDING, XGROUP and XINFO in their ordinary life.

use super::Bench;

const THREE: [&str; 4] =
    ["XADD s 1-0 f 1-0", "XADD s 2-0 f 2-0", "XADD s 3-0 f 3-0", "XGROUP CREATE s g 0"];

#[test]
fn new_entries_go_to_one_consumer_and_stay_pending_until_acknowledged() {
    let mut bench = Bench::after(&THREE);
    bench.check("XREADGROUP GROUP g a COUNT 1 STREAMS s >", "[s:[1-0]]");
    bench.check("XREADGROUP GROUP g b STREAMS s >", "[s:[2-0 3-0]]");
    bench.check("XREADGROUP GROUP g a STREAMS s >", "nil");
    bench.check("XPENDING s g", "[3 1-0 3-0 [[a 1] [b 2]]]");
    bench.check("XACK s g 2-0 9-0 2-0", "1");
    bench.check("XACK s g 3-0 1-0 3-0", "2");
    bench.check("XPENDING s g", "[0 nil nil nil]");
    bench.check("XACK s g 1-0", "0");
}

#[test]
fn xpending_lists_a_range_by_consumer_and_idle_time() {
    let mut bench = Bench::after(&THREE);
    bench.run("XREADGROUP GROUP g a COUNT 2 STREAMS s >");
    bench.now += 50;
    bench.run("XREADGROUP GROUP g b STREAMS s >");
    bench.now += 5;
    bench.check("XPENDING s g - + 10", "[[1-0 a 55 1] [2-0 a 55 1] [3-0 b 5 1]]");
    bench.check("XPENDING s g - + 1", "[[1-0 a 55 1]]");
    bench.check("XPENDING s g 2 2 10", "[[2-0 a 55 1]]");
    bench.check("XPENDING s g - + 10 b", "[[3-0 b 5 1]]");
    bench.check("XPENDING s g - + 10 nobody", "[]");
    bench.check("XPENDING s g - + 0", "[]");
    bench.check("XPENDING s g - + -3", "[]");
    bench.check("XPENDING s g IDLE 55 - + 10", "[[1-0 a 55 1] [2-0 a 55 1]]");
    bench.check("XPENDING s g IDLE 56 - + 10", "[]");
    bench.check("XPENDING s g IDLE 55 2 + 10 a", "[[2-0 a 55 1]]");
    bench.now = 10;
    bench.check("XPENDING s g - + 1", "[[1-0 a 0 1]]");
}

#[test]
fn history_is_what_the_consumer_owes_and_counts_as_delivery() {
    let mut bench = Bench::after(&THREE);
    bench.run("XREADGROUP GROUP g a STREAMS s >");
    bench.run("XDEL s 2-0");
    bench.now += 7;
    bench.check("XREADGROUP GROUP g a STREAMS s 0", "[s:[1-0 2-0=nil 3-0]]");
    bench.check("XPENDING s g - + 10", "[[1-0 a 0 2] [2-0 a 7 1] [3-0 a 0 2]]");
    bench.check("XREADGROUP GROUP g a COUNT 1 STREAMS s 1-0", "[s:[2-0=nil]]");
    bench.check("XREADGROUP GROUP g a STREAMS s 3-0", "[s:[]]");
    bench.check("XREADGROUP GROUP g b STREAMS s 0", "[s:[]]");
    let max = u64::MAX;
    bench.check(&format!("XREADGROUP GROUP g a STREAMS s {max}-{max}"), "[s:[]]");
    // A history in any position answers at once.
    bench.check("XREADGROUP GROUP g a BLOCK 0 STREAMS s s > 3-0", "[s:[]]");
    assert_eq!(bench.operations("XREADGROUP GROUP g a STREAMS s 3-0"), 0, "nothing for the log");
}

#[test]
fn without_acknowledgement_only_the_position_moves() {
    let mut bench = Bench::after(&THREE);
    bench.check("XREADGROUP GROUP g a COUNT 2 NOACK STREAMS s >", "[s:[1-0 2-0]]");
    bench.check("XPENDING s g", "[0 nil nil nil]");
    bench.check(
        "XINFO GROUPS s",
        "[[name=g consumers=1 pending=0 last-delivered-id=2-0 entries-read=2 lag=1]]",
    );
    bench.now += 3;
    bench.check("XINFO CONSUMERS s g", "[[name=a pending=0 idle=3 inactive=-1]]");
}

#[test]
fn a_group_moved_back_delivers_again_without_doubling() {
    let mut bench = Bench::after(&THREE);
    bench.run("XREADGROUP GROUP g a STREAMS s >");
    bench.run("XREADGROUP GROUP g a STREAMS s 0");
    bench.run("XGROUP SETID s g 1-0");
    bench.now += 9;
    bench.check("XREADGROUP GROUP g b STREAMS s >", "[s:[2-0 3-0]]");
    bench.check("XPENDING s g - + 10", "[[1-0 a 9 2] [2-0 b 0 1] [3-0 b 0 1]]");
    bench.check("XPENDING s g", "[3 1-0 3-0 [[a 1] [b 2]]]");
}

#[test]
fn a_key_named_twice_sees_the_first_reading() {
    let mut bench = Bench::after(&THREE);
    bench.check("XREADGROUP GROUP g a COUNT 1 STREAMS s s s > > 0", "[s:[1-0] s:[2-0] s:[1-0]]");
    bench.check("XPENDING s g - + 10", "[[1-0 a 0 2] [2-0 a 0 1]]");
    bench.check("XREADGROUP GROUP g b STREAMS s s > >", "[s:[3-0]]");
}

#[test]
fn several_streams_answer_those_that_have_entries() {
    let mut bench = Bench::after(&THREE);
    bench.run("XGROUP CREATE t g 0 MKSTREAM");
    bench.check("XREADGROUP GROUP g a COUNT 2 STREAMS t s > >", "[s:[1-0 2-0]]");
    bench.check("XREADGROUP GROUP g a STREAMS t s 0 >", "[t:[] s:[3-0]]");
    bench.check("XINFO CONSUMERS t g", "[[name=a pending=0 idle=0 inactive=-1]]");
}

#[test]
fn a_reader_that_waits_has_made_its_consumer() {
    let mut bench = Bench::after(&["XGROUP CREATE s g $ MKSTREAM"]);
    let words: Vec<&[u8]> =
        "XREADGROUP GROUP g a COUNT 2 BLOCK 0 STREAMS s >".split(' ').map(str::as_bytes).collect();
    let command = super::parse(&words, &[]);
    assert_eq!(bench.execute(&command), ("nil".to_owned(), true));
    bench.now += 4;
    bench.check("XINFO CONSUMERS s g", "[[name=a pending=0 idle=4 inactive=-1]]");
    assert_eq!(bench.execute(&command), ("nil".to_owned(), true));
    bench.check("XINFO CONSUMERS s g", "[[name=a pending=0 idle=0 inactive=-1]]");
    bench.run("XADD s 1-0 f 1-0");
    let context = crate::command::Context { db: 0, now: bench.now };
    let waiting = Bench::after(&["XGROUP CREATE s g $ MKSTREAM"]).engine.decide(&command, context);
    let waiting = waiting.expect("no refusal").wait.expect("nothing to read");
    let crate::blocked::Blocked::Read(waiting) = *waiting else { panic!("not reading") };
    assert_eq!(waiting.command(), command);
    assert_eq!(bench.execute(&waiting.command()), ("[s:[1-0]]".to_owned(), false));
    bench.run("XGROUP DESTROY s g");
    bench.check(
        "XREADGROUP GROUP g a COUNT 2 BLOCK 0 STREAMS s >",
        "!NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option",
    );
}

#[test]
fn consumers_come_and_go_with_what_they_owe() {
    let mut bench = Bench::after(&THREE);
    bench.check("XGROUP CREATECONSUMER s g a", "1");
    bench.check("XGROUP CREATECONSUMER s g a", "0");
    bench.check("XINFO CONSUMERS s g", "[[name=a pending=0 idle=0 inactive=-1]]");
    bench.now += 10;
    bench.run("XREADGROUP GROUP g a COUNT 2 STREAMS s >");
    bench.run("XREADGROUP GROUP g '' STREAMS s >");
    bench.now += 10;
    bench.run("XREADGROUP GROUP g a STREAMS s >");
    bench.now += 1;
    bench.check(
        "XINFO CONSUMERS s g",
        "[[name='' pending=1 idle=11 inactive=11] [name=a pending=2 idle=1 inactive=11]]",
    );
    bench.check("XGROUP DELCONSUMER s g a", "2");
    bench.check("XGROUP DELCONSUMER s g a", "0");
    bench.check("XPENDING s g", "[1 3-0 3-0 [['' 1]]]");
    bench.check("XREADGROUP GROUP g a STREAMS s >", "nil");
    bench.check("XREADGROUP GROUP g a STREAMS s 0", "[s:[]]");
}

#[test]
fn groups_are_listed_by_name_and_go_whole() {
    let mut bench = Bench::after(&THREE);
    bench.check("XGROUP CREATE s f 2-0", "OK");
    bench.check(
        "XINFO GROUPS s",
        "[[name=f consumers=0 pending=0 last-delivered-id=2-0 entries-read=nil lag=nil] \
         [name=g consumers=0 pending=0 last-delivered-id=0-0 entries-read=nil lag=3]]",
    );
    bench.run("XREADGROUP GROUP g a STREAMS s >");
    bench.check("XGROUP DESTROY s g", "1");
    bench.check("XGROUP DESTROY s g", "0");
    bench.check("XGROUP CREATE s g 99-0", "OK");
    bench.check("XPENDING s g", "[0 nil nil nil]");
    bench.check("XREADGROUP GROUP g a STREAMS s >", "nil");
    bench.check("XGROUP CREATE t g $ MKSTREAM", "OK");
    bench.check(
        "XINFO GROUPS t",
        "[[name=g consumers=0 pending=0 last-delivered-id=0-0 entries-read=nil lag=0]]",
    );
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let mut bench = Bench::after(&THREE);
    bench.run("XREADGROUP GROUP g a COUNT 1 STREAMS s >");
    for line in [
        "XACK s g 2-0",
        "XGROUP CREATECONSUMER s g a",
        "XGROUP DELCONSUMER s g b",
        "XGROUP DESTROY s h",
        "XGROUP SETID s g 1-0 ENTRIESREAD 1",
        "XCLAIM s g a 1000 1-0",
        "XAUTOCLAIM s g a 1000 -",
        "XPENDING s g",
    ] {
        assert_eq!(bench.operations(line), 0, "{line}");
    }
    assert_eq!(bench.operations("XREADGROUP GROUP g a STREAMS s >"), 1);
    assert_eq!(bench.operations("XREADGROUP GROUP g b STREAMS s >"), 2);
}
