//! The thread that makes checkpoints.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use engine::AdoptCursor;
use parking_lot::MutexGuard;
use storage::checkpoint::{CheckpointReport, Checkpointer};
use storage::{StorageError, failpoint};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::checkpoints::CheckpointDone;
use crate::core::Shared;
use crate::latency::Event;
use crate::retention;

/// The lowest priority that an ordinary thread can have.
const NICEST: i32 = 19;
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
        let log_bytes_written = shared.log.stats().bytes_written;
        let is_on = !shared.config.settings().retention.is_off();
        checkpointer.set_retains(is_on && has_room);
        checkpointer.set_memory_max(shared.pressure.checkpoint_memory_max());
        let is_urgent = shared.pressure.is_urgent();
        match run_beside_others(&mut checkpointer, shared.log.durable(), is_urgent) {
            Ok(report) => {
                has_room = true;
                finish_checkpoint(shared, &report, started.elapsed());
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
                if !has_room {
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
/// Not so if writers would come to wait for it: on a busy machine that could be long, and nobody may raise
/// a priority again.
fn run_beside_others(
    checkpointer: &mut Checkpointer,
    durable: u64,
    is_urgent: bool,
) -> Result<CheckpointReport, StorageError> {
    let run = || {
        if !is_urgent {
            step_back();
        }
        failpoint::pass("checkpoint");
        checkpointer.run(durable)
    };
    let run = thread::scope(|scope| scope.spawn(run).join());
    run.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Gives the calling thread the lowest priority of all, for processors and (by that) for the disk.
///
/// SCHED_IDLE and not the nicest value: whoever is woken while such a thread runs gets the processor at
/// once, 0.05 ms at p99. A thread of nice 19 is left the rest of its slice first: 1.8 to 3.7 ms.
fn step_back() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let thread = thread_native_id();
    let Err(error) = set_thread_priority_and_policy(thread, ThreadPriority::Min, idle) else {
        return;
    };
    tracing::debug!(?error, "the checkpoint cannot run when the system is idle");
    if let Err(error) = rustix::process::setpriority_process(None, NICEST) {
        tracing::debug!(%error, "the checkpoint runs at normal priority");
    }
}

fn finish_checkpoint(shared: &Shared, report: &CheckpointReport, time: Duration) {
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
