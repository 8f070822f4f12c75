//! Blocked clients: who waits on which key, in the order of arrival.
//!
//! The registry lives beside the database, under the same lock. It never serves anybody itself: it
//! says whom a change may concern, and the caller runs the waiting command again.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use engine::{Blocked, BlockedReadKind, Op, Touched};

use crate::claims::Claims;
use crate::client::Client;

/// A command that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) client: Arc<Client>,
    pub(crate) db: u8,
    pub(crate) blocked: Blocked,
}

/// Place in the queue: smaller came earlier.
pub(crate) type Arrival = u64;

/// A key of one database.
pub(crate) type Key = (u8, Box<[u8]>);

/// All waiting commands.
#[derive(Debug, Default)]
pub(crate) struct Blocking {
    waiters: BTreeMap<Arrival, Waiter>,
    by_client: BTreeMap<u64, Arrival>,
    keys: BTreeMap<Key, KeyQueue>,
    /// Keys that changed since the last [`Blocking::take_touched`] and have waiters, in the order of
    /// their first change: who waits on several keys is served from that one.
    touched: VecDeque<Key>,
    /// Of the readers of groups, those with CLAIM.
    pub(crate) claims: Claims,
    arrivals: Arrival,
}

/// Who waits on one key. Readers of a group stand in line, as one entry serves one of them; plain
/// readers are all served. Those that take elements stand in a line for each type of value.
#[derive(Debug, Default)]
struct KeyQueue {
    plain: BTreeSet<Arrival>,
    groups: BTreeMap<Box<[u8]>, BTreeSet<Arrival>>,
    takers: BTreeMap<&'static str, BTreeSet<Arrival>>,
    /// It stands among [`Blocking::touched`].
    is_touched: bool,
}

impl KeyQueue {
    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.groups.is_empty() && self.takers.is_empty()
    }
}

