//! The thread that makes checkpoints.

use std::cell::Cell;
use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use engine::AdoptCursor;
use parking_lot::MutexGuard;
use storage::checkpoint::{CheckpointReport, Checkpointer, due};
use storage::{StorageError, failpoint};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::runtime::Handle;

use crate::checkpoints::CheckpointDone;
use crate::core::Shared;
use crate::latency::Event;
use crate::pressure::LOG_BYTES_MIN;
use crate::retention;

/// The lowest priority that an ordinary thread can have.
const NICEST: i32 = 19;

/// Percent of the last ten seconds in which some thread waited for a processor, from which on the machine
/// is busy.
const BUSY_PERCENT: f32 = 60.0;

/// How long a checkpoint may take at the lowest priority.
const IDLE_PATIENCE: Duration = Duration::from_secs(30);

/// So many times the log for which a checkpoint starts, and it becomes urgent.
const LOG_GROWTH_MAX: u64 = 2;

/// What a checkpoint beside others works between two pauses. Whatever its priority, a worker that was
/// interrupted for a moment may find it in its place, and would wait for the next tick of the kernel:
/// XADDs at 20,000 a second had a p99 of 1.3 to 5.8 ms, and have 1.0 to 1.9 ms with pauses. (To yield
/// would not do: each sched_yield(2) puts a thread of so little weight back by a second or more, without
/// an end, and with it whatever lock of the allocator or the kernel it then holds.)
const WORK_MAX: Duration = Duration::from_micros(100);
const PAUSE: Duration = Duration::from_micros(50);

/// Steps of a checkpoint (records, blocks, items) between two looks at the clock: some 10 us.
const STEPS_PER_LOOK: u32 = 8;

/// How long a stop waits for its checkpoint. Without it the next start replays the log.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// Blocks that take over their places on disk under one lock.
const ADOPTED_SLICE: usize = 512;

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
        shared.commit();
        let log_bytes_written = shared.log.bytes_written();
        let is_on = !shared.config.settings().retention.is_off();
        checkpointer.set_retains(is_on && has_room);
        checkpointer.set_memory_max(shared.pressure.checkpoint_memory_max());
        match run_beside_others(&mut checkpointer, shared) {
            Ok(report) => {
                has_room = true;
                // At a stop nobody reads from the blocks any more, and the next checkpoint frees what it may.
                if !shared.is_stopping() {
                    finish_checkpoint(shared, &report, started.elapsed());
                }
                shared.checkpoints.succeeded(CheckpointDone {
                    lsn: report.lsn,
                    log_bytes_written,
                    at: shared.clock.now() / 1000,
                    time: started.elapsed(),
                });
            }
            Err(error) => {
                tracing::error!(%error, "a checkpoint failed: the log is kept, nothing is lost");
                has_room = !error.is_space();
                if !has_room && !shared.is_stopping() {
                    retention::give_way(shared);
                }
                shared.checkpoints.failed();
            }
        }
    }
}

/// Makes a checkpoint in a thread that takes what the workers leave of the processors. What follows it
/// takes the engine's lock, and whoever holds that must not have to wait for a processor, so it is left
/// to the caller's thread.
///
/// On a machine whose processors are all busy that thread would hardly ever get one, the log would grow,
/// and with it the next start. So once somebody may come to wait for the checkpoint it is given up, and
/// another one is made that takes its turn like everybody: a thread may not raise its own priority again.
fn run_beside_others(
    checkpointer: &mut Checkpointer,
    shared: &Shared,
) -> Result<CheckpointReport, StorageError> {
    let began = Instant::now();
    let is_urgent = || shared.is_checkpoint_urgent() || IDLE_PATIENCE <= began.elapsed();
    if !is_urgent() {
        let run = || {
            step_back();
            failpoint::pass("checkpoint");
            let (asked, paused) = (Cell::new(0_u32), Cell::new(began));
            let give_up = || {
                asked.set(asked.get().wrapping_add(1));
                let is_due = asked.get().is_multiple_of(STEPS_PER_LOOK)
                    && WORK_MAX <= paused.get().elapsed();
                if is_due {
                    thread::sleep(PAUSE);
                    paused.set(Instant::now());
                }
                is_due && is_urgent()
            };
            checkpointer.run_unless(shared.log.durable(), &give_up)
        };
        let run = thread::scope(|scope| scope.spawn(run).join());
        match run.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
            Err(StorageError::GivenUp) => tracing::debug!("a checkpoint begins anew, in a hurry"),
            done => return done,
        }
    }
    failpoint::pass("checkpoint");
    checkpointer.run(shared.log.durable())
}

/// Gives the calling thread the lowest priority of all, for processors and (by that) for the disk.
///
/// SCHED_IDLE and not the nicest value: whoever is woken while such a thread runs gets the processor at
/// once, 0.05 ms at p99. A thread of nice 19 is left the rest of its slice first: 1.8 to 3.7 ms. But on a
/// machine whose processors others keep busy, SCHED_IDLE would hardly ever get one, not even to give back
/// a lock that others wait for, and nice 19 does.
fn step_back() {
    if !is_machine_busy() {
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let thread = thread_native_id();
        match set_thread_priority_and_policy(thread, ThreadPriority::Min, idle) {
            Ok(()) => return,
            Err(error) => tracing::debug!(?error, "the checkpoint cannot run as SCHED_IDLE"),
        }
    }
    if let Err(error) = rustix::process::setpriority_process(None, NICEST) {
        tracing::debug!(%error, "the checkpoint runs at normal priority");
    }
}

/// Also where the kernel does not tell (`Documentation/accounting/psi.rst`).
fn is_machine_busy() -> bool {
    let pressure = fs::read_to_string("/proc/pressure/cpu").ok();
    pressure.and_then(|text| waited_percent(&text)).is_none_or(|percent| BUSY_PERCENT <= percent)
}

/// From `some avg10=1.25 avg60=... avg300=... total=...`.
fn waited_percent(pressure: &str) -> Option<f32> {
    let mut words = pressure.lines().find_map(|line| line.strip_prefix("some "))?.split(' ');
    words.find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
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
        let time = state.last_time.unwrap_or(self.recovery.time);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pressure_on_processors_is_read() {
        let text = "some avg10=61.25 avg60=3.00 avg300=0.10 total=5\nfull avg10=0.00 avg60=0.00\n";
        assert_eq!(waited_percent(text), Some(61.25));
        assert_eq!(waited_percent("full avg10=7.00\n"), None);
        assert_eq!(waited_percent("some avg10=none\n"), None);
        assert_eq!(waited_percent(""), None);
    }
}
