//! Rules of the hash commands.

use std::collections::BTreeSet;

use crate::apply::HASH_ORDERED_FIELDS_MAX;
use crate::command::HashPart;
use crate::decide::View;
use crate::draws::{DRAWN_MAX, Draws};
use crate::engine::Decision;
use crate::error::CommandError;
use crate::fields::Fields;
use crate::float::Extended;
use crate::keys::place;
use crate::keyspace::Hash;
use crate::op::{Op, Text};
use crate::reply::{Reply, Shape};
use crate::strings::{NOT_FINITE, OVERFLOW, integer};

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// Longest name or value of a hash that Redis calls a listpack.
const SMALL_STRING_BYTES_MAX: usize = 64;

/// Whether Redis would hold the hash as a listpack: HSCAN then returns it whole.
pub(crate) fn is_small(hash: &Hash) -> bool {
    hash.len() <= HASH_ORDERED_FIELDS_MAX
        && hash.iter().all(|(field, value)| {
            field.len() <= SMALL_STRING_BYTES_MAX && value.len() <= SMALL_STRING_BYTES_MAX
        })
}

/// OBJECT ENCODING of a hash.
pub(crate) fn encoding(hash: &Hash) -> &'static str {
    if is_small(hash) { "listpack" } else { "hashtable" }
}

/// HSET, HMSET.
pub(crate) fn h_set<'a>(
    view: &View<'_>,
    key: &'a [u8],
    pairs: &'a [&'a [u8]],
    legacy_reply: bool,
) -> Decided<'a> {
    let hash = view.hash(key)?;
    let pairs = Fields::Borrowed(pairs);
    let is_new = |field: &[u8]| hash.is_none_or(|hash| !hash.contains_key(field));
    let added = match pairs.strings() {
        [field, _] => usize::from(is_new(field)),
        _ => {
            let fields = pairs.pairs().map(|(field, _)| field).filter(|field| is_new(field));
            fields.collect::<BTreeSet<_>>().len()
        }
    };
    let reply = if legacy_reply { Reply::Ok } else { Reply::count(added) };
    Ok(Decision::change(reply, Op::HashSet { db: view.context.db, key, pairs }))
}

/// HSETNX.
pub(crate) fn h_set_nx<'a>(
    view: &View<'_>,
    key: &'a [u8],
    field: &'a [u8],
    value: &'a [u8],
) -> Decided<'a> {
    if view.hash(key)?.is_some_and(|hash| hash.contains_key(field)) {
        return Ok(Decision::reply(Reply::Integer(0)));
    }
    Ok(Decision::change(Reply::Integer(1), set_one(view, key, field, Text::Borrowed(value))))
}

fn set_one<'a>(view: &View<'_>, key: &'a [u8], field: &'a [u8], value: Text<'a>) -> Op<'a> {
    Op::HashSetField { db: view.context.db, key, field, value }
}

fn field_reply(view: &View<'_>, hash: Option<&Hash>, field: &[u8]) -> Reply {
    hash.and_then(|hash| hash.get(field)).map_or(Reply::Nil, |value| view.bulk(value))
}

/// HGET.
pub(crate) fn h_get<'a>(view: &View<'_>, key: &[u8], field: &[u8]) -> Decided<'a> {
    Ok(Decision::reply(field_reply(view, view.hash(key)?, field)))
}

/// HMGET.
pub(crate) fn h_m_get<'a>(view: &View<'_>, key: &[u8], fields: &[&[u8]]) -> Decided<'a> {
    let hash = view.hash(key)?;
    let values = fields.iter().map(|field| field_reply(view, hash, field));
    Ok(Decision::reply(view.gather(values)))
}

/// HGETALL, HKEYS, HVALS.
pub(crate) fn h_get_all<'a>(view: &View<'_>, key: &[u8], part: HashPart) -> Decided<'a> {
    let pairs = view.hash(key)?.into_iter().flatten();
    Ok(Decision::reply(match part {
        HashPart::Pairs => view.gather_strings(Shape::Map, flat(pairs)),
        HashPart::Fields => view.gather_strings(Shape::List, pairs.map(|(field, _)| &field[..])),
        HashPart::Values => view.gather_strings(Shape::List, pairs.map(|(_, value)| &value[..])),
    }))
}

/// Fields and values in turn.
pub(crate) fn flat<'h>(
    pairs: impl Iterator<Item = (&'h Box<[u8]>, &'h Box<[u8]>)>,
) -> impl Iterator<Item = &'h [u8]> {
    pairs.flat_map(|(field, value)| [&field[..], &value[..]])
}

