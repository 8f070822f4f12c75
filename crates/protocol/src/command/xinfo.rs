//! XINFO and its subcommands.

use engine::{Command, Deferred, InfoDetail};

use super::args::{integer, is};
use super::{Arguments, Parsed, Request, subcommand_syntax};

/// Entries and pending entries listed by XINFO STREAM FULL when no COUNT is given.
const FULL_COUNT: u64 = 10;

pub(crate) fn stream(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::XInfoStream { key: args.at(2), detail: detail(args) }))
}

/// Redis reads it after it has found the stream.
fn detail(args: Arguments<'_>) -> Deferred<InfoDetail> {
    match args.from(3) {
        [] => Ok(InfoDetail::Summary),
        [full] if is(full, "full") => Ok(InfoDetail::Full { count: Some(FULL_COUNT) }),
        [full, count, value] if is(full, "full") && is(count, "count") => {
            let count = u64::try_from(integer(value)?).unwrap_or(FULL_COUNT);
            Ok(InfoDetail::Full { count: Some(count).filter(|&count| 0 < count) })
        }
        _ => Err(subcommand_syntax(args.at(1), "XINFO")),
    }
}

pub(crate) fn groups(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::XInfoGroups { key: args.at(2) }))
}

pub(crate) fn consumers(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::XInfoConsumers { key: args.at(2), group: args.at(3) }))
}

pub(crate) fn help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CONSUMERS <key> <group>",
        "    Describe the consumers of a group.",
        "GROUPS <key>",
        "    Describe the groups of a stream.",
        "STREAM <key> [FULL [COUNT <n>]]",
        "    Describe a stream; with FULL also its entries, groups and pending entries.",
    ])
}
