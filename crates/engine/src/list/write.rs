//! Rules of the commands that change one list.

use super::{List, resolve, resolve_range};
use crate::command::{Deferred, ListEnd, ListPlace};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::op::{Op, Text};
use crate::reply::{Reply, Shape};
use crate::texts::Texts;

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// LPUSH, RPUSH, LPUSHX, RPUSHX.
pub(crate) fn push<'a>(
    view: &View<'_>,
    key: &'a [u8],
    end: ListEnd,
    values: &'a [&'a [u8]],
    only_if_present: bool,
) -> Decided<'a> {
    let list = view.list(key)?;
    if only_if_present && list.is_none() {
        return Ok(Decision::reply(Reply::Integer(0)));
    }
    let reply = Reply::count(list.map_or(0, List::len) + values.len());
    let values = Texts::Borrowed(values);
    Ok(Decision::change(reply, Op::ListPush { db: view.context.db, key, end, values }))
}

/// LPOP, RPOP.
pub(crate) fn pop<'a>(
    view: &View<'_>,
    key: &'a [u8],
    end: ListEnd,
    count: Option<u64>,
) -> Decided<'a> {
    let list = view.list(key)?;
    let Some(count) = count else {
        let Some(list) = list else { return Ok(Decision::reply(Reply::Nil)) };
        let value = list.end(end).map_or(Reply::Nil, |value| view.bulk(value));
        return Ok(Decision::change(value, op_pop(view, key, end, 1)));
    };
    let Some(list) = list else { return Ok(Decision::reply(Reply::NilArray)) };
    if count == 0 {
        return Ok(Decision::reply(Reply::Array(Vec::new())));
    }
    let (values, op) = take(view, key, list, end, count);
    Ok(Decision::change(values, op))
}

/// Up to `count` values from an end, and the operation that takes them away.
pub(super) fn take<'a>(
    view: &View<'_>,
    key: &'a [u8],
    list: &List,
    end: ListEnd,
    count: u64,
) -> (Reply, Op<'a>) {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(list.len());
    let values = view.gather_strings(Shape::List, list.inwards(end, count));
    (values, op_pop(view, key, end, count))
}

pub(super) fn op_pop<'a>(view: &View<'_>, key: &'a [u8], end: ListEnd, count: usize) -> Op<'a> {
    Op::ListPop { db: view.context.db, key, end, count: count as u64 }
}

/// LSET.
pub(crate) fn l_set<'a>(
    view: &View<'_>,
    key: &'a [u8],
    index: &Deferred<i64>,
    value: &'a [u8],
) -> Decided<'a> {
    let list = view.list(key)?.ok_or(CommandError::NoSuchKey)?;
    let index = resolve(index.clone()?, list.len())
        .ok_or(CommandError::Fixed("ERR index out of range"))? as u64;
    let value = Text::Borrowed(value);
    Ok(Decision::change(Reply::Ok, Op::ListSet { db: view.context.db, key, index, value }))
}

/// LINSERT.
pub(crate) fn l_insert<'a>(
    view: &View<'_>,
    key: &'a [u8],
    place: ListPlace,
    pivot: &[u8],
    value: &'a [u8],
) -> Decided<'a> {
    let Some(list) = view.list(key)? else { return Ok(Decision::reply(Reply::Integer(0))) };
    let Some(found) = list.iter().position(|value| value == pivot) else {
        return Ok(Decision::reply(Reply::Integer(-1)));
    };
    let index = match place {
        ListPlace::Before => found as u64,
        ListPlace::After => found as u64 + 1,
    };
    let op = Op::ListInsert { db: view.context.db, key, index, value: Text::Borrowed(value) };
    Ok(Decision::change(Reply::count(list.len() + 1), op))
}

/// LREM: from the left, or with a negative count from the right; 0 for all.
pub(crate) fn l_rem<'a>(view: &View<'_>, key: &'a [u8], count: i64, value: &[u8]) -> Decided<'a> {
    let Some(list) = view.list(key)? else { return Ok(Decision::reply(Reply::Integer(0))) };
    let most = match usize::try_from(count.unsigned_abs()) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(most) => most,
    };
    let matches = |(index, found): (usize, &[u8])| (found == value).then_some(index as u64);
    let indices: Vec<u64> = if count < 0 {
        let last = list.len().saturating_sub(1) as u64;
        let found = list.iter().rev().enumerate().filter_map(matches).take(most);
        let mut indices: Vec<u64> = found.map(|index| last - index).collect();
        indices.reverse();
        indices
    } else {
        list.iter().enumerate().filter_map(matches).take(most).collect()
    };
    if indices.is_empty() {
        return Ok(Decision::reply(Reply::Integer(0)));
    }
    let reply = Reply::count(indices.len());
    Ok(Decision::change(reply, Op::ListRemove { db: view.context.db, key, indices }))
}

/// LTRIM. One that takes nothing away is a change all the same, as those who watch the key see it.
pub(crate) fn l_trim<'a>(view: &View<'_>, key: &'a [u8], start: i64, stop: i64) -> Decided<'a> {
    let Some(list) = view.list(key)? else { return Ok(Decision::reply(Reply::Ok)) };
    let kept = resolve_range(start, stop, list.len());
    let (front, back) = if kept.is_empty() {
        (list.len() as u64, 0)
    } else {
        (kept.start as u64, (list.len() - kept.end) as u64)
    };
    Ok(Decision::change(Reply::Ok, Op::ListTrim { db: view.context.db, key, front, back }))
}
