//! Rules of the commands that take values where they find them, or wait until they do.

use super::write::{op_pop, take};
use crate::blocked::{Blocked, BlockedPop, PopKind};
use crate::command::ListEnd;
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::op::Op;
use crate::reply::Reply;

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// LMOVE, RPOPLPUSH, and BLMOVE, BRPOPLPUSH, which wait.
pub(crate) fn l_move<'a>(
    view: &View<'_>,
    key: &'a [u8],
    new_key: &'a [u8],
    from: ListEnd,
    to: ListEnd,
    waits: bool,
) -> Decided<'a> {
    let Some(list) = view.list(key)? else {
        let mut decision = Decision::reply(Reply::Nil);
        decision.wait = waits.then(|| {
            let kind = PopKind::ListMove { new_key: new_key.into(), from, to };
            Box::new(Blocked::Pop(BlockedPop { keys: vec![key.into()], kind }))
        });
        return Ok(decision);
    };
    view.list(new_key)?;
    let value = list.end(from).map_or(Reply::Nil, |value| view.bulk(value));
    let op = Op::ListMove { db: view.context.db, key, from, new_key, to };
    Ok(Decision::change(value, op))
}

/// BLPOP, BRPOP: one value of the first list that is there.
pub(crate) fn bl_pop<'a>(view: &View<'_>, keys: &[&'a [u8]], end: ListEnd) -> Decided<'a> {
    for &key in keys {
        let Some(list) = view.list(key)? else { continue };
        let value = list.end(end).map_or(Reply::Nil, |value| view.bulk(value));
        let reply = view.gather([view.bulk(key), value].into_iter());
        return Ok(Decision::change(reply, op_pop(view, key, end, 1)));
    }
    Ok(wait(keys, PopKind::List { end }))
}

/// LMPOP, and BLMPOP, which waits: values of the first list that is there.
pub(crate) fn l_m_pop<'a>(
    view: &View<'_>,
    keys: &[&'a [u8]],
    end: ListEnd,
    count: u64,
    waits: bool,
) -> Decided<'a> {
    for &key in keys {
        let Some(list) = view.list(key)? else { continue };
        let (values, op) = take(view, key, list, end, count);
        let reply = match values {
            Reply::TooLong => Reply::TooLong,
            values => Reply::Array(vec![view.bulk(key), values]),
        };
        return Ok(Decision::change(reply, op));
    }
    if waits {
        Ok(wait(keys, PopKind::ListMany { end, count }))
    } else {
        Ok(Decision::reply(Reply::NilArray))
    }
}

fn wait<'a>(keys: &[&[u8]], kind: PopKind) -> Decision<'a> {
    let keys = keys.iter().map(|key| (*key).into()).collect();
    let mut decision = Decision::reply(Reply::NilArray);
    decision.wait = Some(Box::new(Blocked::Pop(BlockedPop { keys, kind })));
    decision
}
