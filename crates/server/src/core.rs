//! What all connections share: the database with those who wait on it, under one lock, and the ways
//! to make its records safe.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use access::Users;
use parking_lot::{Mutex, MutexGuard};
use storage::fs::{DirLock, Fs};
use storage::{Database, Log, StorageError};
use tokio::sync::{Notify, watch};

use crate::acl_log::AclLog;
use crate::alarm::AlarmClock;
use crate::blocking::Blocking;
use crate::checkpoints::Checkpoints;
use crate::client::{Client, Clients};
use crate::clock::Clock;
use crate::config::{Config, FsyncPolicy, Settings};
use crate::introspect::info::StorageFacts;
use crate::introspect::process::{ProcessFacts, ProcessMemory};
use crate::latency::Event;
use crate::notify::EventClasses;
use crate::observe::Observer;
use crate::pause::Pause;
use crate::pressure::Pressure;
use crate::pubsub::Channels;
use crate::push::Push;
use crate::retention::Retained;
use crate::running::{Parts, Recovered};
use crate::scripting::{RunningScript, Scripts};
use crate::scrubbing::Scrubbing;
use crate::stats::Stats;
use crate::tls::TlsAcceptor;
use crate::tracking::Tracking;
use crate::users::Door;
use crate::watch::Watches;
use crate::worker::{LogThread, Worker};

/// Up to this many clients with new replies, a worker syncs the log itself: handing the sync to the log
/// thread costs two wake-ups, which is more than a lone client waits for anything else.
const SYNC_INLINE_CLIENTS_MAX: usize = 64;

/// It does so while syncs are quicker than this. Once the disk has become slow, those who ask nothing
/// of it must not wait for it.
const SYNC_INLINE_TIME_MAX: Duration = Duration::from_millis(10);

/// How long a script may take, beyond the patience with clients, to come to its end.
const SCRIPT_PATIENCE: Duration = Duration::from_millis(100);

/// How often one who waits for the core asks whether a script hogs it.
const SCRIPT_LOOK: Duration = Duration::from_millis(20);

/// With so many bytes of records not yet written, the log thread, if it is idle, begins to sync in the
/// middle of a sweep, while the worker executes the rest; and that of the rest runs while the first clients
/// are answered and send again. XADD of 50 connections in pipelines of 16: 688 k/s instead of 556 k/s (half
/// a sweep is about as much; 32 KiB gain two thirds of it, 160 KB nothing).
const SYNC_EARLY_BYTES: usize = 64 << 10;

/// Several syncs a sweep cost more than they hide once one takes about as long as a sweep does.
const SYNC_EARLY_TIME_MAX: Duration = Duration::from_millis(1);

/// With so many bytes of records in memory, a worker waits for the disk instead of reading on: a disk
/// that is slower than the network must slow the clients down.
const PENDING_BYTES_MAX: usize = 64 << 20;

/// The database and the registries that must change together with it.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) database: Database,
    pub(crate) blocking: Blocking,
    pub(crate) watches: Watches,
    pub(crate) scripts: Scripts,
    pub(crate) channels: Channels,
    pub(crate) tracking: Tracking,
    /// Events of keys that are told.
    pub(crate) notify: EventClasses,
    /// Messages about keys, on their way to whoever runs commands.
    pub(crate) told: Vec<Push>,
    pub(crate) pause: Pause,
    /// Those who are shown every command.
    pub(crate) monitors: BTreeMap<u64, Arc<Client>>,
    pub(crate) users: Users,
    pub(crate) acl_log: AclLog,
    /// Whether anybody wants to know what commands do: all that a command pays while nobody does is a
    /// look at this.
    pub(crate) has_audience: bool,
}

impl Core {
    /// Somebody wants to know more or less than before.
    pub(crate) fn audience_changed(&mut self) {
        self.has_audience =
            self.tracking.is_on() || !self.monitors.is_empty() || self.notify.is_on();
    }
}

