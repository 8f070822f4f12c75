//! XREADGROUP.

use std::collections::BTreeMap;

use bytes::Bytes;
use smallvec::SmallVec;

use super::claimed::Before;
use super::presence::Presence;
use super::{Group, StreamNumbers, one_more};
use crate::blocked::{Blocked, BlockedRead, BlockedReadKind};
use crate::command::{GroupReadFrom, Order, XReadGroup};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::id::StreamId;
use crate::op::{Ids, Op, Ops};
use crate::reply::Reply;
use crate::stream::budget::Budget;
use crate::stream::{EntryRange, Stream};

/// One stream of the command with its group.
struct Target<'a, 'e> {
    key: &'a [u8],
    stream: &'e Stream,
    group: &'e Group,
    from: GroupReadFrom,
}

/// <https://redis.io/commands/xreadgroup>
pub(crate) fn decide_read_group<'a>(
    view: &View<'_>,
    command: &XReadGroup<'a>,
) -> Result<Decision<'a>, CommandError> {
    let targets = targets(view, command)?;
    let keys_twice = keys_named_twice(command);
    // What a key named again has to see: its group with the operations decided so far.
    let mut advanced: BTreeMap<&[u8], Group> = BTreeMap::new();
    let mut ops = Ops::new();
    let mut replies = Vec::new();
    let mut budget = Budget::of(&command.limits);
    for target in &targets {
        let key = target.key;
        let group = advanced.get(key).unwrap_or(target.group);
        let ops_before = ops.len();
        let reading = Reading { view, command, key, stream: target.stream, group };
        let entries = match target.from {
            GroupReadFrom::New => match command.claim_idle_min_ms {
                None => reading.new_entries(&mut budget, &mut ops)?,
                Some(idle) => reading.claimed_and_new(idle, &mut budget, &mut ops)?,
            },
            GroupReadFrom::HistoryAfter(id) => Some(reading.history(id, &mut budget, &mut ops)?),
        };
        replies.extend(entries.map(|entries| (Bytes::copy_from_slice(key), entries)));
        if keys_twice.binary_search(&key).is_ok() {
            let group = advanced.entry(key).or_insert_with(|| target.group.clone());
            ops[ops_before..].iter().for_each(|op| group.apply(op));
        }
    }
    if !replies.is_empty() {
        return Ok(Decision { ops, ..Decision::reply(Reply::Streams(replies)) });
    }
    let wait = command.block_ms.map(|_| Box::new(Blocked::Read(blocked(command))));
    Ok(Decision { ops, wait, ..Decision::reply(Reply::NilArray) })
}

/// Checks every key, its group and its ID before anything is read.
fn targets<'a, 'e>(
    view: &View<'e>,
    command: &XReadGroup<'a>,
) -> Result<SmallVec<[Target<'a, 'e>; 1]>, CommandError> {
    let target = |(key, from): &(&'a [u8], _)| {
        let stream = view.stream(key)?;
        let found = stream.and_then(|stream| Some((stream, stream.groups.get(command.group)?)));
        let Some((stream, group)) = found else {
            let group = command.group.into();
            return Err(CommandError::NoGroupInRead { key: (*key).into(), group });
        };
        let from = Result::clone(from)?;
        Ok(Target { key, stream, group, from })
    };
    command.streams.iter().map(target).collect()
}

/// Keys that the command names more than once, sorted; nearly always none.
fn keys_named_twice<'a>(command: &XReadGroup<'a>) -> Vec<&'a [u8]> {
    if command.streams.len() < 2 {
        return Vec::new();
    }
    let mut keys: Vec<_> = command.streams.iter().map(|(key, _)| *key).collect();
    keys.sort_unstable();
    let mut twice: Vec<_> =
        keys.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    twice.dedup();
    twice
}

/// The read to try again. Only `>` waits, so there is no ID to remember.
fn blocked(command: &XReadGroup<'_>) -> BlockedRead {
    BlockedRead {
        kind: BlockedReadKind::Group {
            group: command.group.into(),
            consumer: command.consumer.into(),
            no_ack: command.no_ack,
            claim_idle_min_ms: command.claim_idle_min_ms,
        },
        streams: command.streams.iter().map(|(key, _)| ((*key).into(), StreamId::MIN)).collect(),
        limits: command.limits,
    }
}

/// One stream being read for one consumer.
pub(super) struct Reading<'r, 'a, 'e> {
    pub(super) view: &'r View<'e>,
    pub(super) command: &'r XReadGroup<'a>,
    pub(super) key: &'a [u8],
    pub(super) stream: &'e Stream,
    pub(super) group: &'r Group,
}

