//! XINFO GROUPS, XINFO CONSUMERS, and the groups of XINFO STREAM FULL.

use super::consumers::Consumer;
use super::{Group, StreamNumbers};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::id::UnixMillis;
use crate::reply::Reply;
use crate::stream::Stream;

/// <https://redis.io/commands/xinfo-groups>
pub(crate) fn decide_info_groups<'a>(
    view: &View<'_>,
    key: &[u8],
) -> Result<Decision<'a>, CommandError> {
    let stream = view.stream(key)?.ok_or(CommandError::NoSuchKey)?;
    let numbers = StreamNumbers::of(stream);
    let groups = stream.groups.iter().map(|(name, group)| {
        Reply::Map(vec![
            (Reply::text("name"), Reply::bulk(name)),
            (Reply::text("consumers"), Reply::count(group.consumers.len())),
            (Reply::text("pending"), Reply::count(group.pending.len())),
            (Reply::text("last-delivered-id"), Reply::Id(group.last_delivered)),
            (Reply::text("entries-read"), group.entries_read.map_or(Reply::Nil, Reply::count)),
            (Reply::text("lag"), group.lag(&numbers)),
        ])
    });
    Ok(Decision::reply(Reply::Array(groups.collect())))
}

/// <https://redis.io/commands/xinfo-consumers>
pub(crate) fn decide_info_consumers<'a>(
    view: &View<'_>,
    key: &[u8],
    group: &[u8],
) -> Result<Decision<'a>, CommandError> {
    let stream = view.stream(key)?.ok_or(CommandError::NoSuchKey)?;
    let Some(state) = stream.groups.get(group) else {
        return Err(CommandError::NoGroup { key: key.into(), group: group.into() });
    };
    let since = |time: UnixMillis| Reply::count(view.context.now.saturating_sub(time));
    let consumers = state.consumers.iter().map(|consumer| {
        Reply::Map(vec![
            (Reply::text("name"), Reply::bulk(&consumer.name)),
            (Reply::text("pending"), Reply::count(consumer.pending.len())),
            (Reply::text("idle"), since(consumer.seen)),
            (Reply::text("inactive"), consumer.active.map_or(Reply::Integer(-1), since)),
        ])
    });
    Ok(Decision::reply(Reply::Array(consumers.collect())))
}

/// The value of `groups` in XINFO STREAM FULL, with at most `count` pending entries in each list.
pub(crate) fn full_info(stream: &Stream, count: Option<u64>) -> Reply {
    let numbers = StreamNumbers::of(stream);
    let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    let groups = stream.groups.iter().map(|(name, group)| {
        let pending = group.pending.iter().take(count).map(|(id, pending)| {
            Reply::Array(vec![
                Reply::Id(id),
                group.owner_name(pending),
                Reply::count(pending.delivery_time),
                Reply::count(pending.delivery_count),
            ])
        });
        let consumers =
            group.consumers.iter().map(|consumer| group.full_consumer_info(consumer, count));
        Reply::Map(vec![
            (Reply::text("name"), Reply::bulk(name)),
            (Reply::text("last-delivered-id"), Reply::Id(group.last_delivered)),
            (Reply::text("entries-read"), group.entries_read.map_or(Reply::Nil, Reply::count)),
            (Reply::text("lag"), group.lag(&numbers)),
            (Reply::text("pel-count"), Reply::count(group.pending.len())),
            (Reply::text("nacked-count"), Reply::count(group.pending.released_len())),
            (Reply::text("pending"), Reply::Array(pending.collect())),
            (Reply::text("consumers"), Reply::Array(consumers.collect())),
        ])
    });
    Reply::Array(groups.collect())
}

impl Group {
    fn lag(&self, numbers: &StreamNumbers) -> Reply {
        numbers.lag(self.last_delivered, self.entries_read).map_or(Reply::Nil, Reply::Integer)
    }

    fn full_consumer_info(&self, consumer: &Consumer, count: usize) -> Reply {
        let pending = consumer.pending.iter().take(count).map(|(id, ())| {
            let pending = self.pending.get(id).expect("what a consumer owes is pending");
            Reply::Array(vec![
                Reply::Id(id),
                Reply::count(pending.delivery_time),
                Reply::count(pending.delivery_count),
            ])
        });
        Reply::Map(vec![
            (Reply::text("name"), Reply::bulk(&consumer.name)),
            (Reply::text("seen-time"), Reply::count(consumer.seen)),
            (Reply::text("active-time"), consumer.active.map_or(Reply::Integer(-1), Reply::count)),
            (Reply::text("pel-count"), Reply::count(consumer.pending.len())),
            (Reply::text("pending"), Reply::Array(pending.collect())),
        ])
    }
}
