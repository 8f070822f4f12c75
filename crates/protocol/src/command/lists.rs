//! Lists.

use engine::{Command, CommandError, ListEnd, ListPlace, ListSearch};

use super::args::{count, integer, is, timeout_seconds};
use super::{Arguments, Parsed, Request};
use crate::number::parse_i64;

pub(crate) fn lpush(args: Arguments<'_>) -> Parsed<'_> {
    push(args, ListEnd::Left, false)
}

pub(crate) fn rpush(args: Arguments<'_>) -> Parsed<'_> {
    push(args, ListEnd::Right, false)
}

pub(crate) fn lpushx(args: Arguments<'_>) -> Parsed<'_> {
    push(args, ListEnd::Left, true)
}

pub(crate) fn rpushx(args: Arguments<'_>) -> Parsed<'_> {
    push(args, ListEnd::Right, true)
}

fn push(args: Arguments<'_>, end: ListEnd, only_if_present: bool) -> Parsed<'_> {
    let (key, values) = (args.at(1), args.from(2));
    Ok(Request::Engine(Command::LPush { key, end, values, only_if_present }))
}

pub(crate) fn lpop(args: Arguments<'_>) -> Parsed<'_> {
    pop(args, ListEnd::Left)
}

pub(crate) fn rpop(args: Arguments<'_>) -> Parsed<'_> {
    pop(args, ListEnd::Right)
}

fn pop(args: Arguments<'_>, end: ListEnd) -> Parsed<'_> {
    let count = match args.from(2) {
        [] => None,
        [text] => Some(count(text)?),
        _ => return Err(args.wrong_number()),
    };
    Ok(Request::Engine(Command::LPop { key: args.at(1), end, count }))
}

pub(crate) fn llen(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::LLen { key: args.at(1) }))
}

pub(crate) fn lrange(args: Arguments<'_>) -> Parsed<'_> {
    let (start, stop) = (integer(args.at(2))?, integer(args.at(3))?);
    Ok(Request::Engine(Command::LRange { key: args.at(1), start, stop }))
}

pub(crate) fn lindex(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::LIndex { key: args.at(1), index: integer(args.at(2)) }))
}

pub(crate) fn lset(args: Arguments<'_>) -> Parsed<'_> {
    let (key, index, value) = (args.at(1), integer(args.at(2)), args.at(3));
    Ok(Request::Engine(Command::LSet { key, index, value }))
}

pub(crate) fn linsert(args: Arguments<'_>) -> Parsed<'_> {
    let place = match args.at(2) {
        word if is(word, "before") => ListPlace::Before,
        word if is(word, "after") => ListPlace::After,
        _ => return Err(CommandError::Syntax),
    };
    let (key, pivot, value) = (args.at(1), args.at(3), args.at(4));
    Ok(Request::Engine(Command::LInsert { key, place, pivot, value }))
}

pub(crate) fn lrem(args: Arguments<'_>) -> Parsed<'_> {
    let count = integer(args.at(2))?;
    Ok(Request::Engine(Command::LRem { key: args.at(1), count, value: args.at(3) }))
}

pub(crate) fn ltrim(args: Arguments<'_>) -> Parsed<'_> {
    let (start, stop) = (integer(args.at(2))?, integer(args.at(3))?);
    Ok(Request::Engine(Command::LTrim { key: args.at(1), start, stop }))
}

pub(crate) fn lpos(args: Arguments<'_>) -> Parsed<'_> {
    let mut search = ListSearch { value: args.at(2), rank: 1, count: None, compared_max: 0 };
    let mut options = args.options(3);
    while let Some(word) = options.next() {
        if is(word, "rank") && !options.rest.is_empty() {
            search.rank = options.integer()?;
            if search.rank == 0 {
                return Err(CommandError::Fixed(
                    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
                ));
            }
        } else if is(word, "count") && !options.rest.is_empty() {
            search.count = Some(natural(options.value()?, "ERR COUNT can't be negative")?);
        } else if is(word, "maxlen") && !options.rest.is_empty() {
            search.compared_max = natural(options.value()?, "ERR MAXLEN can't be negative")?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(Request::Engine(Command::LPos { key: args.at(1), search }))
}

/// A number that is refused in the same words whether it is negative or no number.
fn natural(text: &[u8], refusal: &'static str) -> Result<u64, CommandError> {
    let number = parse_i64(text).and_then(|number| u64::try_from(number).ok());
    number.ok_or(CommandError::Fixed(refusal))
}

pub(crate) fn lmove(args: Arguments<'_>) -> Parsed<'_> {
    let (from, to) = (end(args.at(3))?, end(args.at(4))?);
    move_one(args, from, to, None)
}

pub(crate) fn rpoplpush(args: Arguments<'_>) -> Parsed<'_> {
    move_one(args, ListEnd::Right, ListEnd::Left, None)
}

pub(crate) fn blmove(args: Arguments<'_>) -> Parsed<'_> {
    let (from, to) = (end(args.at(3))?, end(args.at(4))?);
    move_one(args, from, to, Some(timeout_seconds(args.at(5))?))
}

pub(crate) fn brpoplpush(args: Arguments<'_>) -> Parsed<'_> {
    let block_ms = timeout_seconds(args.at(3))?;
    move_one(args, ListEnd::Right, ListEnd::Left, Some(block_ms))
}

fn move_one(args: Arguments<'_>, from: ListEnd, to: ListEnd, block_ms: Option<u64>) -> Parsed<'_> {
    let (key, new_key) = (args.at(1), args.at(2));
    Ok(Request::Engine(Command::LMove { key, new_key, from, to, block_ms }))
}

fn end(word: &[u8]) -> Result<ListEnd, CommandError> {
    if is(word, "left") {
        Ok(ListEnd::Left)
    } else if is(word, "right") {
        Ok(ListEnd::Right)
    } else {
        Err(CommandError::Syntax)
    }
}

pub(crate) fn blpop(args: Arguments<'_>) -> Parsed<'_> {
    wait_and_pop(args, ListEnd::Left)
}

pub(crate) fn brpop(args: Arguments<'_>) -> Parsed<'_> {
    wait_and_pop(args, ListEnd::Right)
}

fn wait_and_pop(args: Arguments<'_>, end: ListEnd) -> Parsed<'_> {
    let (keys, block_ms) = args.keys_and_timeout()?;
    Ok(Request::Engine(Command::BLPop { keys, end, block_ms }))
}

pub(crate) fn lmpop(args: Arguments<'_>) -> Parsed<'_> {
    let (keys, end, count) = args.pop_many(1, end)?;
    Ok(Request::Engine(Command::LMPop { keys, end, count, block_ms: None }))
}

pub(crate) fn blmpop(args: Arguments<'_>) -> Parsed<'_> {
    let (keys, end, count) = args.pop_many(2, end)?;
    // The reference reads the first argument last.
    let block_ms = Some(timeout_seconds(args.at(1))?);
    Ok(Request::Engine(Command::LMPop { keys, end, count, block_ms }))
}
