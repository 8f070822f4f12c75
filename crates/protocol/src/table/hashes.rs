//! Hashes.

use super::Group::Hash;
use super::{CommandSpec, DENYOOM, FAST, KeySpec, READONLY, WRITE, spec};
use crate::command::hashes;

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec("hdel", -3, WRITE | FAST, &[KeySpec::at(&["RW", "delete"], 1)], hashes::hdel).about(
        Hash,
        "2.0.0",
        "O(N) in the number of fields",
        "Removes fields of a hash.",
    ),
    spec("hexists", 3, READONLY | FAST, &[KeySpec::at(&["RO"], 1)], hashes::hexists).about(
        Hash,
        "2.0.0",
        "O(1)",
        "Whether a hash has a field.",
    ),
    spec("hget", 3, READONLY | FAST, &[KeySpec::at(&["RO", "access"], 1)], hashes::hget).about(
        Hash,
        "2.0.0",
        "O(1)",
        "The value of a field.",
    ),
    spec("hgetall", 2, READONLY, &[KeySpec::at(&["RO", "access"], 1)], hashes::hgetall).about(
        Hash,
        "2.0.0",
        "O(N) in the size of the hash",
        "All fields with their values.",
    ),
    spec(
        "hincrby",
        4,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "access", "update"], 1)],
        hashes::hincrby,
    )
    .about(Hash, "2.0.0", "O(1)", "Adds an integer to the number in a field."),
    spec(
        "hincrbyfloat",
        4,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "access", "update"], 1)],
        hashes::hincrbyfloat,
    )
    .about(Hash, "2.6.0", "O(1)", "Adds a float to the number in a field."),
    spec("hkeys", 2, READONLY, &[KeySpec::at(&["RO", "access"], 1)], hashes::hkeys).about(
        Hash,
        "2.0.0",
        "O(N) in the size of the hash",
        "All field names.",
    ),
    spec("hlen", 2, READONLY | FAST, &[KeySpec::at(&["RO"], 1)], hashes::hlen).about(
        Hash,
        "2.0.0",
        "O(1)",
        "Number of fields.",
    ),
    spec("hmget", -3, READONLY | FAST, &[KeySpec::at(&["RO", "access"], 1)], hashes::hmget).about(
        Hash,
        "2.0.0",
        "O(N) in the number of fields",
        "The values of several fields.",
    ),
    spec("hmset", -4, WRITE | DENYOOM | FAST, &[KeySpec::at(&["RW", "update"], 1)], hashes::hmset)
        .about(Hash, "2.0.0", "O(N) in the number of fields", "Sets several fields."),
    spec("hrandfield", -2, READONLY, &[KeySpec::at(&["RO", "access"], 1)], hashes::hrandfield)
        .about(
            Hash,
            "6.2.0",
            "O(N) in the number of fields returned",
            "Some fields of a hash, chosen at random.",
        ),
    spec("hscan", -3, READONLY, &[KeySpec::at(&["RO", "access"], 1)], hashes::hscan).about(
        Hash,
        "2.8.0",
        "O(1) per call, O(N) for all fields",
        "Walks over the fields of a hash.",
    ),
    spec("hset", -4, WRITE | DENYOOM | FAST, &[KeySpec::at(&["RW", "update"], 1)], hashes::hset)
        .about(Hash, "2.0.0", "O(1) per field", "Sets fields of a hash."),
    spec("hsetnx", 4, WRITE | DENYOOM | FAST, &[KeySpec::at(&["RW", "insert"], 1)], hashes::hsetnx)
        .about(Hash, "2.0.0", "O(1)", "Sets a field unless it exists."),
    spec("hstrlen", 3, READONLY | FAST, &[KeySpec::at(&["RO"], 1)], hashes::hstrlen).about(
        Hash,
        "3.2.0",
        "O(1)",
        "The length of a field's value.",
    ),
    spec("hvals", 2, READONLY, &[KeySpec::at(&["RO", "access"], 1)], hashes::hvals).about(
        Hash,
        "2.0.0",
        "O(N) in the size of the hash",
        "All values.",
    ),
];
