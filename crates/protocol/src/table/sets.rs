//! Sets.

use super::Group::Set;
use super::{CommandSpec, DENYOOM, FAST, KeySpec, MOVABLEKEYS, READONLY, WRITE, spec};
use crate::command::sets;

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec("sadd", -3, WRITE | DENYOOM | FAST, &[KeySpec::at(&["RW", "insert"], 1)], sets::sadd)
        .about(Set, "1.0.0", "O(1) per member", "Adds members to a set."),
    spec("scard", 2, READONLY | FAST, &[KeySpec::at(&["RO"], 1)], sets::scard).about(
        Set,
        "1.0.0",
        "O(1)",
        "Number of members.",
    ),
    spec("sdiff", -2, READONLY, &[KeySpec::from(&["RO", "access"], 1)], sets::sdiff).about(
        Set,
        "1.0.0",
        "O(N) in the members of all sets",
        "The members of the first set that no other has.",
    ),
    spec(
        "sdiffstore",
        -3,
        WRITE | DENYOOM,
        &[KeySpec::at(&["OW", "update"], 1), KeySpec::from(&["RO", "access"], 2)],
        sets::sdiffstore,
    )
    .about(
        Set,
        "1.0.0",
        "O(N) in the members of all sets",
        "Stores the members of the first set that no other has.",
    ),
    spec("sinter", -2, READONLY, &[KeySpec::from(&["RO", "access"], 1)], sets::sinter).about(
        Set,
        "1.0.0",
        "O(N*M), N members of the smallest set and M sets",
        "The members that all sets have.",
    ),
    spec(
        "sintercard",
        -3,
        READONLY | MOVABLEKEYS,
        &[KeySpec::counted(&["RO", "access"], 1)],
        sets::sintercard,
    )
    .about(
        Set,
        "7.0.0",
        "O(N*M), N members of the smallest set and M sets",
        "How many members all sets have.",
    ),
    spec(
        "sinterstore",
        -3,
        WRITE | DENYOOM,
        &[KeySpec::at(&["RW", "update"], 1), KeySpec::from(&["RO", "access"], 2)],
        sets::sinterstore,
    )
    .about(
        Set,
        "1.0.0",
        "O(N*M), N members of the smallest set and M sets",
        "Stores the members that all sets have.",
    ),
    spec("sismember", 3, READONLY | FAST, &[KeySpec::at(&["RO"], 1)], sets::sismember).about(
        Set,
        "1.0.0",
        "O(1)",
        "Whether a set has a member.",
    ),
    spec("smembers", 2, READONLY, &[KeySpec::at(&["RO", "access"], 1)], sets::smembers).about(
        Set,
        "1.0.0",
        "O(N) in the size of the set",
        "All members.",
    ),
    spec("smismember", -3, READONLY | FAST, &[KeySpec::at(&["RO", "access"], 1)], sets::smismember)
        .about(
            Set,
            "6.2.0",
            "O(N) in the number of members",
            "Which of several members a set has.",
        ),
    spec(
        "smove",
        4,
        WRITE | FAST,
        &[KeySpec::at(&["RW", "access", "delete"], 1), KeySpec::at(&["RW", "insert"], 2)],
        sets::smove,
    )
    .about(Set, "1.0.0", "O(1)", "Moves a member to another set."),
    spec("spop", -2, WRITE | FAST, &[KeySpec::at(&["RW", "access", "delete"], 1)], sets::spop)
        .about(Set, "1.0.0", "O(N) in the number of members", "Takes members chosen at random."),
    spec("srandmember", -2, READONLY, &[KeySpec::at(&["RO", "access"], 1)], sets::srandmember)
        .about(Set, "1.0.0", "O(N) in the number of members", "Some members, chosen at random."),
    spec("srem", -3, WRITE | FAST, &[KeySpec::at(&["RW", "delete"], 1)], sets::srem).about(
        Set,
        "1.0.0",
        "O(N) in the number of members",
        "Removes members.",
    ),
    spec("sscan", -3, READONLY, &[KeySpec::at(&["RO", "access"], 1)], sets::sscan).about(
        Set,
        "2.8.0",
        "O(1) per call, O(N) for all members",
        "Walks over the members of a set.",
    ),
    spec("sunion", -2, READONLY, &[KeySpec::from(&["RO", "access"], 1)], sets::sunion).about(
        Set,
        "1.0.0",
        "O(N) in the members of all sets",
        "The members that any set has.",
    ),
    spec(
        "sunionstore",
        -3,
        WRITE | DENYOOM,
        &[KeySpec::at(&["OW", "update"], 1), KeySpec::from(&["RO", "access"], 2)],
        sets::sunionstore,
    )
    .about(
        Set,
        "1.0.0",
        "O(N) in the members of all sets",
        "Stores the members that any set has.",
    ),
];
