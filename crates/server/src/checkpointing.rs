//! The thread that makes checkpoints.

use std::cell::Cell;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use engine::AdoptCursor;
use parking_lot::MutexGuard;
use storage::checkpoint::{CheckpointReport, Checkpointer, due};
use storage::{StorageError, failpoint};
use tokio::runtime::Handle;

use crate::checkpoints::CheckpointDone;
use crate::core::Shared;
use crate::latency::Event;
use crate::pressure::LOG_BYTES_MIN;
use crate::priority::step_back;
use crate::retention;

/// How long a checkpoint may take beside others.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many times the log for which a checkpoint starts, and it becomes urgent.
const LOG_GROWTH_MAX: u64 = 2;

/// What a checkpoint beside others works between two pauses. A worker that is woken or was interrupted
/// finds it in its place for no longer; without pauses, whatever the priorities, often until the next
/// tick of the kernel, 4 ms. (To yield would not do: each sched_yield(2) puts a thread of so little
/// weight back by a second or more, without an end, and with it whatever lock of the allocator or the
/// kernel it then holds.)
const WORK_MAX: Duration = Duration::from_micros(100);
const PAUSE: Duration = Duration::from_micros(50);

/// How long a stop waits for its checkpoint. Without it the next start replays the log.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// Blocks that take over their places on disk under one lock.
const ADOPTED_SLICE: usize = 512;

/// A checkpoint that was made.
struct Made {
    report: CheckpointReport,
    /// [`storage::LogStats::bytes_written`] when it began.
    log_bytes_written: u64,
    /// Without pauses, and what was given up before.
    work: Duration,
}

/// Makes checkpoints when they are asked for, as long as the server runs.
pub(crate) fn checkpoint_loop(shared: &Shared, hash_seed: u64) {
    let mut checkpointer = {
        let database = &shared.core.lock().database;
        let (fs, dir) = (Arc::clone(database.fs()), database.dir().to_owned());
        Checkpointer::new(fs, dir, hash_seed).noting(database.damaged_blocks().clone())
    };
    // Older snapshots are kept to go back with, unless there is no room for a new one.
    let mut has_room = true;
    while shared.checkpoints.next() {
        let started = Instant::now();
        let is_on = !shared.config.settings().retention.is_off();
        checkpointer.set_retains(is_on && has_room);
        checkpointer.set_memory_max(shared.pressure.checkpoint_memory_max());
        match make(&mut checkpointer, shared) {
            Ok(made) => {
                has_room = true;
                // At a stop nobody reads from the blocks any more, and the next checkpoint frees what it may.
                if !shared.is_stopping() {
                    finish_checkpoint(shared, &made.report, started.elapsed());
                }
                shared.checkpoints.succeeded(CheckpointDone {
                    lsn: made.report.lsn,
                    log_bytes_written: made.log_bytes_written,
                    at: shared.clock.now() / 1000,
                    time: started.elapsed(),
                    work: made.work,
                });
            }
            Err(error) => {
                tracing::error!(%error, "a checkpoint failed: the log is kept, nothing is lost");
                let is_full = error.is_space() && !shared.is_stopping();
                let is_again = is_full && retention::give_way(&shared.log);
                has_room = !error.is_space() || is_again;
                shared.checkpoints.failed();
                if is_again {
                    shared.checkpoints.request();
                }
            }
        }
    }
}

/// Makes a checkpoint beside others. On a machine whose processors are all busy its thread would hardly
/// ever get one, the log would grow, and with it the next start. So once somebody may come to wait for
/// the checkpoint it is given up, and another one is made that takes its turn like everybody: a thread
/// may not raise its own priority again. What follows it takes the engine's lock and is left to the
/// caller's thread.
fn make(checkpointer: &mut Checkpointer, shared: &Shared) -> Result<Made, StorageError> {
    let began = Instant::now();
    let is_urgent = || shared.is_checkpoint_urgent() || PATIENCE <= began.elapsed();
    // Here, and not in a thread of low priority: others wait for who holds a lock.
    shared.commit();
    if !is_urgent() {
        let run = || {
            step_back("a checkpoint");
            attempt(checkpointer, shared, Some(&is_urgent))
        };
        let made = thread::scope(|scope| scope.spawn(run).join());
        match made.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
            Err(StorageError::GivenUp) => tracing::debug!("a checkpoint begins anew, in a hurry"),
            done => return done,
        }
        shared.commit();
    }
    attempt(checkpointer, shared, None)
}

