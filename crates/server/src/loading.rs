//! While the database is recovered: the port is open already, and whoever asks for data is told that
//! it is being loaded. What needs no data is answered.
//!
//! This is a small server of its own, with one thread. Its connections are handed over to the workers
//! afterwards, with what they have agreed on and what they have sent since.

mod answers;
mod link;
mod visitor;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use access::Users;
use storage::Progress;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::config::Config;
use crate::error::StartError;
use crate::introspect::info::loading::LoadingFacts;
use crate::introspect::process::ProcessFacts;
use crate::listener::{Arrival, Refused};
use crate::sockets::Sockets;
use crate::stats::Stats;
use crate::systemd::Inherited;
use link::{Door, Link};
pub(crate) use visitor::State;
use visitor::Visitor;

/// What the connections share.
#[derive(Debug)]
struct Loading {
    config: Arc<Config>,
    stats: Arc<Stats>,
    clock: Arc<Clock>,
    process: ProcessFacts,
    users: Users,
    port: u16,
    /// When it began, Unix milliseconds.
    started_at: u64,
    bytes: AtomicU64,
    bytes_total: AtomicU64,
    /// The last ID that was given to a client.
    last_id: AtomicU64,
    clients: AtomicUsize,
    /// Removed when a client ends the server.
    files: Vec<PathBuf>,
}

/// The server that runs while the database is recovered.
#[derive(Debug)]
struct Front {
    loading: Arc<Loading>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<Vec<Arrival>>,
}

/// What the front is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: Arc<Config>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) process: ProcessFacts,
    pub(crate) users: Users,
}

/// Opens the sockets, and the front as soon as there is something to wait for: the directory is
/// locked by then.
#[derive(Debug)]
pub(crate) struct Reception {
    parts: Parts,
    inherited: Option<Inherited>,
    sockets: Option<Result<Sockets, StartError>>,
    front: Option<Front>,
}

impl Reception {
    pub(crate) fn new(parts: Parts, inherited: Inherited) -> Self {
        Self { parts, inherited: Some(inherited), sockets: None, front: None }
    }

    /// The recovery has begun, or come further.
    pub(crate) fn note(&mut self, progress: Progress) {
        if self.sockets.is_none() {
            self.open();
        }
        if let Some(front) = &self.front {
            front.note(progress);
        }
    }

    /// Whoever comes to sockets of systemd waits in their queue: a restart is invisible there, and an
    /// answer that there is no data yet would show it.
    fn open(&mut self) {
        let settings = self.parts.config.settings();
        let inherited = self.inherited.take().unwrap_or_default();
        let may_answer = inherited.is_empty();
        let sockets = Sockets::open(&settings, inherited);
        if may_answer && let Ok(sockets) = &sockets {
            match Front::open(&self.parts, sockets) {
                Ok(front) => self.front = Some(front),
                // Whoever comes waits in the queue of the socket then.
                Err(error) => tracing::warn!(%error, "nobody is answered before the data is there"),
            }
        }
        self.sockets = Some(sockets);
    }

    /// The recovery is over: the sockets, and those who have come early.
    ///
    /// # Errors
    ///
    /// Why there are no sockets.
    pub(crate) fn close(mut self) -> Result<(Sockets, Early), StartError> {
        if self.sockets.is_none() {
            let settings = self.parts.config.settings();
            self.sockets =
                Some(Sockets::open(&settings, self.inherited.take().unwrap_or_default()));
        }
        let early = self.front.map(Front::close).unwrap_or_default();
        let sockets = self.sockets.expect("they were opened above, if not before")?;
        Ok((sockets, early))
    }
}

