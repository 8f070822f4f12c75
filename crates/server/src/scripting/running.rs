//! The script that runs: since when, whether it has written, whether it shall end. Shared with those
//! who do not hold the core.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine::CommandError;
use parking_lot::Mutex;
use script::{LogLevel, Pulse, Verdict};

pub(super) const NOT_BUSY: CommandError =
    CommandError::Fixed("NOTBUSY No scripts in execution right now.");

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
    began: Instant,
    patience: Option<Duration>,
}

impl RunningScript {
    /// A script begins. Others are told after `patience`.
    pub(super) fn begin(&self, patience: Option<Duration>) {
        self.has_written.store(false, Ordering::Relaxed);
        self.shall_end.store(false, Ordering::Relaxed);
        *self.run.lock() = Some(Run { began: Instant::now(), patience });
    }

    /// It has come to its end.
    pub(super) fn end(&self) {
        *self.run.lock() = None;
        self.is_slow.store(false, Ordering::Release);
    }

    pub(super) fn note_write(&self) {
        self.has_written.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_written(&self) -> bool {
        self.has_written.load(Ordering::Relaxed)
    }
}

impl Pulse for RunningScript {
    fn beat(&self) -> Verdict {
        if self.shall_end.load(Ordering::Relaxed) {
            return Verdict::Kill;
        }
        if let Some(run) = &*self.run.lock()
            && run.patience.is_some_and(|patience| patience <= run.began.elapsed())
        {
            self.is_slow.store(true, Ordering::Release);
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
