//! Streams and their entries.

use super::{INVALID_ID, NOT_AN_INTEGER, SYNTAX, check};

const STRATEGY: &str =
    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
const TILDE: &str = "ERR syntax error, LIMIT cannot be used without the special ~ option";
const BOTH: &str = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";

#[test]
fn xadd_and_xtrim() {
    for id in ["-", "+", "$", "1-x", "1-", "-1", "1-2-3", "+1-1", "*-1", "1-**", "-*", "(1", "''"] {
        check(&format!("xadd k {id} a b"), INVALID_ID);
    }
    check(&format!("xadd k {}1-1 a b", "0".repeat(125)), INVALID_ID);
    check("xadd k 1-* a b", "");
    check("xadd k 01-01 a b", "");
    check("xadd k 0 a b", "ERR The ID specified in XADD must be greater than 0-0");
    check("xadd k 0-* a b", "");
    check("xadd k maxlen 1 maxlen 2 * a b", BOTH);
    check("xadd k maxlen 1 minid 2 * a b", BOTH);
    check("xadd k maxlen ~ ~ 1 * a b", NOT_AN_INTEGER);
    check("xadd k maxlen 1 limit 5 * a b", TILDE);
    check("xadd k maxlen ~ 1 limit 0 nomkstream * a b", "");
    check("xadd k limit 5 * a b", STRATEGY);
    check("xadd k limit 0 * a b", TILDE);
    check("xadd k minid ~ nomkstream * a b", INVALID_ID);
    check("xadd k limit 5 nomkstream a a b", INVALID_ID);
    check("xtrim k foo 1", SYNTAX);
    check("xtrim k maxlen 1 foo", SYNTAX);
    check("xtrim k maxlen ~", NOT_AN_INTEGER);
    check("xtrim k maxlen ~ 5 limit", SYNTAX);
    check("xtrim k limit 5", STRATEGY);
    check(
        "xtrim k limit 0 limit 0",
        "ERR syntax error, XTRIM must be called with a trimming strategy",
    );
    check("xtrim k maxlen 5 limit 0", TILDE);
    check("xtrim k minid 5-*", INVALID_ID);
    check("xtrim k maxlen 5 maxlen 5", BOTH);
    check("xtrim k maxlen ~ 5 limit 0 limit 10", "");
}

#[test]
fn ranges() {
    check("xrange k - + count", SYNTAX);
    check("xrange k - + foo 1", SYNTAX);
    check("xrange k a b count x", INVALID_ID);
    for id in ["(", "(-", "(+", "((1", "(*"] {
        check(&format!("xrange k {id} +"), INVALID_ID);
    }
    let last = "(18446744073709551615-18446744073709551615";
    check(&format!("xrange k {last} +"), "ERR invalid start ID for the interval");
    check("xrange k - (0-0", "ERR invalid end ID for the interval");
    check("xrange k - (0", "");
    check("xrevrange k (0-0 -", "ERR invalid end ID for the interval");
    check("xdel k 1-1 -", INVALID_ID);
    check("xsetid s +", INVALID_ID);
    check("xsetid s 5-5 foo", SYNTAX);
    check("xsetid s 5-5 entriesadded", SYNTAX);
    check(
        "xsetid s 5-5 maxdeletedid 6-6 foo",
        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
    );
}

#[test]
fn xread_and_xreadgroup() {
    check("xread count 1 streams", SYNTAX);
    check("xread foo 1 streams k 0", SYNTAX);
    check("xread block 5 count 3 foo", SYNTAX);
    let plain = "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified.";
    check("xread streams a b c", plain);
    let group = "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.";
    check("xreadgroup group g c streams s > 0", group);
    check(
        "xread streams k >",
        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
    );
    check("xread streams k -", INVALID_ID);
    check("xread streams k +", "");
    let only = "option is only supported by XREADGROUP. You called XREAD instead.";
    check("xread group g c streams k 0", &format!("ERR The GROUP {only}"));
    check("xread noack streams k", &format!("ERR The NOACK {only}"));
    check(
        "xreadgroup count 1 noack block 0 streams s >",
        "ERR Missing GROUP option for XREADGROUP",
    );
    check("xreadgroup group g streams s > 0 0 0", SYNTAX);
    for id in ["$", "+"] {
        let text = format!(
            "ERR The {id} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The {id} ID would just return an empty result set."
        );
        check(&format!("xreadgroup group g c streams s {id}"), &text);
    }
}

#[test]
fn parts_of_an_id_at_their_limits() {
    let check = |id: &str, expected: &str| {
        for request in ["xadd k N a b", "xrange k N +", "xdel k N", "xsetid k N", "xtrim k minid N"]
        {
            check(&request.replace('N', id), expected);
        }
    };
    for id in [
        "2147483648",
        "4294967296-1",
        "9223372036854775808",
        "18446744073709551615-18446744073709551615",
    ] {
        check(id, "");
    }
    check("007-0001", "");
    for id in ["18446744073709551616", "1-18446744073709551616", "99999999999999999999", "+1", "_1"]
    {
        check(id, INVALID_ID);
    }
}