impl<'a> Reading<'_, 'a, '_> {
    /// `>`: entries above the group's position, or `None` if there are none.
    fn new_entries(
        &self,
        budget: &mut Budget,
        ops: &mut Ops<'a>,
    ) -> Result<Option<Reply>, CommandError> {
        let ids = self.find_new(self.command.limits.count, true, &[], budget)?;
        self.attempt(!ids.is_empty(), ops);
        Ok(self.deliver_new(ids, ops).map(Reply::Entries))
    }

    /// At most `count` entries above the group's position. `is_first` and `before` are as in
    /// [`Budget::take`].
    pub(super) fn find_new(
        &self,
        count: Option<u64>,
        is_first: bool,
        before: &[Before],
        budget: &mut Budget,
    ) -> Result<Vec<StreamId>, CommandError> {
        let Self { key, stream, group, .. } = *self;
        // The quiet way out: whoever waits at the end of a stream asks often.
        let after = group.last_delivered;
        if stream.last_id() <= after || count == Some(0) {
            return Ok(Vec::new());
        }
        let limit = match budget.is_unlimited() {
            true => count,
            false => Some(budget.take(stream, key, after, count, is_first, before)?),
        };
        stream.ids_after(after, as_len(limit)).map_err(|damage| damage.of(key))
    }

    /// Delivers what [`Reading::find_new`] found, if anything.
    pub(super) fn deliver_new(&self, ids: Vec<StreamId>, ops: &mut Ops<'a>) -> Option<EntryRange> {
        let Self { key, stream, group, .. } = *self;
        let &XReadGroup { group: name, consumer, no_ack, .. } = self.command;
        let (&first, &last) = (ids.first()?, ids.last()?);
        let numbers = StreamNumbers::of(stream);
        let entries_read =
            numbers.entries_read_after(group.last_delivered, group.entries_read, &ids);
        let range = stream.range(key, first, last, Order::Ascending, u64::try_from(ids.len()).ok());
        ops.push(Op::Deliver {
            db: self.view.context.db,
            key,
            group: name,
            consumer,
            time: self.view.context.now,
            ids: if no_ack { Ids::default() } else { Ids(SmallVec::from_vec(ids)) },
            last_delivered: last,
            entries_read,
        });
        Some(range)
    }

    /// The consumer's own pending entries above `after`. Those whose stream entry is there count as
    /// delivered once more.
    fn history(
        &self,
        after: StreamId,
        budget: &mut Budget,
        ops: &mut Ops<'a>,
    ) -> Result<Reply, CommandError> {
        let Self { key, stream, group, .. } = *self;
        self.attempt(false, ops);
        let consumer = group.consumers.by_name(self.command.consumer);
        let (Some(consumer), Some(start)) = (consumer, after.next()) else {
            return Ok(Reply::Array(Vec::new()));
        };
        let limit = as_len(self.command.limits.count);
        let mut ids: Vec<StreamId> =
            consumer.pending.iter_from(start).map(|(id, ())| id).take(limit).collect();
        if !budget.is_unlimited() {
            let fitting = budget.take_of(&stream.pick(key, &ids), key, true, &[])?.taken;
            ids.truncate(as_len(Some(fitting)));
        }
        if ids.is_empty() {
            return Ok(Reply::Array(Vec::new()));
        }
        let mut presence = Presence::new(key, stream);
        let mut there = Ids::default();
        let mut counts = Vec::with_capacity(ids.len());
        for &id in &ids {
            if presence.holds(id)? {
                let pending = group.pending.get(id).expect("what a consumer owes is pending");
                there.0.push(id);
                counts.push(one_more(pending.delivery_count));
            }
        }
        if !there.is_empty() {
            ops.push(Op::Redeliver {
                db: self.view.context.db,
                key,
                group: self.command.group,
                time: self.view.context.now,
                ids: there,
                counts,
            });
        }
        Ok(Reply::Entries(stream.pick(key, &ids)))
    }

    /// The consumer is created by its first attempt, successful or not, and seen at each. A
    /// delivery says that by itself.
    pub(super) fn attempt(&self, delivers: bool, ops: &mut Ops<'a>) {
        let op = consumer_attempt(
            self.view,
            self.key,
            self.command.group,
            self.command.consumer,
            self.group,
            delivers,
        );
        ops.extend(op);
    }
}

/// A limit of entries as a length; `None` is no limit.
pub(super) fn as_len(limit: Option<u64>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// The operation that an attempt of a consumer takes before anything is given to it: its creation,
/// or that it was seen, unless what follows implies that.
pub(super) fn consumer_attempt<'a>(
    view: &View<'_>,
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
    state: &Group,
    seen_implied: bool,
) -> Option<Op<'a>> {
    let (db, time) = (view.context.db, view.context.now);
    if state.consumers.slot(consumer).is_none() {
        Some(Op::ConsumerCreate { db, key, group, consumer, time })
    } else if seen_implied {
        None
    } else {
        Some(Op::ConsumerSeen { db, key, group, consumer, time })
    }
}