impl Blocking {
    /// Puts a command at the end of the queue of each of its keys.
    pub(crate) fn add(&mut self, waiter: Waiter) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        for key in waiter.blocked.keys() {
            let queue = self.keys.entry((waiter.db, key.into())).or_default();
            match &waiter.blocked {
                Blocked::Read(read) => match &read.kind {
                    BlockedReadKind::Plain => queue.plain.insert(arrival),
                    BlockedReadKind::Group { group, claim_idle_min_ms, .. } => {
                        if let Some(idle) = claim_idle_min_ms {
                            let group = ((waiter.db, key.into()), group.clone());
                            self.claims.add(group, arrival, *idle);
                        }
                        queue.groups.entry(group.clone()).or_default().insert(arrival)
                    }
                },
                Blocked::Pop(pop) => {
                    queue.takers.entry(pop.kind.type_name()).or_default().insert(arrival)
                }
            };
        }
        self.by_client.insert(waiter.client.id, arrival);
        self.waiters.insert(arrival, waiter);
    }

    /// Everybody who waits, in the order of arrival.
    pub(crate) fn waiters(&self) -> impl Iterator<Item = &Waiter> {
        self.waiters.values()
    }

    /// Takes a client out of all queues; `None` if it is not waiting (any more).
    pub(crate) fn remove_client(&mut self, client: u64) -> Option<Waiter> {
        self.by_client.get(&client).copied().and_then(|arrival| self.remove(arrival))
    }

    /// Takes a waiter out of all queues.
    fn remove(&mut self, arrival: Arrival) -> Option<Waiter> {
        let waiter = self.take(arrival)?;
        self.forget(arrival, &waiter);
        Some(waiter)
    }

    /// Takes a waiter in hand while its command runs again; its places in the queues stay.
    pub(crate) fn take(&mut self, arrival: Arrival) -> Option<Waiter> {
        self.waiters.remove(&arrival)
    }

    /// It goes on waiting.
    pub(crate) fn put_back(&mut self, arrival: Arrival, waiter: Waiter) {
        self.waiters.insert(arrival, waiter);
    }

    /// It waits no more: gives up its places.
    pub(crate) fn forget(&mut self, arrival: Arrival, waiter: &Waiter) {
        self.by_client.remove(&waiter.client.id);
        for key in waiter.blocked.keys() {
            let key = (waiter.db, key.into());
            let Some(queue) = self.keys.get_mut(&key) else { continue };
            match &waiter.blocked {
                Blocked::Read(read) => match &read.kind {
                    BlockedReadKind::Plain => {
                        queue.plain.remove(&arrival);
                    }
                    BlockedReadKind::Group { group, claim_idle_min_ms, .. } => {
                        if claim_idle_min_ms.is_some() {
                            self.claims.remove(&(key.clone(), group.clone()), arrival);
                        }
                        leave_line(&mut queue.groups, group, arrival);
                    }
                },
                Blocked::Pop(pop) => {
                    leave_line(&mut queue.takers, pop.kind.type_name(), arrival);
                }
            }
            if queue.is_empty() {
                self.keys.remove(&key);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Notes what a change may concern. Costs one test while nobody waits.
    pub(crate) fn note(&mut self, op: &Op<'_>) {
        if self.keys.is_empty() {
            return;
        }
        if !self.claims.is_empty() {
            self.claims.note(op);
        }
        if !may_concern(op) {
            return;
        }
        match op.touched() {
            Touched::Nothing => {}
            Touched::Key(db, key) => self.note_key(db, key),
            Touched::Keys(first, second) => {
                self.note_key(first.0, first.1);
                self.note_key(second.0, second.1);
            }
            Touched::Db(db) => self.note_all(|waited| waited == db),
            Touched::Dbs(first, second) => {
                self.note_all(|waited| waited == first || waited == second);
            }
            Touched::Everything => self.note_all(|_| true),
        }
    }

    fn note_key(&mut self, db: u8, key: &[u8]) {
        let key = (db, key.into());
        if let Some(queue) = self.keys.get_mut(&key)
            && !std::mem::replace(&mut queue.is_touched, true)
        {
            self.touched.push_back(key);
        }
    }

    fn note_all(&mut self, concerned: impl Fn(u8) -> bool) {
        for (key, queue) in &mut self.keys {
            if concerned(key.0) && !std::mem::replace(&mut queue.is_touched, true) {
                self.touched.push_back(key.clone());
            }
        }
    }

    /// A key that changed since the last call and still has waiters.
    pub(crate) fn take_touched(&mut self) -> Option<Key> {
        let key = self.touched.pop_front()?;
        if let Some(queue) = self.keys.get_mut(&key) {
            queue.is_touched = false;
        }
        Some(key)
    }

    /// The plain readers of a key: a new entry serves all of them.
    pub(crate) fn plain(&self, key: &Key) -> Vec<Arrival> {
        self.keys.get(key).map(|queue| queue.plain.iter().copied().collect()).unwrap_or_default()
    }

    /// The groups with readers in line for a key.
    pub(crate) fn groups(&self, key: &Key) -> Vec<Box<[u8]>> {
        self.keys.get(key).map(|queue| queue.groups.keys().cloned().collect()).unwrap_or_default()
    }

    /// The next in a group's line behind `after` (0 for the first). Once one of a line goes
    /// empty-handed, so would all behind it.
    pub(crate) fn next_in_line(&self, key: &Key, group: &[u8], after: Arrival) -> Option<Arrival> {
        let line = self.keys.get(key)?.groups.get(group)?;
        line.range(after + 1..).next().copied()
    }
}

impl Blocking {
    /// The next of those who wait to take from a key, while it holds a value of this type. Once one
    /// of them goes empty-handed, so would all behind it.
    pub(crate) fn next_taker(&self, key: &Key, type_name: &str, after: Arrival) -> Option<Arrival> {
        let line = self.keys.get(key)?.takers.get(type_name)?;
        line.range(after + 1..).next().copied()
    }

    /// Whether somebody waits to take from a key.
    pub(crate) fn has_takers(&self, key: &Key) -> bool {
        self.keys.get(key).is_some_and(|queue| !queue.takers.is_empty())
    }
}

/// Takes a waiter out of one of several lines. An empty line goes.
fn leave_line<K: Ord + Borrow<Q>, Q: Ord + ?Sized>(
    lines: &mut BTreeMap<K, BTreeSet<Arrival>>,
    name: &Q,
    arrival: Arrival,
) {
    if let Some(line) = lines.get_mut(name) {
        line.remove(&arrival);
        if line.is_empty() {
            lines.remove(name);
        }
    }
}

/// Whether a change can give a blocked client an answer: something new, or the loss of what it waits
/// on. What a delivery changes about a group does not, or serving one reader would look at all the
/// others again.
fn may_concern(op: &Op<'_>) -> bool {
    !matches!(
        op,
        Op::Deliver { .. }
            | Op::Redeliver { .. }
            | Op::Claim { .. }
            | Op::Ack { .. }
            | Op::ConsumerCreate { .. }
            | Op::ConsumerDelete { .. }
            | Op::ConsumerSeen { .. }
            | Op::StreamTrim { .. }
            | Op::StreamDelete { .. }
            | Op::StreamForget { .. }
            | Op::StreamMessage { .. }
            | Op::StreamDuplicate { .. }
            | Op::StreamConfigure { .. }
            | Op::Expire { .. }
            | Op::HashDelete { .. }
            | Op::ListPop { .. }
            | Op::ListSet { .. }
            | Op::ListRemove { .. }
            | Op::ListTrim { .. }
            | Op::SetRemove { .. }
            | Op::SortedSetRemove { .. }
            | Op::SortedSetRemoveRange { .. }
    )
}
