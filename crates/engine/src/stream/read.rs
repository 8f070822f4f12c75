//! The rules of XLEN, XRANGE, XREVRANGE and XREAD.

use bytes::Bytes;

use super::budget::Budget;
use super::{Damage, EntryRange, Stream};
use crate::blocked::{Blocked, BlockedRead, BlockedReadKind};
use crate::command::{IdRange, Order, ReadFrom, XRead};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::id::StreamId;
use crate::reply::Reply;

/// <https://redis.io/commands/xlen>
pub(crate) fn xlen<'a>(view: &View<'_>, key: &[u8]) -> Result<Decision<'a>, CommandError> {
    let length = view.stream(key)?.map_or(0, Stream::length);
    Ok(Decision::reply(Reply::count(length)))
}

/// <https://redis.io/commands/xrange>, and XREVRANGE.
pub(crate) fn xrange<'a>(
    view: &View<'_>,
    key: &[u8],
    range: IdRange,
    count: Option<i64>,
    order: Order,
) -> Result<Decision<'a>, CommandError> {
    let Some(stream) = view.stream(key)? else {
        return Ok(Decision::reply(Reply::Array(Vec::new())));
    };
    let reply = match count.map(u64::try_from) {
        Some(Err(_) | Ok(0)) => Reply::NilArray,
        count => {
            let count = count.and_then(Result::ok);
            Reply::Entries(stream.range(key, range.start, range.end, order, count))
        }
    };
    Ok(Decision::reply(reply))
}

/// <https://redis.io/commands/xread>
pub(crate) fn xread<'a>(view: &View<'_>, xread: &XRead<'_>) -> Result<Decision<'a>, CommandError> {
    let mut found = Vec::new();
    let mut waiting = Vec::with_capacity(xread.streams.len());
    let mut budget = Budget::of(&xread.limits);
    for (key, from) in &xread.streams {
        let stream = view.stream(key)?;
        let after = match from.clone()? {
            ReadFrom::After(id) => id,
            ReadFrom::Last => stream.map_or(StreamId::MIN, Stream::last_id),
            ReadFrom::LastEntry => match stream.and_then(|stream| stream.last_entry(key)) {
                Some(last) => {
                    if !budget.is_unlimited() && budget.take_of(&last, key, true, &[])?.taken == 0 {
                        continue;
                    }
                    found.push((Bytes::copy_from_slice(key), Reply::Entries(last)));
                    continue;
                }
                None => stream.map_or(StreamId::MIN, Stream::last_id),
            },
        };
        let mut count = xread.limits.count;
        if let Some(stream) = stream.filter(|_| !budget.is_unlimited()) {
            count = Some(budget.take(stream, key, after, count, true, &[])?);
        }
        // What the budget has no room for is left out; the first stream with entries never is.
        let stream = stream.filter(|_| count != Some(0));
        let entries = stream.map(|stream| stream.entries_after(key, after, count));
        match entries.transpose().map_err(|damage| damage.of(key))?.flatten() {
            Some(entries) => found.push((Bytes::copy_from_slice(key), Reply::Entries(entries))),
            None => waiting.push((Box::from(*key), after)),
        }
    }
    if !found.is_empty() {
        return Ok(Decision::reply(Reply::Streams(found)));
    }
    let mut decision = Decision::reply(Reply::NilArray);
    decision.wait = xread.block_ms.map(|_| {
        let (kind, limits) = (BlockedReadKind::Plain, xread.limits);
        Box::new(Blocked::Read(BlockedRead { kind, streams: waiting, limits }))
    });
    Ok(decision)
}

impl Stream {
    /// The live entries above `after`, or `None` if there are none.
    fn entries_after(
        &self,
        key: &[u8],
        after: StreamId,
        count: Option<u64>,
    ) -> Result<Option<EntryRange>, Damage> {
        let last = self.last_live_id()?.filter(|last| after < *last);
        Ok(last
            .and_then(|_| after.next())
            .map(|start| self.range(key, start, StreamId::MAX, Order::Ascending, count)))
    }

    /// The newest live entry.
    pub(super) fn last_entry(&self, key: &[u8]) -> Option<EntryRange> {
        (self.length != 0)
            .then(|| self.range(key, StreamId::MIN, StreamId::MAX, Order::Descending, Some(1)))
    }
}
