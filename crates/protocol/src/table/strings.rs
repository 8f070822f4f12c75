//! Strings.

use super::Group::String;
use super::{CommandSpec, DENYOOM, FAST, KeySpec, READONLY, WRITE, spec};
use crate::command::{set, strings};

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec(
        "append",
        3,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "insert"], 1)],
        strings::append,
    )
    .about(String, "2.0.0", "O(1)", "Appends to a string."),
    spec(
        "decr",
        2,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "access", "update"], 1)],
        strings::decr,
    )
    .about(String, "1.0.0", "O(1)", "Takes one from a number."),
    spec(
        "decrby",
        3,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "access", "update"], 1)],
        strings::decrby,
    )
    .about(String, "1.0.0", "O(1)", "Takes an integer from a number."),
    spec("get", 2, READONLY | FAST, &[KeySpec::at(&["RO", "access"], 1)], strings::get).about(
        String,
        "1.0.0",
        "O(1)",
        "The value of a string.",
    ),
    spec(
        "getdel",
        2,
        WRITE | FAST,
        &[KeySpec::at(&["RW", "access", "delete"], 1)],
        strings::getdel,
    )
    .about(String, "6.2.0", "O(1)", "The value of a string, which is then removed."),
    spec("getex", -2, WRITE | FAST, &[KeySpec::at(&["RW", "access", "update"], 1)], strings::getex)
        .about(String, "6.2.0", "O(1)", "The value of a string, setting its expiry."),
    spec("getrange", 4, READONLY, &[KeySpec::at(&["RO", "access"], 1)], strings::getrange).about(
        String,
        "2.4.0",
        "O(N) in the length returned",
        "Part of a string.",
    ),
    spec(
        "getset",
        3,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "access", "update"], 1)],
        strings::getset,
    )
    .about(String, "1.0.0", "O(1)", "Sets a string and gives back the old value."),
    spec(
        "incr",
        2,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "access", "update"], 1)],
        strings::incr,
    )
    .about(String, "1.0.0", "O(1)", "Adds one to a number."),
    spec(
        "incrby",
        3,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "access", "update"], 1)],
        strings::incrby,
    )
    .about(String, "1.0.0", "O(1)", "Adds an integer to a number."),
    spec(
        "incrbyfloat",
        3,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "access", "update"], 1)],
        strings::incrbyfloat,
    )
    .about(String, "2.6.0", "O(1)", "Adds a float to a number."),
    spec("lcs", -3, READONLY, &[KeySpec::two_at(&["RO", "access"], 1)], strings::lcs).about(
        String,
        "7.0.0",
        "O(N*M) in the lengths of the strings",
        "The longest common subsequence of two strings.",
    ),
    spec("mget", -2, READONLY | FAST, &[KeySpec::from_first(&["RO", "access"], 1)], strings::mget)
        .about(String, "1.0.0", "O(N) in the number of keys", "The values of several strings."),
    spec("mset", -3, WRITE | DENYOOM, &[KeySpec::from_first(&["OW", "update"], 2)], strings::mset)
        .about(String, "1.0.1", "O(N) in the number of keys", "Sets several strings."),
    spec(
        "msetnx",
        -3,
        WRITE | DENYOOM,
        &[KeySpec::from_first(&["OW", "insert"], 2)],
        strings::msetnx,
    )
    .about(
        String,
        "1.0.1",
        "O(N) in the number of keys",
        "Sets several strings if none of the keys exists.",
    ),
    spec("psetex", 4, WRITE | DENYOOM, &[KeySpec::at(&["OW", "update"], 1)], set::psetex).about(
        String,
        "2.6.0",
        "O(1)",
        "Sets a string that expires after some milliseconds.",
    ),
    spec(
        "set",
        -3,
        WRITE | DENYOOM,
        &[KeySpec::at(&["RW", "access", "update", "variable_flags"], 1)],
        set::set,
    )
    .about(String, "1.0.0", "O(1)", "Sets a string, whatever the key held."),
    spec("setex", 4, WRITE | DENYOOM, &[KeySpec::at(&["OW", "update"], 1)], set::setex).about(
        String,
        "2.0.0",
        "O(1)",
        "Sets a string that expires after some seconds.",
    ),
    spec("setnx", 3, WRITE | DENYOOM | FAST, &[KeySpec::at(&["OW", "insert"], 1)], set::setnx)
        .about(String, "1.0.0", "O(1)", "Sets a string if the key does not exist."),
    spec("setrange", 4, WRITE | DENYOOM, &[KeySpec::at(&["RW", "update"], 1)], strings::setrange)
        .about(String, "2.2.0", "O(N) in the length of the value", "Overwrites part of a string."),
    spec("strlen", 2, READONLY | FAST, &[KeySpec::at(&["RO"], 1)], strings::strlen).about(
        String,
        "2.2.0",
        "O(1)",
        "The length of a string.",
    ),
    spec("substr", 4, READONLY, &[KeySpec::at(&["RO", "access"], 1)], strings::getrange).about(
        String,
        "1.0.0",
        "O(N) in the length returned",
        "Part of a string.",
    ),
];
