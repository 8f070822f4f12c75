//! MAXCOUNT and MAXSIZE: what a read of several streams may return in all (Redis 8.10).

use super::slots::Pairs;
use super::{EntryRange, Stream};
use crate::command::{Order, ReadLimits};
use crate::error::CommandError;
use crate::group::Before;
use crate::id::StreamId;

/// Entries looked at in one go: no more is decoded than that beyond what fits.
const STEP_ENTRIES: u64 = 64;

/// What is left while a read goes from stream to stream.
///
/// The first entry always fits; each one after that does while the bytes before it are fewer than
/// MAXSIZE. So a reply may be longer than MAXSIZE by one entry, and nobody waits for ever.
#[derive(Debug)]
pub(crate) struct Budget {
    entries_left: Option<u64>,
    bytes_max: Option<u64>,
    bytes: u64,
    is_empty: bool,
}

impl Budget {
    pub(crate) fn of(limits: &ReadLimits) -> Self {
        let ReadLimits { total, bytes: bytes_max, .. } = *limits;
        Self { entries_left: total, bytes_max, bytes: 0, is_empty: true }
    }

    /// Neither MAXCOUNT nor MAXSIZE was given: then nothing below needs to be asked.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.entries_left.is_none() && self.bytes_max.is_none()
    }

    /// How many entries above `after` fit, `count` at most. They are taken off the budget, so the
    /// caller has to return them. `is_first` says whether the stream's name comes before them in the
    /// reply; `before` is what the reply tells of the first of them, and of those behind the last.
    pub(crate) fn take(
        &mut self,
        stream: &Stream,
        key: &[u8],
        mut after: StreamId,
        count: Option<u64>,
        is_first: bool,
        before: &[Before],
    ) -> Result<u64, CommandError> {
        let mut left = count.unwrap_or(u64::MAX);
        let mut taken = 0;
        while let Some(start) = after.next().filter(|_| left != 0 && self.has_room()) {
            let wanted = left.min(STEP_ENTRIES);
            let range = stream.range(key, start, StreamId::MAX, Order::Ascending, Some(wanted));
            let step = self.take_of(&range, key, is_first && taken == 0, before)?;
            let Some(last) = step.last else { break };
            (after, taken, left) = (last, taken + step.taken, left - step.taken);
            if step.taken < wanted {
                break;
            }
        }
        Ok(taken)
    }

    /// How many entries at the front of `range` fit. `is_first` says whether the stream's name comes
    /// before them in the reply; `before` is what it tells of each of them, the last one standing for
    /// those behind it, or nothing.
    pub(crate) fn take_of(
        &mut self,
        range: &EntryRange,
        key: &[u8],
        is_first: bool,
        before: &[Before],
    ) -> Result<Step, CommandError> {
        let mut step = Step::default();
        let mut is_full = false;
        let mut before = before.iter().copied();
        let mut last_before = None;
        range.visit(|id, pairs| {
            is_full |= !self.has_room();
            if is_full {
                return;
            }
            if is_first && step.taken == 0 {
                self.bytes += HEADER_BYTES + bulk_bytes(key.len());
            }
            last_before = before.next().or(last_before);
            self.bytes += entry_bytes(id, pairs) + last_before.map_or(0, before_bytes);
            self.is_empty = false;
            self.entries_left = self.entries_left.map(|left| left - 1);
            step.taken += 1;
            step.last = Some(id);
        })?;
        Ok(step)
    }

    fn has_room(&self) -> bool {
        self.entries_left != Some(0)
            && (self.is_empty || self.bytes_max.is_none_or(|max| self.bytes < max))
    }
}

/// Entries that fit.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) taken: u64,
    last: Option<StreamId>,
}

/// The heads of the two arrays around a stream's entries.
const HEADER_BYTES: u64 = 8;

/// Length of an entry in the reply.
fn entry_bytes(id: StreamId, pairs: Option<Pairs<'_>>) -> u64 {
    let id = HEADER_BYTES + bulk_bytes(digits(id.ms) + 1 + digits(id.seq));
    let strings = pairs.into_iter().flatten();
    id + strings.map(|(name, value)| bulk_bytes(name.len()) + bulk_bytes(value.len())).sum::<u64>()
}

/// Length of the two numbers behind an entry in the reply.
fn before_bytes(before: Before) -> u64 {
    let sign = u64::from(before.idle_ms < 0);
    let idle = digits(before.idle_ms.unsigned_abs()) as u64;
    sign + idle + digits(before.delivery_count) as u64 + 2 * ":\r\n".len() as u64
}

/// Length of a bulk string in the reply.
fn bulk_bytes(len: usize) -> u64 {
    let len = len as u64;
    1 + digits(len) as u64 + 2 + len + 2
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}
