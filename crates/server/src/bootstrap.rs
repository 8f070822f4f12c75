//! From a configuration to a running server, and from there to its end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::fs::Mode;
use storage::fs::RealFs;
use storage::{Database, Options, Progress, StorageError, failpoint};

use crate::clock::Clock;
use crate::config::{Config, Settings};
use crate::core::Shared;
use crate::descriptors;
use crate::error::{StartError, storage_exit_code};
use crate::housekeeping::Housekeeping;
use crate::introspect::process::{ProcessFacts, random_bytes};
use crate::listener::{self, Listening};
use crate::loading::{self, Reception};
use crate::logging;
use crate::running::{Parts, Recovered, Running};
use crate::shutdown::{self, Request, Signals};
use crate::sockets::Sockets;
use crate::stats::Stats;
use crate::systemd::{Inherited, Manager};
use crate::times::Printer;
use crate::tls::TlsAcceptor;
use crate::users;

/// How often recovery says how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// How much time systemd is asked for with each line of progress.
const PROGRESS_PATIENCE: Duration = Duration::from_secs(30);

/// Runs the server to its end.
///
/// # Errors
///
/// Why it did not start.
pub(crate) fn run(config: Config) -> Result<ExitCode, StartError> {
    die_of_panics();
    let started = Instant::now();
    let settings = config.settings();
    // Before any file or socket exists: nobody but this user may read the data.
    rustix::process::umask(Mode::from_raw_mode(0o077));
    logging::init(&settings).map_err(|cause| StartError::File {
        action: "open the log file",
        path: settings.log_file.clone().unwrap_or_default(),
        cause,
    })?;
    announce(&config, &settings);
    let users = users::at_start(&config)?;
    let inherited = Inherited::take();
    let manager = Manager::new(settings.supervised);
    let _pid_file = PidFile::write(&settings)?;

    let clock = Arc::new(Clock::new());
    if clock.is_capped() {
        tracing::error!("{}", crate::clock::CAPPED);
    }
    descriptors::make_room(&config);
    let hash_seed = u64::from_le_bytes(random_bytes());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Thread)?;
    {
        let _entered = runtime.enter();
        // Before the first file grows.
        shutdown::survive_file_limit().map_err(StartError::Thread)?;
    }
    let config = Arc::new(config);
    let names = protocol::commands().map(|spec| spec.name.to_owned()).collect();
    let stats = Arc::new(Stats::new(settings.worker_threads, names));
    let process = ProcessFacts::gather();
    let mut reception = Reception::new(
        loading::Parts {
            config: Arc::clone(&config),
            stats: Arc::clone(&stats),
            clock: Arc::clone(&clock),
            process: process.clone(),
            users: users.clone(),
        },
        inherited,
    );
    let (database, recovery) = recover(&settings, &clock, hash_seed, manager, &mut reception)
        .inspect_err(|_| remove_socket(&settings))?;
    make_private(&settings.dir);
    let tls = settings.tls.as_ref().map(TlsAcceptor::new).transpose()?;
    let (sockets, early) = reception.close()?;
    let (port, addresses) = (sockets.port(), sockets.describe());

    let signals = {
        let _entered = runtime.enter();
        Signals::take_over().map_err(StartError::Thread)?
    };
    let parts = Parts {
        database,
        users,
        recovery,
        port,
        process,
        config,
        stats,
        clock,
        tls,
        listening: listening(sockets),
        random_seed: u64::from_le_bytes(random_bytes()),
        last_client_id: early.last_id,
    };
    let running = Running::start(parts).map_err(StartError::Thread)?;
    let shared = Arc::clone(&running.shared);
    // What CONFIG SET has changed meanwhile.
    apply_settings(&shared);
    for arrival in early.arrivals {
        listener::dispatch(arrival, &shared);
    }
    let housekeeping =
        Housekeeping::start(&shared, hash_seed, manager).map_err(StartError::Thread)?;
    tracing::info!(
        port,
        addresses,
        pid = std::process::id(),
        ms = started.elapsed().as_millis(),
        "Ready to accept connections"
    );
    manager.ready(&format!("Ready to accept connections on {addresses}"));
    let code = runtime.block_on(serve(signals, running, housekeeping, manager));
    remove_socket(&settings);
    Ok(code)
}

fn remove_socket(settings: &Settings) {
    if let Some(path) = &settings.unix_socket {
        let _ = fs::remove_file(path);
    }
}

/// Lets a panic in any thread end the process, also in builds that unwind: a thread that is gone leaves
/// a server half dead, with locks that nobody gives back.
fn die_of_panics() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::abort();
    }));
}

