//! Consumer groups: position, consumers, pending entries.
//!
//! # Reading order
//!
//! [`Group`] here is the state and what it answers; `apply` changes it. `list` holds the pending
//! entries, in the sorted map of `id_map` and, where they have no owner, in the line of `released`;
//! `consumers` who owns them, `lag` the read counter. The rules of the commands are in `manage`
//! (XGROUP), `read` and `read_claim` (XREADGROUP), `claim` (XCLAIM, XAUTOCLAIM), `ack` (XACK), `release` (XNACK),
//! `pending` (XPENDING) and `info` (XINFO); `presence` tells which pending entries are ghosts.
//! `items` is a group's way through a snapshot.
//!
//! # What always holds
//!
//! Every pending entry of the group has an owner and stands in exactly that consumer's view, or has
//! none and stands in the line of released entries; the views and the line hold nothing else. A pending entry may outlive its stream entry ("ghost"), and may lie
//! above the group's position, as `XGROUP SETID` can move that back.

mod ack;
mod apply;
mod claim;
mod claimed;
mod consumers;
mod id_map;
mod info;
mod items;
mod lag;
mod list;
mod manage;
mod pending;
mod presence;
mod read;
mod read_claim;
mod release;
mod released;
#[cfg(test)]
mod tests;

use crate::decide::View;
use crate::error::CommandError;
use crate::id::{StreamId, UnixMillis};
use crate::op::Ids;
use crate::stream::Stream;

pub(crate) use ack::decide_ack;
pub(crate) use apply::apply;
pub(crate) use claim::{decide_auto_claim, decide_claim};
pub use claimed::{Before, ClaimedEntries};
use consumers::{ConsumerSlot, Consumers};
pub(crate) use info::{decide_info_consumers, decide_info_groups, full_info};
pub use items::GroupItem;
use lag::StreamNumbers;
use list::PendingList;
pub(crate) use manage::{
    decide_create, decide_create_consumer, decide_delete_consumer, decide_destroy, decide_set_id,
};
pub use pending::PendingRow;
pub(crate) use pending::decide_pending;
pub(crate) use read::decide_read_group;
pub(crate) use release::decide_release;

/// A consumer group of one stream.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// New deliveries start after this ID.
    last_delivered: StreamId,
    /// Ordinal of the last entry delivered, counted over the stream's lifetime; `None` if unknown.
    entries_read: Option<u64>,
    /// Delivered, not acknowledged.
    pending: PendingList,
    consumers: Consumers,
}

/// What is known of one pending entry beside its ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pending {
    /// 0 without an owner.
    delivery_time: UnixMillis,
    delivery_count: u64,
    /// `None` after XNACK: whoever claims it gets it, however long it has been idle.
    owner: Option<ConsumerSlot>,
}

impl Pending {
    /// Time since the last delivery; never negative, even if the clock went back.
    fn idle_ms(&self, now: UnixMillis) -> u64 {
        now.saturating_sub(self.delivery_time)
    }

    /// Whether it may be claimed by somebody who asks for so long an idle time.
    fn is_claimable(&self, idle_min_ms: u64, now: UnixMillis) -> bool {
        self.owner.is_none() || idle_min_ms <= self.idle_ms(now)
    }
}

/// The group of a stream, or the refusal of XPENDING, XNACK, XCLAIM and XAUTOCLAIM.
fn claimable<'e>(
    view: &View<'e>,
    key: &[u8],
    group: &[u8],
) -> Result<(&'e Stream, &'e Group), CommandError> {
    let stream = view.stream(key)?;
    stream
        .and_then(|stream| Some((stream, stream.groups.get(group)?)))
        .ok_or_else(|| CommandError::NoKeyOrGroup { key: key.into(), group: group.into() })
}

/// Delivery counts stop where Redis's signed numbers end.
const DELIVERY_COUNT_MAX: u64 = i64::MAX.cast_unsigned();

/// A delivery count after one more delivery.
fn one_more(count: u64) -> u64 {
    count.saturating_add(1).min(DELIVERY_COUNT_MAX)
}

impl Group {
    /// A group without consumers.
    pub(crate) fn new(last_delivered: StreamId, entries_read: Option<u64>) -> Self {
        Self {
            last_delivered,
            entries_read,
            pending: PendingList::default(),
            consumers: Consumers::default(),
        }
    }

    /// Whether the group is done with an entry: it has been delivered, and is not pending.
    pub(crate) fn has_finished(&self, id: StreamId) -> bool {
        id <= self.last_delivered && !self.pending.contains(id)
    }

    /// The first ID that the group may not have finished.
    pub(crate) fn unfinished_from(&self) -> StreamId {
        let undelivered = self.last_delivered.next().unwrap_or(StreamId::MAX);
        self.pending.first_id().map_or(undelivered, |pending| pending.min(undelivered))
    }

    /// The last ID that the group has been given.
    pub(crate) fn last_delivered(&self) -> StreamId {
        self.last_delivered
    }

    /// Whether an entry is delivered and not acknowledged.
    pub(crate) fn is_pending(&self, id: StreamId) -> bool {
        self.pending.contains(id)
    }

    /// The pending entries below `before`, and those of the sorted `ids`, in order.
    pub(crate) fn pending_of(&self, before: StreamId, ids: &[StreamId]) -> Ids {
        let below = self.pending.iter().map(|(id, _)| id).take_while(|id| *id < before);
        let above = ids.iter().copied().filter(|id| before <= *id && self.pending.contains(*id));
        below.chain(above).collect()
    }

    /// When the longest idle pending entry was delivered; 0 for one that has no owner.
    pub(crate) fn oldest_delivery(&self) -> Option<UnixMillis> {
        self.pending.oldest_delivery()
    }

    /// Bytes that the group occupies, for MEMORY USAGE.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.pending.heap_bytes() + self.consumers.heap_bytes()
    }
}
