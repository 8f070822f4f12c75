//! XDELEX and XACKDEL, and the words that they share with the trimming clause.

use engine::{Command, CommandError, Deferred, Disposal, References};

use super::args::is;
use super::stream_id::parse_ids;
use super::{Arguments, Options, Parsed, Request};
use crate::number::parse_i64;

pub(crate) fn xdelex(args: Arguments<'_>) -> Parsed<'_> {
    let disposal = disposal(args.options(2));
    Ok(Request::Engine(Command::XDelEx { key: args.at(1), disposal }))
}

pub(crate) fn xackdel(args: Arguments<'_>) -> Parsed<'_> {
    let (key, group) = (args.at(1), args.at(2));
    Ok(Request::Engine(Command::XAckDel { key, group, disposal: disposal(args.options(3)) }))
}

/// `[KEEPREF | DELREF | ACKED] IDS numids id [id ...]`, in either order.
fn disposal(mut options: Options<'_>) -> Deferred<Disposal> {
    let mut references = None;
    let mut ids: Option<&[&[u8]]> = None;
    while let Some(word) = options.next() {
        if take_references(word, &mut references)? {
            continue;
        }
        if !is(word, "ids") || ids.is_some() {
            return Err(CommandError::Syntax);
        }
        ids = Some(id_block(&mut options, &REFUSALS)?);
    }
    let ids = ids.ok_or(CommandError::Syntax)?;
    let references = references.unwrap_or_default();
    Ok(Disposal { references, count: ids.len(), ids: parse_ids(ids) })
}

/// The words of a command for a bad number of IDs, and for too few of them.
pub(crate) struct IdBlockRefusals {
    pub(crate) number: &'static str,
    pub(crate) too_few: &'static str,
}

const REFUSALS: IdBlockRefusals = IdBlockRefusals {
    number: "ERR Number of IDs must be a positive integer",
    too_few: "ERR The `numids` parameter must match the number of arguments",
};

/// `numids id [id ...]`
pub(crate) fn id_block<'a>(
    options: &mut Options<'a>,
    refusals: &IdBlockRefusals,
) -> Result<&'a [&'a [u8]], CommandError> {
    let count = parse_i64(options.value()?).filter(|count| 0 < *count);
    let count = count.ok_or(CommandError::Fixed(refusals.number))?;
    let split = usize::try_from(count).ok().and_then(|count| options.rest.split_at_checked(count));
    let (ids, rest) = split.ok_or(CommandError::Fixed(refusals.too_few))?;
    options.rest = rest;
    Ok(ids)
}

/// Takes `word` if it says what becomes of pending entries. There can be one such word.
pub(crate) fn take_references(
    word: &[u8],
    references: &mut Option<References>,
) -> Result<bool, CommandError> {
    let policies = [
        ("keepref", References::Keep),
        ("delref", References::Delete),
        ("acked", References::Acknowledged),
    ];
    let Some((_, policy)) = policies.into_iter().find(|(name, _)| is(word, name)) else {
        return Ok(false);
    };
    match references.replace(policy) {
        None => Ok(true),
        Some(_) => Err(CommandError::Syntax),
    }
}
