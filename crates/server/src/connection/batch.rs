//! A batch of requests: run under one hold of the engine's lock, answered after it.

use std::mem;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

use protocol::{Decoder, Limits, ReplyMode, TooLong, Version};
use storage::failpoint;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Connection, STRANGER_REPLY_BYTES_MAX, Wait};
use crate::busy::Busy;
use crate::client::UNSENT_BYTES_PAUSE;
use crate::client_limits::{cut_off, make_room};
use crate::config::FsyncPolicy;
use crate::core::Core;
use crate::driver::Job;
use crate::execute::{Answer, Executor, Outcome, Parsed, encode};
use crate::push::Message;
use crate::serve::deliver;
use crate::session::Session;
use crate::transaction::Transaction;

/// What is left of a batch that ran elsewhere.
pub(super) struct Returned {
    pub(super) session: Session,
    wait: Wait,
    /// Requests behind the one that stopped the batch.
    rest: Vec<u8>,
}

/// What a batch sends to its client.
pub(super) enum Sent {
    Answer(Answer, Version),
    /// A message, and the LSN that must be safe before.
    Message(u64, Message),
}

/// How a batch ran.
pub(super) enum Ran {
    /// With `Some(end)`, one of its requests stopped it: those behind, from byte `end` on, are for later.
    Here(Option<usize>),
    /// Not yet: a script must run outside of all tasks.
    Outside,
}

impl Connection {
    /// Runs decoded requests, unless there is a script among them.
    pub(super) fn run(&mut self, args: &[&[u8]], ends: &[(usize, usize)]) -> Ran {
        if ends.is_empty() {
            return Ran::Here(None);
        }
        let draw = self.shared.draw();
        let mut first = 0;
        let parsed: Vec<Parsed<'_>> = ends
            .iter()
            .map(|(end, _)| {
                let parsed = Parsed::new(&args[first..*end], draw);
                first = *end;
                parsed
            })
            .collect();
        if !self.is_outside && parsed.iter().any(|parsed| runs_script(parsed, &self.session)) {
            return Ran::Outside;
        }
        let mut answers = Vec::with_capacity(parsed.len());
        let mut stopped_at = None;
        let mut answer_bytes = 0;
        let shared = self.shared.clone();
        let was_authenticated = self.session.authenticated;
        let Some(mut core) = shared.lock_core() else {
            return Ran::Here(self.run_busy(parsed, ends));
        };
        failpoint::pass("engine");
        warm(&core, self.session.db, &parsed);
        if self.session.receives {
            // From here on others may send it messages, which must not overtake its replies.
            self.session.is_holding = true;
            self.client.hold();
        }
        let mut executor = Executor {
            shared: &self.shared,
            core: &mut core,
            client: &self.client,
            session: &mut self.session,
            now: shared.clock.now(),
            idle_since: std::time::Instant::now(),
            in_exec: false,
            in_script: false,
            is_error_counted: false,
            deliveries: Vec::new(),
            pushes: Vec::new(),
            pushed_bytes: 0,
            own: Vec::new(),
            has_pushed: false,
        };
        let mut start = 0;
        for (parsed, (args_end, end)) in parsed.into_iter().zip(ends) {
            let request = start..*args_end;
            start = *args_end;
            let outcome = executor.run(parsed);
            // A message to itself comes before the reply of PUBLISH, but into no EXEC.
            let is_transaction =
                matches!(&outcome, Outcome::Answer(Answer { is_transaction: true, .. }));
            executor.take_own(|message| !is_transaction && !message.follows(), &mut answers);
            match outcome {
                Outcome::Answer(answer) => {
                    if executor.session.takes_reply() || answer.is_message() {
                        answer_bytes += answer.bytes_about();
                        // HELLO answers in the protocol that it has chosen.
                        answers.push(Sent::Answer(answer, executor.session.version));
                    }
                }
                Outcome::Blocked { timeout_ms } => {
                    let is_muted = !executor.session.takes_reply();
                    executor.client.muted.store(is_muted, Ordering::Release);
                    let timeout = (timeout_ms != 0).then(|| Duration::from_millis(timeout_ms));
                    // A time too far to express is as good as none.
                    let deadline = timeout.and_then(|time| Instant::now().checked_add(time));
                    self.wait = Wait::Blocked { deadline };
                    stopped_at = Some(*end);
                }
                Outcome::Postponed { left_ms } => {
                    let request = args[request].iter().map(|arg| Box::from(*arg)).collect();
                    let far = Duration::from_secs(u64::from(u32::MAX));
                    let left = Duration::from_millis(left_ms).min(far);
                    self.wait = Wait::Paused { until: Instant::now() + left, request };
                    stopped_at = Some(*end);
                }
                Outcome::Later(answer) => {
                    self.wait = Wait::Later(answer);
                    stopped_at = Some(*end);
                }
                Outcome::Silent => {}
            }
            executor.take_own(|_| true, &mut answers);
            // Answers are encoded after the batch: a client that asks for a lot gets it piece by
            // piece, as it takes it.
            let is_enough = UNSENT_BYTES_PAUSE <= answer_bytes;
            if stopped_at.is_some() || is_enough || executor.session.closing {
                stopped_at = Some(*end);
                break;
            }
        }
        executor.end_batch();
        executor.take_own(|_| true, &mut answers);
        let deliveries = std::mem::take(&mut executor.deliveries);
        let has_pushed = executor.has_pushed;
        if matches!(self.wait, Wait::Blocked { .. }) {
            // Before anybody can serve this client: its earlier replies come first.
            self.send(&answers);
            answers.clear();
        }
        shared.feel_pressure();
        drop(core);
        if matches!(self.config.settings().fsync, FsyncPolicy::Always) {
            shared.sync_early(&self.client);
        }
        // From here on others may work: decoding blocks and encoding replies needs no lock.
        self.send(&answers);
        deliver(deliveries, &self.shared);
        if has_pushed {
            make_room(&self.shared);
        }
        if was_authenticated != self.session.authenticated {
            self.authentication_changed();
        }
        Ran::Here(stopped_at)
    }

