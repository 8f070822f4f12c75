//! Keys of any type.

use super::Group::Generic;
use super::{
    BLOCKING, CONNECTION, CommandSpec, DANGEROUS, DENYOOM, FAST, KeySpec, LIST, LOADING,
    MOVABLEKEYS, NO_KEYS, NONE, NOSCRIPT, READONLY, SET, SORTED_SET, STALE, WRITE, container, spec,
};
use crate::command::{keys, server, sort};

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec(
        "copy",
        -3,
        WRITE | DENYOOM,
        &[KeySpec::at(&["RO", "access"], 1), KeySpec::at(&["OW", "update"], 2)],
        keys::copy,
    )
    .about(
        Generic,
        "6.2.0",
        "O(N) in the size of the value",
        "Copies a key's value to another key.",
    ),
    spec("del", -2, WRITE, &[KeySpec::from_first(&["RM", "delete"], 1)], keys::del).about(
        Generic,
        "1.0.0",
        "O(N) in the number of keys",
        "Removes keys.",
    ),
    spec("dump", 2, READONLY, &[KeySpec::at(&["RO", "access"], 1)], keys::dump).about(
        Generic,
        "2.6.0",
        "O(N) in the size of the value",
        "The value of a key as bytes for RESTORE.",
    ),
    spec("exists", -2, READONLY | FAST, &[KeySpec::from_first(&["RO"], 1)], keys::exists).about(
        Generic,
        "1.0.0",
        "O(N) in the number of keys",
        "How many of the keys exist.",
    ),
    spec("expire", -3, WRITE | FAST, &[KeySpec::at(&["RW", "update"], 1)], keys::expire).about(
        Generic,
        "1.0.0",
        "O(1)",
        "Lets a key expire after some seconds.",
    ),
    spec("expireat", -3, WRITE | FAST, &[KeySpec::at(&["RW", "update"], 1)], keys::expireat).about(
        Generic,
        "1.2.0",
        "O(1)",
        "Lets a key expire at a Unix time in seconds.",
    ),
    spec("expiretime", 2, READONLY | FAST, &[KeySpec::at(&["RO", "access"], 1)], keys::expiretime)
        .about(Generic, "7.0.0", "O(1)", "The Unix time in seconds at which a key expires."),
    spec("keys", 2, READONLY, NO_KEYS, keys::keys)
        .about(
            Generic,
            "1.0.0",
            "O(N) in the number of keys",
            "All key names that match a pattern.",
        )
        .also(DANGEROUS),
    spec("move", 3, WRITE | FAST, &[KeySpec::at(&["RW", "access", "update"], 1)], keys::move_key)
        .about(Generic, "1.0.0", "O(1)", "Moves a key to another database."),
    spec("object", -2, NONE, NO_KEYS, container)
        .about(
            Generic,
            "2.2.3",
            "Depends on the subcommand.",
            "Commands about the inside of values.",
        )
        .with(&[
            spec("object|encoding", 3, READONLY, &[KeySpec::at(&["RO"], 2)], keys::object_encoding)
                .about(Generic, "2.2.3", "O(1)", "How a value is kept."),
            spec("object|freq", 3, READONLY, &[KeySpec::at(&["RO"], 2)], keys::object_freq).about(
                Generic,
                "4.0.0",
                "O(1)",
                "How often a key was used, with an LFU policy.",
            ),
            spec("object|help", 2, LOADING | STALE, NO_KEYS, keys::object_help).about(
                Generic,
                "6.2.0",
                "O(1)",
                "Describes the subcommands.",
            ),
            spec("object|idletime", 3, READONLY, &[KeySpec::at(&["RO"], 2)], keys::object_idletime)
                .about(Generic, "2.2.3", "O(1)", "Seconds since a key was last used."),
            spec("object|refcount", 3, READONLY, &[KeySpec::at(&["RO"], 2)], keys::object_refcount)
                .about(Generic, "2.2.3", "O(1)", "References to a value."),
        ]),
    spec("persist", 2, WRITE | FAST, &[KeySpec::at(&["RW", "update"], 1)], keys::persist).about(
        Generic,
        "2.2.0",
        "O(1)",
        "Removes the expiry of a key.",
    ),
    spec("pexpire", -3, WRITE | FAST, &[KeySpec::at(&["RW", "update"], 1)], keys::pexpire).about(
        Generic,
        "2.6.0",
        "O(1)",
        "Lets a key expire after some milliseconds.",
    ),
    spec("pexpireat", -3, WRITE | FAST, &[KeySpec::at(&["RW", "update"], 1)], keys::pexpireat)
        .about(Generic, "2.6.0", "O(1)", "Lets a key expire at a Unix time in milliseconds."),
    spec(
        "pexpiretime",
        2,
        READONLY | FAST,
        &[KeySpec::at(&["RO", "access"], 1)],
        keys::pexpiretime,
    )
    .about(Generic, "7.0.0", "O(1)", "The Unix time in milliseconds at which a key expires."),
    spec("pttl", 2, READONLY | FAST, &[KeySpec::at(&["RO", "access"], 1)], keys::pttl).about(
        Generic,
        "2.6.0",
        "O(1)",
        "Milliseconds until a key expires.",
    ),
    spec("randomkey", 1, READONLY, NO_KEYS, keys::random_key).about(
        Generic,
        "1.0.0",
        "O(1)",
        "The name of some key.",
    ),
    spec(
        "rename",
        3,
        WRITE,
        &[KeySpec::at(&["RW", "access", "delete"], 1), KeySpec::at(&["OW", "update"], 2)],
        keys::rename,
    )
    .about(Generic, "1.0.0", "O(1)", "Renames a key, replacing the other one."),
    spec(
        "renamenx",
        3,
        WRITE | FAST,
        &[KeySpec::at(&["RW", "access", "delete"], 1), KeySpec::at(&["OW", "insert"], 2)],
        keys::renamenx,
    )
    .about(Generic, "1.0.0", "O(1)", "Renames a key unless the new name is taken."),
    spec("restore", -4, WRITE | DENYOOM, &[KeySpec::at(&["OW", "update"], 1)], keys::restore)
        .about(
            Generic,
            "2.6.0",
            "O(N) in the size of the value",
            "Makes a key from the bytes that DUMP gave.",
        )
        .also(DANGEROUS),
    spec("scan", -2, READONLY, NO_KEYS, keys::scan).about(
        Generic,
        "2.8.0",
        "O(1) per call, O(N) for all keys",
        "Walks over the names of the keys.",
    ),
    spec("touch", -2, READONLY | FAST, &[KeySpec::from_first(&["RO"], 1)], keys::touch).about(
        Generic,
        "3.2.1",
        "O(N) in the number of keys",
        "How many of the keys exist, marking them as used.",
    ),
    spec("ttl", 2, READONLY | FAST, &[KeySpec::at(&["RO", "access"], 1)], keys::ttl).about(
        Generic,
        "1.0.0",
        "O(1)",
        "Seconds until a key expires.",
    ),
    spec(
        "sort",
        -2,
        WRITE | DENYOOM | MOVABLEKEYS,
        &[
            KeySpec::at(&["RO", "access"], 1),
            KeySpec::unknown(&["RO", "access"]),
            KeySpec::stored(&["OW", "update"]),
        ],
        sort::sort,
    )
    .about(
        Generic,
        "1.0.0",
        "O(N+M*log(M)), N elements and M of them returned",
        "Sorts a list, a set or a sorted set, and may store the result.",
    )
    .also(SET | SORTED_SET | LIST | DANGEROUS),
    spec(
        "sort_ro",
        -2,
        READONLY | MOVABLEKEYS,
        &[KeySpec::at(&["RO", "access"], 1), KeySpec::unknown(&["RO", "access"])],
        sort::sort_ro,
    )
    .about(
        Generic,
        "7.0.0",
        "O(N+M*log(M)), N elements and M of them returned",
        "Sorts a list, a set or a sorted set.",
    )
    .also(SET | SORTED_SET | LIST | DANGEROUS),
    spec("type", 2, READONLY | FAST, &[KeySpec::at(&["RO"], 1)], keys::type_of).about(
        Generic,
        "1.0.0",
        "O(1)",
        "The type of a key's value.",
    ),
    spec("unlink", -2, WRITE | FAST, &[KeySpec::from_first(&["RM", "delete"], 1)], keys::del)
        .about(Generic, "4.0.0", "O(1) per key", "Removes keys, freeing memory later."),
    spec("wait", 3, NOSCRIPT, NO_KEYS, server::wait)
        .about(Generic, "3.0.0", "O(1)", "Waits for replicas to acknowledge earlier writes.")
        .also(CONNECTION),
    spec("waitaof", 4, NOSCRIPT | BLOCKING, NO_KEYS, server::wait_aof)
        .about(
            Generic,
            "7.2.0",
            "O(1)",
            "Waits for earlier writes to be on disk, here and on replicas.",
        )
        .also(CONNECTION),
];