/// The running server.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) core: Mutex<Core>,
    pub(crate) log: Arc<Log>,
    pub(crate) log_thread: LogThread,
    pub(crate) alarm: AlarmClock,
    pub(crate) config: Arc<Config>,
    pub(crate) stats: Arc<Stats>,
    /// What was slow.
    pub(crate) observer: Observer,
    pub(crate) clock: Arc<Clock>,
    pub(crate) clients: Clients,
    /// Whether clients must say who they are.
    pub(crate) door: Door,
    /// Held by whoever writes the ACL file.
    pub(crate) acl_file_turn: Mutex<()>,
    pub(crate) workers: Vec<Arc<Worker>>,
    /// The TCP port that is listened on; 0 without one.
    pub(crate) port: u16,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) process: ProcessFacts,
    pub(crate) checkpoints: Checkpoints,
    /// Whether entries come faster than checkpoints.
    pub(crate) pressure: Pressure,
    pub(crate) scrubbing: Scrubbing,
    /// The script that runs.
    pub(crate) script: Arc<RunningScript>,
    /// A client has sent SHUTDOWN.
    pub(crate) shutdown: Notify,
    /// Its SAVE or NOSAVE.
    pub(crate) shutdown_saves: OnceLock<bool>,
    pub(crate) recovery: Recovered,
    /// The disk, and the data directory on it.
    pub(crate) place: (Arc<dyn Fs>, PathBuf),
    /// The lock of that directory.
    pub(crate) dir_lock: Arc<dyn DirLock>,
    /// Log that is kept to go back with.
    pub(crate) retained: Retained,
    /// Anonymous memory when the server began to serve, in bytes.
    pub(crate) memory_at_start: u64,
    memory_peak: AtomicU64,
    stop: watch::Sender<bool>,
    draws: AtomicU64,
    /// `maxmemory` is reached; kept by housekeeping.
    over_memory_limit: AtomicBool,
}

impl Shared {
    /// What connections share, around a recovered database.
    pub(crate) fn new(mut parts: Parts, workers: Vec<Arc<Worker>>) -> Self {
        let log = Arc::clone(parts.database.log());
        let place = (Arc::clone(parts.database.fs()), parts.database.dir().to_owned());
        let dir_lock = Arc::clone(parts.database.lock());
        let retained = Retained::new(&*place.0, &place.1, &parts.recovery.report);
        let scrubbing = Scrubbing::new(parts.database.damaged_blocks().clone());
        let limits = parts.config.settings().output_limits;
        parts.database.limit_replies(limits.normal.hard_limit());
        let door = Door::new(&parts.users);
        let block_memory = parts.database.engine().block_memory().clone();
        let mut core = Core {
            database: parts.database,
            blocking: Blocking::default(),
            watches: Watches::default(),
            scripts: Scripts::default(),
            channels: Channels::default(),
            tracking: Tracking::default(),
            notify: EventClasses::default(),
            told: Vec::new(),
            pause: Pause::default(),
            monitors: BTreeMap::new(),
            has_audience: false,
            users: parts.users,
            acl_log: AclLog::default(),
        };
        core.notify_of(parts.config.settings().events);
        let settings = parts.config.settings();
        let observer = Observer::new(&settings);
        parts.stats.set_tracks_times(settings.tracks_times);
        let started_at = parts.clock.now() / 1000;
        Self {
            core: Mutex::new(core),
            log,
            log_thread: LogThread::default(),
            alarm: AlarmClock::default(),
            config: parts.config,
            stats: parts.stats,
            observer,
            clock: parts.clock,
            clients: Clients::after(parts.last_client_id),
            door,
            acl_file_turn: Mutex::default(),
            workers,
            port: parts.port,
            tls: parts.tls,
            process: parts.process,
            checkpoints: Checkpoints::new(started_at),
            pressure: Pressure::new(block_memory, settings.checkpoint_memory),
            scrubbing,
            script: Arc::default(),
            shutdown: Notify::new(),
            shutdown_saves: OnceLock::new(),
            recovery: parts.recovery,
            place,
            dir_lock,
            retained,
            memory_at_start: ProcessMemory::now().anonymous,
            memory_peak: AtomicU64::new(0),
            stop: watch::Sender::new(false),
            draws: AtomicU64::new(parts.random_seed),
            over_memory_limit: AtomicBool::new(false),
        }
    }

