//! Strings, except SET and its forms.

use engine::{Command, CommandError, Deferred, LcsAnswer, LcsOptions};

use super::args::{clamped, float, integer, is};
use super::{Arguments, Parsed, Request};

pub(crate) fn get(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::Get { key: args.at(1) }))
}

pub(crate) fn getset(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::GetSet { key: args.at(1), value: args.at(2) }))
}

pub(crate) fn getdel(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::GetDel { key: args.at(1) }))
}

pub(crate) fn getex(args: Arguments<'_>) -> Parsed<'_> {
    super::set::getex(args)
}

pub(crate) fn mget(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::MGet { keys: args.from(1) }))
}

pub(crate) fn mset(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::MSet { pairs: args.pairs(1)?, only_if_free: false }))
}

pub(crate) fn msetnx(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::MSet { pairs: args.pairs(1)?, only_if_free: true }))
}

pub(crate) fn incr(args: Arguments<'_>) -> Parsed<'_> {
    increment(args, 1)
}

pub(crate) fn decr(args: Arguments<'_>) -> Parsed<'_> {
    increment(args, -1)
}

pub(crate) fn incrby(args: Arguments<'_>) -> Parsed<'_> {
    increment(args, integer(args.at(2))?)
}

pub(crate) fn decrby(args: Arguments<'_>) -> Parsed<'_> {
    let by = integer(args.at(2))?.checked_neg();
    increment(args, by.ok_or(CommandError::Fixed("ERR decrement would overflow"))?)
}

fn increment(args: Arguments<'_>, by: i64) -> Parsed<'_> {
    Ok(Request::Engine(Command::IncrBy { key: args.at(1), by }))
}

pub(crate) fn incrbyfloat(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::IncrByFloat { key: args.at(1), by: float(args.at(2)) }))
}

pub(crate) fn append(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::Append { key: args.at(1), value: args.at(2) }))
}

pub(crate) fn strlen(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::StrLen { key: args.at(1) }))
}

pub(crate) fn getrange(args: Arguments<'_>) -> Parsed<'_> {
    let (start, end) = (integer(args.at(2))?, integer(args.at(3))?);
    Ok(Request::Engine(Command::GetRange { key: args.at(1), start, end }))
}

pub(crate) fn setrange(args: Arguments<'_>) -> Parsed<'_> {
    let offset = u64::try_from(integer(args.at(2))?)
        .map_err(|_| CommandError::Fixed("ERR offset is out of range"))?;
    Ok(Request::Engine(Command::SetRange { key: args.at(1), offset, value: args.at(3) }))
}

pub(crate) fn lcs(args: Arguments<'_>) -> Parsed<'_> {
    let keys = [args.at(1), args.at(2)];
    Ok(Request::Engine(Command::Lcs { keys, options: lcs_options(args) }))
}

fn lcs_options(args: Arguments<'_>) -> Deferred<LcsOptions> {
    let mut lcs = LcsOptions::default();
    let (mut wants_length, mut wants_places) = (false, false);
    let mut options = args.options(3);
    while let Some(word) = options.next() {
        if is(word, "len") {
            wants_length = true;
        } else if is(word, "idx") {
            wants_places = true;
        } else if is(word, "withmatchlen") {
            lcs.with_match_len = true;
        } else if is(word, "minmatchlen") {
            lcs.match_len_min = clamped(options.integer()?);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    lcs.answer = match (wants_length, wants_places) {
        (true, true) => {
            return Err(CommandError::Fixed(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        (true, false) => LcsAnswer::Length,
        (false, true) => LcsAnswer::Places,
        (false, false) => LcsAnswer::Text,
    };
    Ok(lcs)
}
