//! Consumer groups: position, consumers, pending entries.
//!
//! # Reading order
//!
//! [`Group`] here is the state and what it answers; `apply` changes it. `id_map` is the sorted map
//! that holds pending entries, `consumers` who owns them, `lag` the read counter. The rules of the
//! commands are in `manage` (XGROUP), `read` (XREADGROUP), `claim` (XCLAIM, XAUTOCLAIM), `ack`
//! (XACK), `pending` (XPENDING) and `info` (XINFO). `items` is a group's way through a snapshot.
//!
//! # What always holds
//!
//! Every pending entry of the group has an owner and stands in exactly that consumer's view, and
//! the views hold nothing else. A pending entry may outlive its stream entry ("ghost"), and may lie
//! above the group's position, as `XGROUP SETID` can move that back.

mod apply;
mod consumers;
mod id_map;
mod items;
mod lag;

use crate::id::{StreamId, UnixMillis};

pub(crate) use apply::apply;
use consumers::{ConsumerSlot, Consumers};
use id_map::IdMap;
pub use items::GroupItem;
pub(crate) use lag::StreamNumbers;

/// A consumer group of one stream.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// New deliveries start after this ID.
    last_delivered: StreamId,
    /// Ordinal of the last entry delivered, counted over the stream's lifetime; `None` if unknown.
    entries_read: Option<u64>,
    /// Delivered, not acknowledged.
    pending: IdMap<Pending>,
    consumers: Consumers,
}

/// What is known of one pending entry beside its ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pending {
    delivery_time: UnixMillis,
    delivery_count: u64,
    owner: ConsumerSlot,
}

impl Pending {
    /// Time since the last delivery; never negative, even if the clock went back.
    fn idle_ms(&self, now: UnixMillis) -> u64 {
        now.saturating_sub(self.delivery_time)
    }
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
            pending: IdMap::default(),
            consumers: Consumers::default(),
        }
    }

    /// Bytes that the group occupies, for MEMORY USAGE.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.pending.heap_bytes() + self.consumers.heap_bytes()
    }
}
