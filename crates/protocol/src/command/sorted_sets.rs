//! Sorted sets, but for their ranges (`zrange`) and combinations (`zcombine`).

use engine::{Command, CommandError, Direction, ScoreEnd, ZAdd, ZAddCondition, parse_score};

use super::args::{count, is, symmetric, timeout_seconds};
use super::{Arguments, Parsed, Request};

pub(crate) fn zadd(args: Arguments<'_>) -> Parsed<'_> {
    add(args, false)
}

/// Reads its arguments as those of ZADD, an option in the place of the increment among them.
pub(crate) fn zincrby(args: Arguments<'_>) -> Parsed<'_> {
    add(args, true)
}

fn add(args: Arguments<'_>, increment: bool) -> Parsed<'_> {
    let mut condition = ZAddCondition::default();
    let (mut count_changed, mut increment) = (false, increment);
    let mut pairs = args.from(2);
    while let [word, rest @ ..] = pairs {
        if is(word, "nx") {
            condition.if_missing = true;
        } else if is(word, "xx") {
            condition.if_present = true;
        } else if is(word, "gt") {
            condition.if_greater = true;
        } else if is(word, "lt") {
            condition.if_less = true;
        } else if is(word, "ch") {
            count_changed = true;
        } else if is(word, "incr") {
            increment = true;
        } else {
            break;
        }
        pairs = rest;
    }
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    let ZAddCondition { if_missing, if_present, if_greater, if_less } = condition;
    if if_missing && if_present {
        return Err(CommandError::Fixed(
            "ERR XX and NX options at the same time are not compatible",
        ));
    }
    if if_missing && (if_greater || if_less) || if_greater && if_less {
        return Err(CommandError::Fixed(
            "ERR GT, LT, and/or NX options at the same time are not compatible",
        ));
    }
    if increment && pairs.len() != 2 {
        return Err(CommandError::Fixed(
            "ERR INCR option supports a single increment-element pair",
        ));
    }
    let pairs = pairs.chunks_exact(2).map(|pair| Ok((score(pair[0])?, pair[1])));
    let pairs = pairs.collect::<Result<_, CommandError>>()?;
    let zadd = ZAdd { key: args.at(1), condition, count_changed, increment, pairs };
    Ok(Request::Engine(Command::ZAdd(zadd)))
}

fn score(text: &[u8]) -> Result<f64, CommandError> {
    parse_score(text).ok_or(CommandError::NotAFloat)
}

pub(crate) fn zrem(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::ZRem { key: args.at(1), members: args.from(2) }))
}

pub(crate) fn zcard(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::ZCard { key: args.at(1) }))
}

pub(crate) fn zscore(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::ZScore { key: args.at(1), member: args.at(2) }))
}

pub(crate) fn zmscore(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::ZMScore { key: args.at(1), members: args.from(2) }))
}

pub(crate) fn zrank(args: Arguments<'_>) -> Parsed<'_> {
    rank(args, Direction::Forward)
}

pub(crate) fn zrevrank(args: Arguments<'_>) -> Parsed<'_> {
    rank(args, Direction::Reverse)
}

fn rank(args: Arguments<'_>, direction: Direction) -> Parsed<'_> {
    let with_score = match args.from(3) {
        [] => false,
        [word] if is(word, "withscore") => true,
        [_] => return Err(CommandError::Syntax),
        _ => return Err(args.wrong_number()),
    };
    let (key, member) = (args.at(1), args.at(2));
    Ok(Request::Engine(Command::ZRank { key, member, direction, with_score }))
}

pub(crate) fn zpopmin(args: Arguments<'_>) -> Parsed<'_> {
    pop(args, ScoreEnd::Lowest)
}

pub(crate) fn zpopmax(args: Arguments<'_>) -> Parsed<'_> {
    pop(args, ScoreEnd::Highest)
}

fn pop(args: Arguments<'_>, end: ScoreEnd) -> Parsed<'_> {
    let count = match args.from(2) {
        [] => None,
        [text] => Some(count(text)?),
        _ => return Err(CommandError::Syntax),
    };
    Ok(Request::Engine(Command::ZPop { key: args.at(1), end, count }))
}

pub(crate) fn bzpopmin(args: Arguments<'_>) -> Parsed<'_> {
    wait_and_pop(args, ScoreEnd::Lowest)
}

pub(crate) fn bzpopmax(args: Arguments<'_>) -> Parsed<'_> {
    wait_and_pop(args, ScoreEnd::Highest)
}

fn wait_and_pop(args: Arguments<'_>, end: ScoreEnd) -> Parsed<'_> {
    let (keys, block_ms) = args.keys_and_timeout()?;
    Ok(Request::Engine(Command::BZPop { keys, end, block_ms }))
}

pub(crate) fn zmpop(args: Arguments<'_>) -> Parsed<'_> {
    let (keys, end, count) = args.pop_many(1, end)?;
    Ok(Request::Engine(Command::ZMPop { keys, end, count, block_ms: None }))
}

pub(crate) fn bzmpop(args: Arguments<'_>) -> Parsed<'_> {
    let (keys, end, count) = args.pop_many(2, end)?;
    // The reference reads the first argument last.
    let block_ms = Some(timeout_seconds(args.at(1))?);
    Ok(Request::Engine(Command::ZMPop { keys, end, count, block_ms }))
}

fn end(word: &[u8]) -> Result<ScoreEnd, CommandError> {
    if is(word, "min") {
        Ok(ScoreEnd::Lowest)
    } else if is(word, "max") {
        Ok(ScoreEnd::Highest)
    } else {
        Err(CommandError::Syntax)
    }
}

/// Largest count with WITHSCORES: twice as many strings would be answered.
const PAIRS_MAX: u64 = i64::MAX.unsigned_abs() / 2;

pub(crate) fn zrandmember(args: Arguments<'_>) -> Parsed<'_> {
    let (key, draw) = (args.at(1), args.draw);
    let (count, with_scores) = match args.from(2) {
        [] => (None, false),
        [count, options @ ..] => {
            let count = symmetric(count)?;
            let with_scores = match options {
                [] => false,
                [word] if is(word, "withscores") => true,
                _ => return Err(CommandError::Syntax),
            };
            if with_scores && PAIRS_MAX < count.unsigned_abs() {
                return Err(CommandError::Fixed("ERR value is out of range"));
            }
            (Some(count), with_scores)
        }
    };
    Ok(Request::Engine(Command::ZRandMember { key, count, with_scores, draw }))
}

pub(crate) fn zscan(args: Arguments<'_>) -> Parsed<'_> {
    super::scan::zscan(args)
}