impl Front {
    /// Begins to answer on the plain sockets. Clients of TLS wait in the queue of theirs.
    ///
    /// # Errors
    ///
    /// If a socket cannot be duplicated, or a thread or runtime cannot be made.
    fn open(parts: &Parts, sockets: &Sockets) -> io::Result<Self> {
        let settings = parts.config.settings();
        let files = [&settings.pid_file, &settings.unix_socket];
        let loading = Arc::new(Loading {
            port: sockets.port(),
            started_at: parts.clock.now(),
            config: Arc::clone(&parts.config),
            stats: Arc::clone(&parts.stats),
            clock: Arc::clone(&parts.clock),
            process: parts.process.clone(),
            users: parts.users.clone(),
            bytes: AtomicU64::new(0),
            bytes_total: AtomicU64::new(0),
            last_id: AtomicU64::new(0),
            clients: AtomicUsize::new(0),
            files: files.into_iter().flatten().cloned().collect(),
        });
        let doors = Door::all(sockets)?;
        let (stop, stopping) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&loading);
        let thread = thread::Builder::new()
            .name("loading".to_owned())
            .spawn(move || runtime.block_on(run(shared, doors, stopping)))?;
        Ok(Self { loading, stop, thread })
    }

    /// Notes how far the recovery is.
    fn note(&self, progress: Progress) {
        self.loading.bytes.store(progress.bytes, Relaxed);
        self.loading.bytes_total.store(progress.bytes_total, Relaxed);
    }

    /// Stops answering, and hands its clients over.
    fn close(self) -> Early {
        self.stop.send_replace(true);
        // A panic has ended the process already.
        let arrivals = self.thread.join().unwrap_or_default();
        Early { arrivals, last_id: self.loading.last_id.load(Relaxed) }
    }
}

/// Clients that came while the database was being loaded.
#[derive(Debug, Default)]
pub(crate) struct Early {
    pub(crate) arrivals: Vec<Arrival>,
    /// The last ID that one of them has, or had.
    pub(crate) last_id: u64,
}

impl Loading {
    /// How far it is, for INFO.
    fn facts(&self) -> LoadingFacts {
        LoadingFacts {
            started_at: self.started_at / 1000,
            elapsed_ms: self.clock.now().saturating_sub(self.started_at),
            bytes: self.bytes.load(Relaxed),
            bytes_total: self.bytes_total.load(Relaxed),
        }
    }

    /// Why a client may not come in; `None` if it may.
    fn refusal(&self, link: &Link) -> Option<Refused> {
        let settings = self.config.settings();
        if settings.clients_max as usize <= self.clients.load(Relaxed) {
            return Some(Refused::TooMany);
        }
        let has_no_password = self.users.default_user().takes_any_password();
        let is_protected = settings.protected_mode && has_no_password;
        (is_protected && !link.is_local()).then_some(Refused::Protected)
    }
}

/// Accepts and serves until it is told to stop; returns those who are still there.
async fn run(
    loading: Arc<Loading>,
    doors: Vec<Door>,
    mut stopping: watch::Receiver<bool>,
) -> Vec<Arrival> {
    let (links, mut arrived) = mpsc::unbounded_channel();
    let mut doormen = JoinSet::new();
    for door in doors {
        doormen.spawn(door.accept(Arc::clone(&loading), links.clone()));
    }
    let visitor = |link| {
        let id = loading.last_id.fetch_add(1, Relaxed) + 1;
        Visitor::new(id, link, &loading)
    };
    let mut visits = JoinSet::new();
    let mut arrivals = Vec::new();
    let stop = stopping.clone();
    loop {
        tokio::select! {
            Some(link) = arrived.recv() => {
                loading.clients.fetch_add(1, Relaxed);
                loading.stats.clients.fetch_add(1, Relaxed);
                visits.spawn(visitor(link).stay(Arc::clone(&loading), stop.clone()));
            }
            // Whoever ends before the loading does has left. But a visit may hear of its end before we do.
            Some(visit) = visits.join_next(), if !visits.is_empty() => {
                loading.clients.fetch_sub(1, Relaxed);
                loading.stats.clients.fetch_sub(1, Relaxed);
                arrivals.extend(visit.ok().flatten());
            }
            // An error means that nobody is left to stop us.
            _ = stopping.wait_for(|stop| *stop) => break,
        }
    }
    doormen.shutdown().await;
    while let Some(stayed) = visits.join_next().await {
        // The workers count it anew.
        loading.stats.clients.fetch_sub(1, Relaxed);
        arrivals.extend(stayed.ok().flatten());
    }
    while let Ok(link) = arrived.try_recv() {
        arrivals.extend(visitor(link).leave());
    }
    arrivals
}
