//! XREADGROUP CLAIM: pending entries that have been idle for long come before new ones.

use super::claimed::{Before, ClaimedEntries};
use super::presence::Presence;
use super::read::{Reading, as_len};
use super::{Pending, one_more};
use crate::error::CommandError;
use crate::id::{StreamId, UnixMillis};
use crate::op::{Ids, Op, Ops};
use crate::reply::Reply;
use crate::stream::budget::Budget;

/// Entries looked at in one go where the reply is bounded by its bytes.
const STEP_ENTRIES: usize = 64;

/// What is claimed of one stream.
#[derive(Default)]
struct Taken {
    ids: Vec<StreamId>,
    before: Vec<Before>,
    /// Pending entries whose stream entry is gone.
    removed: Ids,
}

impl<'a> Reading<'_, 'a, '_> {
    /// `>` with CLAIM: first what others owe for at least `idle_min_ms`, then new entries. `None` if
    /// there is neither.
    pub(super) fn claimed_and_new(
        &self,
        idle_min_ms: u64,
        budget: &mut Budget,
        ops: &mut Ops<'a>,
    ) -> Result<Option<Reply>, CommandError> {
        let mut taken = self.take_pending(idle_min_ms, budget)?;
        let count = self.command.limits.count;
        let left = count.map(|count| count.saturating_sub(taken.ids.len() as u64));
        let new = self.find_new(left, taken.ids.is_empty(), &[Before::default()], budget)?;
        let is_any = !taken.ids.is_empty();
        self.attempt(is_any || !new.is_empty(), ops);
        let claimed = self.stream.pick(self.key, &taken.ids);
        let before = std::mem::take(&mut taken.before);
        self.push_claim(taken, &before, ops);
        let new = self.deliver_new(new, ops);
        if !is_any && new.is_none() {
            return Ok(None);
        }
        Ok(Some(Reply::Claimed(Box::new(ClaimedEntries { claimed, before, new }))))
    }

    /// Chooses pending entries, as many as COUNT and the budget allow.
    fn take_pending(&self, idle_min_ms: u64, budget: &mut Budget) -> Result<Taken, CommandError> {
        let now = self.view.context.now;
        let mut taken = Taken::default();
        let mut presence = Presence::new(self.key, self.stream);
        let mut left = as_len(self.command.limits.count);
        let is_limited = !budget.is_unlimited();
        // In the order of age, whoever is not old enough ends the search.
        let mut candidates = self
            .group
            .pending
            .iter_by_age()
            .take_while(|(_, pending)| pending.is_claimable(idle_min_ms, now));
        loop {
            let wanted = if is_limited { left.min(STEP_ENTRIES) } else { left };
            let from = taken.ids.len();
            while taken.ids.len() - from < wanted
                && let Some((id, pending)) = candidates.next()
            {
                if presence.holds(id)? {
                    taken.ids.push(id);
                    taken.before.push(Before::of(pending, now));
                } else {
                    taken.removed.0.push(id);
                }
            }
            let found = taken.ids.len() - from;
            let mut fitting = found;
            if is_limited && found != 0 {
                let range = self.stream.pick(self.key, &taken.ids[from..]);
                let step = budget.take_of(&range, self.key, from == 0, &taken.before[from..])?;
                fitting = as_len(Some(step.taken));
                taken.ids.truncate(from + fitting);
                taken.before.truncate(from + fitting);
            }
            left -= fitting;
            if fitting < wanted || left == 0 {
                return Ok(taken);
            }
        }
    }

    fn push_claim(&self, taken: Taken, before: &[Before], ops: &mut Ops<'a>) {
        let Taken { ids, removed, .. } = taken;
        if ids.is_empty() && removed.is_empty() {
            return;
        }
        let now = self.view.context.now;
        ops.push(Op::Claim {
            db: self.view.context.db,
            key: self.key,
            group: self.command.group,
            consumer: self.command.consumer,
            active_time: (!ids.is_empty()).then_some(now),
            delivery_time: now,
            ids: Ids(ids.into()),
            counts: before.iter().map(|before| one_more(before.delivery_count)).collect(),
            removed,
            last_delivered: self.group.last_delivered,
        });
    }
}

impl Before {
    fn of(pending: Pending, now: UnixMillis) -> Self {
        let idle = |_| i64::try_from(pending.idle_ms(now)).unwrap_or(i64::MAX);
        Self { idle_ms: pending.owner.map_or(-1, idle), delivery_count: pending.delivery_count }
    }
}