/// Ends the process because the disk refused a write or a sync. Nothing is answered any more: memory
/// is ahead of the disk, and only the recovery of the next start knows by how much.
pub(crate) fn fail(error: &StorageError) -> ! {
    // Whoever comes second knows no more than the first, and would only say it again.
    static ENDING: Mutex<()> = Mutex::new(());
    std::mem::forget(ENDING.lock());
    tracing::error!(%error, "stopping at once: nothing that is not on disk was acknowledged");
    std::process::exit(storage_exit_code(error).into())
}

fn announce(config: &Config, settings: &Settings) {
    let file = config.file().map_or("none".into(), |path| path.display().to_string());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        config = file,
        dir = %settings.dir.display(),
        "Headwater starts"
    );
    let values = config.values();
    for (line, reason) in values.notes() {
        tracing::warn!(directive = line, "has no effect: {reason}");
    }
    let inert = values.inert_but_set();
    if !inert.is_empty() {
        tracing::info!(directives = inert.join(" "), "accepted without effect");
    }
    if settings.fsync != crate::config::FsyncPolicy::Always {
        tracing::warn!(
            "appendfsync is not always: a power cut can lose acknowledged writes of the last moments"
        );
    }
}

fn recover(
    settings: &Settings,
    clock: &Clock,
    hash_seed: u64,
    manager: Manager,
    reception: &mut Reception,
) -> Result<(Database, Recovered), StartError> {
    let started = Instant::now();
    let mut told = Instant::now();
    let mut progress = |progress: Progress| {
        reception.note(progress);
        failpoint::pass("recovery");
        if told.elapsed() < PROGRESS_INTERVAL {
            return;
        }
        told = Instant::now();
        let Progress { phase, records, bytes, bytes_total } = progress;
        let percent = progress.percent();
        tracing::info!(?phase, records, bytes, bytes_total, percent, "recovering");
        manager.still_starting(&progress.to_string(), PROGRESS_PATIENCE);
        failpoint::pass("progress");
    };
    manager.still_starting("Recovering", PROGRESS_PATIENCE);
    let options = Options {
        segment_bytes: settings.log_segment_bytes,
        settings: settings.engine,
        idmp_settings: settings.idmp,
        hash_seed,
        ..Options::default()
    };
    let opened =
        Database::open(Arc::new(RealFs), &settings.dir, options, clock.now(), &mut progress);
    let (database, report) = opened?;
    for damaged in &report.snapshots_damaged {
        tracing::error!(error = %damaged, "a snapshot was passed over, the one before it serves");
    }
    if let Some(tail) = &report.torn_tail {
        tracing::warn!(
            file = %tail.file.display(),
            offset = tail.offset,
            bytes = tail.bytes,
            "cut the torn tail of the log: a write that was under way at the crash, never acknowledged"
        );
    }
    if let Some(restored) = storage::archive::restored_from(&settings.dir) {
        tracing::info!(
            from = %restored.from.display(),
            lsn = restored.lsn,
            lsn_at = Printer::local().print(restored.lsn_ms),
            restored_at = Printer::local().print(restored.restored_ms),
            "this directory was restored, and has gone its own way since"
        );
    }
    tracing::info!(
        snapshot_lsn = report.snapshot_lsn,
        last_lsn = report.last_lsn,
        records = report.records,
        bytes = report.bytes,
        clean_stop = report.was_clean,
        ms = started.elapsed().as_millis(),
        "recovered"
    );
    let keys = database.engine().db_sizes().map(|size| size.keys as u64).sum();
    Ok((database, Recovered { report, keys, time: started.elapsed() }))
}

/// The data are nobody else's business, also in a directory that was made beforehand.
fn make_private(dir: &Path) {
    let Ok(metadata) = fs::metadata(dir) else { return };
    if metadata.permissions().mode() & 0o077 != 0
        && let Err(error) = fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
    {
        tracing::warn!(%error, dir = %dir.display(), "others may read the data directory");
    }
}

fn listening(sockets: Sockets) -> Vec<Listening> {
    let tcp = sockets.tcp.into_iter().map(Listening::Tcp);
    let tls = sockets.tls.into_iter().map(Listening::Tls);
    tcp.chain(tls).chain(sockets.unix.into_iter().map(Listening::Unix)).collect()
}

