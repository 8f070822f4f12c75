//! What makes one sorted set of several: ZUNION, ZINTER, ZDIFF, their STORE forms, and ZINTERCARD.

use engine::{
    Aggregate, CombineOptions, Command, CommandError, Deferred, SetOperation, ZCombine, parse_score,
};

use super::args::{Options, integer, is};
use super::{Arguments, Parsed, Request};
use crate::number::parse_i64;

pub(crate) fn zunion(args: Arguments<'_>) -> Parsed<'_> {
    answer(args, SetOperation::Union)
}

pub(crate) fn zinter(args: Arguments<'_>) -> Parsed<'_> {
    answer(args, SetOperation::Intersection)
}

pub(crate) fn zdiff(args: Arguments<'_>) -> Parsed<'_> {
    answer(args, SetOperation::Difference)
}

pub(crate) fn zunionstore(args: Arguments<'_>) -> Parsed<'_> {
    store(args, SetOperation::Union)
}

pub(crate) fn zinterstore(args: Arguments<'_>) -> Parsed<'_> {
    store(args, SetOperation::Intersection)
}

pub(crate) fn zdiffstore(args: Arguments<'_>) -> Parsed<'_> {
    store(args, SetOperation::Difference)
}

fn answer(args: Arguments<'_>, operation: SetOperation) -> Parsed<'_> {
    let (keys, options) = keys(args, 1)?;
    let options = combine_options(options, operation, keys.len(), Answer::Members);
    Ok(Request::Engine(Command::ZCombine(ZCombine { operation, keys, options })))
}

fn store(args: Arguments<'_>, operation: SetOperation) -> Parsed<'_> {
    let (keys, options) = keys(args, 2)?;
    let options = combine_options(options, operation, keys.len(), Answer::Number);
    let combine = ZCombine { operation, keys, options };
    Ok(Request::Engine(Command::ZCombineStore { new_key: args.at(1), combine }))
}

/// What the client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Members,
    Number,
}

/// The keys behind their number at `index`, and what stands behind them.
fn keys<'a>(
    args: Arguments<'a>,
    index: usize,
) -> Result<(&'a [&'a [u8]], Options<'a>), CommandError> {
    let number = integer(args.at(index))?;
    let number = usize::try_from(number).ok().filter(|number| 0 < *number).ok_or_else(|| {
        let name = args.spec.name.as_bytes();
        super::text(&[b"ERR at least 1 input key is needed for '", name, b"' command"])
    })?;
    args.counted_keys(index + 1, number).ok_or(CommandError::Syntax)
}

/// The options, which the reference reads after it has looked at the keys.
fn combine_options(
    mut options: Options<'_>,
    operation: SetOperation,
    keys: usize,
    answer: Answer,
) -> Deferred<CombineOptions> {
    let mut combine = CombineOptions::default();
    let is_summed = operation != SetOperation::Difference;
    while let Some(word) = options.next() {
        if is_summed && is(word, "weights") && keys <= options.rest.len() {
            let (weights, rest) = options.rest.split_at(keys);
            options.rest = rest;
            combine.weights = weights.iter().copied().map(weight).collect::<Result<_, _>>()?;
        } else if is_summed && is(word, "aggregate") && !options.rest.is_empty() {
            combine.aggregate = match options.value()? {
                word if is(word, "sum") => Aggregate::Sum,
                word if is(word, "min") => Aggregate::Min,
                word if is(word, "max") => Aggregate::Max,
                _ => return Err(CommandError::Syntax),
            };
        } else if answer == Answer::Members && is(word, "withscores") {
            combine.with_scores = true;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(combine)
}

fn weight(text: &[u8]) -> Result<f64, CommandError> {
    parse_score(text).ok_or(CommandError::Fixed("ERR weight value is not a float"))
}

pub(crate) fn zintercard(args: Arguments<'_>) -> Parsed<'_> {
    let (keys, options) = keys(args, 1)?;
    Ok(Request::Engine(Command::ZInterCard { keys, limit: limit(options) }))
}

fn limit(mut options: Options<'_>) -> Deferred<u64> {
    let mut limit = 0;
    while let Some(word) = options.next() {
        if !is(word, "limit") || options.rest.is_empty() {
            return Err(CommandError::Syntax);
        }
        let number = parse_i64(options.value()?).and_then(|number| u64::try_from(number).ok());
        limit = number.ok_or(CommandError::Fixed("ERR LIMIT can't be negative"))?;
    }
    Ok(limit)
}
