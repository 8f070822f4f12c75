//! Sets.

use engine::{Command, CommandError, SetOperation};

use super::args::{count, is, key_count, symmetric};
use super::{Arguments, Parsed, Request};
use crate::number::parse_i64;

pub(crate) fn sadd(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::SAdd { key: args.at(1), members: args.from(2) }))
}

pub(crate) fn srem(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::SRem { key: args.at(1), members: args.from(2) }))
}

pub(crate) fn smembers(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::SMembers { key: args.at(1) }))
}

pub(crate) fn sismember(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::SIsMember { key: args.at(1), member: args.at(2) }))
}

pub(crate) fn smismember(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::SMIsMember { key: args.at(1), members: args.from(2) }))
}

pub(crate) fn scard(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::SCard { key: args.at(1) }))
}

pub(crate) fn spop(args: Arguments<'_>) -> Parsed<'_> {
    let count = match args.from(2) {
        [] => None,
        [text] => Some(count(text)?),
        _ => return Err(CommandError::Syntax),
    };
    Ok(Request::Engine(Command::SPop { key: args.at(1), count, draw: args.draw }))
}

pub(crate) fn srandmember(args: Arguments<'_>) -> Parsed<'_> {
    let count = match args.from(2) {
        [] => None,
        [text] => Some(symmetric(text)?),
        _ => return Err(CommandError::Syntax),
    };
    Ok(Request::Engine(Command::SRandMember { key: args.at(1), count, draw: args.draw }))
}

pub(crate) fn smove(args: Arguments<'_>) -> Parsed<'_> {
    let (key, new_key, member) = (args.at(1), args.at(2), args.from(3));
    Ok(Request::Engine(Command::SMove { key, new_key, member }))
}

pub(crate) fn sinter(args: Arguments<'_>) -> Parsed<'_> {
    combine(args, SetOperation::Intersection)
}

pub(crate) fn sunion(args: Arguments<'_>) -> Parsed<'_> {
    combine(args, SetOperation::Union)
}

pub(crate) fn sdiff(args: Arguments<'_>) -> Parsed<'_> {
    combine(args, SetOperation::Difference)
}

fn combine(args: Arguments<'_>, operation: SetOperation) -> Parsed<'_> {
    Ok(Request::Engine(Command::SCombine { operation, keys: args.from(1) }))
}

pub(crate) fn sinterstore(args: Arguments<'_>) -> Parsed<'_> {
    store(args, SetOperation::Intersection)
}

pub(crate) fn sunionstore(args: Arguments<'_>) -> Parsed<'_> {
    store(args, SetOperation::Union)
}

pub(crate) fn sdiffstore(args: Arguments<'_>) -> Parsed<'_> {
    store(args, SetOperation::Difference)
}

fn store(args: Arguments<'_>, operation: SetOperation) -> Parsed<'_> {
    let (new_key, keys) = (args.at(1), args.from(2));
    Ok(Request::Engine(Command::SCombineStore { operation, new_key, keys }))
}

pub(crate) fn sintercard(args: Arguments<'_>) -> Parsed<'_> {
    let number = key_count(args.at(1))?;
    let too_many = CommandError::Fixed("ERR Number of keys can't be greater than number of args");
    let (keys, mut options) = args.counted_keys(2, number).ok_or(too_many)?;
    let mut limit = 0;
    while let Some(word) = options.next() {
        if !is(word, "limit") || options.rest.is_empty() {
            return Err(CommandError::Syntax);
        }
        let number = parse_i64(options.value()?).and_then(|number| u64::try_from(number).ok());
        limit = number.ok_or(CommandError::Fixed("ERR LIMIT can't be negative"))?;
    }
    Ok(Request::Engine(Command::SInterCard { keys, limit }))
}

pub(crate) fn sscan(args: Arguments<'_>) -> Parsed<'_> {
    super::scan::sscan(args)
}
