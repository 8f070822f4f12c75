//! Signals: what they ask for, and who is told.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// SIGTERM, SIGINT: stop, and take care; the second one: stop now.
    Stop,
    /// SIGHUP: read the configuration again, open the log file again.
    Reload,
    /// SIGUSR1: write a report into the log.
    Report,
}

/// The signals of the process. SIGPIPE is ignored by the Rust runtime from the start.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
}

/// SIGXFSZ: a file would grow beyond `ulimit -f`. Its default action ends the process; taken over, the
/// write fails with EFBIG, which is a full disk to us. Needs a tokio runtime, and lasts.
///
/// # Errors
///
/// If the system refuses.
pub fn survive_file_limit() -> io::Result<()> {
    let number = rustix::process::Signal::XFSZ.as_raw();
    // tokio leaves the handler in place when the listener goes.
    signal(SignalKind::from_raw(number)).map(drop)
}

impl Signals {
    /// Takes them over from their default actions. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn take_over() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.term.recv() => Request::Stop,
            _ = self.int.recv() => Request::Stop,
            _ = self.hup.recv() => Request::Reload,
            _ = self.usr1.recv() => Request::Report,
        }
    }
}