/// One attempt at a checkpoint: with pauses and until it `is_urgent`, or without either.
fn attempt(
    checkpointer: &mut Checkpointer,
    shared: &Shared,
    is_urgent: Option<&dyn Fn() -> bool>,
) -> Result<Made, StorageError> {
    let began = Instant::now();
    failpoint::pass("checkpoint");
    let log_bytes_written = shared.log.bytes_written();
    let (working_since, paused) = (Cell::new(began), Cell::new(Duration::ZERO));
    let give_up = || {
        let Some(is_urgent) = is_urgent else { return false };
        let worked_until = Instant::now();
        if worked_until.duration_since(working_since.get()) < WORK_MAX {
            return false;
        }
        thread::sleep(PAUSE);
        paused.set(paused.get() + worked_until.elapsed());
        working_since.set(Instant::now());
        is_urgent()
    };
    let report = checkpointer.run_unless(shared.log.durable(), &give_up)?;
    let work = began.elapsed().saturating_sub(paused.get());
    Ok(Made { report, log_bytes_written, work })
}

impl Shared {
    /// Whether somebody may come to wait for the next checkpoint: writers, the stop, or the start after
    /// a crash.
    fn is_checkpoint_urgent(&self) -> bool {
        let limit = self.config.settings().checkpoint_log_bytes.saturating_mul(LOG_GROWTH_MAX);
        self.pressure.is_urgent()
            || self.is_stopping()
            || self.checkpoints.is_waited_for()
            || due(self.log_bytes_since_checkpoint(), limit)
    }

    /// A checkpoint for the next start, which then has nothing to replay: if there is much of that, and
    /// time for it until `deadline`. Whatever becomes of it, everything is in the log. With SHUTDOWN SAVE
    /// in any case, however long it takes. Needs a runtime.
    pub(crate) fn checkpoint_at_stop(&self, deadline: Instant) {
        let patience = match self.shutdown_saves.get() {
            Some(false) => return,
            Some(true) => Duration::MAX,
            None => {
                let patience =
                    deadline.saturating_duration_since(Instant::now()).min(STOP_PATIENCE);
                if !self.is_checkpoint_worth_it(patience) {
                    return;
                }
                patience
            }
        };
        let ended = self.checkpoints.wait();
        self.checkpoints.request();
        match Handle::current().block_on(async { tokio::time::timeout(patience, ended).await }) {
            Ok(true) => {}
            Ok(false) => {
                tracing::error!("no checkpoint at the stop: the next start replays the log")
            }
            Err(_) => tracing::warn!("no time for a checkpoint: the next start replays the log"),
        }
    }

    /// Whether there is log to replay, and a checkpoint likely to be made within `patience`.
    fn is_checkpoint_worth_it(&self, patience: Duration) -> bool {
        let state = self.checkpoints.state();
        let time = state.last_work.unwrap_or(self.recovery.time);
        LOG_BYTES_MIN <= self.log_bytes_since_checkpoint() && !state.failed && time < patience
    }
}

fn finish_checkpoint(shared: &Shared, report: &CheckpointReport, time: Duration) {
    let mut longest = adopt(shared, report);
    if report.adoption.wants_another_walk() {
        longest = longest.max(adopt(shared, report));
    }
    shared.retained.needs_from(report.log_needed_from);
    let segments = retention::enforce(shared);
    tracing::info!(
        lsn = report.lsn,
        records = report.records,
        blocks = report.blocks,
        block_bytes = report.block_bytes,
        snapshot_bytes = report.snapshot_bytes,
        segments_freed = segments,
        ms = time.as_millis(),
        lock_us = longest.as_micros(),
        "checkpoint"
    );
}

/// Lets the engine find its blocks on disk, slice by slice; the longest time under the lock.
fn adopt(shared: &Shared, report: &CheckpointReport) -> Duration {
    let mut cursor = Some(AdoptCursor::default());
    let mut longest = Duration::ZERO;
    while let Some(from) = cursor {
        let mut core = shared.core.lock();
        let began = Instant::now();
        cursor = core.database.adopt_blocks(&report.adoption, from, ADOPTED_SLICE);
        let held = began.elapsed();
        // Whoever has come meanwhile is next, also if this thread would be back at once.
        MutexGuard::unlock_fair(core);
        longest = longest.max(held);
        shared.observer.note_latency(Event::Adoption, held, shared.clock.now());
        shared.feel_pressure();
    }
    longest
}
