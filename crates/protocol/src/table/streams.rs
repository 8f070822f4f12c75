//! Streams and consumer groups.

use super::Group::Stream;
use super::{
    BLOCKING, CommandSpec, DENYOOM, FAST, KeySpec, LOADING, MOVABLEKEYS, NO_KEYS, NONE, READONLY,
    STALE, WRITE, container, spec,
};
use crate::command::{dispose, nack, pending, xadd, xgroup, xinfo, xrange, xread};

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec("xack", -4, WRITE | FAST, &[KeySpec::at(&["RW", "update"], 1)], pending::xack).about(
        Stream,
        "5.0.0",
        "O(1) per ID",
        "Acknowledges pending entries of a group.",
    ),
    spec("xackdel", -6, WRITE | FAST, &[KeySpec::at(&["RW", "delete"], 1)], dispose::xackdel)
        .about(
            Stream,
            "8.2.0",
            "O(1) per ID",
            "Acknowledges pending entries of a group, and removes them from the stream.",
        ),
    spec("xadd", -5, WRITE | DENYOOM | FAST, &[KeySpec::at(&["RW", "update"], 1)], xadd::xadd)
        .about(
            Stream,
            "5.0.0",
            "O(1), plus the number of entries trimmed",
            "Appends an entry to a stream, creating the stream if needed.",
        ),
    spec("xautoclaim", -6, WRITE | FAST, &[KeySpec::at(&["RW", "delete"], 1)], pending::xautoclaim)
        .about(
            Stream,
            "6.2.0",
            "O(1) for a small COUNT",
            "Makes a consumer the owner of pending entries idle for long.",
        ),
    spec("xcfgset", -2, WRITE | FAST, &[KeySpec::at(&["RW", "update"], 1)], xadd::xcfgset).about(
        Stream,
        "8.6.0",
        "O(1)",
        "Sets what a stream remembers of the messages of its producers.",
    ),
    spec("xclaim", -6, WRITE | FAST, &[KeySpec::at(&["RW", "update"], 1)], pending::xclaim).about(
        Stream,
        "5.0.0",
        "O(log N) per ID in the pending entries of the group",
        "Makes a consumer the owner of pending entries.",
    ),
    spec("xdel", -3, WRITE | FAST, &[KeySpec::at(&["RW", "delete"], 1)], xrange::xdel).about(
        Stream,
        "5.0.0",
        "O(1) per ID",
        "Removes entries by ID.",
    ),
    spec("xdelex", -5, WRITE | FAST, &[KeySpec::at(&["RW", "delete"], 1)], dispose::xdelex).about(
        Stream,
        "8.2.0",
        "O(1) per ID",
        "Removes entries by ID, with regard to the groups that wait for them.",
    ),
    spec("xgroup", -2, NONE, NO_KEYS, container)
        .about(Stream, "5.0.0", "Depends on the subcommand.", "Commands about consumer groups.")
        .with(&[
            spec(
                "xgroup|create",
                -5,
                WRITE | DENYOOM,
                &[KeySpec::at(&["RW", "insert"], 2)],
                xgroup::create,
            )
            .about(Stream, "5.0.0", "O(1)", "Creates a consumer group."),
            spec(
                "xgroup|createconsumer",
                5,
                WRITE | DENYOOM,
                &[KeySpec::at(&["RW", "insert"], 2)],
                xgroup::create_consumer,
            )
            .about(Stream, "6.2.0", "O(1)", "Creates a consumer in a group."),
            spec(
                "xgroup|delconsumer",
                5,
                WRITE,
                &[KeySpec::at(&["RW", "delete"], 2)],
                xgroup::delete_consumer,
            )
            .about(
                Stream,
                "5.0.0",
                "O(N) in the pending entries of the consumer",
                "Removes a consumer with its pending entries.",
            ),
            spec("xgroup|destroy", 4, WRITE, &[KeySpec::at(&["RW", "delete"], 2)], xgroup::destroy)
                .about(
                    Stream,
                    "5.0.0",
                    "O(N) in the pending entries of the group",
                    "Removes a consumer group.",
                ),
            spec("xgroup|help", 2, LOADING | STALE, NO_KEYS, xgroup::help).about(
                Stream,
                "5.0.0",
                "O(1)",
                "Describes the subcommands.",
            ),
            spec("xgroup|setid", -5, WRITE, &[KeySpec::at(&["RW", "update"], 2)], xgroup::set_id)
                .about(Stream, "5.0.0", "O(1)", "Sets the last-delivered ID of a group."),
        ]),
    spec(
        "xidmprecord",
        5,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "update"], 1)],
        xadd::xidmprecord,
    )
    .about(
        Stream,
        "8.8.0",
        "O(1)",
        "Notes which entry a message of a producer is; for rewritten logs.",
    ),
    spec("xinfo", -2, NONE, NO_KEYS, container)
        .about(Stream, "5.0.0", "Depends on the subcommand.", "Commands that describe streams.")
        .with(&[
            spec(
                "xinfo|consumers",
                4,
                READONLY,
                &[KeySpec::at(&["RO", "access"], 2)],
                xinfo::consumers,
            )
            .about(
                Stream,
                "5.0.0",
                "O(N) in the number of consumers",
                "The consumers of a group.",
            ),
            spec("xinfo|groups", 3, READONLY, &[KeySpec::at(&["RO", "access"], 2)], xinfo::groups)
                .about(Stream, "5.0.0", "O(N) in the number of groups", "The groups of a stream."),
            spec("xinfo|help", 2, LOADING | STALE, NO_KEYS, xinfo::help).about(
                Stream,
                "5.0.0",
                "O(1)",
                "Describes the subcommands.",
            ),
            spec("xinfo|stream", -3, READONLY, &[KeySpec::at(&["RO", "access"], 2)], xinfo::stream)
                .about(
                    Stream,
                    "5.0.0",
                    "O(1), with FULL O(N) in what is reported",
                    "Describes a stream.",
                ),
        ]),
    spec("xlen", 2, READONLY | FAST, &[KeySpec::at(&["RO"], 1)], xrange::xlen).about(
        Stream,
        "5.0.0",
        "O(1)",
        "Number of entries of a stream.",
    ),
    spec("xnack", -7, WRITE | FAST, &[KeySpec::at(&["RW", "update"], 1)], nack::xnack).about(
        Stream,
        "8.8.0",
        "O(1) per ID",
        "Releases pending entries of a group, so that anybody may claim them at once.",
    ),
    spec("xpending", -3, READONLY, &[KeySpec::at(&["RO", "access"], 1)], pending::xpending).about(
        Stream,
        "5.0.0",
        "O(N) in the number of pending entries returned",
        "Pending entries of a group, summarised or one by one.",
    ),
    spec("xrange", -4, READONLY, &[KeySpec::at(&["RO", "access"], 1)], xrange::xrange).about(
        Stream,
        "5.0.0",
        "O(N) in the number of entries returned",
        "Entries of a range of IDs, oldest first.",
    ),
    spec(
        "xread",
        -4,
        READONLY | BLOCKING | MOVABLEKEYS,
        &[KeySpec::after_streams(&["RO", "access"], 1)],
        xread::xread,
    )
    .about(
        Stream,
        "5.0.0",
        "O(N) in the number of entries returned",
        "Entries above given IDs from several streams, waiting for them on request.",
    ),
    spec(
        "xreadgroup",
        -7,
        WRITE | BLOCKING | MOVABLEKEYS,
        &[KeySpec::after_streams(&["RO", "access"], 4)],
        xread::xreadgroup,
    )
    .about(
        Stream,
        "5.0.0",
        "O(N) in the number of entries returned",
        "New or pending entries for a consumer of a group, waiting for them on request.",
    ),
    spec("xrevrange", -4, READONLY, &[KeySpec::at(&["RO", "access"], 1)], xrange::xrevrange).about(
        Stream,
        "5.0.0",
        "O(N) in the number of entries returned",
        "Entries of a range of IDs, newest first.",
    ),
    spec(
        "xsetid",
        -3,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "update"], 1)],
        xrange::xsetid,
    )
    .about(Stream, "5.0.0", "O(1)", "Sets the numbers a stream keeps about itself."),
    spec("xtrim", -4, WRITE, &[KeySpec::at(&["RW", "delete"], 1)], xadd::xtrim).about(
        Stream,
        "5.0.0",
        "O(N) in the number of entries trimmed",
        "Drops old entries of a stream.",
    ),
];
