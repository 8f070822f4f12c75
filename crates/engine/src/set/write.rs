//! Rules of the commands that change one or two sets by members that are named.

use std::collections::BTreeSet;

use super::Set;
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::op::Op;
use crate::reply::Reply;
use crate::texts::Texts;

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// SADD.
pub(crate) fn s_add<'a>(view: &View<'_>, key: &'a [u8], members: &'a [&'a [u8]]) -> Decided<'a> {
    let set = view.set(key)?;
    let is_new = |member: &&[u8]| set.is_none_or(|set| !set.contains(member));
    let added = distinct(members, is_new);
    change(added, |members| Op::SetAdd { db: view.context.db, key, members })
}

/// SREM.
pub(crate) fn s_rem<'a>(view: &View<'_>, key: &'a [u8], members: &'a [&'a [u8]]) -> Decided<'a> {
    let set = view.set(key)?;
    let is_there = |member: &&[u8]| set.is_some_and(|set| set.contains(member));
    let removed = distinct(members, is_there);
    change(removed, |members| Op::SetRemove { db: view.context.db, key, members })
}

/// The members that pass, each once.
fn distinct<'a>(members: &'a [&'a [u8]], passes: impl Fn(&&'a [u8]) -> bool) -> Texts<'a> {
    if let [member] = members {
        return Texts::Borrowed(if passes(member) { members } else { &[] });
    }
    let mut named = BTreeSet::new();
    let passing = members.iter().copied().filter(|member| passes(member) && named.insert(*member));
    Texts::Collected(passing.collect())
}

fn change<'a>(members: Texts<'a>, op: impl FnOnce(Texts<'a>) -> Op<'a>) -> Decided<'a> {
    let reply = Reply::count(members.len());
    if members.is_empty() {
        return Ok(Decision::reply(reply));
    }
    Ok(Decision::change(reply, op(members)))
}

/// SMOVE.
pub(crate) fn s_move<'a>(
    view: &View<'_>,
    key: &'a [u8],
    new_key: &'a [u8],
    member: &'a [&'a [u8]],
) -> Decided<'a> {
    let db = view.context.db;
    // A destination of another type is no error if there is nothing to move.
    let Some(entry) = view.entry(key) else { return Ok(Decision::reply(Reply::Integer(0))) };
    let set = entry.value.set()?;
    let new_set: Option<&Set> = view.set(new_key)?;
    let is_there = member.iter().all(|member| set.contains(member));
    if !is_there || key == new_key {
        return Ok(Decision::reply(Reply::Integer(i64::from(is_there))));
    }
    let removal = Op::SetRemove { db, key, members: Texts::Borrowed(member) };
    let mut decision = Decision::change(Reply::Integer(1), removal);
    let is_new = new_set.is_none_or(|set| member.iter().all(|member| !set.contains(member)));
    if is_new {
        let members = Texts::Borrowed(member);
        decision.ops.push(Op::SetAdd { db, key: new_key, members });
    }
    Ok(decision)
}
