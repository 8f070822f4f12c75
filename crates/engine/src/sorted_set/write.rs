//! Rules of the commands that change one sorted set.

use std::collections::BTreeSet;

use super::command::{Direction, MemberRange, ZAdd, ZAddCondition};
use super::draft::Draft;
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::op::Op;
use crate::reply::Reply;
use crate::texts::Texts;

type Decided<'a> = Result<Decision<'a>, CommandError>;

const NOT_A_NUMBER: CommandError = CommandError::Fixed("ERR resulting score is not a number (NaN)");

/// What ZADD does to one member.
enum Effect {
    Nothing,
    /// It has the score asked for already.
    Same(f64),
    Added(f64),
    Updated(f64),
}

/// ZADD, ZINCRBY.
pub(crate) fn z_add<'a>(view: &View<'_>, command: &ZAdd<'a>) -> Decided<'a> {
    let ZAdd { key, condition, count_changed, increment, ref pairs } = *command;
    let set = view.sorted_set(key)?;
    let mut draft = Draft::of(set);
    let (mut added, mut updated, mut last) = (0, 0, Reply::Nil);
    for &(score, member) in pairs {
        let before = draft.score(member);
        let effect = effect(before, score, condition, increment)?;
        let score = match effect {
            Effect::Nothing => continue,
            Effect::Same(score) => {
                last = Reply::Double(score);
                continue;
            }
            Effect::Added(score) => {
                added += 1;
                score
            }
            Effect::Updated(score) => {
                updated += 1;
                score
            }
        };
        last = Reply::Double(score);
        if pairs.len() == 1 {
            draft.push(member, score, before.is_none());
        } else {
            draft.set(member, score, before.is_none());
        }
    }
    let reply = if increment {
        last
    } else {
        Reply::count(if count_changed { added + updated } else { added })
    };
    let mut decision = Decision::reply(reply);
    decision.ops.extend(draft.into_op(view.context.db, key));
    Ok(decision)
}

fn effect(
    before: Option<f64>,
    score: f64,
    condition: ZAddCondition,
    increment: bool,
) -> Result<Effect, CommandError> {
    let ZAddCondition { if_missing, if_present, if_greater, if_less } = condition;
    let Some(before) = before else {
        return Ok(if if_present { Effect::Nothing } else { Effect::Added(score) });
    };
    if if_missing {
        return Ok(Effect::Nothing);
    }
    let score = if increment { before + score } else { score };
    if score.is_nan() {
        return Err(NOT_A_NUMBER);
    }
    if if_less && before <= score || if_greater && score <= before {
        return Ok(Effect::Nothing);
    }
    // Zero and minus zero are the same score.
    Ok(if score == before { Effect::Same(score) } else { Effect::Updated(score) })
}

/// ZREM.
pub(crate) fn z_rem<'a>(view: &View<'_>, key: &'a [u8], members: &'a [&'a [u8]]) -> Decided<'a> {
    let Some(set) = view.sorted_set(key)? else { return Ok(Decision::reply(Reply::Integer(0))) };
    let is_there = |member: &&[u8]| set.score(member).is_some();
    let members = match members {
        [member] => Texts::Borrowed(if is_there(member) { members } else { &[] }),
        _ => {
            let mut named = BTreeSet::new();
            let present = members.iter().copied().filter(|member| is_there(member));
            Texts::Collected(present.filter(|member| named.insert(*member)).collect())
        }
    };
    let reply = Reply::count(members.len());
    if members.is_empty() {
        return Ok(Decision::reply(reply));
    }
    Ok(Decision::change(reply, Op::SortedSetRemove { db: view.context.db, key, members }))
}

/// ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.
pub(crate) fn z_rem_range<'a>(
    view: &View<'_>,
    key: &'a [u8],
    range: &MemberRange<'_>,
) -> Decided<'a> {
    let Some(set) = view.sorted_set(key)? else { return Ok(Decision::reply(Reply::Integer(0))) };
    let ranks = set.ranks(range, Direction::Forward);
    let reply = Reply::count(ranks.len());
    if ranks.is_empty() {
        return Ok(Decision::reply(reply));
    }
    Ok(Decision::change(reply, remove_ranks(view, key, &ranks)))
}

/// The operation that removes the members of these ranks.
pub(super) fn remove_ranks<'a>(
    view: &View<'_>,
    key: &'a [u8],
    ranks: &std::ops::Range<usize>,
) -> Op<'a> {
    let (first, count) = (ranks.start as u64, ranks.len() as u64);
    Op::SortedSetRemoveRange { db: view.context.db, key, first, count }
}
