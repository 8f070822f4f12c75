//! XGROUP and its subcommands.

use engine::{Command, CommandError, Deferred, GroupStart};

use super::args::is;
use super::stream_id::{parse_id, parse_id_or_end};
use super::{Arguments, Parsed, Request, subcommand_syntax};

pub(crate) fn create(args: Arguments<'_>) -> Parsed<'_> {
    let options = GroupOptions::parse(args, true, 8)?;
    let from = start(args.at(4), parse_id);
    Ok(Request::Engine(Command::XGroupCreate {
        key: args.at(2),
        group: args.at(3),
        from,
        make_stream: options.make_stream,
        entries_read: options.entries_read,
    }))
}

pub(crate) fn set_id(args: Arguments<'_>) -> Parsed<'_> {
    let options = GroupOptions::parse(args, false, 7)?;
    let from = start(args.at(4), parse_id_or_end);
    Ok(Request::Engine(Command::XGroupSetId {
        key: args.at(2),
        group: args.at(3),
        from,
        entries_read: options.entries_read,
    }))
}

pub(crate) fn destroy(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::XGroupDestroy { key: args.at(2), group: args.at(3) }))
}

pub(crate) fn create_consumer(args: Arguments<'_>) -> Parsed<'_> {
    let (key, group, consumer) = (args.at(2), args.at(3), args.at(4));
    Ok(Request::Engine(Command::XGroupCreateConsumer { key, group, consumer }))
}

pub(crate) fn delete_consumer(args: Arguments<'_>) -> Parsed<'_> {
    let (key, group, consumer) = (args.at(2), args.at(3), args.at(4));
    Ok(Request::Engine(Command::XGroupDelConsumer { key, group, consumer }))
}

pub(crate) fn help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CREATE <key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <n>]",
        "    Create a consumer group; with MKSTREAM also the stream, if it is missing.",
        "CREATECONSUMER <key> <group> <consumer>",
        "    Create a consumer in a group.",
        "DELCONSUMER <key> <group> <consumer>",
        "    Remove a consumer together with its pending entries.",
        "DESTROY <key> <group>",
        "    Remove a group.",
        "SETID <key> <group> <id|$> [ENTRIESREAD <n>]",
        "    Set the last-delivered ID of a group.",
    ])
}

#[derive(Debug, Default)]
struct GroupOptions {
    make_stream: bool,
    entries_read: Option<u64>,
}

impl GroupOptions {
    fn parse(args: Arguments<'_>, is_create: bool, max: usize) -> Result<Self, CommandError> {
        let refusal = || subcommand_syntax(args.at(1), "XGROUP");
        let mut found = Self::default();
        let mut options = args.options(5);
        while let Some(word) = options.next() {
            if is_create && is(word, "mkstream") {
                found.make_stream = true;
            } else if is(word, "entriesread") && !options.rest.is_empty() {
                found.entries_read = match options.integer()? {
                    -1 => None,
                    count => Some(u64::try_from(count).map_err(|_| {
                        CommandError::Fixed("ERR value for ENTRIESREAD must be positive or -1")
                    })?),
                };
            } else {
                return Err(refusal());
            }
        }
        if max < args.all.len() { Err(refusal()) } else { Ok(found) }
    }
}

fn start(
    text: &[u8],
    parse: fn(&[u8], u64) -> Result<engine::StreamId, CommandError>,
) -> Deferred<GroupStart> {
    if text == b"$" { Ok(GroupStart::Last) } else { parse(text, 0).map(GroupStart::After) }
}
