//! Rules of the string commands.

use crate::command::{Context, Deferred, ExpireTime, Set, SetCondition, SetExpiry, SetReply};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::float::Extended;
use crate::id::UnixMillis;
use crate::keys::{in_future, instant};
use crate::keyspace::{Entry, Value};
use crate::op::{Op, Text};
use crate::reply::Reply;

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// Longest string. Same meaning and default as `proto-max-bulk-len`.
const STRING_BYTES_MAX: u64 = 512 << 20;

const TOO_LONG: CommandError =
    CommandError::Fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
pub(crate) const OVERFLOW: CommandError =
    CommandError::Fixed("ERR increment or decrement would overflow");
pub(crate) const NOT_FINITE: CommandError =
    CommandError::Fixed("ERR increment would produce NaN or Infinity");

/// Longest string that Redis embeds in its object.
const EMBEDDED_BYTES_MAX: usize = 44;

/// OBJECT ENCODING of a string.
pub(crate) fn encoding(value: &[u8], is_written_in_place: bool) -> &'static str {
    if is_written_in_place {
        "raw"
    } else if integer(value).is_some() {
        "int"
    } else if value.len() <= EMBEDDED_BYTES_MAX {
        "embstr"
    } else {
        "raw"
    }
}

/// A number as Redis writes it: no blank, no plus, no leading zero, no `-0`.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_canonical = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !is_canonical {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn value_reply(view: &View<'_>, value: Option<&[u8]>) -> Reply {
    value.map_or(Reply::Nil, |value| view.bulk(value))
}

/// GET.
pub(crate) fn get<'a>(view: &View<'_>, key: &[u8]) -> Decided<'a> {
    Ok(Decision::reply(value_reply(view, view.string(key)?)))
}

/// SET, SETNX, SETEX, PSETEX.
pub(crate) fn set<'a>(view: &View<'_>, set: &Set<'a>) -> Decided<'a> {
    let at = expiry_instant(view.context, set.expiry, "ERR invalid expire time in 'set' command")?;
    let entry = view.entry(set.key);
    let old = match (set.reply, entry) {
        (SetReply::OldValue, Some(entry)) => Some(entry.value.string()?),
        _ => None,
    };
    let is_met = match set.condition {
        SetCondition::Always => true,
        SetCondition::IfMissing => entry.is_none(),
        SetCondition::IfPresent => entry.is_some(),
    };
    let reply = match (set.reply, is_met) {
        (SetReply::OldValue, _) => value_reply(view, old),
        (SetReply::Status, true) => Reply::Ok,
        (SetReply::Status, false) => Reply::Nil,
        (SetReply::Flag, is_met) => Reply::Integer(i64::from(is_met)),
    };
    if !is_met {
        return Ok(Decision::reply(reply));
    }
    let expire_at = match set.expiry {
        SetExpiry::Clear => None,
        SetExpiry::Keep => entry.and_then(Entry::expire_at),
        SetExpiry::Until(_) => match at.and_then(|at| in_future(at, view.context.now)) {
            Some(at) => Some(at),
            // Expired from the start: what was there goes, and nothing takes its place.
            None if entry.is_none() => return Ok(Decision::reply(reply)),
            None => {
                return Ok(Decision::change(reply, delete(view, set.key)));
            }
        },
    };
    let value = Text::Borrowed(set.value);
    Ok(Decision::change(reply, put(view, set.key, value, expire_at)))
}

/// The instant of an expiry option, if it names one.
fn expiry_instant(
    context: Context,
    expiry: SetExpiry,
    refusal: &'static str,
) -> Result<Option<i64>, CommandError> {
    match expiry {
        SetExpiry::Clear | SetExpiry::Keep => Ok(None),
        SetExpiry::Until(ExpireTime::In(ms) | ExpireTime::At(ms)) if ms <= 0 => {
            Err(CommandError::Fixed(refusal))
        }
        SetExpiry::Until(when) => {
            instant(when, context.now).map(Some).ok_or(CommandError::Fixed(refusal))
        }
    }
}

fn put<'a>(
    view: &View<'_>,
    key: &'a [u8],
    value: Text<'a>,
    expire_at: Option<UnixMillis>,
) -> Op<'a> {
    Op::StringSet { db: view.context.db, key, value, expire_at }
}

fn delete<'a>(view: &View<'_>, key: &'a [u8]) -> Op<'a> {
    Op::Delete { db: view.context.db, key }
}

/// GETSET.
pub(crate) fn get_set<'a>(view: &View<'_>, key: &'a [u8], value: &'a [u8]) -> Decided<'a> {
    let reply = value_reply(view, view.string(key)?);
    Ok(Decision::change(reply, put(view, key, Text::Borrowed(value), None)))
}

/// GETDEL.
pub(crate) fn get_del<'a>(view: &View<'_>, key: &'a [u8]) -> Decided<'a> {
    Ok(match view.string(key)? {
        None => Decision::reply(Reply::Nil),
        Some(value) => Decision::change(Reply::bulk(value), delete(view, key)),
    })
}

/// GETEX.
pub(crate) fn get_ex<'a>(
    view: &View<'_>,
    key: &'a [u8],
    expiry: &Deferred<Option<SetExpiry>>,
) -> Decided<'a> {
    let Context { db, now } = view.context;
    let Some(value) = view.string(key)? else { return Ok(Decision::reply(Reply::Nil)) };
    let expiry = expiry.clone()?.unwrap_or(SetExpiry::Keep);
    let at = expiry_instant(view.context, expiry, "ERR invalid expire time in 'getex' command")?;
    let reply = Reply::bulk(value);
    let has_expiry = view.entry(key).and_then(Entry::expire_at).is_some();
    Ok(match expiry {
        SetExpiry::Clear if has_expiry => Decision::change(reply, Op::Expire { db, key, at: None }),
        SetExpiry::Clear | SetExpiry::Keep => Decision::reply(reply),
        SetExpiry::Until(_) => match at.and_then(|at| in_future(at, now)) {
            Some(at) => Decision::change(reply, Op::Expire { db, key, at: Some(at) }),
            None => Decision::change(reply, delete(view, key)),
        },
    })
}

