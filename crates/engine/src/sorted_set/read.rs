//! Rules of the commands that look into one sorted set, and of ZRANGESTORE.

use std::ops::Range;

use super::command::{Direction, MemberRange, ZRange};
use super::draft::Draft;
use super::{SMALL_MEMBERS_MAX, SortedSet};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::op::Op;
use crate::reply::{Nesting, Reply, Shape};

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// ZCARD.
pub(crate) fn z_card<'a>(view: &View<'_>, key: &[u8]) -> Decided<'a> {
    Ok(Decision::reply(Reply::count(view.sorted_set(key)?.map_or(0, SortedSet::len))))
}

/// ZSCORE.
pub(crate) fn z_score<'a>(view: &View<'_>, key: &[u8], member: &[u8]) -> Decided<'a> {
    Ok(Decision::reply(score_reply(view.sorted_set(key)?, member)))
}

/// ZMSCORE.
pub(crate) fn z_m_score<'a>(view: &View<'_>, key: &[u8], members: &[&[u8]]) -> Decided<'a> {
    let set = view.sorted_set(key)?;
    Ok(Decision::reply(view.gather(members.iter().map(|member| score_reply(set, member)))))
}

fn score_reply(set: Option<&SortedSet>, member: &[u8]) -> Reply {
    set.and_then(|set| set.score(member)).map_or(Reply::Nil, Reply::Double)
}

/// ZCOUNT, ZLEXCOUNT.
pub(crate) fn z_count<'a>(view: &View<'_>, key: &[u8], range: &MemberRange<'_>) -> Decided<'a> {
    let set = view.sorted_set(key)?;
    let count = set.map_or(0, |set| set.ranks(range, Direction::Forward).len());
    Ok(Decision::reply(Reply::count(count)))
}

/// ZRANK, ZREVRANK.
pub(crate) fn z_rank<'a>(
    view: &View<'_>,
    key: &[u8],
    member: &[u8],
    direction: Direction,
    with_score: bool,
) -> Decided<'a> {
    let set = view.sorted_set(key)?;
    let found = set.and_then(|set| Some((set, set.rank(member)?, set.score(member)?)));
    let Some((set, rank, score)) = found else {
        return Ok(Decision::reply(if with_score { Reply::NilArray } else { Reply::Nil }));
    };
    let rank = Reply::count(match direction {
        Direction::Forward => rank,
        Direction::Reverse => set.len() - 1 - rank,
    });
    Ok(Decision::reply(if with_score {
        Reply::Array(vec![rank, Reply::Double(score)])
    } else {
        rank
    }))
}

/// ZRANGE, ZREVRANGE and the ranges by score and by member.
pub(crate) fn z_range<'a>(view: &View<'_>, range: &ZRange<'_>) -> Decided<'a> {
    let Some(set) = view.sorted_set(range.key)? else {
        return Ok(Decision::reply(Reply::Array(Vec::new())));
    };
    let members = walk(set, ranks(set, range), range.direction);
    Ok(Decision::reply(if range.with_scores {
        view.gather_scored(Nesting::ByProtocol, members)
    } else {
        view.gather_strings(Shape::List, members.map(|(member, _)| member))
    }))
}

/// The ranks that a range comes to, its limit included.
fn ranks(set: &SortedSet, range: &ZRange<'_>) -> Range<usize> {
    let ranks = set.ranks(&range.range, range.direction);
    let (offset, count) = match range.limit {
        Some(limit) if !matches!(range.range, MemberRange::Rank { .. }) => limit,
        _ => return ranks,
    };
    // Redis walks past as many members as the offset says, which for a negative one is all of them.
    let skipped = usize::try_from(offset).unwrap_or(usize::MAX).min(ranks.len());
    let taken = usize::try_from(count).unwrap_or(usize::MAX).min(ranks.len() - skipped);
    match range.direction {
        Direction::Forward => ranks.start + skipped..ranks.start + skipped + taken,
        Direction::Reverse => ranks.end - skipped - taken..ranks.end - skipped,
    }
}

/// Members of neighbouring ranks in one of the directions.
pub(super) fn walk(
    set: &SortedSet,
    ranks: Range<usize>,
    direction: Direction,
) -> impl Iterator<Item = (&[u8], f64)> {
    let members = set.by_rank(ranks);
    let (forward, reverse) = match direction {
        Direction::Forward => (Some(members), None),
        Direction::Reverse => (None, Some(members.rev())),
    };
    forward.into_iter().flatten().chain(reverse.into_iter().flatten())
}

/// ZRANGESTORE.
pub(crate) fn z_range_store<'a>(
    view: &View<'_>,
    new_key: &'a [u8],
    range: &ZRange<'_>,
) -> Decided<'a> {
    let set = view.sorted_set(range.key)?;
    let ranks = set.map_or(0..0, |set| ranks(set, range));
    // Redis knows the number of members beforehand only where ranks are asked for.
    let is_large =
        matches!(range.range, MemberRange::Rank { .. }) && SMALL_MEMBERS_MAX < ranks.len();
    let mut draft = Draft::new(!is_large);
    for (member, score) in set.into_iter().flat_map(|set| walk(set, ranks.clone(), range.direction))
    {
        draft.push(member, score, true);
    }
    Ok(store(view, new_key, draft))
}

/// Puts a new sorted set, or nothing, in the place of whatever a key held.
pub(super) fn store<'a>(view: &View<'_>, key: &'a [u8], draft: Draft<'_, '_>) -> Decision<'a> {
    let db = view.context.db;
    let mut decision = Decision::reply(Reply::count(draft.len()));
    decision.ops.extend(view.entry(key).map(|_| Op::Delete { db, key }));
    decision.ops.extend(draft.into_owned_op(db, key));
    decision
}
