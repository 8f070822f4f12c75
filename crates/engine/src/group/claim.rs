//! XCLAIM and XAUTOCLAIM: pending entries change their owner.

use std::collections::BTreeMap;

use super::presence::Presence;
use super::read::consumer_attempt;
use super::{Group, claimable, one_more};
use crate::command::{Claim, ClaimTime, Deferred, XAutoClaim};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::id::{StreamId, UnixMillis};
use crate::op::{Ids, Op, Ops};
use crate::reply::Reply;
use crate::stream::Stream;

/// XAUTOCLAIM looks at this many pending entries for each one that it may return.
const ATTEMPTS_PER_COUNT: u64 = 10;

/// <https://redis.io/commands/xclaim>
pub(crate) fn decide_claim<'a>(
    view: &View<'_>,
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
    claim: &Deferred<Claim>,
) -> Result<Decision<'a>, CommandError> {
    let (stream, state) = claimable(view, key, group)?;
    let claim = claim.as_ref().map_err(Clone::clone)?;
    let now = view.context.now;
    let delivery_time = delivery_time(claim.delivery_time, now);
    let mut claimed = Claimed::default();
    let mut presence = Presence::new(key, stream);
    // What the command has made of an ID so far: needed only where one may be named twice.
    let may_repeat = !claim.ids.is_sorted_by(|one, next| one < next);
    // The delivery time is that of an owned entry.
    let mut changed: BTreeMap<StreamId, Option<(Option<UnixMillis>, u64)>> = BTreeMap::new();
    for &id in &claim.ids {
        let pending = match changed.get(&id) {
            Some(pending) => *pending,
            None => state
                .pending
                .get(id)
                .map(|entry| (entry.owner.map(|_| entry.delivery_time), entry.delivery_count)),
        };
        if pending.is_none() && !claim.force {
            continue;
        }
        if !presence.holds(id)? {
            if pending.is_some() {
                claimed.removed.0.push(id);
                changed.insert(id, None);
            }
            continue;
        }
        let count = match pending {
            // A made entry starts at 1, and the claim adds one to that: Redis's way.
            None => 1,
            Some((Some(time), _)) if now.saturating_sub(time) < claim.idle_min_ms => continue,
            Some((_, count)) => count,
        };
        let count = match claim.delivery_count {
            Some(given) => given,
            None if claim.just_id => count,
            None => one_more(count),
        };
        claimed.push(id, count);
        if may_repeat {
            changed.insert(id, Some((Some(delivery_time), count)));
        }
    }
    let last_delivered =
        claim.last_id.map_or(state.last_delivered, |id| id.max(state.last_delivered));
    let reply = claimed.reply(stream, key, claim.just_id);
    let names = Names { key, group, consumer };
    let ops = claimed.into_ops(view, names, state, delivery_time, last_delivered);
    Ok(Decision { ops, ..Decision::reply(reply) })
}

/// <https://redis.io/commands/xautoclaim>
pub(crate) fn decide_auto_claim<'a>(
    view: &View<'_>,
    command: &XAutoClaim<'a>,
) -> Result<Decision<'a>, CommandError> {
    let &XAutoClaim { key, group, consumer, idle_min_ms, start, count, just_id } = command;
    let (stream, state) = claimable(view, key, group)?;
    let now = view.context.now;
    let mut claimed = Claimed::default();
    let mut presence = Presence::new(key, stream);
    let mut attempts_left = count.saturating_mul(ATTEMPTS_PER_COUNT);
    let mut count_left = count;
    let mut pending = state.pending.iter_from(start);
    let next_start = loop {
        let Some((id, entry)) = pending.next() else { break StreamId::MIN };
        if attempts_left == 0 || count_left == 0 {
            break id;
        }
        attempts_left -= 1;
        // A ghost goes however short it has been idle.
        if !presence.holds(id)? {
            claimed.removed.0.push(id);
            count_left -= 1;
        } else if entry.is_claimable(idle_min_ms, now) {
            let before = entry.delivery_count;
            claimed.push(id, if just_id { before } else { one_more(before) });
            count_left -= 1;
        }
    };
    let reply = Reply::Array(vec![
        Reply::Id(next_start),
        claimed.reply(stream, key, just_id),
        id_list(&claimed.removed),
    ]);
    let names = Names { key, group, consumer };
    let ops = claimed.into_ops(view, names, state, now, state.last_delivered);
    Ok(Decision { ops, ..Decision::reply(reply) })
}

/// A time in the future, or before 1970, becomes now.
fn delivery_time(given: ClaimTime, now: UnixMillis) -> UnixMillis {
    let time = match given {
        ClaimTime::Now => None,
        ClaimTime::Idle(ms) => now.cast_signed().checked_sub(ms),
        ClaimTime::At(time) => Some(time),
    };
    time.and_then(|time| UnixMillis::try_from(time).ok()).filter(|time| *time <= now).unwrap_or(now)
}

fn id_list(ids: &[StreamId]) -> Reply {
    Reply::Array(ids.iter().map(|id| Reply::Id(*id)).collect())
}

/// Whom a claim is about.
#[derive(Clone, Copy)]
struct Names<'a> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
}

/// What a claim comes to.
#[derive(Default)]
struct Claimed {
    ids: Ids,
    /// Delivery counts, as many as IDs.
    counts: Vec<u64>,
    /// Pending entries whose stream entry is gone.
    removed: Ids,
}

impl Claimed {
    fn push(&mut self, id: StreamId, count: u64) {
        self.ids.0.push(id);
        self.counts.push(count);
    }

    fn reply(&self, stream: &Stream, key: &[u8], just_id: bool) -> Reply {
        if just_id || self.ids.is_empty() {
            id_list(&self.ids)
        } else {
            Reply::Entries(stream.pick(key, &self.ids))
        }
    }

    fn into_ops<'a>(
        self,
        view: &View<'_>,
        Names { key, group, consumer }: Names<'a>,
        state: &Group,
        delivery_time: UnixMillis,
        last_delivered: StreamId,
    ) -> Ops<'a> {
        let any = !self.ids.is_empty();
        let mut ops: Ops<'a> =
            consumer_attempt(view, key, group, consumer, state, any).into_iter().collect();
        if any || !self.removed.is_empty() || last_delivered != state.last_delivered {
            ops.push(Op::Claim {
                db: view.context.db,
                key,
                group,
                consumer,
                active_time: any.then_some(view.context.now),
                delivery_time,
                ids: self.ids,
                counts: self.counts,
                removed: self.removed,
                last_delivered,
            });
        }
        ops
    }
}