/// MGET: null for a key that is missing or no string.
pub(crate) fn m_get<'a>(view: &View<'_>, keys: &[&[u8]]) -> Decided<'a> {
    let values = keys.iter().map(|key| value_reply(view, view.string(key).unwrap_or(None)));
    Ok(Decision::reply(view.gather(values)))
}

/// MSET, MSETNX.
pub(crate) fn m_set<'a>(view: &View<'_>, pairs: &[&'a [u8]], only_if_free: bool) -> Decided<'a> {
    let pairs = || pairs.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    if only_if_free && pairs().any(|(key, _)| view.entry(key).is_some()) {
        return Ok(Decision::reply(Reply::Integer(0)));
    }
    let reply = if only_if_free { Reply::Integer(1) } else { Reply::Ok };
    let ops = pairs().map(|(key, value)| put(view, key, Text::Borrowed(value), None));
    Ok(Decision { ops: ops.collect(), ..Decision::reply(reply) })
}

/// INCR, DECR, INCRBY, DECRBY.
pub(crate) fn incr_by<'a>(view: &View<'_>, key: &'a [u8], by: i64) -> Decided<'a> {
    let before = match view.string(key)? {
        None => 0,
        Some(value) => integer(value).ok_or(CommandError::NotAnInteger)?,
    };
    let after = before.checked_add(by).ok_or(OVERFLOW)?;
    let text = Text::Owned(itoa::Buffer::new().format(after).as_bytes().to_vec());
    Ok(Decision::change(Reply::Integer(after), put(view, key, text, expiry_of(view, key))))
}

/// INCRBYFLOAT.
pub(crate) fn incr_by_float<'a>(
    view: &View<'_>,
    key: &'a [u8],
    by: &Deferred<Extended>,
) -> Decided<'a> {
    let before = match view.string(key)? {
        None => Extended::ZERO,
        Some(value) => Extended::parse(value).ok_or(CommandError::NotAFloat)?,
    };
    let sum = before.plus(by.clone()?);
    let text = sum.format().ok_or(NOT_FINITE)?;
    let reply = Reply::bulk(&text);
    Ok(Decision::change(reply, put(view, key, Text::Owned(text), expiry_of(view, key))))
}

fn expiry_of(view: &View<'_>, key: &[u8]) -> Option<UnixMillis> {
    view.entry(key).and_then(Entry::expire_at)
}

/// APPEND.
pub(crate) fn append<'a>(view: &View<'_>, key: &'a [u8], value: &'a [u8]) -> Decided<'a> {
    let text = Text::Borrowed(value);
    let Some(before) = view.string(key)? else {
        return Ok(Decision::change(Reply::count(value.len()), put(view, key, text, None)));
    };
    write(view, key, before.len() as u64, value, before.len())
}

/// STRLEN.
pub(crate) fn str_len<'a>(view: &View<'_>, key: &[u8]) -> Decided<'a> {
    Ok(Decision::reply(Reply::count(view.string(key)?.map_or(0, <[u8]>::len))))
}

/// GETRANGE, SUBSTR.
pub(crate) fn get_range<'a>(view: &View<'_>, key: &[u8], start: i64, end: i64) -> Decided<'a> {
    let value = view.string(key)?.unwrap_or_default();
    let part = if start < 0 && end < 0 && end < start {
        // Before either end is moved into the string, where the two could meet.
        &[]
    } else {
        value.get(from_start(start, value.len())..after(end, value.len())).unwrap_or_default()
    };
    Ok(Decision::reply(Reply::bulk(part)))
}

/// The place that `index` means; negative counts from the end, and stops at the start.
fn from_start(index: i64, len: usize) -> usize {
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    if index < 0 { len.saturating_sub(distance) } else { distance }
}

/// The place behind the inclusive end that `index` means, at most `len`.
fn after(index: i64, len: usize) -> usize {
    from_start(index, len).saturating_add(1).min(len)
}

/// SETRANGE.
pub(crate) fn set_range<'a>(
    view: &View<'_>,
    key: &'a [u8],
    offset: u64,
    value: &'a [u8],
) -> Decided<'a> {
    let before = view.string(key)?.map_or(0, <[u8]>::len);
    if value.is_empty() {
        return Ok(Decision::reply(Reply::count(before)));
    }
    write(view, key, offset, value, before)
}

fn write<'a>(
    view: &View<'_>,
    key: &'a [u8],
    offset: u64,
    value: &'a [u8],
    len_before: usize,
) -> Decided<'a> {
    let end = offset.saturating_add(value.len() as u64);
    if STRING_BYTES_MAX < end {
        return Err(TOO_LONG);
    }
    let op = Op::StringWrite { db: view.context.db, key, offset, value: Text::Borrowed(value) };
    Ok(Decision::change(Reply::count(end.max(len_before as u64)), op))
}

impl Value {
    /// The bytes of a string.
    pub(crate) fn string(&self) -> Result<&[u8], CommandError> {
        match self {
            Value::String(value) => Ok(value),
            _ => Err(CommandError::WrongType),
        }
    }
}
