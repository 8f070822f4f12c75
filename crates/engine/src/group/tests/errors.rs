//! Every refusal of the group commands, and which one comes first.

use super::{Bench, groups};
use crate::command::Command;
use crate::error::CommandError;

const KEY_REQUIRED: &str = "!ERR The XGROUP subcommand requires the key to exist. Note that for \
     CREATE you may want to use the MKSTREAM option to create an empty stream automatically.";
const WRONG_TYPE: &str = "!WRONGTYPE Operation against a key holding the wrong kind of value";
const INVALID_ID: &str = "!ERR Invalid stream ID specified as stream command argument";

fn check(setup: &[&str], line: &str, expected: &str) {
    let mut bench = Bench::after(setup);
    let before = groups(&bench.engine);
    bench.check(line, expected);
    assert_eq!(before, groups(&bench.engine), "{line} was refused and changed something");
}

#[test]
fn xgroup_refuses_in_the_order_of_its_checks() {
    let stream = &["XADD s 1-0 f 1-0", "XGROUP CREATE s g 0"];
    for line in [
        "XGROUP CREATE s g x",
        "XGROUP SETID s g 0",
        "XGROUP DESTROY s g",
        "XGROUP CREATECONSUMER s g c",
        "XGROUP DELCONSUMER s g c",
    ] {
        check(&[], line, KEY_REQUIRED);
        check(&["SET s v"], line, WRONG_TYPE);
    }
    check(&["SET s v"], "XGROUP CREATE s g 0 MKSTREAM", WRONG_TYPE);
    check(&[], "XGROUP CREATE s g x MKSTREAM", INVALID_ID);
    check(stream, "XGROUP CREATE s g x", INVALID_ID);
    check(stream, "XGROUP CREATE s g 0", "!BUSYGROUP Consumer Group name already exists");
    let missing = "!NOGROUP No such consumer group 'h' for key name 's'";
    check(stream, "XGROUP SETID s h x", missing);
    check(stream, "XGROUP CREATECONSUMER s h c", missing);
    check(stream, "XGROUP DELCONSUMER s h c", missing);
    check(stream, "XGROUP SETID s g x", INVALID_ID);
    check(stream, "XGROUP DESTROY s h", "0");
}

#[test]
fn xreadgroup_checks_every_stream_before_it_reads_one() {
    let stream = &["XADD s 1-0 f 1-0", "XGROUP CREATE s g 0", "SET t v"];
    let missing = |key| {
        format!(
            "!NOGROUP No such key '{key}' or consumer group 'g' in XREADGROUP with GROUP option"
        )
    };
    check(stream, "XREADGROUP GROUP g c STREAMS s u > >", &missing("u"));
    check(stream, "XREADGROUP GROUP g c STREAMS s t > >", WRONG_TYPE);
    check(stream, "XREADGROUP GROUP g c STREAMS s s > x", INVALID_ID);
    // The keys are looked at one by one: what is wrong with the first is reported first.
    check(stream, "XREADGROUP GROUP g c STREAMS u t x >", &missing("u"));
    check(stream, "XREADGROUP GROUP g c STREAMS s t x >", INVALID_ID);
    check(stream, "XREADGROUP GROUP g c BLOCK 0 STREAMS u >", &missing("u"));
}

#[test]
fn xack_of_a_missing_group_is_zero_whatever_the_ids() {
    let stream = &["XADD s 1-0 f 1-0", "XGROUP CREATE s g 0", "SET t v"];
    check(stream, "XACK u g x", "0");
    check(stream, "XACK s h x", "0");
    check(stream, "XACK s g x", INVALID_ID);
    check(stream, "XACK s g 1-0 x", INVALID_ID);
    check(stream, "XACK t g x", WRONG_TYPE);
}

#[test]
fn claims_and_listings_name_key_and_group() {
    let stream = &["XADD s 1-0 f 1-0", "XGROUP CREATE s g 0", "SET t v"];
    for (line, words) in [
        ("XPENDING", ""),
        ("XPENDING", " - + 10"),
        ("XCLAIM", " c 0 1-0"),
        ("XAUTOCLAIM", " c 0 -"),
    ] {
        for (key, group) in [("u", "g"), ("s", "h")] {
            let missing = format!("!NOGROUP No such key '{key}' or consumer group '{group}'");
            check(stream, &format!("{line} {key} {group}{words}"), &missing);
        }
        check(stream, &format!("{line} t g{words}"), WRONG_TYPE);
    }
}

#[test]
fn xclaim_looks_at_the_group_before_its_arguments() {
    let mut bench = Bench::after(&["XADD s 1-0 f 1-0", "XGROUP CREATE s g 0"]);
    let mut check = |group, expected: &str| {
        let claim = Err(CommandError::Fixed("ERR later"));
        let command = Command::XClaim { key: b"s", group, consumer: b"c", claim };
        assert_eq!(bench.execute(&command).0, expected);
    };
    check(b"h", "!NOGROUP No such key 's' or consumer group 'h'");
    check(b"g", "!ERR later");
}

#[test]
fn xinfo_of_what_is_missing() {
    let stream = &["XADD s 1-0 f 1-0", "XGROUP CREATE s g 0", "SET t v"];
    check(stream, "XINFO GROUPS u", "!ERR no such key");
    check(stream, "XINFO GROUPS t", WRONG_TYPE);
    check(stream, "XINFO CONSUMERS u g", "!ERR no such key");
    check(stream, "XINFO CONSUMERS t g", WRONG_TYPE);
    check(stream, "XINFO CONSUMERS s h", "!NOGROUP No such consumer group 'h' for key name 's'");
}
