//! Worker threads: each runs the connections given to it, and flushes their replies once per sweep.
//!
//! A worker is one thread with a tokio current-thread runtime. When its sockets become readable,
//! the runtime wakes their tasks together; each executes what arrived and puts its client into the
//! flush list. The flush task was woken by the first of them, so it runs after all of them: **one
//! commit and one round of writes per readiness sweep**, and nobody is woken per operation.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread;

use parking_lot::{Condvar, Mutex};
use storage::failpoint;
use tokio::sync::{Notify, mpsc};

use crate::client::{Client, Flushed};
use crate::core::Shared;
use crate::driver::{Driver, Job, Turn};
use crate::listener::{Arrival, Listening};
use crate::running;
use crate::stats::{Stats, WorkerStats};

/// The part of a worker that others reach.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Clients with replies to send since the last flush.
    pending: Mutex<Vec<Arc<Client>>>,
    flush: Notify,
    /// Whether clients are held back until more records are safe.
    holds: AtomicBool,
    arrivals: mpsc::UnboundedSender<Arrival>,
    /// Batches with scripts, which do not run inside a task: see [`Driver`].
    jobs: Mutex<VecDeque<Job>>,
    job: Notify,
    /// Its connections are gone.
    is_over: AtomicBool,
    turn: Turn,
    pub(crate) counters: Arc<WorkerStats>,
}

impl Worker {
    /// Puts a client with new replies into the next flush.
    pub(crate) fn submit(&self, client: &Arc<Client>) {
        if client.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut pending = self.pending.lock();
        pending.push(client.clone());
        if pending.len() == 1 {
            self.flush.notify_one();
        }
    }

    /// Whether the next flush has others than `client` yet.
    pub(crate) fn has_pending_beside(&self, client: &Arc<Client>) -> bool {
        self.pending.lock().iter().any(|other| !Arc::ptr_eq(other, client))
    }

    /// Looks at the flush list and the held replies again: more records are safe.
    pub(crate) fn wake(&self) {
        self.flush.notify_one();
    }

    /// As [`Worker::wake`], if it holds anything back. Waking a thread costs more than a small
    /// command, so nobody is woken for nothing.
    pub(crate) fn wake_if_holding(&self) {
        if self.holds.load(Ordering::SeqCst) {
            self.flush.notify_one();
        }
    }

    /// Has a piece of work done by the thread that drives this worker, outside of all tasks.
    pub(crate) fn run_outside(&self, job: Job) {
        self.jobs.lock().push_back(job);
        self.job.notify_one();
    }

    /// The other thread of this worker takes over its tasks, while the calling one goes on with a job
    /// that turns out to be long.
    pub(crate) fn relieve(&self) {
        self.turn.pass();
    }

    pub(crate) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// The next piece of work to be done outside of the tasks; `None` once there is no task any more.
    pub(crate) async fn next_job(&self) -> Option<Job> {
        loop {
            if let Some(job) = self.jobs.lock().pop_front() {
                return Some(job);
            }
            if self.is_over.load(Ordering::Acquire) {
                return None;
            }
            self.job.notified().await;
        }
    }

    /// Hands over a new connection.
    pub(crate) fn accept(&self, arrival: Arrival) {
        // Fails only when the worker has ended, and then the connection is closed by the drop.
        let _ = self.arrivals.send(arrival);
    }
}

/// A worker that is still to be given its thread.
pub(crate) struct WorkerSeed {
    pub(crate) worker: Arc<Worker>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

/// Makes the shared part of each worker that `stats` counts, before the state that refers to them
/// exists.
pub(crate) fn seeds(stats: &Stats) -> Vec<WorkerSeed> {
    stats
        .workers()
        .iter()
        .map(|counters| {
            let (sender, arrivals) = mpsc::unbounded_channel();
            let worker = Worker {
                pending: Mutex::default(),
                flush: Notify::new(),
                holds: AtomicBool::new(false),
                arrivals: sender,
                jobs: Mutex::default(),
                job: Notify::new(),
                is_over: AtomicBool::new(false),
                turn: Turn::default(),
                counters: Arc::clone(counters),
            };
            WorkerSeed { worker: Arc::new(worker), arrivals }
        })
        .collect()
}

/// Starts the worker's threads, which also accept from `listening`. They end when `shared` is stopping
/// and all its clients are gone.
///
/// # Errors
///
/// If the runtime or a thread cannot be made.
pub(crate) fn start(
    seed: WorkerSeed,
    index: usize,
    shared: Arc<Shared>,
    listening: Vec<Listening>,
) -> io::Result<thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let worker = Arc::clone(&seed.worker);
    let ends = Arc::clone(&worker);
    runtime.spawn(async move {
        run(seed, shared, listening).await;
        ends.is_over.store(true, Ordering::Release);
        ends.job.notify_one();
    });
    let driver = Arc::new(Driver { runtime, worker });
    let spawn = |name: String| {
        let driver = Arc::clone(&driver);
        let thread = thread::Builder::new().name(name).stack_size(script::STACK_BYTES);
        thread.spawn(move || driver.drive())
    };
    spawn(format!("relief-{index}"))?;
    spawn(format!("worker-{index}"))
}

