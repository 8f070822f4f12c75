//! Keys, strings, hashes, lists and sets.

use super::{NOT_AN_INTEGER, SYNTAX, arity, check, refusal};

#[test]
fn keys_strings_and_hashes() {
    for options in ["foo", "ex", "ex 10 px 10", "ex 10 keepttl", "nx xx", "persist"] {
        check(&format!("set k v {options}"), SYNTAX);
    }
    for options in ["nx get", "nx nx", "ex 10 ex 20", "keepttl keepttl get get"] {
        check(&format!("set k v {options}"), "");
    }
    check("getex k persist ex 10", SYNTAX);
    check("getex k keepttl", SYNTAX);
    check("set k v ex a foo", SYNTAX);
    check("expire k a foo", "ERR Unsupported option foo");
    let nx = "ERR NX and XX, GT or LT options at the same time are not compatible";
    check("expire k 10 nx xx", nx);
    check("expire k 10 nx gt", nx);
    check("expire k 10 gt lt", "ERR GT and LT options at the same time are not compatible");
    check("expire k 10 xx gt", "");
    check("decrby k -9223372036854775808", "ERR decrement would overflow");
    for float in ["a", "nan", "1e5000", "_1", "1_", "''"] {
        check(&format!("incrbyfloat k {float}"), "ERR value is not a valid float");
    }
    check("hincrbyfloat k f inf", "ERR value is NaN or Infinity");
    check("scan a", "ERR invalid cursor");
    check("scan 0 foo", SYNTAX);
    check("hscan k 0 type foo", SYNTAX);
    check("hscan k 0 novalues NOVALUES count 5", "");
    for walk in ["scan 0", "sscan k 0", "zscan k 0"] {
        check(&format!("{walk} novalues"), "ERR NOVALUES option can only be used in HSCAN");
    }
    check("copy a b db", SYNTAX);
    check("swapdb a 1", "ERR invalid first DB index");
    check("swapdb 1 99999999999", "ERR invalid second DB index");
    check("flushdb async sync", SYNTAX);
    check("hrandfield k 1 foo", SYNTAX);
    check("hrandfield k 4611686018427387904 withvalues", "ERR value is out of range");
    check("memory usage k samples", SYNTAX);
    check("memory usage k samples x", NOT_AN_INTEGER);
}

#[test]
fn lists() {
    let positive = "ERR value is out of range, must be positive";
    for count in ["x", "-1", "9223372036854775808"] {
        check(&format!("lpop l {count}"), positive);
        check(&format!("rpop l {count}"), positive);
    }
    check("lpop l 0", "");
    check("lpop l 1 2", &arity("lpop"));
    for request in ["lrange l x 0", "lrange l 0 x", "ltrim l 0 x", "lrem l x v", "lset l x v"] {
        check(request, NOT_AN_INTEGER);
    }
    check("lindex l x", NOT_AN_INTEGER);
    check("linsert l at p v", SYNTAX);
    check("lmove a b left top", SYNTAX);
    check("lmove a b up right", SYNTAX);
    check(
        "lpos l v rank 0",
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
    );
    check("lpos l v rank x", NOT_AN_INTEGER);
    check("lpos l v rank -9223372036854775808", "");
    check("lpos l v count -1", "ERR COUNT can't be negative");
    check("lpos l v count x", "ERR COUNT can't be negative");
    check("lpos l v maxlen -1", "ERR MAXLEN can't be negative");
    check("lpos l v rank", SYNTAX);
    check("lpos l v foo 1", SYNTAX);
    for count in ["0", "-1", "x", "9223372036854775808"] {
        check(&format!("lmpop {count} a left"), "ERR numkeys should be greater than 0");
    }
    for request in [
        "lmpop 2 a left",
        "lmpop 9 a left",
        "lmpop 9223372036854775807 a left",
        "lmpop 1 a up",
        "lmpop 1 a left count",
        "lmpop 1 a left foo 1",
        "lmpop 1 a left count 1 count 1",
        "lmpop 1 a left count 1 x",
        "blmpop x 1 a up",
    ] {
        check(request, SYNTAX);
    }
    check("lmpop 1 a left count 0", "ERR count should be greater than 0");
    check("lmpop 1 a left count x", "ERR count should be greater than 0");
}

#[test]
fn timeouts_in_seconds() {
    let no_float = "ERR timeout is not a float or out of range";
    let negative = "ERR timeout is negative";
    for timeout in ["x", "nan", "_1", "1_", "''"] {
        check(&format!("blpop a b {timeout}"), no_float);
        check(&format!("brpop a {timeout}"), no_float);
        check(&format!("blmove a b left right {timeout}"), no_float);
        check(&format!("brpoplpush a b {timeout}"), no_float);
        check(&format!("blmpop {timeout} 1 a left"), no_float);
    }
    for timeout in ["-1", "-0.01", "inf", "-inf", "1e400", "1e30", "9223372036854775807"] {
        check(&format!("blpop a {timeout}"), negative);
    }
    for timeout in ["0", "-0.0001", "0.01", "1e3", "9223372036854774"] {
        check(&format!("blpop a {timeout}"), "");
    }
    check("blmove a b up right x", SYNTAX);
    check("blmpop x 0 a left", "ERR numkeys should be greater than 0");
}

#[test]
fn sets() {
    let positive = "ERR value is out of range, must be positive";
    check("spop s -1", positive);
    check("spop s x", positive);
    check("spop s 1 2", SYNTAX);
    check("srandmember s x", NOT_AN_INTEGER);
    check("srandmember s 1 2", SYNTAX);
    check(
        "srandmember s -9223372036854775808",
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    for count in ["0", "-1", "x"] {
        check(&format!("sintercard {count} a"), "ERR numkeys should be greater than 0");
    }
    check("sintercard 2 a", "ERR Number of keys can't be greater than number of args");
    check("sintercard 1 a limit", SYNTAX);
    check("sintercard 1 a foo 1", SYNTAX);
    check("sintercard 1 a b", SYNTAX);
    check("sintercard 1 a limit -1", "ERR LIMIT can't be negative");
    check("sintercard 1 a limit x", "ERR LIMIT can't be negative");
    check("sintercard 1 a limit 1 limit 2", "");
    check("sscan s x", "ERR invalid cursor");
    check("sscan s 0 count 0", SYNTAX);
    check("sscan s 0 count x", NOT_AN_INTEGER);
    check("sscan s 0 match", SYNTAX);
    check("sscan s 0 type x", SYNTAX);
}

#[test]
fn sorting() {
    for options in ["foo", "limit 1", "get", "by", "store", "limit 1 2 3"] {
        check(&format!("sort l {options}"), SYNTAX);
    }
    check("sort l limit x 1", NOT_AN_INTEGER);
    check("sort l limit 1 x", NOT_AN_INTEGER);
    check("sort l asc desc alpha limit 1 2 by w_* get # get x store d store e", "");
    assert_eq!(refusal(&[b"sort_ro", b"l", b"store", b"d"]), SYNTAX);
    assert_eq!(refusal(&[b"sort_ro", b"l", b"by", b"w_*"]), "");
}
