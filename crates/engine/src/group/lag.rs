//! The group's logical read counter and its lag: how far a group is behind its stream.
//!
//! Both are Redis's, artefacts included: clients and dashboards compare them. The rules are those of
//! <https://redis.io/docs/latest/commands/xinfo-groups/>, "Consumer group lag".

use crate::id::StreamId;
use crate::stream::Stream;

/// The numbers of a stream that the rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamNumbers {
    /// Live entries.
    pub(crate) length: u64,
    /// Lifetime count of appended entries.
    pub(crate) entries_added: u64,
    /// Oldest live entry, `0-0` if there is none.
    pub(crate) first_id: StreamId,
    /// Last generated ID.
    pub(crate) last_id: StreamId,
    /// Highest ID removed by XDEL.
    pub(crate) max_deleted_id: StreamId,
}

impl StreamNumbers {
    pub(crate) fn of(stream: &Stream) -> Self {
        Self {
            length: stream.length(),
            entries_added: stream.entries_added(),
            first_id: stream.first_id(),
            last_id: stream.last_id(),
            max_deleted_id: stream.max_deleted_id(),
        }
    }

    /// Ordinal of an ID over the stream's lifetime, or `None` where it cannot be known.
    pub(crate) fn estimate_ordinal(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.length == 0 && id <= self.last_id {
            return Some(self.entries_added);
        }
        if id != StreamId::MIN && id < self.max_deleted_id {
            return None;
        }
        if id == self.last_id {
            return Some(self.entries_added);
        }
        if self.last_id < id {
            return None;
        }
        // With no hole among the live entries, the ordinals at the front are what is not live.
        let whole = self.max_deleted_id == StreamId::MIN || self.max_deleted_id < self.first_id;
        if whole && id <= self.first_id {
            let gone = self.entries_added.saturating_sub(self.length);
            return Some(if id == self.first_id { gone + 1 } else { gone });
        }
        None
    }

    /// Whether an entry was deleted at or above `id`.
    pub(crate) fn has_tombstones_after(&self, id: StreamId) -> bool {
        0 < self.length
            && self.max_deleted_id != StreamId::MIN
            && id <= self.max_deleted_id
            && self.max_deleted_id <= self.last_id
    }

    /// Entries not yet delivered to a group, or `None` where it cannot be known. Negative where
    /// XSETID has set the lifetime count below what the group has read, as in Redis.
    pub(crate) fn lag(&self, last_delivered: StreamId, entries_read: Option<u64>) -> Option<i64> {
        if self.entries_added == 0 || self.length == 0 {
            return Some(0);
        }
        if last_delivered < self.first_id && self.max_deleted_id < self.first_id {
            return Some(self.length.cast_signed());
        }
        let read = match entries_read {
            Some(read) if !self.has_tombstones_after(last_delivered) => read,
            _ => self.estimate_ordinal(last_delivered)?,
        };
        Some(self.entries_added.wrapping_sub(read).cast_signed())
    }

    /// The read counter after `ids`, which ascend from above `last_delivered`, have been delivered.
    pub(crate) fn entries_read_after(
        &self,
        mut last_delivered: StreamId,
        mut entries_read: Option<u64>,
        ids: &[StreamId],
    ) -> Option<u64> {
        for &id in ids {
            entries_read = match entries_read {
                Some(read) if !self.has_tombstones_after(last_delivered) => {
                    Some(read.saturating_add(1))
                }
                _ => self.estimate_ordinal(id),
            };
            last_delivered = id;
        }
        entries_read
    }
}