    /// Has a batch run by the loop around the runtime, see [`crate::driver`]. Returns where it ends.
    pub(super) fn run_outside(
        &mut self,
        bytes: &[u8],
        positions: &[Range<usize>],
        ends: Vec<(usize, usize)>,
    ) -> usize {
        let end = ends.last().map_or(0, |(_, end)| *end);
        let (bytes, positions) = (bytes[..end].to_vec(), positions.to_vec());
        let authenticated = self.session.authenticated;
        let mut outside = Connection {
            shared: self.shared.clone(),
            client: self.client.clone(),
            session: mem::replace(&mut self.session, Session::new(authenticated)),
            decoder: Decoder::new(Limits::unauthenticated()),
            buffer: Vec::new(),
            wait: Wait::Nothing,
            stopping: self.stopping.clone(),
            positions: Vec::new(),
            config: self.shared.config.reader(),
            stranger_until: None,
            is_outside: true,
        };
        let (sender, receiver) = oneshot::channel();
        self.wait = Wait::Batch(receiver);
        self.client.worker.run_outside(Job::new(move || {
            let args: Vec<&[u8]> = positions.iter().map(|range| &bytes[range.clone()]).collect();
            let rest = match outside.run(&args, &ends) {
                Ran::Here(Some(stopped_at)) => bytes[stopped_at..].to_vec(),
                Ran::Here(None) | Ran::Outside => Vec::new(),
            };
            // If nobody is there to take it, the connection is gone, which waits for this before.
            let _ = sender.send(Returned { session: outside.session, wait: outside.wait, rest });
        }));
        end
    }

    /// A batch is back from elsewhere.
    pub(super) fn returned(&mut self, returned: Returned) {
        let was_authenticated = self.session.authenticated;
        self.session = returned.session;
        self.wait = returned.wait;
        if !returned.rest.is_empty() {
            self.buffer.splice(0..0, returned.rest);
        }
        if was_authenticated != self.session.authenticated {
            self.authentication_changed();
        }
    }