async fn run(seed: WorkerSeed, shared: Arc<Shared>, listening: Vec<Listening>) {
    let WorkerSeed { worker, mut arrivals } = seed;
    running::accept(listening, &shared);
    let flusher = tokio::spawn(flush_loop(worker.clone(), shared.clone()));
    let mut connections = tokio::task::JoinSet::new();
    let mut stopping = shared.stopping();
    loop {
        tokio::select! {
            arrival = arrivals.recv() => {
                let Some(arrival) = arrival else { break };
                if let Some(connection) = arrival.connect(&worker, &shared) {
                    connections.spawn(connection);
                }
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = stopping.wait() => break,
        }
    }
    // Each task sends what its client is still owed, then ends.
    while connections.join_next().await.is_some() {}
    flusher.abort();
}

/// After each sweep: make the records safe that replies wait for, then send the replies.
async fn flush_loop(worker: Arc<Worker>, shared: Arc<Shared>) {
    let mut clients: Vec<Arc<Client>> = Vec::new();
    let mut held: Vec<Arc<Client>> = Vec::new();
    for round in 1.. {
        worker.flush.notified().await;
        failpoint::pass("worker");
        clients.append(&mut held);
        let held_before = clients.len();
        clients.append(&mut worker.pending.lock());
        // Before the flush: what is added while it runs puts the client into the list again.
        for client in &clients[held_before..] {
            client.queued.store(false, Ordering::Release);
        }
        worker.counters.sweeps.add(1);
        let safe = shared.make_safe(&worker, clients.len() - held_before);
        for client in clients.drain(..) {
            match client.flush(safe) {
                Flushed::All => {}
                Flushed::Gated if client.held_in_round.swap(round, Ordering::Relaxed) == round => {}
                Flushed::Gated => held.push(client),
                // The connection's task waits for room.
                Flushed::Stalled => client.wake.notify_one(),
                // The task may not be reading, and so not see the end by itself.
                Flushed::Broken => client.kill(),
            }
        }
        worker.holds.store(!held.is_empty(), Ordering::SeqCst);
        // Between the store and the look: either we see what became safe, or they see that we hold.
        fence(Ordering::SeqCst);
        // Whoever made more records safe since `safe` was read may have seen no need to wake us.
        if !held.is_empty() && safe < shared.safe() {
            worker.flush.notify_one();
        }
    }
}

/// The thread that syncs the log while the workers go on.
#[derive(Debug, Default)]
pub(crate) struct LogThread {
    asked: Mutex<bool>,
    ask: Condvar,
    is_busy: AtomicBool,
}

impl LogThread {
    /// Asks for a commit of all that is recorded by now.
    pub(crate) fn request(&self) {
        let mut asked = self.asked.lock();
        if !*asked {
            *asked = true;
            self.is_busy.store(true, Ordering::Relaxed);
            self.ask.notify_one();
        }
    }

    /// Whether it is asked for a commit, or at one. A guide only: it may end or begin right after.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    /// Runs for the life of the process: commits when asked, then wakes every worker.
    pub(crate) fn run(&self, shared: &Shared) {
        loop {
            {
                let mut asked = self.asked.lock();
                while !*asked {
                    self.is_busy.store(false, Ordering::Relaxed);
                    self.ask.wait(&mut asked);
                }
                *asked = false;
            }
            failpoint::pass("log");
            shared.commit();
            shared.wake_holders();
        }
    }
}
