//! Serving blocked clients: what a change made available, or took away, is told to those who wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::{
    Blocked, BlockedPop, BlockedRead, BlockedReadKind, Command, CommandError, Context, Op, Reply,
    UnixMillis,
};

use crate::blocking::{Arrival, Key};
use crate::claims::GroupKey;
use crate::client::Client;
use crate::client_limits::{cut_off, make_room};
use crate::core::{Core, Shared};
use crate::execute::{Answer, encode};

/// Memory that answers may hold together before they are encoded.
const HELD_BYTES_MAX: usize = 1024 * 1024;

/// The answer to a client that waited.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) client: Arc<Client>,
    pub(crate) answer: Answer,
}

impl Core {
    /// Tells the registries what changed.
    pub(crate) fn note(&mut self, ops: &[Op<'_>]) {
        if self.has_audience && self.tracking.is_on() {
            ops.iter().for_each(|op| self.tracking.note(op));
        }
        for op in ops {
            self.blocking.note(op);
            if !self.watches.is_empty() {
                self.watches.note(op);
            }
        }
    }

    /// Serves those that wait for keys which have changed, each in its turn. The answers are
    /// for [`deliver`], once the core is unlocked.
    ///
    /// Answers that take much memory are handed over at once: a large entry may have thousands of
    /// readers, and each answer holds a copy of it until it is encoded and, if need be, thrown away.
    pub(crate) fn serve_blocked(
        &mut self,
        now: UnixMillis,
        deliveries: &mut Vec<Delivery>,
        shared: &Shared,
    ) {
        let mut bytes = 0;
        let mut add = |delivery: Delivery, deliveries: &mut Vec<Delivery>| {
            bytes += delivery.answer.reply.as_ref().map_or(0, Reply::bytes_owned);
            deliveries.push(delivery);
            if HELD_BYTES_MAX < bytes {
                bytes = 0;
                deliver(std::mem::take(deliveries), shared);
            }
        };
        while let Some(key) = self.blocking.take_touched() {
            for arrival in self.blocking.plain(&key) {
                if let Some(delivery) = self.try_serve(arrival, &key, now) {
                    add(delivery, deliveries);
                }
            }
            for group in self.blocking.groups(&key) {
                self.serve_line(&(key.clone(), group), None, now, |delivery| {
                    add(delivery, deliveries);
                });
            }
            if self.blocking.has_takers(&key) {
                self.serve_takers(&key, now, |delivery| add(delivery, deliveries));
            }
        }
        self.set_alarms(shared);
    }

    /// Serves the readers that claim what has become old enough.
    pub(crate) fn serve_due(
        &mut self,
        now: UnixMillis,
        deliveries: &mut Vec<Delivery>,
        shared: &Shared,
    ) {
        while let Some(group) = self.blocking.claims.take_due(now) {
            self.serve_line(&group, Some(u64::MAX), now, |delivery| deliveries.push(delivery));
        }
        self.set_alarms(shared);
        // The thread has forgotten what it slept for.
        shared.alarm.set(self.blocking.claims.next_alarm());
    }

    /// Serves the readers of one group in their order. Whoever goes empty-handed shows that those
    /// behind would, too, unless they claim younger entries: from there on, as from the start if
    /// `below` is given, only those are tried.
    fn serve_line(
        &mut self,
        group: &GroupKey,
        mut below: Option<u64>,
        now: UnixMillis,
        mut add: impl FnMut(Delivery),
    ) {
        let mut after = 0;
        while let Some(arrival) = match below {
            None => self.blocking.next_in_line(&group.0, &group.1, after),
            Some(below) => self.blocking.claims.next_below(group, after, below),
        } {
            let idle = self.blocking.claims.idle_min_ms(group, arrival);
            match self.try_serve(arrival, &group.0, now) {
                Some(delivery) => add(delivery),
                None => below = Some(below.map_or(idle, |below| below.min(idle))),
            }
            after = arrival;
        }
    }

    /// Sets the alarms of groups whose readers or pending entries have changed.
    fn set_alarms(&mut self, shared: &Shared) {
        let mut is_any = false;
        while let Some((group, idle_min_ms)) = self.blocking.claims.take_stale() {
            let ((db, key), name) = &group;
            let oldest = self.database.engine().oldest_delivery(*db, key, name);
            let time = oldest.map(|time| time.saturating_add(idle_min_ms));
            self.blocking.claims.set_alarm(group, time);
            is_any = true;
        }
        if is_any {
            shared.alarm.set(self.blocking.claims.next_alarm());
        }
    }

    /// Hands the elements of a key to those who wait to take them, until it has no more.
    fn serve_takers(&mut self, key: &Key, now: UnixMillis, mut add: impl FnMut(Delivery)) {
        let context = Context { db: key.0, now };
        let mut after = 0;
        while let Some(type_name) = self.database.engine().type_name(&key.1, context)
            && let Some(arrival) = self.blocking.next_taker(key, type_name, after)
        {
            let Some(delivery) = self.try_serve(arrival, key, now) else { break };
            add(delivery);
            after = arrival;
        }
    }

    /// Runs a waiting command again, because `key` has changed.
    fn try_serve(&mut self, arrival: Arrival, key: &Key, now: UnixMillis) -> Option<Delivery> {
        let waiter = self.blocking.take(arrival)?;
        let context = Context { db: waiter.db, now };
        let answer = match &waiter.blocked {
            Blocked::Read(read) => self.read_again(read, key, context),
            Blocked::Pop(pop) => self.pop_again(pop, key, context),
        };
        let answer = answer
            .unwrap_or_else(|error| Some(Answer::new(Err(error), self.database.log().last())));
        let Some(answer) = answer else {
            self.blocking.put_back(arrival, waiter);
            return None;
        };
        self.blocking.forget(arrival, &waiter);
        Some(Delivery { client: waiter.client, answer })
    }

    /// The answer to a waiting read, or `None` if there still is nothing to read.
    fn read_again(
        &mut self,
        read: &BlockedRead,
        key: &Key,
        context: Context,
    ) -> Result<Option<Answer>, CommandError> {
        let answer = self.run_again(&read.command(), context);
        if read.kind != BlockedReadKind::Plain || !matches!(answer, Err(CommandError::WrongType)) {
            return answer;
        }
        // One of its keys has become something else. The one that changed may still serve it.
        let mut read = read.clone();
        read.streams.retain(|(name, _)| *name == key.1);
        match self.run_again(&read.command(), context) {
            // A key that has become something else leaves XREAD waiting (specification, 9.9).
            Err(CommandError::WrongType) => Ok(None),
            answer => answer,
        }
    }

    /// The answer to a client that waits to take from `key`, which holds what it waits for: from no
    /// other key, as the order of the changes decides which of its keys serves it.
    fn pop_again(
        &mut self,
        pop: &BlockedPop,
        key: &Key,
        context: Context,
    ) -> Result<Option<Answer>, CommandError> {
        self.run_again(&pop.kind.command(&[&key.1]), context)
    }

    /// The answer to a waiting command, or `None` if it has to wait on.
    fn run_again(
        &mut self,
        command: &Command<'_>,
        context: Context,
    ) -> Result<Option<Answer>, CommandError> {
        let missing = self.missing_before(command, context);
        let executed = self.database.execute(command, context)?;
        self.note(&executed.ops);
        self.tell_events(Some(command), &executed.ops, context.db, missing);
        let answer = Answer::new(Ok(executed.reply), executed.depends);
        Ok(executed.wait.is_none().then_some(answer))
    }
}

/// Hands answers to clients that waited, after the core is unlocked.
pub(crate) fn deliver(deliveries: Vec<Delivery>, shared: &Shared) {
    if deliveries.is_empty() {
        return;
    }
    let limits = shared.config.settings().output_limits;
    for Delivery { client, answer } in deliveries {
        let version = client.version();
        if !client.muted.load(Ordering::Acquire) {
            let mut fits = true;
            let limit = client.output_limit(&limits).hard_limit();
            let unsent = client.send(|output| {
                let left = limit.saturating_sub(output.len());
                fits = output.push(answer.depends, |out| encode(&answer, version, left, out));
            });
            if !fits {
                cut_off(&client, unsent, &shared.stats);
            }
            // One entry can go to thousands of readers.
            make_room(shared);
        }
        client.set_blocked(false, &shared.stats);
        // It goes on with what it has pipelined behind the blocking command.
        client.wake.notify_one();
    }
}
