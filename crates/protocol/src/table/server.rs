//! The server and its introspection.

use super::Group::Server;
use super::{
    ADMIN, ADMINISTRATION, ALLOW_BUSY, CONNECTION, CommandSpec, DANGEROUS, FAST, KEYSPACE, KeySpec,
    LOADING, NO_ASYNC_LOADING, NO_KEYS, NO_MULTI, NONE, NOSCRIPT, READONLY, STALE, WRITE,
    container, introspect, spec,
};
use crate::command::{keys, server, session};

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec("monitor", 1, ADMIN | NOSCRIPT | LOADING | STALE, NO_KEYS, session::monitor).about(
        Server,
        "1.0.0",
        "O(1)",
        "Shows every command that is executed.",
    ),
    spec("bgrewriteaof", 1, ADMIN | NOSCRIPT | NO_ASYNC_LOADING, NO_KEYS, server::bgrewriteaof)
        .about(Server, "1.0.0", "O(1)", "Starts to compact the log."),
    spec("bgsave", -1, ADMIN | NOSCRIPT | NO_ASYNC_LOADING, NO_KEYS, server::bgsave).about(
        Server,
        "1.0.0",
        "O(1)",
        "Starts a snapshot.",
    ),
    spec("command", -1, LOADING | STALE, NO_KEYS, introspect::command)
        .about(Server, "2.8.13", "O(N) in the number of commands", "Describes all commands.")
        .also(CONNECTION)
        .with(&[
            spec("command|count", 2, LOADING | STALE, NO_KEYS, introspect::count)
                .about(Server, "2.8.13", "O(1)", "Number of commands.")
                .also(CONNECTION),
            spec("command|docs", -2, LOADING | STALE, NO_KEYS, introspect::docs)
                .about(Server, "7.0.0", "O(N) in the number of commands", "Documents commands.")
                .also(CONNECTION),
            spec("command|getkeys", -4, LOADING | STALE, NO_KEYS, introspect::getkeys)
                .about(
                    Server,
                    "2.8.13",
                    "O(N) in the number of arguments",
                    "The keys in a request.",
                )
                .also(CONNECTION),
            spec(
                "command|getkeysandflags",
                -4,
                LOADING | STALE,
                NO_KEYS,
                introspect::getkeys_and_flags,
            )
            .about(
                Server,
                "7.0.0",
                "O(N) in the number of arguments",
                "The keys in a request and what becomes of them.",
            )
            .also(CONNECTION),
            spec("command|help", 2, LOADING | STALE, NO_KEYS, introspect::help)
                .about(Server, "5.0.0", "O(1)", "Describes the subcommands.")
                .also(CONNECTION),
            spec("command|info", -2, LOADING | STALE, NO_KEYS, introspect::info)
                .about(Server, "2.8.13", "O(N) in the number of commands", "Describes commands.")
                .also(CONNECTION),
            spec("command|list", -2, LOADING | STALE, NO_KEYS, introspect::list)
                .about(Server, "7.0.0", "O(N) in the number of commands", "Names of the commands.")
                .also(CONNECTION),
        ]),
    spec("config", -2, NONE, NO_KEYS, container)
        .about(Server, "2.0.0", "Depends on the subcommand.", "Commands about the configuration.")
        .with(&[
            spec("config|get", -3, ADMIN | NOSCRIPT | LOADING | STALE, NO_KEYS, server::config_get)
                .about(
                    Server,
                    "2.0.0",
                    "O(N) in the number of parameters",
                    "Values of configuration parameters.",
                ),
            spec("config|help", 2, LOADING | STALE, NO_KEYS, server::config_help).about(
                Server,
                "5.0.0",
                "O(1)",
                "Describes the subcommands.",
            ),
            spec(
                "config|resetstat",
                2,
                ADMIN | NOSCRIPT | LOADING | STALE,
                NO_KEYS,
                server::config_resetstat,
            )
            .about(Server, "2.0.0", "O(1)", "Sets the statistics back."),
            spec(
                "config|rewrite",
                2,
                ADMIN | NOSCRIPT | LOADING | STALE,
                NO_KEYS,
                server::config_rewrite,
            )
            .about(Server, "2.8.0", "O(1)", "Writes the configuration to its file."),
            spec("config|set", -4, ADMIN | NOSCRIPT | LOADING | STALE, NO_KEYS, server::config_set)
                .about(
                    Server,
                    "2.0.0",
                    "O(N) in the number of parameters",
                    "Sets configuration parameters.",
                ),
        ]),
    spec("dbsize", 1, READONLY | FAST, NO_KEYS, keys::dbsize)
        .about(Server, "1.0.0", "O(1)", "Number of keys.")
        .also(KEYSPACE),
    spec("debug", -2, ADMIN | NOSCRIPT | LOADING | STALE, NO_KEYS, server::debug).about(
        Server,
        "1.0.0",
        "Depends on the subcommand.",
        "Commands for tests.",
    ),
    spec("flushall", -1, WRITE, NO_KEYS, keys::flushall)
        .about(Server, "1.0.0", "O(N) in the number of keys", "Removes all keys of all databases.")
        .also(DANGEROUS | KEYSPACE),
    spec("flushdb", -1, WRITE, NO_KEYS, keys::flushdb)
        .about(Server, "1.0.0", "O(N) in the number of keys", "Removes all keys of the database.")
        .also(DANGEROUS | KEYSPACE),
    spec("headwater", -2, NONE, NO_KEYS, container)
        .about(Server, "0.1.0", "Depends on the subcommand.", "Commands that only Headwater has.")
        .with(&[
            spec("headwater|help", 2, LOADING | STALE, NO_KEYS, server::headwater_help).about(
                Server,
                "0.1.0",
                "O(1)",
                "Describes the subcommands.",
            ),
            spec("headwater|scrub", 2, ADMIN | NOSCRIPT, NO_KEYS, server::scrub).about(
                Server,
                "0.1.0",
                "O(1)",
                "Starts to read all data and to compare the checksums.",
            ),
        ]),
    spec("info", -1, LOADING | STALE, NO_KEYS, server::info)
        .about(Server, "1.0.0", "O(1)", "Facts and statistics about the server.")
        .also(DANGEROUS),
    spec("lastsave", 1, LOADING | STALE | FAST, NO_KEYS, server::lastsave)
        .about(Server, "1.0.0", "O(1)", "Unix time of the last snapshot.")
        .also(ADMINISTRATION),
    spec("lolwut", -1, READONLY | FAST, NO_KEYS, server::lolwut).about(
        Server,
        "5.0.0",
        "O(1)",
        "Shows the version.",
    ),
    spec("memory", -2, NONE, NO_KEYS, container)
        .about(Server, "4.0.0", "Depends on the subcommand.", "Commands about memory.")
        .with(&[
            spec("memory|doctor", 2, NONE, NO_KEYS, server::memory_doctor).about(
                Server,
                "4.0.0",
                "O(1)",
                "Advice about memory.",
            ),
            spec("memory|help", 2, LOADING | STALE, NO_KEYS, server::memory_help).about(
                Server,
                "4.0.0",
                "O(1)",
                "Describes the subcommands.",
            ),
            spec("memory|malloc-stats", 2, NONE, NO_KEYS, server::memory_malloc_stats).about(
                Server,
                "4.0.0",
                "O(1)",
                "Statistics of the allocator.",
            ),
            spec("memory|purge", 2, NONE, NO_KEYS, server::memory_purge).about(
                Server,
                "4.0.0",
                "O(1)",
                "Asks the allocator to give memory back.",
            ),
            spec("memory|stats", 2, NONE, NO_KEYS, server::memory_stats).about(
                Server,
                "4.0.0",
                "O(1)",
                "Statistics about memory.",
            ),
            spec("memory|usage", -3, READONLY, &[KeySpec::at(&["RO"], 2)], server::memory_usage)
                .about(Server, "4.0.0", "O(1)", "Bytes a key takes."),
        ]),
    spec("replicaof", 3, ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING, NO_KEYS, server::replicaof)
        .about(Server, "5.0.0", "O(1)", "Makes the server a replica, or a master again."),
    spec("role", 1, NOSCRIPT | LOADING | STALE | FAST, NO_KEYS, server::role)
        .about(Server, "2.8.12", "O(1)", "The role in replication.")
        .also(ADMINISTRATION),
    spec("save", 1, ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI, NO_KEYS, server::save).about(
        Server,
        "1.0.0",
        "O(1)",
        "Makes a snapshot and waits for it.",
    ),
    spec(
        "shutdown",
        -1,
        ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY,
        NO_KEYS,
        server::shutdown,
    )
    .about(Server, "1.0.0", "O(N) in the number of keys when saving", "Ends the server."),
    spec("slaveof", 3, ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING, NO_KEYS, server::replicaof)
        .about(Server, "1.0.0", "O(1)", "Makes the server a replica, or a master again."),
    spec("swapdb", 3, WRITE | FAST, NO_KEYS, keys::swapdb)
        .about(
            Server,
            "4.0.0",
            "O(N) in the number of connections on the databases",
            "Exchanges two databases.",
        )
        .also(DANGEROUS | KEYSPACE),
    spec("time", 1, LOADING | STALE | FAST, NO_KEYS, server::time).about(
        Server,
        "2.6.0",
        "O(1)",
        "The server's clock.",
    ),
];
