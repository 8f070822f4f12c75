//! XACK, XPENDING, XCLAIM, XAUTOCLAIM.

use engine::{
    Claim, ClaimTime, Command, CommandError, Deferred, IdRange, PendingRange, XAutoClaim,
};

use super::args::{clamped, integer, is};
use super::stream_id::{parse_id, parse_ids, range_end, range_start};
use super::{Arguments, Options, Parsed, Request, echo, text};
use crate::number::parse_i64;

pub(crate) fn xack(args: Arguments<'_>) -> Parsed<'_> {
    let (key, group) = (args.at(1), args.at(2));
    Ok(Request::Engine(Command::XAck { key, group, ids: parse_ids(args.from(3)) }))
}

pub(crate) fn xpending(args: Arguments<'_>) -> Parsed<'_> {
    let (key, group) = (args.at(1), args.at(2));
    let range = match args.all.len() {
        3 => None,
        6..=9 => Some(pending_range(args)?),
        _ => return Err(CommandError::Syntax),
    };
    Ok(Request::Engine(Command::XPending { key, group, range }))
}

fn pending_range(args: Arguments<'_>) -> Result<PendingRange<'_>, CommandError> {
    let mut rest = args.from(3);
    let mut idle_min_ms = 0;
    if is(rest[0], "idle") {
        idle_min_ms = clamped(integer(rest[1])?);
        rest = &rest[2..];
    }
    let [start, end, count, more @ ..] = rest else { return Err(CommandError::Syntax) };
    let count = integer(count)?;
    let range = IdRange { start: range_start(start)?, end: range_end(end)? };
    // Without IDLE a second word behind the consumer is overlooked, as in the reference.
    Ok(PendingRange { range, count, consumer: more.first().copied(), idle_min_ms })
}

pub(crate) fn xclaim(args: Arguments<'_>) -> Parsed<'_> {
    let (key, group, consumer) = (args.at(1), args.at(2), args.at(3));
    Ok(Request::Engine(Command::XClaim { key, group, consumer, claim: claim(args) }))
}

fn claim(args: Arguments<'_>) -> Deferred<Claim> {
    let idle = invalid_unless_integer(args.at(4), "ERR Invalid min-idle-time argument for XCLAIM")?;
    let mut claim = Claim {
        idle_min_ms: clamped(idle),
        ids: Vec::new(),
        delivery_time: ClaimTime::Now,
        delivery_count: None,
        force: false,
        just_id: false,
        last_id: None,
    };
    let mut options = args.options(5);
    // The first word that is no ID begins the options.
    while let Some(id) = options.rest.first().and_then(|word| parse_id(word, 0).ok()) {
        claim.ids.push(id);
        options.next();
    }
    while let Some(word) = options.next() {
        claim_option(&mut claim, word, &mut options)?;
    }
    Ok(claim)
}

fn claim_option(
    claim: &mut Claim,
    word: &[u8],
    options: &mut Options<'_>,
) -> Result<(), CommandError> {
    let has_value = !options.rest.is_empty();
    if is(word, "force") {
        claim.force = true;
    } else if is(word, "justid") {
        claim.just_id = true;
    } else if is(word, "idle") && has_value {
        let refusal = "ERR Invalid IDLE option argument for XCLAIM";
        let idle = invalid_unless_integer(options.value()?, refusal)?;
        claim.delivery_time = ClaimTime::Idle(idle);
    } else if is(word, "time") && has_value {
        let refusal = "ERR Invalid TIME option argument for XCLAIM";
        claim.delivery_time = ClaimTime::At(invalid_unless_integer(options.value()?, refusal)?);
    } else if is(word, "retrycount") && has_value {
        let refusal = "ERR Invalid RETRYCOUNT option argument for XCLAIM";
        let count = invalid_unless_integer(options.value()?, refusal)?;
        claim.delivery_count = u64::try_from(count).ok();
    } else if is(word, "lastid") && has_value {
        claim.last_id = Some(parse_id(options.value()?, 0)?);
    } else {
        return Err(text(&[b"ERR Unrecognized XCLAIM option '", echo(word, word.len()), b"'"]));
    }
    Ok(())
}

/// COUNT of XAUTOCLAIM when none is given.
const AUTO_CLAIM_COUNT: u64 = 100;
/// Largest COUNT of XAUTOCLAIM: the reference multiplies it by the 16 bytes of an ID.
const AUTO_CLAIM_COUNT_MAX: u64 = i64::MAX as u64 / 16;

pub(crate) fn xautoclaim(args: Arguments<'_>) -> Parsed<'_> {
    let idle =
        invalid_unless_integer(args.at(4), "ERR Invalid min-idle-time argument for XAUTOCLAIM")?;
    let start = range_start(args.at(5))?;
    let mut count = AUTO_CLAIM_COUNT;
    let mut just_id = false;
    let mut options = args.options(6);
    while let Some(word) = options.next() {
        if is(word, "count") {
            let value = options.value()?;
            count = parse_i64(value)
                .and_then(|count| u64::try_from(count).ok())
                .filter(|count| (1..=AUTO_CLAIM_COUNT_MAX).contains(count))
                .ok_or(CommandError::Fixed("ERR COUNT must be > 0"))?;
        } else if is(word, "justid") {
            just_id = true;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(Request::Engine(Command::XAutoClaim(XAutoClaim {
        key: args.at(1),
        group: args.at(2),
        consumer: args.at(3),
        idle_min_ms: clamped(idle),
        start,
        count,
        just_id,
    })))
}

fn invalid_unless_integer(text: &[u8], refusal: &'static str) -> Result<i64, CommandError> {
    parse_i64(text).ok_or(CommandError::Fixed(refusal))
}
