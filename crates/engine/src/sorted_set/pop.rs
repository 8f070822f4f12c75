//! Rules of the commands that take members from an end of the order, or wait until there are some.

use std::ops::Range;

use super::SortedSet;
use super::command::{Direction, ScoreEnd};
use super::read::walk;
use super::write::remove_ranks;
use crate::blocked::{Blocked, BlockedPop, PopKind};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::reply::{Nesting, Reply};

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// ZPOPMIN, ZPOPMAX.
pub(crate) fn z_pop<'a>(
    view: &View<'_>,
    key: &'a [u8],
    end: ScoreEnd,
    count: Option<u64>,
) -> Decided<'a> {
    let Some(set) = view.sorted_set(key)?.filter(|_| count != Some(0)) else {
        return Ok(Decision::reply(Reply::Array(Vec::new())));
    };
    let ranks = ranks(set, end, count.unwrap_or(1));
    let reply = match count {
        Some(_) => {
            view.gather_scored(Nesting::ByProtocol, walk(set, ranks.clone(), end.direction()))
        }
        None => view.gather(one(view, set, &ranks)),
    };
    Ok(Decision::change(reply, remove_ranks(view, key, &ranks)))
}

/// BZPOPMIN, BZPOPMAX: one member of the first sorted set that is there.
pub(crate) fn bz_pop<'a>(view: &View<'_>, keys: &[&'a [u8]], end: ScoreEnd) -> Decided<'a> {
    for &key in keys {
        let Some(set) = view.sorted_set(key)? else { continue };
        let ranks = ranks(set, end, 1);
        let reply = view.gather(std::iter::once(view.bulk(key)).chain(one(view, set, &ranks)));
        return Ok(Decision::change(reply, remove_ranks(view, key, &ranks)));
    }
    Ok(wait(keys, PopKind::SortedSet { end }))
}

/// ZMPOP, and BZMPOP, which waits: members of the first sorted set that is there.
pub(crate) fn z_m_pop<'a>(
    view: &View<'_>,
    keys: &[&'a [u8]],
    end: ScoreEnd,
    count: u64,
    waits: bool,
) -> Decided<'a> {
    for &key in keys {
        let Some(set) = view.sorted_set(key)? else { continue };
        let ranks = ranks(set, end, count);
        let members = walk(set, ranks.clone(), end.direction());
        let reply = match view.gather_scored(Nesting::Always, members) {
            Reply::TooLong => Reply::TooLong,
            members => Reply::Array(vec![view.bulk(key), members]),
        };
        return Ok(Decision::change(reply, remove_ranks(view, key, &ranks)));
    }
    if waits {
        Ok(wait(keys, PopKind::SortedSetMany { end, count }))
    } else {
        Ok(Decision::reply(Reply::NilArray))
    }
}

/// The ranks of up to `count` members at an end.
fn ranks(set: &SortedSet, end: ScoreEnd, count: u64) -> Range<usize> {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(set.len());
    match end {
        ScoreEnd::Lowest => 0..count,
        ScoreEnd::Highest => set.len() - count..set.len(),
    }
}

/// A member and its score side by side.
fn one(view: &View<'_>, set: &SortedSet, ranks: &Range<usize>) -> impl Iterator<Item = Reply> {
    let (member, score) = set.at_rank(ranks.start).expect("a sorted set is never empty");
    [view.bulk(member), Reply::Double(score)].into_iter()
}

fn wait<'a>(keys: &[&[u8]], kind: PopKind) -> Decision<'a> {
    let keys = keys.iter().map(|key| (*key).into()).collect();
    let mut decision = Decision::reply(Reply::NilArray);
    decision.wait = Some(Box::new(Blocked::Pop(BlockedPop { keys, kind })));
    decision
}

impl ScoreEnd {
    /// The walk that begins at this end.
    fn direction(self) -> Direction {
        match self {
            ScoreEnd::Lowest => Direction::Forward,
            ScoreEnd::Highest => Direction::Reverse,
        }
    }
}
