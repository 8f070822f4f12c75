//! The running server as `bootstrap` sees it: started with listening sockets, stopped once.

use std::io;
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use access::Users;
use storage::{Database, RecoveryReport};

use crate::clock::Clock;
use crate::config::Config;
use crate::core::Shared;
use crate::introspect::process::ProcessFacts;
use crate::listener::{self, Listening};
use crate::stats::Stats;
use crate::tls::TlsAcceptor;
use crate::worker;

/// Threads that serve clients, and what they share.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// How the database was recovered.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) report: RecoveryReport,
    /// Keys that were there afterwards.
    pub(crate) keys: u64,
    pub(crate) time: Duration,
}

/// What a server is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) database: Database,
    pub(crate) users: Users,
    /// How the database was recovered, for INFO.
    pub(crate) recovery: Recovered,
    /// The TCP port that is listened on; 0 without one.
    pub(crate) port: u16,
    pub(crate) process: ProcessFacts,
    pub(crate) config: Arc<Config>,
    /// With as many shards as there shall be workers.
    pub(crate) stats: Arc<Stats>,
    pub(crate) clock: Arc<Clock>,
    /// Makes the connections of the TLS port; `None` if there is none.
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) listening: Vec<Listening>,
    /// Seeds the choice of RANDOMKEY and its like.
    pub(crate) random_seed: u64,
    /// The last ID that a client was given while the data was being loaded.
    pub(crate) last_client_id: u64,
}

impl Running {
    /// Starts the workers and the log thread; the first worker accepts connections.
    ///
    /// # Errors
    ///
    /// If a thread or a runtime cannot be made.
    pub(crate) fn start(mut parts: Parts) -> io::Result<Self> {
        let seeds = worker::seeds(&parts.stats);
        let workers = seeds.iter().map(|seed| Arc::clone(&seed.worker)).collect();
        let listening = mem::take(&mut parts.listening);
        let shared = Arc::new(Shared::new(parts, workers));
        if shared.config.settings().scripting {
            shared.core.lock().load_libraries(&shared);
        }
        let log_shared = Arc::clone(&shared);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || log_shared.log_thread.run(&log_shared))?;
        let mut listening = Some(listening);
        let workers = seeds
            .into_iter()
            .enumerate()
            .map(|(index, seed)| {
                let accepts = listening.take().unwrap_or_default();
                worker::start(seed, index, Arc::clone(&shared), accepts)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { shared, workers })
    }

    /// Stops accepting, lets every connection have the replies it is owed, and waits for that no
    /// longer than `patience`. What is recorded is durable afterwards.
    pub(crate) fn stop(self, patience: Duration) {
        self.shared.stop();
        let deadline = Instant::now() + patience;
        for worker in self.workers {
            while !worker.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.shared.commit();
    }
}

/// Spawns the accept loops on the current runtime.
pub(crate) fn accept(listening: Vec<Listening>, shared: &Arc<Shared>) {
    for listening in listening {
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            if let Err(error) = listener::accept_loop(listening, shared).await {
                tracing::error!(%error, "a listening socket failed");
            }
        });
    }
}