/// Waits for what signals and clients ask for, then stops.
async fn serve(
    mut signals: Signals,
    running: Running,
    housekeeping: Housekeeping,
    manager: Manager,
) -> ExitCode {
    let shared = Arc::clone(&running.shared);
    loop {
        let request = tokio::select! {
            request = signals.next() => request,
            () = shared.shutdown.notified() => Request::Stop,
        };
        match request {
            Request::Stop => break,
            Request::Reload => reload(&shared, manager),
            Request::Report => report(&shared),
        }
    }
    tracing::info!("stopping: no new work, the last replies go out");
    manager.stopping();
    let stopping = tokio::task::spawn_blocking(move || stop(running, housekeeping));
    let forced = async { while signals.next().await != Request::Stop {} };
    tokio::select! {
        stopped = stopping => stopped.unwrap_or(ExitCode::FAILURE),
        () = forced => {
            tracing::warn!("a second signal: stopping at once; what was acknowledged is on disk");
            std::process::exit(1)
        }
    }
}

fn stop(running: Running, housekeeping: Housekeeping) -> ExitCode {
    let shared = Arc::clone(&running.shared);
    shared.script.kill_if_harmless();
    let patience = shared.config.settings().shutdown_timeout;
    let deadline = Instant::now() + patience;
    running.stop(patience);
    shared.end_if_hogged();
    shared.checkpoint_at_stop(deadline);
    shared.checkpoints.stop();
    housekeeping.join();
    // A connection that outlived the patience may have begun another one.
    shared.end_if_hogged();
    // Held to the end: a connection that outlived the patience must not append behind the mark.
    let core = shared.core.lock();
    let result = shared.log.stop_cleanly(shared.clock.now());
    std::mem::forget(core);
    match result {
        Ok(()) => {
            tracing::info!(last_lsn = shared.log.last(), "stopped, everything is on disk");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(%error, "stopped without the mark of a clean end");
            ExitCode::from(storage_exit_code(&error))
        }
    }
}

/// SIGHUP: the configuration, and the log file that logrotate has moved away.
fn reload(shared: &Shared, manager: Manager) {
    if shared.lock_core().is_none() {
        tracing::error!("a script hogs the server: send SIGHUP again once it has ended");
        return;
    }
    manager.reloading();
    let mut changed = Vec::new();
    match shared.config.reload() {
        Ok(reload) => {
            changed.clone_from(&reload.changed);
            logging::set_level(shared.config.settings().log_level);
            descriptors::make_room(&shared.config);
            tracing::info!(changed = reload.changed.join(" "), "configuration read again");
            if !reload.needs_restart.is_empty() {
                let directives = reload.needs_restart.join(" ");
                tracing::warn!(directives, "these wait for a restart");
            }
        }
        Err(error) => tracing::error!(%error, "the configuration stays as it was"),
    }
    let settings = shared.config.settings();
    if let (Some(acceptor), Some(tls)) = (&shared.tls, &settings.tls)
        && let Err(error) = acceptor.reload(tls)
    {
        tracing::error!(%error, "the certificates stay as they were");
    }
    apply_settings(shared);
    users::reload(shared, &changed);
    if let Err(error) = logging::reopen() {
        tracing::error!(%error, "cannot open the log file again, the old one is written on");
    }
    manager.ready("Ready to accept connections");
}

/// Lets everybody take over settings of which they keep a copy.
fn apply_settings(shared: &Shared) {
    let settings = shared.config.settings();
    shared.configured(&settings);
    let (engine, idmp) = (settings.engine, settings.idmp);
    let mut core = shared.core.lock();
    core.database.limit_replies(settings.output_limits.normal.hard_limit());
    core.notify_of(settings.events);
    if let Err(error) = core.database.configure(engine, idmp, shared.clock.now()) {
        tracing::error!(%error, "the limits of blocks stay as they were");
    }
}

/// SIGUSR1: the state in one line.
fn report(shared: &Shared) {
    let log = shared.log.stats();
    let totals = shared.stats.totals();
    tracing::info!(
        clients = shared.clients.len(),
        blocked = shared.lock_core().map_or(0, |core| core.blocking.len()),
        commands = totals.commands_processed,
        last_lsn = shared.log.last(),
        durable_lsn = shared.log.durable(),
        segments = log.segments,
        spares = log.spares,
        log_bytes = log.bytes_on_disk,
        syncs = log.syncs,
        uptime_seconds = shared.clock.uptime().as_secs(),
        checkpoints = shared.checkpoints.state().ended,
        "state"
    );
}

/// Removed at the end.
struct PidFile<'a>(Option<&'a Path>);

impl<'a> PidFile<'a> {
    fn write(settings: &'a Settings) -> Result<Self, StartError> {
        if let Some(path) = &settings.pid_file {
            fs::write(path, format!("{}\n", std::process::id())).map_err(|cause| {
                StartError::File { action: "write the pid file", path: path.clone(), cause }
            })?;
        }
        Ok(Self(settings.pid_file.as_deref()))
    }
}

impl Drop for PidFile<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            // Somebody else may have removed it; the next start writes its own.
            let _ = fs::remove_file(path);
        }
    }
}
