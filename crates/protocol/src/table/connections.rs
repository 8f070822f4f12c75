//! Connections and transactions.

use super::Group::{Connection, Transactions};
use super::{
    ADMIN, ALLOW_BUSY, CommandSpec, FAST, KeySpec, LOADING, NO_AUTH, NO_KEYS, NONE, NOSCRIPT,
    SKIP_SLOWLOG, STALE, container, spec,
};
use crate::command::{client, session};

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec(
        "auth",
        -2,
        NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY,
        NO_KEYS,
        session::auth,
    )
    .about(Connection, "1.0.0", "O(1)", "Authenticates the connection."),
    spec("client", -2, NONE, NO_KEYS, container)
        .about(Connection, "2.4.0", "Depends on the subcommand.", "Commands about connections.")
        .with(&[
            spec("client|caching", 3, NOSCRIPT | LOADING | STALE, NO_KEYS, client::caching).about(
                Connection,
                "6.0.0",
                "O(1)",
                "Whether the keys of the next command are tracked.",
            ),
            spec("client|getname", 2, NOSCRIPT | LOADING | STALE, NO_KEYS, client::getname).about(
                Connection,
                "2.6.9",
                "O(1)",
                "The name of the connection.",
            ),
            spec("client|getredir", 2, NOSCRIPT | LOADING | STALE, NO_KEYS, client::get_redir)
                .about(
                    Connection,
                    "6.0.0",
                    "O(1)",
                    "Who is told of changed keys in place of the connection.",
                ),
            spec("client|help", 2, LOADING | STALE, NO_KEYS, client::help).about(
                Connection,
                "5.0.0",
                "O(1)",
                "Describes the subcommands.",
            ),
            spec("client|id", 2, NOSCRIPT | LOADING | STALE, NO_KEYS, client::id).about(
                Connection,
                "5.0.0",
                "O(1)",
                "The ID of the connection.",
            ),
            spec("client|info", 2, NOSCRIPT | LOADING | STALE, NO_KEYS, client::info).about(
                Connection,
                "6.2.0",
                "O(1)",
                "Describes the connection.",
            ),
            spec("client|kill", -3, ADMIN | NOSCRIPT | LOADING | STALE, NO_KEYS, client::kill)
                .about(
                    Connection,
                    "2.4.0",
                    "O(N) in the number of connections",
                    "Closes connections.",
                ),
            spec("client|list", -2, ADMIN | NOSCRIPT | LOADING | STALE, NO_KEYS, client::list)
                .about(
                    Connection,
                    "2.4.0",
                    "O(N) in the number of connections",
                    "Describes the connections.",
                ),
            spec(
                "client|no-evict",
                3,
                ADMIN | NOSCRIPT | LOADING | STALE,
                NO_KEYS,
                client::no_evict,
            )
            .about(
                Connection,
                "7.0.0",
                "O(1)",
                "Exempts the connection from eviction.",
            ),
            spec("client|no-touch", 3, NOSCRIPT | LOADING | STALE, NO_KEYS, client::no_touch)
                .about(
                    Connection,
                    "7.2.0",
                    "O(1)",
                    "Whether commands of the connection mark keys as used.",
                ),
            spec("client|pause", -3, ADMIN | NOSCRIPT | LOADING | STALE, NO_KEYS, client::pause)
                .about(Connection, "2.9.50", "O(1)", "Lets commands wait."),
            spec("client|reply", 3, NOSCRIPT | LOADING | STALE, NO_KEYS, client::reply).about(
                Connection,
                "3.2.0",
                "O(1)",
                "Whether the connection is answered.",
            ),
            spec("client|setinfo", 4, NOSCRIPT | LOADING | STALE, NO_KEYS, client::set_info).about(
                Connection,
                "7.2.0",
                "O(1)",
                "Tells the name or version of the client library.",
            ),
            spec("client|setname", 3, NOSCRIPT | LOADING | STALE, NO_KEYS, client::setname).about(
                Connection,
                "2.6.9",
                "O(1)",
                "Names the connection.",
            ),
            spec("client|tracking", -3, NOSCRIPT | LOADING | STALE, NO_KEYS, client::tracking)
                .about(
                    Connection,
                    "6.0.0",
                    "O(1)",
                    "Tells the connection when keys change that it has read.",
                ),
            spec(
                "client|trackinginfo",
                2,
                NOSCRIPT | LOADING | STALE,
                NO_KEYS,
                client::tracking_info,
            )
            .about(Connection, "6.2.0", "O(1)", "How the connection tracks keys."),
            spec(
                "client|unblock",
                -3,
                ADMIN | NOSCRIPT | LOADING | STALE,
                NO_KEYS,
                client::unblock,
            )
            .about(
                Connection,
                "5.0.0",
                "O(log N) in the number of connections",
                "Ends the wait of a blocked connection.",
            ),
            spec("client|unpause", 2, ADMIN | NOSCRIPT | LOADING | STALE, NO_KEYS, client::unpause)
                .about(
                    Connection,
                    "6.2.0",
                    "O(N) in the number of waiting connections",
                    "Ends a pause.",
                ),
        ]),
    spec("discard", 1, NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY, NO_KEYS, session::discard)
        .about(
            Transactions,
            "2.0.0",
            "O(N) in the number of queued commands",
            "Drops the queued commands.",
        ),
    spec("echo", 2, LOADING | STALE | FAST, NO_KEYS, session::echo).about(
        Connection,
        "1.0.0",
        "O(1)",
        "Answers with its argument.",
    ),
    spec("exec", 1, NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG, NO_KEYS, session::exec).about(
        Transactions,
        "1.2.0",
        "Depends on the queued commands.",
        "Runs the queued commands.",
    ),
    spec(
        "hello",
        -1,
        NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY,
        NO_KEYS,
        session::hello,
    )
    .about(Connection, "6.0.0", "O(1)", "Chooses the protocol, and authenticates on request."),
    spec("multi", 1, NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY, NO_KEYS, session::multi)
        .about(Transactions, "1.2.0", "O(1)", "Begins to queue commands."),
    spec("ping", -1, FAST, NO_KEYS, session::ping).about(
        Connection,
        "1.0.0",
        "O(1)",
        "Answers PONG or its argument.",
    ),
    spec(
        "quit",
        -1,
        NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY,
        NO_KEYS,
        session::quit,
    )
    .about(Connection, "1.0.0", "O(1)", "Closes the connection."),
    spec(
        "reset",
        1,
        NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY,
        NO_KEYS,
        session::reset,
    )
    .about(Connection, "6.2.0", "O(1)", "Puts the connection back to how it began."),
    spec("select", 2, LOADING | STALE | FAST, NO_KEYS, session::select).about(
        Connection,
        "1.0.0",
        "O(1)",
        "Selects a database.",
    ),
    spec("unwatch", 1, NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY, NO_KEYS, session::unwatch)
        .about(Transactions, "2.2.0", "O(1)", "Forgets all watched keys."),
    spec(
        "watch",
        -2,
        NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY,
        &[KeySpec::from_first(&["RO"], 1)],
        session::watch,
    )
    .about(
        Transactions,
        "2.2.0",
        "O(1) per key",
        "Lets EXEC fail if one of the keys changes first.",
    ),
];
