//! The threads that drive a worker's tasks: one at a time, and another one that takes over when the
//! first has to stay with a script.
//!
//! A script holds the core and its thread until it ends. Short ones cost the others no more than any
//! command does. A long one must not keep its own worker from answering BUSY, and from hearing SCRIPT
//! KILL: so no script runs inside a task. The batch that it stands in is handed to the loop around the
//! runtime, which steps out of it, runs the batch, and steps in again. If that takes long, the other
//! thread of the worker steps in meanwhile, and the first one waits for its next turn afterwards.
//! Stepping out and in costs less than a microsecond; waking a thread for each script would cost
//! several.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Runtime;

use crate::worker::Worker;

/// A piece of work that is done outside of all tasks.
pub(crate) struct Job(Box<dyn FnOnce() + Send>);

impl Job {
    pub(crate) fn new(run: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(run))
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

/// Whose turn it is to drive.
#[derive(Debug)]
pub(crate) struct Turn {
    is_free: Mutex<bool>,
    freed: Condvar,
}

thread_local! {
    /// This thread has given its turn away while it is with a job.
    static HAS_PASSED: Cell<bool> = const { Cell::new(false) };
}

impl Default for Turn {
    fn default() -> Self {
        Self { is_free: Mutex::new(true), freed: Condvar::new() }
    }
}

impl Turn {
    /// Gives the turn of the calling thread away, once for a job.
    pub(crate) fn pass(&self) {
        if !HAS_PASSED.replace(true) {
            self.give();
        }
    }

    fn give(&self) {
        *self.is_free.lock() = true;
        self.freed.notify_one();
    }

    fn take(&self) {
        let mut is_free = self.is_free.lock();
        while !*is_free {
            self.freed.wait(&mut is_free);
        }
        *is_free = false;
    }
}

/// What both threads of a worker share.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) runtime: Runtime,
    pub(crate) worker: Arc<Worker>,
}

impl Driver {
    /// The loop of each of the two threads. Returns once all connections are gone.
    pub(crate) fn drive(&self) {
        let turn = self.worker.turn();
        loop {
            turn.take();
            loop {
                let Some(Job(run)) = self.runtime.block_on(self.worker.next_job()) else {
                    // The other one shall see it, too.
                    turn.give();
                    return;
                };
                HAS_PASSED.set(false);
                run();
                if HAS_PASSED.get() {
                    break;
                }
            }
        }
    }
}
