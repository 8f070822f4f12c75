//! Applying operations to groups: the only code that changes them.

use super::consumers::ConsumerSlot;
use super::{Group, Pending};
use crate::id::{StreamId, UnixMillis};
use crate::op::Op;
use crate::stream::Stream;

/// Applies an operation of the "streams: groups" family to the stream that it names.
///
/// # Panics
///
/// If the operation does not fit the state: it came from another history, which is our own bug.
pub(crate) fn apply(stream: &mut Stream, op: &Op<'_>) {
    match *op {
        Op::GroupCreate { group, last_delivered, entries_read, .. } => {
            let before =
                stream.groups.insert(group.into(), Group::new(last_delivered, entries_read));
            assert!(before.is_none(), "the group exists already");
        }
        Op::GroupDestroy { group, .. } => {
            let group = stream.groups.remove(group);
            assert!(group.is_some(), "the group to destroy exists");
        }
        Op::StreamForget { before, ref ids, .. } => {
            for group in stream.groups.values_mut() {
                group.remove_pending(&group.pending_of(before, ids));
            }
        }
        Op::GroupSetId { group, .. }
        | Op::ConsumerCreate { group, .. }
        | Op::ConsumerDelete { group, .. }
        | Op::ConsumerSeen { group, .. }
        | Op::Deliver { group, .. }
        | Op::Redeliver { group, .. }
        | Op::Claim { group, .. }
        | Op::Ack { group, .. }
        | Op::Release { group, .. } => {
            stream.groups.get_mut(group).expect("the operation's group exists").apply(op);
        }
        _ => unreachable!("an operation on a group"),
    }
}

impl Group {
    /// Applies an operation on this group.
    pub(super) fn apply(&mut self, op: &Op<'_>) {
        match op {
            Op::GroupSetId { last_delivered, entries_read, .. } => {
                self.last_delivered = *last_delivered;
                self.entries_read = *entries_read;
            }
            Op::ConsumerCreate { consumer, time, .. } => {
                self.consumers.insert(consumer, *time);
            }
            Op::ConsumerDelete { consumer, .. } => self.delete_consumer(consumer),
            Op::ConsumerSeen { consumer, time, .. } => {
                let slot = self.slot_of(consumer);
                self.consumers.at_mut(slot).seen = *time;
            }
            Op::Deliver { consumer, time, ids, last_delivered, entries_read, .. } => {
                self.deliver(consumer, *time, ids);
                self.last_delivered = *last_delivered;
                self.entries_read = *entries_read;
            }
            Op::Redeliver { time, ids, counts, .. } => self.redeliver(*time, ids, counts),
            Op::Claim {
                consumer,
                active_time,
                delivery_time,
                ids,
                counts,
                removed,
                last_delivered,
                ..
            } => {
                self.remove_pending(removed);
                self.claim(consumer, *active_time, *delivery_time, ids, counts);
                self.last_delivered = *last_delivered;
            }
            Op::Ack { ids, .. } => self.remove_pending(ids),
            Op::Release { ids, counts, .. } => self.release(ids, counts),
            _ => unreachable!("an operation on one group"),
        }
    }

    fn slot_of(&self, consumer: &[u8]) -> ConsumerSlot {
        self.consumers.slot(consumer).expect("the operation's consumer exists")
    }

    fn delete_consumer(&mut self, name: &[u8]) {
        let consumer = self.consumers.remove(name).expect("the consumer to delete exists");
        let mut ids = Vec::with_capacity(consumer.pending.len());
        ids.extend(consumer.pending.iter().map(|(id, ())| id));
        self.pending.remove_all(&ids, |_, _| ());
    }

    /// Without acknowledgement (`ids` empty) nothing came to be pending, so the consumer was seen
    /// but not active: "active" means that entries were read into its list.
    fn deliver(&mut self, consumer: &[u8], time: UnixMillis, ids: &[StreamId]) {
        let owner = self.slot_of(consumer);
        let delivered = Pending { delivery_time: time, delivery_count: 1, owner: Some(owner) };
        let consumer = self.consumers.at_mut(owner);
        consumer.seen = time;
        let Some(&first) = ids.first() else { return };
        consumer.active = Some(time);
        if self.pending.last_id().is_none_or(|last| last < first) {
            self.pending.append(ids, delivered);
            consumer.pending.append(ids, ());
        } else {
            for &id in ids {
                self.give(id, delivered);
            }
        }
    }

    fn redeliver(&mut self, time: UnixMillis, ids: &[StreamId], counts: &[u64]) {
        assert_eq!(ids.len(), counts.len(), "one count per ID");
        for (&id, &count) in ids.iter().zip(counts) {
            let pending = self.pending.get(id).expect("a redelivered entry is pending");
            let again = Pending { delivery_time: time, delivery_count: count, ..pending };
            self.pending.insert(id, again);
        }
    }

    fn claim(
        &mut self,
        consumer: &[u8],
        active_time: Option<UnixMillis>,
        delivery_time: UnixMillis,
        ids: &[StreamId],
        counts: &[u64],
    ) {
        assert_eq!(ids.len(), counts.len(), "one count per ID");
        let owner = self.slot_of(consumer);
        if let Some(time) = active_time {
            let consumer = self.consumers.at_mut(owner);
            consumer.seen = time;
            consumer.active = Some(time);
        }
        for (&id, &delivery_count) in ids.iter().zip(counts) {
            self.give(id, Pending { delivery_time, delivery_count, owner: Some(owner) });
        }
    }

    fn release(&mut self, ids: &[StreamId], counts: &[u64]) {
        assert_eq!(ids.len(), counts.len(), "one count per ID");
        for (&id, &delivery_count) in ids.iter().zip(counts) {
            self.give(id, Pending { delivery_time: 0, delivery_count, owner: None });
        }
    }

    /// Makes an entry pending, or hands a pending one to another owner, or to none.
    fn give(&mut self, id: StreamId, pending: Pending) {
        let before = self.pending.insert(id, pending).and_then(|before| before.owner);
        if before == pending.owner {
            return;
        }
        if let Some(owner) = before {
            self.consumers.at_mut(owner).pending.remove(id);
        }
        if let Some(owner) = pending.owner {
            self.consumers.at_mut(owner).pending.insert(id, ());
        }
    }

    /// Removes pending entries, each of them present, from the group's list and their owners' views.
    /// Stretches of one owner go in one pass: an acknowledged reply belongs to one consumer.
    fn remove_pending(&mut self, ids: &[StreamId]) {
        let mut owners = Vec::with_capacity(ids.len());
        self.pending.remove_all(ids, |_, pending| owners.push(pending.owner));
        assert_eq!(ids.len(), owners.len(), "a removed entry was pending");
        let mut rest = ids;
        for same in owners.chunk_by(PartialEq::eq) {
            let (part, after) = rest.split_at(same.len());
            if let Some(owner) = same[0] {
                self.consumers.at_mut(owner).pending.remove_all(part, |_, ()| ());
            }
            rest = after;
        }
    }
}
