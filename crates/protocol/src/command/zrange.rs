//! Ranges of sorted sets: ZRANGE, its older forms, ZRANGESTORE, and what counts and removes ranges.

use engine::{
    Command, CommandError, Direction, LexBound, LexRange, MemberRange, ScoreBound, ScoreRange,
    ZRange, parse_score_bound,
};

use super::args::{integer, is};
use super::{Arguments, Parsed, Request};

/// What the two ends of a range are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rank,
    Score,
    Lex,
}

pub(crate) fn zrange(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::ZRange(range(args, Form::FREE)?)))
}

pub(crate) fn zrangestore(args: Arguments<'_>) -> Parsed<'_> {
    let form = Form { first: 2, is_stored: true, ..Form::FREE };
    let range = range(args, form)?;
    Ok(Request::Engine(Command::ZRangeStore { new_key: args.at(1), range }))
}

pub(crate) fn zrevrange(args: Arguments<'_>) -> Parsed<'_> {
    old(args, Kind::Rank, Direction::Reverse)
}

pub(crate) fn zrangebyscore(args: Arguments<'_>) -> Parsed<'_> {
    old(args, Kind::Score, Direction::Forward)
}

pub(crate) fn zrevrangebyscore(args: Arguments<'_>) -> Parsed<'_> {
    old(args, Kind::Score, Direction::Reverse)
}

pub(crate) fn zrangebylex(args: Arguments<'_>) -> Parsed<'_> {
    old(args, Kind::Lex, Direction::Forward)
}

pub(crate) fn zrevrangebylex(args: Arguments<'_>) -> Parsed<'_> {
    old(args, Kind::Lex, Direction::Reverse)
}

/// A form that is fixed by the command's name.
fn old(args: Arguments<'_>, kind: Kind, direction: Direction) -> Parsed<'_> {
    let form = Form { kind: Some(kind), direction: Some(direction), ..Form::FREE };
    Ok(Request::Engine(Command::ZRange(range(args, form)?)))
}

/// What a command's name says about its range.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// Where the key stands.
    first: usize,
    /// Nothing is answered, so there is no WITHSCORES.
    is_stored: bool,
    /// `None` if an option says it.
    kind: Option<Kind>,
    direction: Option<Direction>,
}

impl Form {
    const FREE: Self = Self { first: 1, is_stored: false, kind: None, direction: None };
}

fn range(args: Arguments<'_>, form: Form) -> Result<ZRange<'_>, CommandError> {
    let Form { first, is_stored, .. } = form;
    let (mut kind, mut direction) = (form.kind, form.direction);
    let (mut limit, mut with_scores) = (None, false);
    let mut options = args.options(first + 3);
    while let Some(word) = options.next() {
        if !is_stored && is(word, "withscores") {
            with_scores = true;
        } else if is(word, "limit") && 2 <= options.rest.len() {
            limit = Some((options.integer()?, options.integer()?));
        } else if direction.is_none() && is(word, "rev") {
            direction = Some(Direction::Reverse);
        } else if kind.is_none() && is(word, "bylex") {
            kind = Some(Kind::Lex);
        } else if kind.is_none() && is(word, "byscore") {
            kind = Some(Kind::Score);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let kind = kind.unwrap_or(Kind::Rank);
    let direction = direction.unwrap_or(Direction::Forward);
    if kind == Kind::Rank && limit.is_some_and(|(_, count)| count != -1) {
        return Err(CommandError::Fixed(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        ));
    }
    if kind == Kind::Lex && with_scores {
        return Err(CommandError::Fixed(
            "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
        ));
    }
    let (start, stop) = (args.at(first + 1), args.at(first + 2));
    // A walk from the highest score names the upper end first.
    let range = match (kind, direction) {
        (Kind::Rank, _) | (_, Direction::Forward) => member_range(kind, start, stop)?,
        (_, Direction::Reverse) => member_range(kind, stop, start)?,
    };
    Ok(ZRange { key: args.at(first), range, direction, limit, with_scores })
}

fn member_range<'a>(
    kind: Kind,
    min: &'a [u8],
    max: &'a [u8],
) -> Result<MemberRange<'a>, CommandError> {
    match kind {
        Kind::Rank => Ok(MemberRange::Rank { start: integer(min)?, stop: integer(max)? }),
        Kind::Score => {
            let range = score_bound(min).zip(score_bound(max));
            let (min, max) = range.ok_or(CommandError::Fixed("ERR min or max is not a float"))?;
            Ok(MemberRange::Score(ScoreRange { min, max }))
        }
        Kind::Lex => {
            const REFUSAL: &str = "ERR min or max not valid string range item";
            let range = lex_bound(min).zip(lex_bound(max));
            let (min, max) = range.ok_or(CommandError::Fixed(REFUSAL))?;
            Ok(MemberRange::Lex(LexRange { min, max }))
        }
    }
}

fn score_bound(text: &[u8]) -> Option<ScoreBound> {
    match text {
        [b'(', text @ ..] => parse_score_bound(text).map(ScoreBound::Exclusive),
        text => parse_score_bound(text).map(ScoreBound::Inclusive),
    }
}

fn lex_bound(text: &[u8]) -> Option<LexBound<'_>> {
    match text {
        // A zero byte ends the text, as in the reference.
        [b'-'] | [b'-', 0, ..] => Some(LexBound::Smallest),
        [b'+'] | [b'+', 0, ..] => Some(LexBound::Greatest),
        [b'[', member @ ..] => Some(LexBound::Inclusive(member)),
        [b'(', member @ ..] => Some(LexBound::Exclusive(member)),
        _ => None,
    }
}

pub(crate) fn zcount(args: Arguments<'_>) -> Parsed<'_> {
    count(args, Kind::Score)
}

pub(crate) fn zlexcount(args: Arguments<'_>) -> Parsed<'_> {
    count(args, Kind::Lex)
}

fn count(args: Arguments<'_>, kind: Kind) -> Parsed<'_> {
    let range = member_range(kind, args.at(2), args.at(3))?;
    Ok(Request::Engine(Command::ZCount { key: args.at(1), range }))
}

pub(crate) fn zremrangebyrank(args: Arguments<'_>) -> Parsed<'_> {
    remove(args, Kind::Rank)
}

pub(crate) fn zremrangebyscore(args: Arguments<'_>) -> Parsed<'_> {
    remove(args, Kind::Score)
}

pub(crate) fn zremrangebylex(args: Arguments<'_>) -> Parsed<'_> {
    remove(args, Kind::Lex)
}

fn remove(args: Arguments<'_>, kind: Kind) -> Parsed<'_> {
    let range = member_range(kind, args.at(2), args.at(3))?;
    Ok(Request::Engine(Command::ZRemRange { key: args.at(1), range }))
}
