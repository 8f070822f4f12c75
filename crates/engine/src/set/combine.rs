//! Rules of the commands that make one set of several.

use foldhash::fast::FixedState;
use indexmap::IndexSet;

use super::Set;
use crate::command::SetOperation;
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::op::{Op, Ops};
use crate::reply::{Reply, Shape, Strings};
use crate::strings::integer;
use crate::texts::Texts;

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// SINTER, SUNION, SDIFF.
pub(crate) fn combine<'a>(view: &View<'_>, operation: SetOperation, keys: &[&[u8]]) -> Decided<'a> {
    let members = members(view, operation, keys)?;
    Ok(Decision::reply(view.gather_strings(Shape::Set, members.into_iter())))
}

/// SINTERSTORE, SUNIONSTORE, SDIFFSTORE. Whatever `new_key` held goes.
pub(crate) fn combine_and_store<'a>(
    view: &View<'_>,
    operation: SetOperation,
    new_key: &'a [u8],
    keys: &[&[u8]],
) -> Decided<'a> {
    let db = view.context.db;
    let members: Strings = members(view, operation, keys)?.into_iter().collect();
    let mut decision = Decision::reply(Reply::count(members.len()));
    decision.ops = replace(view, new_key);
    if !members.is_empty() {
        let members = Texts::Owned(members);
        decision.ops.push(Op::SetAdd { db, key: new_key, members });
    }
    Ok(decision)
}

/// What takes a key out of the way before it gets a new value.
pub(crate) fn replace<'a>(view: &View<'_>, key: &'a [u8]) -> Ops<'a> {
    let removal = Op::Delete { db: view.context.db, key };
    view.entry(key).map(|_| removal).into_iter().collect()
}

/// SINTERCARD; `limit` 0 for none.
pub(crate) fn s_inter_card<'a>(view: &View<'_>, keys: &[&[u8]], limit: u64) -> Decided<'a> {
    let sets = sets(view, keys)?;
    let limit = usize::try_from(limit).ok().filter(|limit| *limit != 0).unwrap_or(usize::MAX);
    Ok(Decision::reply(Reply::count(intersection(&sets).take(limit).count())))
}

/// The sets of the keys, in order. A key of another type is refused whatever the others hold.
fn sets<'e>(view: &View<'e>, keys: &[&[u8]]) -> Result<Vec<Option<&'e Set>>, CommandError> {
    keys.iter().map(|key| view.set(key)).collect()
}

fn members<'e>(
    view: &View<'e>,
    operation: SetOperation,
    keys: &[&[u8]],
) -> Result<Vec<&'e [u8]>, CommandError> {
    let sets = sets(view, keys)?;
    let mut members: Vec<&[u8]> = match operation {
        SetOperation::Intersection => intersection(&sets).collect(),
        SetOperation::Union => {
            let hasher: FixedState = view.db().hasher();
            let mut union = IndexSet::with_hasher(hasher);
            union.extend(sets.iter().flatten().flat_map(|set| set.iter()));
            union.into_iter().collect()
        }
        SetOperation::Difference => {
            let (first, others) = sets.split_first().unwrap_or((&None, &[]));
            let is_alone = |member: &&[u8]| {
                !others.iter().flatten().any(|other: &&Set| other.contains(member))
            };
            first.iter().flat_map(|set| set.iter()).filter(is_alone).collect()
        }
    };
    sort_integers(&mut members);
    Ok(members)
}

/// The members that all sets have, in the order of the smallest of them.
fn intersection<'s>(sets: &[Option<&'s Set>]) -> impl Iterator<Item = &'s [u8]> {
    let mut sets: Vec<&Set> = sets.iter().copied().collect::<Option<_>>().unwrap_or_default();
    sets.sort_by_key(|set| set.len());
    let mut sets = sets.into_iter();
    let smallest = sets.next();
    let others: Vec<&Set> = sets.collect();
    let members = smallest.into_iter().flat_map(Set::iter);
    members.filter(move |member| others.iter().all(|other| other.contains(member)))
}

/// What would be an intset comes sorted, as in Redis.
fn sort_integers(members: &mut [&[u8]]) {
    let are_integers = || members.iter().all(|member| integer(member).is_some());
    if members.len() <= super::INTEGERS_MAX && are_integers() {
        members.sort_by_cached_key(|member| integer(member));
    }
}