/// HDEL.
pub(crate) fn h_del<'a>(view: &View<'_>, key: &'a [u8], fields: &[&'a [u8]]) -> Decided<'a> {
    let Some(hash) = view.hash(key)? else { return Ok(Decision::reply(Reply::Integer(0))) };
    let mut named = BTreeSet::new();
    let mut present: Vec<_> =
        fields.iter().copied().filter(|field| hash.contains_key(*field)).collect();
    if 1 < present.len() {
        present.retain(|field| named.insert(*field));
    }
    if present.is_empty() {
        return Ok(Decision::reply(Reply::Integer(0)));
    }
    let reply = Reply::count(present.len());
    Ok(Decision::change(reply, Op::HashDelete { db: view.context.db, key, fields: present }))
}

/// HEXISTS.
pub(crate) fn h_exists<'a>(view: &View<'_>, key: &[u8], field: &[u8]) -> Decided<'a> {
    let is_there = view.hash(key)?.is_some_and(|hash| hash.contains_key(field));
    Ok(Decision::reply(Reply::Integer(i64::from(is_there))))
}

/// HLEN.
pub(crate) fn h_len<'a>(view: &View<'_>, key: &[u8]) -> Decided<'a> {
    Ok(Decision::reply(Reply::count(view.hash(key)?.map_or(0, Hash::len))))
}

/// HSTRLEN.
pub(crate) fn h_str_len<'a>(view: &View<'_>, key: &[u8], field: &[u8]) -> Decided<'a> {
    let value = view.hash(key)?.and_then(|hash| hash.get(field));
    Ok(Decision::reply(Reply::count(value.map_or(0, |value| value.len()))))
}

/// HINCRBY.
pub(crate) fn h_incr_by<'a>(
    view: &View<'_>,
    key: &'a [u8],
    field: &'a [u8],
    by: i64,
) -> Decided<'a> {
    let before = match view.hash(key)?.and_then(|hash| hash.get(field)) {
        None => 0,
        Some(value) => {
            integer(value).ok_or(CommandError::Fixed("ERR hash value is not an integer"))?
        }
    };
    let after = before.checked_add(by).ok_or(OVERFLOW)?;
    let text = Text::Owned(itoa::Buffer::new().format(after).as_bytes().to_vec());
    Ok(Decision::change(Reply::Integer(after), set_one(view, key, field, text)))
}

/// HINCRBYFLOAT.
pub(crate) fn h_incr_by_float<'a>(
    view: &View<'_>,
    key: &'a [u8],
    field: &'a [u8],
    by: Extended,
) -> Decided<'a> {
    if !by.is_finite() {
        return Err(CommandError::Fixed("ERR value is NaN or Infinity"));
    }
    let before = match view.hash(key)?.and_then(|hash| hash.get(field)) {
        None => Extended::ZERO,
        Some(value) => {
            Extended::parse(value).ok_or(CommandError::Fixed("ERR hash value is not a float"))?
        }
    };
    let text = before.plus(by).format().ok_or(NOT_FINITE)?;
    let reply = Reply::bulk(&text);
    Ok(Decision::change(reply, set_one(view, key, field, Text::Owned(text))))
}

/// HRANDFIELD. The caller's draw decides, so that the engine stays without chance of its own.
pub(crate) fn h_rand_field<'a>(
    view: &View<'_>,
    key: &[u8],
    count: Option<i64>,
    with_values: bool,
    draw: u64,
) -> Decided<'a> {
    let hash = view.hash(key)?;
    let Some(count) = count else {
        let field = hash.and_then(|hash| hash.get_index(place(draw, hash.len())));
        return Ok(Decision::reply(field.map_or(Reply::Nil, |(field, _)| Reply::bulk(field))));
    };
    let Some(hash) = hash else { return Ok(Decision::reply(Reply::Array(Vec::new()))) };
    if count < 0 && DRAWN_MAX < count.unsigned_abs() {
        return Err(CommandError::Fixed("ERR value is out of range"));
    }
    let places = if count < 0 {
        Draws(draw).places(hash.len(), count.unsigned_abs())
    } else {
        Draws(draw).distinct_places(hash.len(), usize::try_from(count).unwrap_or(usize::MAX))
    };
    let fields = places.into_iter().filter_map(|index| hash.get_index(index));
    Ok(Decision::reply(if with_values {
        view.gather_strings(Shape::Pairs, flat(fields))
    } else {
        view.gather_strings(Shape::List, fields.map(|(field, _)| &field[..]))
    }))
}
