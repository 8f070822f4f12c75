//! The script that runs: since when, whether it has written, whether it shall end. Shared with those
//! who do not hold the core.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine::{CommandError, Reply};
use parking_lot::Mutex;
use script::{LogLevel, Pulse, Verdict};

use crate::worker::Worker;

pub(super) const NOT_BUSY: CommandError =
    CommandError::Fixed("NOTBUSY No scripts in execution right now.");

const UNKILLABLE: CommandError = CommandError::Fixed(
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either \
     wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
);

/// After so long, another thread takes over the tasks of the worker that is with the script.
const RELIEF_AFTER: Duration = Duration::from_millis(10);

/// How long the code of a library may take to register its functions.
const LOAD_TIME_MAX: Duration = Duration::from_millis(500);

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A script of EVAL.
    Script,
    /// A function of a library.
    Function,
    /// The code of a library that is being loaded.
    Loading,
}

/// The one script that can run at a time.
#[derive(Debug, Default)]
pub(crate) struct RunningScript {
    run: Mutex<Option<Run>>,
    /// It has been running for longer than others should wait.
    is_slow: AtomicBool,
    has_written: AtomicBool,
    shall_end: AtomicBool,
}

#[derive(Debug)]
struct Run {
    kind: Kind,
    /// Of the function.
    name: Vec<u8>,
    command: Vec<Vec<u8>>,
    began: Instant,
    /// When others are told; `None` for never.
    patience: Option<Duration>,
    worker: Option<Arc<Worker>>,
}

impl RunningScript {
    /// A script begins, sent as `command` to `worker`. Others are told after `patience`.
    pub(super) fn begin(
        &self,
        kind: Kind,
        name: &[u8],
        command: &[&[u8]],
        patience: Option<Duration>,
        worker: Option<&Arc<Worker>>,
    ) {
        self.has_written.store(false, Ordering::Relaxed);
        self.shall_end.store(false, Ordering::Relaxed);
        let command = command.iter().map(|arg| arg.to_vec()).collect();
        let (name, began, worker) = (name.to_vec(), Instant::now(), worker.cloned());
        *self.run.lock() = Some(Run { kind, name, command, began, patience, worker });
    }

    /// It has come to its end.
    pub(super) fn end(&self) {
        *self.run.lock() = None;
        self.is_slow.store(false, Ordering::Release);
    }

    /// The script is about to write; `false` if it has been told to end before that.
    pub(super) fn note_write(&self) -> bool {
        if self.has_written() {
            return true;
        }
        // Whoever kills looks under the same lock, so that nothing is written after a kill.
        let _run = self.run.lock();
        let may_write = !self.shall_end.load(Ordering::Relaxed);
        self.has_written.store(may_write, Ordering::Relaxed);
        may_write
    }

    pub(super) fn has_written(&self) -> bool {
        self.has_written.load(Ordering::Relaxed)
    }

    /// Whether others are to be told that they need not wait. One load.
    pub(crate) fn is_slow(&self) -> bool {
        self.is_slow.load(Ordering::Acquire)
    }

    /// What others are answered meanwhile.
    pub(crate) fn busy(&self) -> CommandError {
        match self.run.lock().as_ref().map(|run| run.kind) {
            Some(Kind::Function) => CommandError::Fixed(
                "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN \
                 NOSAVE.",
            ),
            _ => CommandError::Fixed(
                "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN \
                 NOSAVE.",
            ),
        }
    }

    /// SCRIPT KILL and FUNCTION KILL.
    pub(crate) fn kill(&self, wanted: Kind) -> Result<Reply, CommandError> {
        let run = self.run.lock();
        let Some(kind) = run.as_ref().map(|run| run.kind) else {
            return Err(NOT_BUSY);
        };
        if kind != wanted {
            drop(run);
            return Err(self.busy());
        }
        if self.has_written() {
            return Err(UNKILLABLE);
        }
        self.shall_end.store(true, Ordering::Relaxed);
        Ok(Reply::Ok)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.run.lock().is_some()
    }

    /// The server is stopping: a script that has written nothing ends.
    pub(crate) fn kill_if_harmless(&self) {
        let run = self.run.lock();
        if run.is_some() && !self.has_written() {
            self.shall_end.store(true, Ordering::Relaxed);
        }
    }

    /// The `running_script` of FUNCTION STATS.
    pub(crate) fn describe(&self) -> Reply {
        match &*self.run.lock() {
            Some(run) => {
                let command = run.command.iter().map(|arg| Reply::bulk(arg)).collect();
                Reply::Map(vec![
                    (Reply::text("name"), Reply::bulk(&run.name)),
                    (Reply::text("command"), Reply::Array(command)),
                    (Reply::text("duration_ms"), Reply::count(run.began.elapsed().as_millis())),
                ])
            }
            None => Reply::Nil,
        }
    }
}

impl Pulse for RunningScript {
    fn beat(&self) -> Verdict {
        let run = self.run.lock();
        let Some(run) = &*run else { return Verdict::GoOn };
        if self.shall_end.load(Ordering::Relaxed) {
            return match run.kind {
                Kind::Function => Verdict::KillFunction,
                _ => Verdict::Kill,
            };
        }
        let elapsed = run.began.elapsed();
        if run.kind == Kind::Loading {
            return if LOAD_TIME_MAX < elapsed { Verdict::LoadTimeout } else { Verdict::GoOn };
        }
        if RELIEF_AFTER < elapsed
            && let Some(worker) = &run.worker
        {
            worker.relieve();
        }
        if run.patience.is_some_and(|patience| patience <= elapsed)
            && !self.is_slow.swap(true, Ordering::AcqRel)
        {
            tracing::warn!(
                ms = elapsed.as_millis(),
                name = %String::from_utf8_lossy(&run.name),
                "a script takes long: others are answered BUSY until it ends or is killed"
            );
        }
        Verdict::GoOn
    }

    fn log(&self, level: LogLevel, message: &[u8]) {
        let message = String::from_utf8_lossy(message);
        match level {
            LogLevel::Debug | LogLevel::Verbose => tracing::debug!(%message, "a script says"),
            LogLevel::Notice => tracing::info!(%message, "a script says"),
            LogLevel::Warning => tracing::warn!(%message, "a script says"),
        }
    }
}
