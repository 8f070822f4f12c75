//! Trimming under KEEPREF, DELREF and ACKED: what becomes of pending entries that point at what
//! goes, and what stays because of them.

use super::trim::{Appended, Planned, TrimPlan, limit_of, planned};
use super::{Damage, Stream};
use crate::command::{References, Trim, TrimKeep, TrimPrecision};
use crate::decide::View;
use crate::engine::Settings;
use crate::group::Group;
use crate::id::StreamId;
use crate::op::{Ids, Op, Ops};

/// Decides a trim, after the append of `appended`: how many entries go, and the operations.
pub(super) fn trim<'a>(
    view: &View<'_>,
    key: &'a [u8],
    stream: Option<&Stream>,
    appended: Option<Appended>,
    trim: Trim,
) -> (u64, Ops<'a>) {
    let (db, settings) = (view.context.db, view.engine.settings());
    let decide = |ceiling| TrimPlan::decide(stream, appended, trim, settings, ceiling);
    let with_groups = stream.filter(|stream| !stream.groups.is_empty());
    // Without groups nothing is needed by anybody, and nothing refers to what goes.
    let Some(stream) = with_groups.filter(|_| trim.references != References::Keep) else {
        let plan = decide(None);
        let ops = plan.map(|plan| plan.op(db, key)).into_iter().collect();
        return (plan.map_or(0, |plan| plan.removed), ops);
    };
    if trim.references == References::Delete {
        let plan = decide(None);
        let before = forgotten_below(stream, appended, trim.keep, plan);
        let forget = forget(view, key, stream, before, Ids::default());
        let ops = plan.map(|plan| plan.op(db, key)).into_iter().chain(forget).collect();
        return (plan.map_or(0, |plan| plan.removed), ops);
    }
    // What lies below everything that a group still needs goes as usual, the rest one by one.
    let front = decide(stream.groups.values().map(Group::unfinished_from).min());
    let singles = Singles::decide(stream, appended, trim, settings, front);
    let removed = front.map_or(0, |plan| plan.removed) + singles.ids.len() as u64;
    let front = front.map(|plan| plan.op(db, key));
    (removed, front.into_iter().chain(singles.op(db, key, stream)).collect())
}

/// Pending entries below this ID point at what a trim has removed, or at what was deleted before and
/// would have been removed now.
fn forgotten_below(
    stream: &Stream,
    appended: Option<Appended>,
    keep: TrimKeep,
    plan: Option<TrimPlan>,
) -> StreamId {
    let first = match plan {
        Some(plan) => plan.first_id(),
        None if stream.length != 0 => Some(stream.first_id),
        None => appended.map(|appended| appended.id),
    };
    let first = first.unwrap_or(StreamId::MAX);
    match keep {
        TrimKeep::MinId(min) => first.min(min),
        TrimKeep::MaxLen(_) => first,
    }
}

/// The operation after which no group waits for entries below `before`, nor for one of `ids`
/// (sorted); `None` if none does.
pub(super) fn forget<'a>(
    view: &View<'_>,
    key: &'a [u8],
    stream: &Stream,
    before: StreamId,
    ids: Ids,
) -> Option<Op<'a>> {
    let refers = |group: &Group| !group.pending_of(before, &ids).is_empty();
    let any = stream.groups.values().any(refers);
    any.then_some(Op::StreamForget { db: view.context.db, key, before, ids })
}

impl Stream {
    /// Whether every group has read the entry and acknowledged it.
    pub(super) fn is_finished(&self, id: StreamId) -> bool {
        self.groups.values().all(|group| group.has_finished(id))
    }
}

/// Entries that a trim removes from between others which are still needed.
#[derive(Default)]
struct Singles {
    ids: Ids,
    slots: Vec<u32>,
    /// The oldest live entry afterwards.
    first_id: StreamId,
}

impl Singles {
    /// Walks on behind what `front` removes, until the threshold is met or nobody has read further.
    /// A damaged block ends the walk, as nothing is known of its entries.
    fn decide(
        stream: &Stream,
        appended: Option<Appended>,
        trim: Trim,
        settings: Settings,
        front: Option<TrimPlan>,
    ) -> Self {
        let limit = limit_of(trim.precision, settings);
        let start = front.map_or(StreamId::MIN, |plan| plan.before);
        let reach = stream.groups.values().map(Group::last_delivered).min().unwrap_or_default();
        let length = stream.length + u64::from(appended.is_some());
        let mut removed = front.map_or(0, |plan| plan.removed);
        let mut singles = Self::default();
        for node in planned(Some(stream), appended).filter(|node| start <= node.last_slot()) {
            let excess = match trim.keep {
                TrimKeep::MaxLen(max) => (length - removed).saturating_sub(max),
                TrimKeep::MinId(_) => u64::MAX,
            };
            let is_exact = trim.precision == TrimPrecision::Exact;
            if excess == 0 || (!is_exact && !node.may_go(trim, excess)) {
                break;
            }
            let end = match trim.keep {
                TrimKeep::MinId(min) if is_exact => min,
                _ => StreamId::MAX,
            };
            let is_wanted = |id| start <= id && (id < end || end == StreamId::MAX);
            let is_gone = |id| is_wanted(id) && id <= reach && stream.is_finished(id);
            let Ok(found) = slots_where(&node, is_gone) else { break };
            if limit - removed < found.len() as u64 {
                break;
            }
            for (id, slot) in found.into_iter().take(usize::try_from(excess).unwrap_or(usize::MAX))
            {
                singles.ids.0.push(id);
                singles.slots.push(slot);
                removed += 1;
            }
            if reach < node.last_slot() || end <= node.last_slot() {
                break;
            }
        }
        singles.first_id = first_kept(stream, appended, start, &singles.ids);
        singles
    }

    fn op<'a>(self, db: u8, key: &'a [u8], stream: &Stream) -> Option<Op<'a>> {
        let Self { ids, slots, first_id } = self;
        // Trimming is no deletion in the eyes of the lag.
        let max_deleted_id = stream.max_deleted_id;
        let any = !ids.is_empty();
        any.then_some(Op::StreamDelete { db, key, ids, slots, first_id, max_deleted_id })
    }
}

/// The live slots whose ID passes, as ID and index.
fn slots_where(
    node: &Planned<'_>,
    passes: impl Fn(StreamId) -> bool,
) -> Result<Vec<(StreamId, u32)>, Damage> {
    let slots = node.clone().live_slots()?;
    slots.filter(|slot| slot.as_ref().map_or(true, |(id, _)| passes(*id))).collect()
}

/// The oldest live entry from `start` on that is none of the sorted `ids`.
fn first_kept(
    stream: &Stream,
    appended: Option<Appended>,
    start: StreamId,
    ids: &[StreamId],
) -> StreamId {
    let is_kept = |id| start <= id && ids.binary_search(&id).is_err();
    for node in planned(Some(stream), appended).filter(|node| start <= node.last_slot()) {
        match slots_where(&node, is_kept) {
            Ok(kept) => match kept.first() {
                Some((id, _)) => return *id,
                None => continue,
            },
            Err(_) => return node.first_live(),
        }
    }
    StreamId::MIN
}
