//! What happens by itself: expiry, checkpoints, spare segments, the sync of `everysec`, samples, and
//! the watchdog. Each slow thing has a thread of its own, so that none delays another.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use engine::Missing;
use storage::checkpoint::due;
use storage::{SLOW_SYNC, StorageError, failpoint};

use crate::checkpointing::checkpoint_loop;
use crate::client_limits;
use crate::clock::ClockStep;
use crate::config::FsyncPolicy;
use crate::core::{Core, Shared};
use crate::introspect::process::ProcessMemory;
use crate::latency::Event;
use crate::lock_watch::LockWatch;
use crate::push::Push;
use crate::retention;
use crate::scrubbing::scrub_loop;
use crate::serve::deliver;
use crate::systemd::Manager;
use crate::tracking::NOBODY;

/// One round of the main loop.
const TICK: Duration = Duration::from_millis(100);
/// How often a spare segment is thought of: the fastest disk fills one in several times that.
const SEGMENT_TICK: Duration = Duration::from_millis(20);
/// Between two pieces of a segment that is laid out: some three seconds for one of 64 MiB.
const FILL_PAUSE: Duration = Duration::from_millis(5);
/// How often the sync of `everysec` is thought of.
const SYNC_TICK: Duration = Duration::from_millis(50);
/// Unsynced bytes that `everysec` does not leave waiting for its second.
const SYNC_BYTES: u64 = 4 << 20;
/// How long to wait for space before laying out a segment is tried again.
const NO_SPACE_PAUSE: Duration = Duration::from_millis(200);
/// How often log is given up that has grown older than asked for.
const RETENTION_INTERVAL: Duration = Duration::from_secs(5);
/// How long after a failed checkpoint another one is tried.
const CHECKPOINT_RETRY: Duration = Duration::from_secs(30);
/// Expired keys removed under one lock.
const EXPIRED_SLICE: usize = 200;
/// Slices of expired keys in one round.
const EXPIRED_SLICES_MAX: usize = 20;

/// The threads. They end by themselves once the server is stopping.
#[derive(Debug)]
pub(crate) struct Housekeeping {
    /// Threads that may append to the log or sync it: they have to be gone before its clean end.
    threads: Vec<JoinHandle<()>>,
}

impl Housekeeping {
    /// Starts all of it.
    ///
    /// # Errors
    ///
    /// If a thread cannot be made.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        hash_seed: u64,
        manager: Manager,
    ) -> io::Result<Self> {
        let spawn = |name: &str, run: Box<dyn FnOnce(&Shared) + Send>| {
            let shared = Arc::clone(shared);
            thread::Builder::new().name(name.to_owned()).spawn(move || run(&shared))
        };
        // Not joined: it may be in the middle of a checkpoint, which can be given up at any point.
        spawn("checkpoint", Box::new(move |shared| checkpoint_loop(shared, hash_seed)))?;
        // Not joined either: it only reads.
        spawn("scrub", Box::new(scrub_loop))?;
        Ok(Self {
            threads: vec![
                spawn("housekeeping", Box::new(move |shared| main_loop(shared, manager)))?,
                spawn("segments", Box::new(segment_loop))?,
                spawn("everysec", Box::new(sync_loop))?,
                spawn("alarm", Box::new(|shared| shared.alarm.run(shared)))?,
            ],
        })
    }

    /// Waits for the end of the threads that touch the log.
    pub(crate) fn join(self) {
        for thread in self.threads {
            // A panic in one has ended the process already (`panic = "abort"`).
            let _ = thread.join();
        }
    }
}

fn main_loop(shared: &Shared, manager: Manager) {
    let mut watchdog = Watchdog::new(shared, manager);
    let mut checkpoint_asked_at = 0;
    let mut last_at_rest = 0;
    let mut last_a_tick_ago = 0;
    let mut slow_sync_told = None;
    for tick in 0u64.. {
        failpoint::pass("housekeeping");
        if shared.is_stopping() {
            return;
        }
        let now = shared.clock.now();
        shared.stats.sample(now);
        remove_expired(shared, now);
        shared.feel_pressure();
        // What no client waits for (expiry, CLIENT REPLY OFF) gets to the disk all the same.
        if shared.safe() < last_a_tick_ago {
            shared.settle();
        }
        last_a_tick_ago = shared.log.last();
        tell_slow_sync(shared, &mut slow_sync_told);
        if tick % 10 == 0 {
            every_second(shared, &mut checkpoint_asked_at, &mut last_at_rest);
            watchdog.look(shared);
        }
        thread::sleep(TICK);
    }
}

