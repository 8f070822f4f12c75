//! SLOWLOG and LATENCY: what the server noted about slow commands.

use engine::CommandError;

use super::server::{ServerCommand, server};
use super::{Arguments, Parsed};
use crate::number::parse_i64;

/// SLOWLOG's subcommands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlowLogCommand {
    /// SLOWLOG GET; `None` asks for all entries.
    Get {
        /// How many entries, the newest first.
        count: Option<usize>,
    },
    /// SLOWLOG LEN.
    Len,
    /// SLOWLOG RESET.
    Reset,
}

/// LATENCY's subcommands.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatencyCommand<'a> {
    /// LATENCY LATEST.
    Latest,
    /// LATENCY HISTORY.
    History { event: &'a [u8] },
    /// LATENCY GRAPH.
    Graph { event: &'a [u8] },
    /// LATENCY RESET; no event means all of them.
    Reset { events: &'a [&'a [u8]] },
    /// LATENCY DOCTOR.
    Doctor,
    /// LATENCY HISTOGRAM; no command means all of them.
    Histogram { commands: &'a [&'a [u8]] },
}

/// Entries that SLOWLOG GET shows unasked.
const SLOW_LOG_COUNT: usize = 10;

pub(crate) fn slowlog_get(args: Arguments<'_>) -> Parsed<'_> {
    let count = match args.from(2) {
        [] => Some(SLOW_LOG_COUNT),
        [count] => match parse_i64(count) {
            Some(-1) => None,
            Some(count) if 0 <= count => Some(usize::try_from(count).unwrap_or(usize::MAX)),
            _ => {
                return Err(CommandError::Fixed("ERR count should be greater than or equal to -1"));
            }
        },
        _ => return Err(super::subcommand_syntax(args.at(1), "SLOWLOG")),
    };
    server(ServerCommand::SlowLog(SlowLogCommand::Get { count }))
}

pub(crate) fn slowlog_len(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::SlowLog(SlowLogCommand::Len))
}

pub(crate) fn slowlog_reset(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::SlowLog(SlowLogCommand::Reset))
}

pub(crate) fn slowlog_help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GET [<count>]",
        "    The newest slow commands (10 by default, -1 for all of them): number, time, microseconds,",
        "    arguments, address and name of the client.",
        "LEN",
        "    How many are kept.",
        "RESET",
        "    Forget them.",
    ])
}

pub(crate) fn latency_latest(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Latency(LatencyCommand::Latest))
}

pub(crate) fn latency_history(args: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Latency(LatencyCommand::History { event: args.at(2) }))
}

pub(crate) fn latency_graph(args: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Latency(LatencyCommand::Graph { event: args.at(2) }))
}

pub(crate) fn latency_reset(args: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Latency(LatencyCommand::Reset { events: args.from(2) }))
}

pub(crate) fn latency_doctor(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Latency(LatencyCommand::Doctor))
}

pub(crate) fn latency_histogram(args: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Latency(LatencyCommand::Histogram { commands: args.from(2) }))
}

pub(crate) fn latency_help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DOCTOR",
        "    What was slow, and what helps.",
        "GRAPH <event>",
        "    The samples of an event as a picture.",
        "HISTORY <event>",
        "    The samples of an event: time and milliseconds.",
        "LATEST",
        "    The last sample of each event, and its maximum.",
        "RESET [<event> ...]",
        "    Forget the samples of these events, or of all.",
        "HISTOGRAM [<command> ...]",
        "    How many calls of a command took up to so many microseconds.",
    ])
}
