//! The server under test: started, waited for, ended by its pid.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::options::Fsync;
use crate::wire::{Connection, Value};

/// How long a start may take. What a drill leaves behind is read in well under a second.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How long SIGTERM may take: the server's `shutdown-timeout`.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two looks at something that takes milliseconds.
const POLL: Duration = Duration::from_millis(1);
/// What it prints goes on in a new file beyond this: a drill may take days.
const OUTPUT_BYTES_MAX: u64 = 4 << 20;
/// Of what the server has printed, so much of the end is shown.
const OUTPUT_BYTES_SHOWN: u64 = 2_000;

/// How to start the server, again and again on one directory.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) socket: PathBuf,
    /// All that the server prints, of all its starts.
    pub(crate) output: PathBuf,
    pub(crate) fsync: Fsync,
}

/// Why there is no server.
#[derive(Debug)]
pub(crate) enum NoStart {
    /// It cannot be executed.
    CannotRun(io::Error),
    /// It ended instead.
    Ended(ExitStatus),
    /// It neither ended nor served.
    Hangs,
    /// The drill was interrupted meanwhile.
    Interrupted,
}

impl NoStart {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::CannotRun(error) => error.to_string(),
            Self::Ended(status) => format!("it ended with {status}"),
            Self::Hangs => format!("it does not serve after {} s", START_TIMEOUT.as_secs()),
            Self::Interrupted => "interrupted".to_owned(),
        }
    }
}

impl Launch {
    /// Starts it and waits until it answers.
    pub(crate) fn start(&self, interrupted: &AtomicBool) -> Result<Server, NoStart> {
        // Left behind by the one that was killed. A connection to it would be refused anyway.
        let _ = fs::remove_file(&self.socket);
        let began = Instant::now();
        let child = self.command().and_then(|mut command| command.spawn());
        let mut server =
            Server { child: child.map_err(NoStart::CannotRun)?, recovery: began.elapsed() };
        loop {
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(NoStart::Ended(status));
            }
            let answer =
                Connection::open(&self.socket).ok().map(|mut client| client.ask(&["PING"]));
            if matches!(answer, Some(Ok(Value::Simple(pong))) if pong == "PONG") {
                server.recovery = began.elapsed();
                return Ok(server);
            }
            if interrupted.load(SeqCst) {
                return Err(NoStart::Interrupted);
            }
            if START_TIMEOUT < began.elapsed() {
                return Err(NoStart::Hangs);
            }
            thread::sleep(POLL);
        }
    }

    fn command(&self) -> io::Result<Command> {
        if fs::metadata(&self.output).is_ok_and(|file| OUTPUT_BYTES_MAX < file.len()) {
            fs::rename(&self.output, self.output.with_extension("log.old"))?;
        }
        let output = OpenOptions::new().create(true).append(true).open(&self.output)?;
        let mut command = Command::new(&self.program);
        command
            .args(["--port", "0", "--unixsocket"])
            .arg(&self.socket)
            .arg("--dir")
            .arg(&self.dir)
            .args(["--appendonly", "yes", "--save", "", "--appendfsync", self.fsync.word()])
            // Little of everything, so that checkpoints and new segments happen all the time.
            .args(["--auto-aof-rewrite-min-size", "1mb"])
            .env("HEADWATER_LOG_SEGMENT_SIZE", "1mb")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C is for the drill: it ends the server itself.
            .process_group(0);
        Ok(command)
    }

    /// The end of what the server has printed.
    pub(crate) fn last_words(&self) -> String {
        let read = || -> io::Result<String> {
            let mut file = File::open(&self.output)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_BYTES_SHOWN)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
        };
        read().unwrap_or_default()
    }

    pub(crate) fn connect(&self) -> io::Result<Connection> {
        Connection::open(&self.socket)
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

/// A running server. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// From its start to its first answer.
    pub(crate) recovery: Duration,
}

impl Server {
    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }

    /// SIGTERM, and how long it took: an error says what was wrong about its end.
    pub(crate) fn terminate(&mut self) -> Result<Duration, String> {
        let began = Instant::now();
        self.signal(Signal::TERM);
        loop {
            let took = began.elapsed();
            match self.child.try_wait() {
                Ok(Some(status)) if status.code() == Some(0) && took <= STOP_TIMEOUT => {
                    return Ok(took);
                }
                Ok(Some(status)) => {
                    return Err(format!("SIGTERM: {status} after {} ms", took.as_millis()));
                }
                _ if 2 * STOP_TIMEOUT < took => {
                    self.kill();
                    return Err(format!("SIGTERM: it still ran after {} s", took.as_secs()));
                }
                _ => thread::sleep(POLL),
            }
        }
    }

    /// How it ended, if it does within this time.
    pub(crate) fn end_within(&mut self, patience: Duration) -> Option<String> {
        let began = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status.to_string()),
                Ok(None) if began.elapsed() < patience => thread::sleep(POLL),
                _ => return None,
            }
        }
    }

    fn signal(&self, signal: Signal) {
        // Nobody has waited for it, so the pid is still its own.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