#[test]
fn what_becomes_of_references_is_said_once() {
    check("XADD k ACKED * f v", "");
    check("XADD k MAXLEN 5 delref * f v", "");
    check("XADD k KEEPREF KEEPREF * f v", "ERR syntax error");
    check("XTRIM k MAXLEN 5 ACKED", "");
    check("XTRIM k DELREF MINID ~ 5 LIMIT 3", "");
    check("XTRIM k MAXLEN 5 ACKED KEEPREF", "ERR syntax error");
    check("XTRIM k ACKED ACKED", "ERR syntax error");
    check("XTRIM k ACKED x", "ERR syntax error");
}

#[test]
fn ids_block_of_xdelex_and_xackdel() {
    const NUMBER: &str = "ERR Number of IDs must be a positive integer";
    const MATCH: &str = "ERR The `numids` parameter must match the number of arguments";
    const ID: &str = "ERR Invalid stream ID specified as stream command argument";
    for start in ["XDELEX k", "XACKDEL k g"] {
        let check = |rest: &str, expected| check(&format!("{start} {rest}"), expected);
        check("IDS 1 1-1", "");
        check("DELREF IDS 2 1-1 2", "");
        check("ids 1 1-1 acked", "");
        for count in ["0", "-1", "x", "01", "18446744073709551616"] {
            check(&format!("IDS {count} 1-1"), NUMBER);
        }
        check("IDS 2 1-1", MATCH);
        check("IDS 9223372036854775807 1-1", MATCH);
        check("IDS 1 1-1 2-1", "ERR syntax error");
        check("IDS 1 1-1 IDS 1 2-1", "ERR syntax error");
        check("KEEPREF DELREF IDS 1 1-1", "ERR syntax error");
        check("KEEPREF 1 1-1", "ERR syntax error");
        check("IDS 2 1-1 x", ID);
        check("IDS 1 *", ID);
    }
}

#[test]
fn bounds_of_a_whole_read() {
    for start in ["XREAD", "XREADGROUP GROUP g c"] {
        let check = |rest: &str, expected: &str| {
            check(&format!("{start} {rest} STREAMS k 0"), expected);
        };
        check("MAXCOUNT 5 MAXSIZE 1", "");
        check("COUNT 5 MAXCOUNT 5", "");
        check("MAXCOUNT 1 COUNT 0", "");
        check("MAXCOUNT 4 COUNT 5", "ERR MAXCOUNT must be greater than or equal to COUNT");
        for number in ["0", "-1", "x", "01", "9223372036854775808"] {
            let refusal = |name| format!("ERR {name} must be a positive integer");
            check(&format!("MAXCOUNT {number}"), &refusal("MAXCOUNT"));
            check(&format!("MAXSIZE {number}"), &refusal("MAXSIZE"));
        }
    }
}

#[test]
fn idempotent_produce() {
    const ID: &str = "ERR Invalid stream ID specified as stream command argument";
    const GENERATED: &str = "ERR IDMP/IDMPAUTO can be used only with auto-generated IDs";
    check("XADD k IDMP p i * f v", "");
    check("XADD k NOMKSTREAM idmpauto p MAXLEN 5 * f v", "");
    check("XADD k IDMP p 1-1 * f v", "");
    check("XADD k IDMP p * * f v", "");
    check("XADD k IDMP p1 * f v", ID);
    check("XADD k IDMP p i IDMPAUTO p * f v", "ERR IDMP/IDMPAUTO specified multiple times");
    check("XADD k IDMP p i 5-1 f v", GENERATED);
    check("XADD k IDMP p i 5-* f v", GENERATED);
    check("XADD k IDMP '' i * f v", "ERR IDMP requires a non-empty producer ID");
    check("XADD k IDMP p '' * f v", "ERR IDMP requires a non-empty idempotent ID");
    check("XADD k IDMPAUTO '' * f v", "ERR IDMPAUTO requires a non-empty producer ID");
    check("XADD k IDMP p i * f", "ERR wrong number of arguments for 'xadd' command");
    check("XCFGSET k IDMP-DURATION 1 idmp-maxsize 10000", "");
    check("XCFGSET k", "ERR At least one parameter must be specified");
    for number in ["0", "-1", "86401"] {
        let refusal = "ERR IDMP-DURATION must be between 1 and 86400 seconds";
        check(&format!("XCFGSET k IDMP-DURATION {number}"), refusal);
    }
    for number in ["0", "-1", "10001"] {
        let refusal = "ERR IDMP-MAXSIZE must be between 1 and 10000 entries";
        check(&format!("XCFGSET k IDMP-MAXSIZE {number}"), refusal);
    }
    check("XCFGSET k IDMP-MAXSIZE x", "ERR value is not an integer or out of range");
    check("XCFGSET k IDMP-MAXSIZE", "ERR syntax error");
    check("XCFGSET k MAXSIZE 5", "ERR syntax error");
    check("XIDMPRECORD k p i 5-1", "");
    check("XIDMPRECORD k p i x", ID);
    check("XIDMPRECORD k '' i 5-1", "ERR IDMP requires a non-empty producer ID");
}
