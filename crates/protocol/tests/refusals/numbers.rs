//! Every number at its limits.

use super::{NOT_AN_INTEGER, SYNTAX, check};

/// 2^31, 2^32, 2^63-1, 0 and -1 each have an answer of their own; what is no 64-bit number in
/// strict decimal always has the same.
struct Number {
    /// `N` stands for the number.
    request: &'static str,
    zero: &'static str,
    negative: &'static str,
    above_32_bits: &'static str,
    largest: &'static str,
    malformed: &'static str,
}

/// Accepted whatever the number.
const ANY: Number = Number {
    request: "",
    zero: "",
    negative: "",
    above_32_bits: "",
    largest: "",
    malformed: NOT_AN_INTEGER,
};

#[test]
fn every_number_at_its_limits() {
    let maxlen = "ERR The MAXLEN argument must be >= 0.";
    let limit = "ERR The LIMIT argument must be >= 0.";
    let count = "ERR COUNT must be > 0";
    let set = "ERR invalid expire time in 'set' command";
    let getex = "ERR invalid expire time in 'getex' command";
    let expire = "ERR invalid expire time in 'expire' command";
    let pexpire = "ERR invalid expire time in 'pexpire' command";
    let db = "ERR DB index is out of range";
    let int = "ERR value is out of range, value must between -2147483648 and 2147483647";
    let timeout = "ERR timeout is not an integer or out of range";
    let negative_timeout = "ERR timeout is negative";
    let client_id = "ERR client-id should be greater than 0";
    let added = "ERR entries_added must be positive";
    let table = [
        Number { request: "xadd k maxlen N * a b", negative: maxlen, ..ANY },
        Number { request: "xadd k maxlen ~ N * a b", negative: maxlen, ..ANY },
        Number { request: "xadd k maxlen ~ 1 limit N * a b", negative: limit, ..ANY },
        Number { request: "xtrim k maxlen = N", negative: maxlen, ..ANY },
        Number { request: "xtrim k minid ~ 1 limit N", negative: limit, ..ANY },
        Number { request: "xrange k - + count N", ..ANY },
        Number { request: "xrevrange k + - count N", ..ANY },
        Number { request: "xread count N streams k 0", ..ANY },
        Number {
            request: "xread block N streams k 0",
            negative: negative_timeout,
            malformed: timeout,
            ..ANY
        },
        Number { request: "xreadgroup group g c count N streams k >", ..ANY },
        Number { request: "xpending k g - + N", ..ANY },
        Number { request: "xpending k g idle N - + 1", ..ANY },
        Number {
            request: "xclaim k g c N 1-1",
            malformed: "ERR Invalid min-idle-time argument for XCLAIM",
            ..ANY
        },
        Number {
            request: "xclaim k g c 0 1-1 idle N",
            malformed: "ERR Invalid IDLE option argument for XCLAIM",
            ..ANY
        },
        Number {
            request: "xclaim k g c 0 1-1 time N",
            malformed: "ERR Invalid TIME option argument for XCLAIM",
            ..ANY
        },
        Number {
            request: "xclaim k g c 0 1-1 retrycount N",
            malformed: "ERR Invalid RETRYCOUNT option argument for XCLAIM",
            ..ANY
        },
        Number {
            request: "xautoclaim k g c N 0",
            malformed: "ERR Invalid min-idle-time argument for XAUTOCLAIM",
            ..ANY
        },
        Number {
            request: "xautoclaim k g c 0 0 count N",
            zero: count,
            negative: count,
            largest: count,
            malformed: count,
            ..ANY
        },
        Number { request: "xgroup create k g 0 entriesread N", ..ANY },
        Number { request: "xgroup setid k g 0 entriesread N", ..ANY },
        Number { request: "xinfo stream k full count N", ..ANY },
        Number { request: "xsetid k 1-1 entriesadded N", negative: added, ..ANY },
        Number { request: "set k v ex N", zero: set, negative: set, largest: set, ..ANY },
        Number { request: "set k v px N", zero: set, negative: set, largest: set, ..ANY },
        Number { request: "set k v pxat N", zero: set, negative: set, ..ANY },
        Number { request: "getex k exat N", zero: getex, negative: getex, largest: getex, ..ANY },
        Number { request: "expire k N", largest: expire, ..ANY },
        Number { request: "pexpire k N", largest: pexpire, ..ANY },
        Number { request: "pexpireat k N", ..ANY },
        Number { request: "incrby k N", ..ANY },
        Number { request: "decrby k N", ..ANY },
        Number { request: "getrange k 0 N", ..ANY },
        Number { request: "setrange k N v", negative: "ERR offset is out of range", ..ANY },
        Number { request: "scan 0 count N", zero: SYNTAX, negative: SYNTAX, ..ANY },
        Number { request: "hscan k 0 count N", zero: SYNTAX, negative: SYNTAX, ..ANY },
        Number { request: "hincrby k f N", ..ANY },
        Number { request: "hrandfield k N", ..ANY },
        Number { request: "select N", negative: db, above_32_bits: int, largest: int, ..ANY },
        Number { request: "move k N", negative: db, above_32_bits: int, largest: int, ..ANY },
        Number { request: "copy a b db N", negative: db, above_32_bits: int, largest: int, ..ANY },
        Number { request: "memory usage k samples N", negative: SYNTAX, ..ANY },
        Number {
            request: "client kill id N",
            zero: client_id,
            negative: client_id,
            malformed: client_id,
            ..ANY
        },
        Number { request: "client list id N", malformed: "ERR Invalid client ID", ..ANY },
        Number { request: "client unblock N", ..ANY },
        Number { request: "wait N 0", ..ANY },
        Number { request: "wait 0 N", negative: negative_timeout, malformed: timeout, ..ANY },
    ];
    for row in table {
        let check = |number: &str, expected| check(&row.request.replace('N', number), expected);
        // An integer of the reference's C code has 32 bits in some places.
        check("2147483648", row.above_32_bits);
        check("4294967296", row.above_32_bits);
        check("0", row.zero);
        check("-1", row.negative);
        check("9223372036854775807", row.largest);
        for malformed in [
            "9223372036854775808",
            "18446744073709551615",
            "99999999999999999999",
            "00",
            "01",
            "-01",
            "-0",
            "+1",
            "_1",
            "1_",
            "''",
            "1.0",
            "x",
        ] {
            check(malformed, row.malformed);
        }
    }
}
