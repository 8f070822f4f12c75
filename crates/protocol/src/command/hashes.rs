//! Hashes.

use engine::{Command, CommandError, HashPart};

use super::args::{float, integer, is, symmetric};
use super::{Arguments, Parsed, Request};

pub(crate) fn hset(args: Arguments<'_>) -> Parsed<'_> {
    set_pairs(args, false)
}

pub(crate) fn hmset(args: Arguments<'_>) -> Parsed<'_> {
    set_pairs(args, true)
}

fn set_pairs(args: Arguments<'_>, legacy_reply: bool) -> Parsed<'_> {
    let pairs = args.pairs(2)?;
    Ok(Request::Engine(Command::HSet { key: args.at(1), pairs, legacy_reply }))
}

pub(crate) fn hsetnx(args: Arguments<'_>) -> Parsed<'_> {
    let (key, field, value) = (args.at(1), args.at(2), args.at(3));
    Ok(Request::Engine(Command::HSetNx { key, field, value }))
}

pub(crate) fn hget(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::HGet { key: args.at(1), field: args.at(2) }))
}

pub(crate) fn hmget(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::HMGet { key: args.at(1), fields: args.from(2) }))
}

pub(crate) fn hgetall(args: Arguments<'_>) -> Parsed<'_> {
    all(args, HashPart::Pairs)
}

pub(crate) fn hkeys(args: Arguments<'_>) -> Parsed<'_> {
    all(args, HashPart::Fields)
}

pub(crate) fn hvals(args: Arguments<'_>) -> Parsed<'_> {
    all(args, HashPart::Values)
}

fn all(args: Arguments<'_>, part: HashPart) -> Parsed<'_> {
    Ok(Request::Engine(Command::HGetAll { key: args.at(1), part }))
}

pub(crate) fn hdel(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::HDel { key: args.at(1), fields: args.from(2) }))
}

pub(crate) fn hexists(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::HExists { key: args.at(1), field: args.at(2) }))
}

pub(crate) fn hlen(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::HLen { key: args.at(1) }))
}

pub(crate) fn hstrlen(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::HStrLen { key: args.at(1), field: args.at(2) }))
}

pub(crate) fn hincrby(args: Arguments<'_>) -> Parsed<'_> {
    let by = integer(args.at(3))?;
    Ok(Request::Engine(Command::HIncrBy { key: args.at(1), field: args.at(2), by }))
}

pub(crate) fn hincrbyfloat(args: Arguments<'_>) -> Parsed<'_> {
    let by = float(args.at(3))?;
    if !by.is_finite() {
        return Err(CommandError::Fixed("ERR value is NaN or Infinity"));
    }
    Ok(Request::Engine(Command::HIncrByFloat { key: args.at(1), field: args.at(2), by }))
}

pub(crate) fn hscan(args: Arguments<'_>) -> Parsed<'_> {
    super::scan::hscan(args)
}

pub(crate) fn hrandfield(args: Arguments<'_>) -> Parsed<'_> {
    let (key, draw) = (args.at(1), args.draw);
    let (count, with_values) = match args.from(2) {
        [] => (None, false),
        [count, options @ ..] => {
            let count = symmetric(count)?;
            let with_values = match options {
                [] => false,
                [word] if is(word, "withvalues") => true,
                _ => return Err(CommandError::Syntax),
            };
            // Twice as many strings would be answered: the doubled count must fit too.
            if with_values && count.checked_mul(2).is_none() {
                return Err(CommandError::Fixed("ERR value is out of range"));
            }
            (Some(count), with_values)
        }
    };
    Ok(Request::Engine(Command::HRandField { key, count, with_values, draw }))
}