/// Says once for each sync that takes long that it does, while it does: a disk that hangs for good
/// would never let it be said afterwards.
fn tell_slow_sync(shared: &Shared, told: &mut Option<Instant>) {
    let Some(began) = shared.log.sync_began() else { return };
    if SLOW_SYNC <= began.elapsed() && *told != Some(began) {
        *told = Some(began);
        tracing::warn!(
            ms = began.elapsed().as_millis(),
            "a sync of the log takes too long, the disk is slow: writes wait, reads go on"
        );
    }
}

fn every_second(shared: &Shared, checkpoint_asked_at: &mut u64, last_at_rest: &mut u64) {
    shared.note_memory(ProcessMemory::now().anonymous);
    client_limits::enforce(shared, shared.clock.uptime_ms());
    report_step(shared);
    // What the recovery had to replay counts: otherwise a server that is restarted often enough
    // would never get around to a checkpoint, and each start would take longer.
    let written = shared.recovery.report.bytes + shared.log.bytes_written();
    let limit = shared.config.settings().checkpoint_log_bytes;
    // A failed checkpoint is tried again: the disk that was full may have room by now.
    let is_retry = shared.checkpoints.retry_is_due(CHECKPOINT_RETRY);
    if is_retry || due(written.saturating_sub(*checkpoint_asked_at), limit) {
        *checkpoint_asked_at = written;
        shared.checkpoints.request();
    }
    // A second without a write: the newest records get a witness that they were durable.
    let last = shared.log.last();
    if last == *last_at_rest
        && let Err(error) = shared.log.mark(shared.clock.now())
    {
        crate::bootstrap::fail(&error);
    }
    *last_at_rest = shared.log.last().max(last);
}

fn report_step(shared: &Shared) {
    let Some(step) = shared.clock.step() else { return };
    // What it sleeps for is another time now.
    shared.alarm.wake();
    if shared.clock.is_capped() {
        tracing::error!("{}", crate::clock::CAPPED);
        return;
    }
    match step {
        ClockStep::Forward(by) => tracing::warn!(
            seconds = by.as_secs(),
            "the clock was set forward: new entry IDs follow it, and stay there if it is set back"
        ),
        ClockStep::Backward(by) => tracing::warn!(
            seconds = by.as_secs(),
            "the clock was set back: new entry IDs go on from the last one until it has caught up"
        ),
    }
}