    /// Answers requests while a script hogs the core.
    fn run_busy(&mut self, parsed: Vec<Parsed<'_>>, ends: &[(usize, usize)]) -> Option<usize> {
        let mut answers = Vec::with_capacity(parsed.len());
        let mut stopped_at = None;
        for (parsed, (_, end)) in parsed.into_iter().zip(ends) {
            let mut busy =
                Busy { shared: &self.shared, client: &self.client, session: &mut self.session };
            let answer = busy.answer(&parsed);
            if self.session.takes_reply() {
                answers.push(Sent::Answer(Answer::new(answer, 0), self.session.version));
            }
            if self.session.closing {
                stopped_at = Some(*end);
                break;
            }
        }
        self.send(&answers);
        stopped_at
    }

    pub(super) fn send(&mut self, answers: &[Sent]) {
        let releases = std::mem::take(&mut self.session.is_holding);
        if answers.is_empty() && !releases {
            // Nobody waits for what was recorded (CLIENT REPLY OFF), and it must not pile up.
            if self.shared.log.written() < self.shared.log.last() {
                self.client.worker.wake();
            }
            return;
        }
        let limits = &self.config.settings().output_limits;
        let mut limit = self.client.output_limit(limits).hard_limit();
        if !self.session.authenticated {
            limit = limit.min(STRANGER_REPLY_BYTES_MAX);
        }
        let mut fits = true;
        let unsent = self.client.send(|output| {
            for sent in answers {
                let left = limit.saturating_sub(output.len());
                fits &= match sent {
                    Sent::Answer(answer, version) => {
                        output.push(answer.depends, |out| encode(answer, *version, left, out))
                    }
                    Sent::Message(lsn, message) => {
                        let (first, rest) = message.parts(&self.client);
                        output.push(*lsn, |out| {
                            out.push(first);
                            out.extend_from_slice(rest);
                            if rest.len() < left { Ok(()) } else { Err(TooLong) }
                        })
                    }
                };
                if !fits {
                    break;
                }
            }
            if releases {
                output.release();
            }
        });
        if !fits {
            cut_off(&self.client, unsent, &self.shared.stats);
        }
        make_room(&self.shared);
    }
}

/// Has the engine look at the keys of a batch, if it names several. That the first argument is the key
/// is a guess, and does no harm where it is wrong.
fn warm(core: &Core, db: u8, parsed: &[Parsed<'_>]) {
    let keys = parsed.iter().filter_map(|parsed| parsed.args.get(1).copied());
    if keys.clone().is_sorted_by(|a, b| a == b) {
        return;
    }
    std::hint::black_box(core.database.engine().warm(db, keys));
}

/// Whether a request may run a script: EVAL and its kin, or EXEC of a transaction that has one.
fn runs_script(parsed: &Parsed<'_>, session: &Session) -> bool {
    match &parsed.request {
        Ok((spec, _)) if spec.runs_script() => true,
        Ok((spec, _)) if spec.name == "exec" => {
            session.transaction.as_ref().is_some_and(Transaction::has_script)
        }
        _ => false,
    }
}

impl Executor<'_> {
    /// Puts the messages that the client brought upon itself among its replies.
    fn take_own(&mut self, which: impl Fn(&Message) -> bool, answers: &mut Vec<Sent>) {
        if self.own.is_empty() {
            return;
        }
        let taken = self.own.extract_if(.., |(_, message)| which(message));
        answers.extend(taken.map(|(lsn, message)| Sent::Message(lsn, message)));
    }

    /// After the last command of a batch: those who track prefixes are told at once of all that changed.
    fn end_batch(&mut self) {
        if self.core.has_audience && self.core.tracking.has_to_broadcast() {
            self.core.tracking.broadcast(&mut self.pushes);
            self.hand_out();
        }
    }
}

impl Session {
    /// Whether the reply of the command that has just run is to be sent (CLIENT REPLY).
    pub(super) fn takes_reply(&mut self) -> bool {
        match self.reply_mode {
            ReplyMode::On => true,
            ReplyMode::Off => false,
            ReplyMode::Skip => {
                if self.skip_next {
                    self.skip_next = false;
                    self.reply_mode = ReplyMode::On;
                } else {
                    // This was the reply of CLIENT REPLY SKIP itself.
                    self.skip_next = true;
                }
                false
            }
        }
    }
}
