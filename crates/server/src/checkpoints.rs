//! Asking for checkpoints and waiting for them: BGSAVE, SAVE, BGREWRITEAOF, and the log's size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

/// Between those who want a checkpoint and the thread that makes it.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    asked: Mutex<Asked>,
    ask: Condvar,
    state: watch::Sender<CheckpointState>,
    /// Clients that wait for a checkpoint to end.
    hurrying: Arc<()>,
}

#[derive(Debug, Default)]
struct Asked {
    checkpoint: bool,
    stop: bool,
}

/// What there is to know about checkpoints.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CheckpointState {
    /// Checkpoints begun so far.
    pub(crate) begun: u64,
    /// Checkpoints ended so far, one way or the other. One runs while this is less than `begun`.
    pub(crate) ended: u64,
    /// The last one failed.
    pub(crate) failed: bool,
    /// Unix seconds of the last good one, or of the start.
    pub(crate) last_at: u64,
    /// The record up to which it reaches; 0 before the first.
    pub(crate) lsn: u64,
    /// [`storage::LogStats::bytes_written`] when it began: the next one is due by what came since.
    pub(crate) log_bytes_written: u64,
    /// How long the last good one took, and what came before and after it.
    pub(crate) last_time: Option<Duration>,
    /// How long it would have taken by itself, without a pause.
    pub(crate) last_work: Option<Duration>,
    /// When the last one failed; `None` if it was good.
    failed_at: Option<Instant>,
}

/// A good checkpoint. See the fields of [`CheckpointState`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckpointDone {
    pub(crate) lsn: u64,
    pub(crate) log_bytes_written: u64,
    pub(crate) at: u64,
    pub(crate) time: Duration,
    pub(crate) work: Duration,
}

impl CheckpointState {
    pub(crate) fn is_running(&self) -> bool {
        self.ended < self.begun
    }
}

impl Checkpoints {
    /// No checkpoint yet; LASTSAVE answers the start of the server until there is one.
    pub(crate) fn new(started_at: u64) -> Self {
        let state = CheckpointState { last_at: started_at, ..CheckpointState::default() };
        let state = watch::Sender::new(state);
        Self { asked: Mutex::default(), ask: Condvar::new(), state, hurrying: Arc::new(()) }
    }

    pub(crate) fn state(&self) -> CheckpointState {
        *self.state.borrow()
    }

    /// Asks for a checkpoint of everything recorded by now; one that runs already does not count.
    pub(crate) fn request(&self) {
        self.asked.lock().checkpoint = true;
        self.ask.notify_one();
    }

    /// While the answer lives, checkpoints are in a hurry: a client waits for one.
    pub(crate) fn hurry(&self) -> impl Send + use<> {
        Arc::clone(&self.hurrying)
    }

    /// Whether somebody waits with [`Checkpoints::hurry`].
    pub(crate) fn is_waited_for(&self) -> bool {
        1 < Arc::strong_count(&self.hurrying)
    }

    /// Whether none runs, and none is asked for.
    pub(crate) fn is_idle(&self) -> bool {
        !self.asked.lock().checkpoint && !self.state().is_running()
    }

    /// Ends the thread once it is idle.
    pub(crate) fn stop(&self) {
        self.asked.lock().stop = true;
        self.ask.notify_one();
    }

    /// Whether the last checkpoint failed at least so long ago, and no other one runs.
    pub(crate) fn retry_is_due(&self, after: Duration) -> bool {
        let state = self.state();
        !state.is_running() && state.failed_at.is_some_and(|at| after <= at.elapsed())
    }

    /// For the thread: waits for a request and marks the checkpoint as running. False: stop.
    pub(crate) fn next(&self) -> bool {
        let mut asked = self.asked.lock();
        while !asked.checkpoint && !asked.stop {
            self.ask.wait(&mut asked);
        }
        if asked.stop {
            return false;
        }
        asked.checkpoint = false;
        self.state.send_modify(|state| state.begun += 1);
        true
    }

    /// For the thread: the checkpoint has failed, and another may be tried.
    pub(crate) fn failed(&self) {
        self.state.send_modify(|state| {
            state.ended += 1;
            state.failed = true;
            state.failed_at = Some(Instant::now());
        });
    }

    /// For the thread: the checkpoint is good.
    pub(crate) fn succeeded(&self, done: CheckpointDone) {
        self.state.send_modify(|state| {
            state.ended += 1;
            state.failed = false;
            state.failed_at = None;
            state.lsn = done.lsn;
            state.log_bytes_written = done.log_bytes_written;
            state.last_at = done.at;
            state.last_time = Some(done.time);
            state.last_work = Some(done.work);
        });
    }

    /// Waits for a checkpoint that begins after this call. True if it was good.
    pub(crate) fn wait(&self) -> impl Future<Output = bool> + Send + use<> {
        let mut state = self.state.subscribe();
        let after = state.borrow().begun;
        async move {
            let ended = state.wait_for(|state| after < state.ended).await;
            ended.is_ok_and(|state| !state.failed)
        }
    }
}