/// Removes keys whose time is over, some at a time, so that nobody waits long for the lock.
fn remove_expired(shared: &Shared, now: u64) {
    for _ in 0..EXPIRED_SLICES_MAX {
        // While a script hogs it, keys expire later; whoever looks for them does not see them.
        let Some(mut core) = shared.lock_core() else { return };
        let began = Instant::now();
        if core.pause.is_on(shared.clock.uptime_ms()) {
            return;
        }
        let expired = core.database.engine().expired(now, EXPIRED_SLICE);
        if expired.is_empty() || shared.is_stopping() {
            return;
        }
        let ops = expired.ops();
        if core.database.record(&ops, now).is_err() {
            // The log has no room, or is out of order; whoever commits next says so.
            return;
        }
        core.note(&ops);
        core.tell_events(None, &ops, 0, Missing::default());
        let mut deliveries = Vec::new();
        core.serve_blocked(now, &mut deliveries, shared);
        if core.has_audience {
            tell_audience(&mut core, shared);
        }
        drop(core);
        shared.observer.note_latency(Event::Expiry, began.elapsed(), now);
        deliver(deliveries, shared);
        let removed = expired.len() as u64;
        shared.stats.expired_keys.fetch_add(removed, Ordering::Relaxed);
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        shared.stats.expiry_nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// Tells those who listen to a key, or have cached it, that it has changed by itself.
pub(crate) fn tell_audience(core: &mut Core, shared: &Shared) {
    let mut pushes = std::mem::take(&mut core.told);
    core.tracking.invalidate(NOBODY, &mut pushes);
    core.tracking.broadcast(&mut pushes);
    let lsn = core.database.recorded();
    let limits = shared.config.settings().output_limits;
    for Push { client, message } in pushes {
        client.push(lsn, &message, &limits, &shared.stats);
    }
}

/// Lays out spare segments before they are needed, and gives back those that are not. Looks after the
/// lock, too: whatever may wait for the disk is no business of the main loop.
fn segment_loop(shared: &Shared) {
    let mut was_full = false;
    let mut enforced_at = None::<Instant>;
    let mut lock = LockWatch::new(Arc::clone(&shared.dir_lock));
    while !shared.is_stopping() {
        failpoint::pass("segments");
        let mut pause = SEGMENT_TICK;
        if enforced_at.is_none_or(|at| RETENTION_INTERVAL <= at.elapsed()) {
            enforced_at = Some(Instant::now());
            retention::enforce(shared);
        }
        lock.tick();
        shared.log.free_step();
        if shared.log.wants_segment() {
            let go_on = |has_time| {
                if has_time {
                    thread::sleep(FILL_PAUSE);
                }
                !shared.is_stopping()
            };
            match shared.log.prepare_segment_gently(&go_on) {
                Ok(_) if was_full => {
                    was_full = false;
                    tracing::info!("there is room for the log again: writes go on");
                }
                Ok(_) => {}
                Err(StorageError::Poisoned { .. }) => return,
                Err(error) => {
                    if !was_full {
                        was_full = true;
                        tracing::error!(%error, "cannot lay out the next segment of the log");
                    }
                    pause = NO_SPACE_PAUSE;
                }
            }
        }
        thread::sleep(pause);
    }
}

/// `everysec`: syncs what the workers have written, each second, and sooner if there is much of it: a
/// sync of a whole segment would keep the disk from everybody else. With `always` there is nothing
/// left to do. With `no` it is the system's business, but for one sync in each segment of the log, so that
/// the segment before is known to be durable.
fn sync_loop(shared: &Shared) {
    let mut synced_at = Instant::now();
    while !shared.is_stopping() {
        failpoint::pass("everysec");
        thread::sleep(SYNC_TICK);
        let is_due = Duration::from_secs(1) <= synced_at.elapsed()
            || SYNC_BYTES <= shared.log.unsynced_bytes();
        let is_due = match shared.config.settings().fsync {
            FsyncPolicy::Always => false,
            FsyncPolicy::EverySec => is_due || shared.log.wants_sync(),
            FsyncPolicy::No => shared.log.wants_sync(),
        };
        if !is_due {
            continue;
        }
        synced_at = Instant::now();
        if let Err(error) = shared.log.write().and_then(|_| shared.log.sync()) {
            crate::bootstrap::fail(&error);
        }
    }
}

/// Tells systemd that work moves, if it does: each worker has been through its loop, the engine's
/// lock could be had, and what waited for the disk the last time has got there.
struct Watchdog {
    manager: Manager,
    interval: Option<Duration>,
    told_at: Instant,
    sweeps: Vec<u64>,
    /// Newest record at the last good look.
    last: u64,
}

impl Watchdog {
    fn new(shared: &Shared, manager: Manager) -> Self {
        let interval = manager.watchdog_interval();
        Self { manager, interval, told_at: Instant::now(), sweeps: sweeps(shared), last: 0 }
    }

    fn look(&mut self, shared: &Shared) {
        let Some(interval) = self.interval else { return };
        let now = sweeps(shared);
        let all_moved = now.iter().zip(&self.sweeps).all(|(now, before)| now != before);
        let is_committed = self.last <= shared.safe();
        // Not waiting for it: the lock is free in most instants of a healthy server.
        // A script may hold it for long: that is for its sender, or an operator, to end.
        let core_is_free = shared.core.try_lock_for(Duration::from_millis(200)).is_some()
            || shared.script.is_running();
        if all_moved && is_committed && core_is_free {
            self.sweeps = now;
            self.last = shared.log.last();
            // A second is the pace of the looks; a shorter interval is told at each of them.
            if interval.min(Duration::from_secs(1)) <= self.told_at.elapsed() {
                self.told_at = Instant::now();
                self.manager.alive();
            }
        }
        // An idle worker has no reason to move, so it is given one.
        shared.wake_workers();
    }
}

fn sweeps(shared: &Shared) -> Vec<u64> {
    shared.workers.iter().map(|worker| worker.counters.sweeps.value()).collect()
}