    /// Locks the core, unless a script hogs it: then nobody can say when it will be free. Costs no more
    /// than the lock where nobody is in the way.
    pub(crate) fn lock_core(&self) -> Option<MutexGuard<'_, Core>> {
        if let Some(core) = self.core.try_lock() {
            return Some(core);
        }
        loop {
            if let Some(core) = self.core.try_lock_for(SCRIPT_LOOK) {
                return Some(core);
            }
            if self.script.is_slow() {
                return None;
            }
        }
    }

    /// As [`Shared::lock_core`], for as long as a script hogs it.
    pub(crate) async fn lock_core_later(&self) -> MutexGuard<'_, Core> {
        loop {
            if let Some(core) = self.lock_core() {
                return core;
            }
            tokio::time::sleep(SCRIPT_LOOK).await;
        }
    }

    /// Makes what is recorded as safe as the policy asks before replies leave, or sees to it that
    /// somebody does, and returns the LSN up to which replies may leave now. `clients` counts those
    /// with new replies.
    pub(crate) fn make_safe(&self, caller: &Arc<Worker>, clients: usize) -> u64 {
        match self.config.settings().fsync {
            FsyncPolicy::Always => {
                if self.log.durable() < self.log.last() {
                    let is_split = self.log_thread.is_busy() && self.syncs_are_short();
                    let is_quick = clients <= SYNC_INLINE_CLIENTS_MAX
                        && !is_split
                        && self.log.sync_time_last() < SYNC_INLINE_TIME_MAX;
                    if is_quick || PENDING_BYTES_MAX < self.log.pending_bytes() {
                        self.commit();
                        self.wake_others(caller);
                    } else {
                        self.log_thread.request();
                    }
                }
                self.log.durable()
            }
            FsyncPolicy::EverySec | FsyncPolicy::No => {
                if self.log.written() < self.log.last() {
                    let began = self.observer.begin();
                    self.check(self.log.write());
                    self.observer.end(Event::Write, began, self.clock.now());
                    self.wake_others(caller);
                }
                self.log.written()
            }
        }
    }

    /// In the middle of a sweep, with `appendfsync always`: has the log thread sync what is recorded by
    /// now, if that is a lot and others than `client` are to be answered. A client that is alone has
    /// nothing to gain from it.
    pub(crate) fn sync_early(&self, client: &Arc<Client>) {
        if client.worker.has_pending_beside(client)
            && SYNC_EARLY_BYTES <= self.log.pending_bytes()
            && self.syncs_are_short()
            && !self.log_thread.is_busy()
        {
            self.log_thread.request();
        }
    }

    fn syncs_are_short(&self) -> bool {
        self.log.sync_time_last() < SYNC_EARLY_TIME_MAX
    }

    /// The LSN up to which replies may leave.
    pub(crate) fn safe(&self) -> u64 {
        match self.config.settings().fsync {
            FsyncPolicy::Always => self.log.durable(),
            FsyncPolicy::EverySec | FsyncPolicy::No => self.log.written(),
        }
    }

    /// Sees to it that all records become as safe as the policy asks, whether anybody waits for that
    /// or not. Waits for no sync. Does not return if the disk refuses.
    pub(crate) fn settle(&self) {
        match self.config.settings().fsync {
            FsyncPolicy::Always => self.log_thread.request(),
            FsyncPolicy::EverySec | FsyncPolicy::No => {
                self.check(self.log.write());
            }
        }
    }

    /// Writes and syncs all records. Does not return if the disk refuses.
    pub(crate) fn commit(&self) {
        let began = self.observer.begin();
        self.check(self.log.commit());
        self.observer.end(Event::SyncAlways, began, self.clock.now());
    }

    /// A failed write or sync ends the process: memory is ahead of the disk, only recovery knows by
    /// how much, and a second try could report success for pages that the kernel has dropped.
    pub(crate) fn check(&self, result: Result<u64, StorageError>) -> u64 {
        result.unwrap_or_else(|error| crate::bootstrap::fail(&error))
    }

    /// Takes over changed settings that others than the engine keep a copy of.
    pub(crate) fn configured(&self, settings: &Settings) {
        self.observer.configure(settings);
        self.pressure.set_bound(settings.checkpoint_memory);
        self.stats.set_tracks_times(settings.tracks_times);
    }

    /// [`Shared::end_at_once`] if a script holds the core that would not come to its end.
    pub(crate) fn end_if_hogged(&self) {
        if self.script.is_running() && self.core.try_lock_for(SCRIPT_PATIENCE).is_none() {
            self.end_at_once();
        }
    }

    /// Ends the process while a script holds the core: what is recorded gets to the disk, and the script
    /// has never been.
    pub(crate) fn end_at_once(&self) -> ! {
        self.commit();
        tracing::warn!("stopped while a script was running: nothing of it was recorded");
        std::process::exit(0)
    }

    /// What INFO tells about the storage.
    pub(crate) fn storage_facts(&self) -> StorageFacts {
        let log = self.log.stats();
        let checkpoint = self.checkpoints.state();
        let recovery = &self.recovery;
        StorageFacts {
            last_lsn: self.log.last(),
            durable_lsn: self.log.durable(),
            snapshot_lsn: checkpoint.lsn.max(recovery.report.snapshot_lsn),
            log_segments: log.segments as u64,
            log_bytes: log.bytes_on_disk,
            log_kept: self.retained.kept(),
            log_bytes_since_checkpoint: self.log_bytes_since_checkpoint(),
            pending_bytes: log.bytes_buffered,
            syncs: log.syncs,
            last_sync_age: log.sync_last_age,
            last_sync_time: Duration::from_micros(log.sync_last_us),
            sync_is_running: self.log.sync_began().is_some(),
            syncs_slow: log.syncs_slow,
            pressure: self.pressure.facts(),
            checkpoint_running: checkpoint.is_running(),
            checkpoints: checkpoint.ended,
            checkpoint_failed: checkpoint.failed,
            last_checkpoint_at: checkpoint.last_at,
            last_checkpoint_time: checkpoint.last_time,
            out_of_space: log.is_disk_full,
            scrub: self.scrubbing.facts(),
            recovery_keys: recovery.keys,
            recovery_records: recovery.report.records,
            recovery_bytes: recovery.report.bytes,
            recovery_time: recovery.time,
            recovery_cut_bytes: recovery.report.torn_tail.as_ref().map_or(0, |tail| tail.bytes),
        }
    }

    /// The next number of a SplitMix64 sequence, for commands that choose at random (Steele, Lea and
    /// Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
    pub(crate) fn draw(&self) -> u64 {
        let state = self.draws.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Whether writes that need memory are refused.
    pub(crate) fn is_over_memory_limit(&self) -> bool {
        self.over_memory_limit.load(Ordering::Relaxed)
    }

    /// Housekeeping measured the anonymous memory.
    pub(crate) fn note_memory(&self, bytes: u64) {
        let limit = self.config.settings().memory_bytes_max;
        let is_over = limit != 0 && limit < bytes;
        self.over_memory_limit.store(is_over, Ordering::Relaxed);
        if is_over {
            self.relieve_memory();
        }
        self.memory_peak.fetch_max(bytes, Ordering::Relaxed);
    }

    /// The most anonymous memory that was measured.
    pub(crate) fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Ordering::Relaxed)
    }

    /// Lets every worker go through its loop.
    pub(crate) fn wake_workers(&self) {
        for worker in &self.workers {
            worker.wake();
        }
    }

    /// Lets the workers that hold replies back send what has become safe.
    pub(crate) fn wake_holders(&self) {
        // As in `wake_others`.
        fence(Ordering::SeqCst);
        for worker in &self.workers {
            worker.wake_if_holding();
        }
    }

    fn wake_others(&self, caller: &Arc<Worker>) {
        // What is safe was published before; pairs with the fence of the flush task.
        fence(Ordering::SeqCst);
        for worker in self.workers.iter().filter(|worker| !Arc::ptr_eq(worker, caller)) {
            worker.wake_if_holding();
        }
    }

    /// Asks all connections to end once their replies are out.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
        self.alarm.wake();
        for client in self.clients.all() {
            client.wake.notify_one();
        }
    }

    /// A view of whether the server is stopping.
    pub(crate) fn stopping(&self) -> Stopping {
        Stopping(self.stop.subscribe())
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }
}

/// Waits for the server to stop.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    pub(crate) async fn wait(&mut self) {
        // An error means that the sender is gone, and with it the server.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
