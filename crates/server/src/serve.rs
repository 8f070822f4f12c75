//! Serving blocked readers: what a change made readable, or took away, is told to those who wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::{BlockedRead, BlockedReadKind, CommandError, Context, Op, Reply, UnixMillis};

use crate::blocking::{Arrival, Key};
use crate::client::Client;
use crate::client_limits::{cut_off, make_room};
use crate::core::{Core, Shared};
use crate::execute::{Answer, encode};

/// Memory that answers may hold together before they are encoded.
const HELD_BYTES_MAX: usize = 1024 * 1024;

/// The answer to a reader that waited.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) client: Arc<Client>,
    pub(crate) answer: Answer,
}

impl Core {
    /// Tells the registries what changed.
    pub(crate) fn note(&mut self, ops: &[Op<'_>]) {
        for op in ops {
            self.blocking.note(op);
            if !self.watches.is_empty() {
                self.watches.note(op);
            }
        }
    }

    /// Serves the readers that wait for keys which have changed, each in its turn. The answers are
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
                let mut after = 0;
                // Whoever goes empty-handed shows that those behind would, too.
                while let Some(arrival) = self.blocking.next_in_line(&key, &group, after) {
                    let Some(delivery) = self.try_serve(arrival, &key, now) else { break };
                    add(delivery, deliveries);
                    after = arrival;
                }
            }
        }
    }

    /// Runs a waiting read again, because `key` has changed.
    fn try_serve(&mut self, arrival: Arrival, key: &Key, now: UnixMillis) -> Option<Delivery> {
        let waiter = self.blocking.take(arrival)?;
        let context = Context { db: waiter.db, now };
        let is_plain = waiter.read.kind == BlockedReadKind::Plain;
        let mut answer = self.run_again(&waiter.read, context);
        if is_plain && matches!(answer, Err(CommandError::WrongType)) {
            // One of its keys has become something else. The one that changed may still serve it.
            let mut read = waiter.read.clone();
            read.streams.retain(|(name, _)| *name == key.1);
            answer = self.run_again(&read, context);
        }
        let answer = match answer {
            Ok(answer) => answer,
            // A key that has become something else leaves XREAD waiting (specification, 9.9).
            Err(CommandError::WrongType) if is_plain => None,
            Err(error) => Some(Answer::new(Err(error), self.database.log().last())),
        };
        let Some(answer) = answer else {
            self.blocking.put_back(arrival, waiter);
            return None;
        };
        self.blocking.forget(arrival, &waiter);
        Some(Delivery { client: waiter.client, answer })
    }

    /// The answer to a waiting read, or `None` if there still is nothing to read.
    fn run_again(
        &mut self,
        read: &BlockedRead,
        context: Context,
    ) -> Result<Option<Answer>, CommandError> {
        let command = read.command();
        let executed = self.database.execute(&command, context)?;
        self.note(&executed.ops);
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
