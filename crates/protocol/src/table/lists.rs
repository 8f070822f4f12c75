//! Lists.

use super::Group::List;
use super::{
    BLOCKING, CommandSpec, DENYOOM, FAST, KeySpec, MOVABLEKEYS, NOSCRIPT, READONLY, WRITE, spec,
};
use crate::command::lists;

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec(
        "blmove",
        6,
        WRITE | DENYOOM | NOSCRIPT | BLOCKING,
        &[KeySpec::at(&["RW", "access", "delete"], 1), KeySpec::at(&["RW", "insert"], 2)],
        lists::blmove,
    )
    .about(
        List,
        "6.2.0",
        "O(1)",
        "Moves a value from one list to another, and waits for one if there is none.",
    ),
    spec(
        "blmpop",
        -5,
        WRITE | BLOCKING | MOVABLEKEYS,
        &[KeySpec::counted(&["RW", "access", "delete"], 2)],
        lists::blmpop,
    )
    .about(
        List,
        "7.0.0",
        "O(N+M), N keys and M values",
        "Takes values from the first list that has some, and waits if none has.",
    ),
    spec(
        "blpop",
        -3,
        WRITE | NOSCRIPT | BLOCKING,
        &[KeySpec::all_but_last(&["RW", "access", "delete"])],
        lists::blpop,
    )
    .about(
        List,
        "2.0.0",
        "O(N) in the number of keys",
        "Takes the first value of the first list that has one, and waits if none has.",
    ),
    spec(
        "brpop",
        -3,
        WRITE | NOSCRIPT | BLOCKING,
        &[KeySpec::all_but_last(&["RW", "access", "delete"])],
        lists::brpop,
    )
    .about(
        List,
        "2.0.0",
        "O(N) in the number of keys",
        "Takes the last value of the first list that has one, and waits if none has.",
    ),
    spec(
        "brpoplpush",
        4,
        WRITE | DENYOOM | NOSCRIPT | BLOCKING,
        &[KeySpec::at(&["RW", "access", "delete"], 1), KeySpec::at(&["RW", "insert"], 2)],
        lists::brpoplpush,
    )
    .about(
        List,
        "2.2.0",
        "O(1)",
        "Moves the last value of a list to the front of another, and waits for one.",
    ),
    spec("lindex", 3, READONLY, &[KeySpec::at(&["RO", "access"], 1)], lists::lindex).about(
        List,
        "1.0.0",
        "O(1)",
        "The value at a place of a list.",
    ),
    spec("linsert", 5, WRITE | DENYOOM, &[KeySpec::at(&["RW", "insert"], 1)], lists::linsert)
        .about(
            List,
            "2.2.0",
            "O(N) in the length of the list",
            "Puts a value before or behind another.",
        ),
    spec("llen", 2, READONLY | FAST, &[KeySpec::at(&["RO"], 1)], lists::llen).about(
        List,
        "1.0.0",
        "O(1)",
        "Length of a list.",
    ),
    spec(
        "lmove",
        5,
        WRITE | DENYOOM,
        &[KeySpec::at(&["RW", "access", "delete"], 1), KeySpec::at(&["RW", "insert"], 2)],
        lists::lmove,
    )
    .about(List, "6.2.0", "O(1)", "Moves a value from one list to another."),
    spec(
        "lmpop",
        -4,
        WRITE | MOVABLEKEYS,
        &[KeySpec::counted(&["RW", "access", "delete"], 1)],
        lists::lmpop,
    )
    .about(
        List,
        "7.0.0",
        "O(N+M), N keys and M values",
        "Takes values from the first list that has some.",
    ),
    spec("lpop", -2, WRITE | FAST, &[KeySpec::at(&["RW", "access", "delete"], 1)], lists::lpop)
        .about(
            List,
            "1.0.0",
            "O(N) in the number of values",
            "Takes values from the front of a list.",
        ),
    spec("lpos", -3, READONLY, &[KeySpec::at(&["RO", "access"], 1)], lists::lpos).about(
        List,
        "6.0.6",
        "O(N) in the length of the list",
        "Where a value stands in a list.",
    ),
    spec("lpush", -3, WRITE | DENYOOM | FAST, &[KeySpec::at(&["RW", "insert"], 1)], lists::lpush)
        .about(List, "1.0.0", "O(1) per value", "Puts values at the front of a list."),
    spec("lpushx", -3, WRITE | DENYOOM | FAST, &[KeySpec::at(&["RW", "insert"], 1)], lists::lpushx)
        .about(List, "2.2.0", "O(1) per value", "Puts values at the front of a list that exists."),
    spec("lrange", 4, READONLY, &[KeySpec::at(&["RO", "access"], 1)], lists::lrange).about(
        List,
        "1.0.0",
        "O(N) in the number of values",
        "The values in a range of places.",
    ),
    spec("lrem", 4, WRITE, &[KeySpec::at(&["RW", "delete"], 1)], lists::lrem).about(
        List,
        "1.0.0",
        "O(N) in the length of the list",
        "Removes values that equal a given one.",
    ),
    spec("lset", 4, WRITE | DENYOOM, &[KeySpec::at(&["RW", "update"], 1)], lists::lset).about(
        List,
        "1.0.0",
        "O(1)",
        "Replaces the value at a place.",
    ),
    spec("ltrim", 4, WRITE, &[KeySpec::at(&["RW", "delete"], 1)], lists::ltrim).about(
        List,
        "1.0.0",
        "O(N) in the number of values removed",
        "Keeps the values in a range of places only.",
    ),
    spec("rpop", -2, WRITE | FAST, &[KeySpec::at(&["RW", "access", "delete"], 1)], lists::rpop)
        .about(
            List,
            "1.0.0",
            "O(N) in the number of values",
            "Takes values from the end of a list.",
        ),
    spec(
        "rpoplpush",
        3,
        WRITE | DENYOOM,
        &[KeySpec::at(&["RW", "access", "delete"], 1), KeySpec::at(&["RW", "insert"], 2)],
        lists::rpoplpush,
    )
    .about(List, "1.2.0", "O(1)", "Moves the last value of a list to the front of another."),
    spec("rpush", -3, WRITE | DENYOOM | FAST, &[KeySpec::at(&["RW", "insert"], 1)], lists::rpush)
        .about(List, "1.0.0", "O(1) per value", "Puts values at the end of a list."),
    spec("rpushx", -3, WRITE | DENYOOM | FAST, &[KeySpec::at(&["RW", "insert"], 1)], lists::rpushx)
        .about(List, "2.2.0", "O(1) per value", "Puts values at the end of a list that exists."),
];
