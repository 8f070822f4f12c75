//! What was slow: SLOWLOG and LATENCY.

use super::Group::Server;
use super::{ADMIN, CommandSpec, LOADING, NO_KEYS, NONE, NOSCRIPT, STALE, container, spec};
use crate::command::observe;

const LATENCY: u32 = ADMIN | NOSCRIPT | LOADING | STALE;
const SLOWLOG: u32 = ADMIN | LOADING | STALE;

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec("latency", -2, NONE, NO_KEYS, container)
        .about(Server, "2.8.13", "Depends on the subcommand.", "Commands about what was slow.")
        .with(&[
            spec("latency|doctor", 2, LATENCY, NO_KEYS, observe::latency_doctor).about(
                Server,
                "2.8.13",
                "O(1)",
                "What was slow, and what helps.",
            ),
            spec("latency|graph", 3, LATENCY, NO_KEYS, observe::latency_graph).about(
                Server,
                "2.8.13",
                "O(1)",
                "The samples of an event as a picture.",
            ),
            spec("latency|help", 2, LOADING | STALE, NO_KEYS, observe::latency_help).about(
                Server,
                "2.8.13",
                "O(1)",
                "Describes the subcommands.",
            ),
            spec("latency|histogram", -2, LATENCY, NO_KEYS, observe::latency_histogram).about(
                Server,
                "7.0.0",
                "O(N) in the number of commands",
                "How long calls of commands took.",
            ),
            spec("latency|history", 3, LATENCY, NO_KEYS, observe::latency_history).about(
                Server,
                "2.8.13",
                "O(1)",
                "The samples of an event.",
            ),
            spec("latency|latest", 2, LATENCY, NO_KEYS, observe::latency_latest).about(
                Server,
                "2.8.13",
                "O(1)",
                "The last sample of each event.",
            ),
            spec("latency|reset", -2, LATENCY, NO_KEYS, observe::latency_reset).about(
                Server,
                "2.8.13",
                "O(1)",
                "Forgets the samples of events.",
            ),
        ]),
    spec("slowlog", -2, NONE, NO_KEYS, container)
        .about(Server, "2.2.12", "Depends on the subcommand.", "Commands about the slow log.")
        .with(&[
            spec("slowlog|get", -2, SLOWLOG, NO_KEYS, observe::slowlog_get).about(
                Server,
                "2.2.12",
                "O(N) in the number of entries",
                "The newest slow commands.",
            ),
            spec("slowlog|help", 2, LOADING | STALE, NO_KEYS, observe::slowlog_help).about(
                Server,
                "6.2.0",
                "O(1)",
                "Describes the subcommands.",
            ),
            spec("slowlog|len", 2, SLOWLOG, NO_KEYS, observe::slowlog_len).about(
                Server,
                "2.2.12",
                "O(1)",
                "How many slow commands are kept.",
            ),
            spec("slowlog|reset", 2, SLOWLOG, NO_KEYS, observe::slowlog_reset).about(
                Server,
                "2.2.12",
                "O(N) in the number of entries",
                "Forgets the slow commands.",
            ),
        ]),
];
