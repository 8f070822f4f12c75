//! XLEN, XRANGE, XREVRANGE, XDEL, XSETID.

use engine::{Command, CommandError, IdRange, Order, StreamId};

use super::args::is;
use super::stream_id::{parse_id, parse_ids, range_end, range_start};
use super::{Arguments, Parsed, Request};

pub(crate) fn xlen(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::XLen { key: args.at(1) }))
}

pub(crate) fn xrange(args: Arguments<'_>) -> Parsed<'_> {
    range(args, args.at(2), args.at(3), Order::Ascending)
}

pub(crate) fn xrevrange(args: Arguments<'_>) -> Parsed<'_> {
    range(args, args.at(3), args.at(2), Order::Descending)
}

fn range<'a>(args: Arguments<'a>, start: &[u8], end: &[u8], order: Order) -> Parsed<'a> {
    let range = IdRange { start: range_start(start)?, end: range_end(end)? };
    let mut options = args.options(4);
    let mut count = None;
    while let Some(word) = options.next() {
        if !is(word, "count") {
            return Err(CommandError::Syntax);
        }
        count = Some(options.integer()?);
    }
    Ok(Request::Engine(Command::XRange { key: args.at(1), range, count, order }))
}

pub(crate) fn xdel(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::XDel { key: args.at(1), ids: parse_ids(args.from(2)) }))
}

pub(crate) fn xsetid(args: Arguments<'_>) -> Parsed<'_> {
    let last_id = parse_id(args.at(2), 0)?;
    let mut options = args.options(3);
    let mut entries_added = None;
    let mut max_deleted_id = None;
    while let Some(word) = options.next() {
        if is(word, "entriesadded") {
            let count = u64::try_from(options.integer()?);
            let refusal = CommandError::Fixed("ERR entries_added must be positive");
            entries_added = Some(count.map_err(|_| refusal)?);
        } else if is(word, "maxdeletedid") {
            let id = parse_id(options.value()?, 0)?;
            if last_id < id {
                return Err(CommandError::Fixed(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
            // Zero means to leave it as it is.
            max_deleted_id = Some(id).filter(|id| *id != StreamId::MIN);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let key = args.at(1);
    Ok(Request::Engine(Command::XSetId { key, last_id, entries_added, max_deleted_id }))
}
