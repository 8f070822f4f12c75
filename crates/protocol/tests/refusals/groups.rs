//! Consumer groups.

use super::{INVALID_ID, NOT_AN_INTEGER, SYNTAX, arity, check};

#[test]
fn groups_and_claims() {
    let trailing = |word: &str, container: &str| {
        format!(
            "ERR unknown subcommand or wrong number of arguments for '{word}'. Try {container} HELP."
        )
    };
    check("xgroup CREATE k g 0 foo", &trailing("CREATE", "XGROUP"));
    check("xgroup create s g 0 entriesread", &trailing("create", "XGROUP"));
    check("xgroup create s g 0 mkstream mkstream entriesread 5", &trailing("create", "XGROUP"));
    check("xgroup SetID s g 0 mkstream", &trailing("SetID", "XGROUP"));
    check("xgroup create s g -", INVALID_ID);
    check("xgroup setid s g -", "");
    check("xinfo STream s foo", &trailing("STream", "XINFO"));
    check("xinfo stream s full count 1 x", &trailing("stream", "XINFO"));
    check("xpending s g - +", SYNTAX);
    check("xpending s g - a x", NOT_AN_INTEGER);
    check("xpending s g - a 10", INVALID_ID);
    check("xpending s g - (0-0 10", "ERR invalid end ID for the interval");
    check("xpending s g idle 5 - +", SYNTAX);
    check("xpending s g idle 5 - + 10 c d", SYNTAX);
    check("xpending s g - + 10 c d", "");
    check("xpending s g foo 5 - + 10", NOT_AN_INTEGER);
    for (request, word) in [
        ("xclaim s g c 0 a", "a"),
        ("xclaim s g c 0 -", "-"),
        ("xclaim s g c 0 1-1 idle", "idle"),
        ("xclaim s g c 0 1-1 force 1-2", "1-2"),
    ] {
        check(request, &format!("ERR Unrecognized XCLAIM option '{word}'"));
    }
    check("xclaim s g c 0 1-1 lastid a", INVALID_ID);
    check("xclaim s g c 0 force", "");
    check("xautoclaim s g c 0 a", INVALID_ID);
    check("xautoclaim s g c a a", "ERR Invalid min-idle-time argument for XAUTOCLAIM");
    check("xautoclaim s g c 0 0 count", SYNTAX);
    check("xautoclaim s g c 0 0 foo", SYNTAX);
}

#[test]
fn xnack() {
    const MODE: &str = "ERR mode must be SILENT, FAIL, or FATAL";
    const RETRYCOUNT: &str = "ERR Invalid RETRYCOUNT value, must be >= 0";
    let check = |rest: &str, expected: &str| check(&format!("XNACK k g {rest}"), expected);
    let unknown = |word: &str| format!("ERR Unrecognized XNACK option '{word}'");
    check("SILENT IDS 1 1-1", "");
    check("fail RETRYCOUNT 9 force IDS 2 1-1 2", "");
    check("FATAL IDS 2 1-1 1-1 RETRYCOUNT 9223372036854775807 RETRYCOUNT 0", "");
    check("FAIL FORCE IDS 1", "ERR number of IDs doesn't match numids");
    check("FAIL IDS 1", &arity("xnack"));
    check("HARD IDS 1 1-1", MODE);
    check("IDS 1 1-1 FAIL", MODE);
    check("FAIL RETRYCOUNT 1 FORCE", "ERR syntax error, expected IDS keyword");
    for count in ["0", "-1", "x", "01", "18446744073709551616"] {
        check(&format!("FAIL IDS {count} 1-1"), "ERR numids must be a positive integer");
    }
    check("FAIL IDS 2 1-1", "ERR number of IDs doesn't match numids");
    check("FAIL IDS 9223372036854775807 1-1", "ERR number of IDs doesn't match numids");
    check("FAIL IDS 1 1-1 2-1", &unknown("2-1"));
    check("FAIL SILENT IDS 1 1-1", &unknown("SILENT"));
    check("FAIL IDS 1 1-1 RETRYCOUNT", &unknown("RETRYCOUNT"));
    check("FAIL IDS 1 1-1 IDS 1 1-1", &unknown("IDS"));
    for count in ["-1", "x", "1.0", "9223372036854775808"] {
        check(&format!("FAIL RETRYCOUNT {count} IDS 1 1-1"), RETRYCOUNT);
    }
    check("FAIL IDS 2 1-1 x", INVALID_ID);
    check("FAIL IDS 1 *", INVALID_ID);
}

#[test]
fn claim_of_xreadgroup() {
    let check = |rest: &str, expected: &str| {
        check(&format!("XREADGROUP GROUP g c {rest} STREAMS k >"), expected);
    };
    check("CLAIM 0", "");
    check("claim 9223372036854775807 CLAIM 1", "");
    for idle in ["x", "-0", "+10", "5.5", "01", "9223372036854775808"] {
        check(&format!("CLAIM {idle}"), "ERR min-idle-time is not an integer");
    }
    check("CLAIM -1", "ERR min-idle-time must be a positive integer");
    check("CLAIM", "ERR min-idle-time is not an integer");
}

#[test]
fn claim_is_for_groups() {
    check(
        "XREAD CLAIM 5 STREAMS k 0",
        "ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.",
    );
}
