//! A server process: started on a free port, waited for by its ready line, ended by its pid.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;
use crate::process::child_of;

/// What a server prints once it serves; Redis and Headwater use the same words.
const READY: &str = "Ready to accept connections";

/// How long a start may take before the test fails.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// How many ports are tried.
const ATTEMPTS: usize = 10;

/// Ports below the range from which the kernel takes those of outgoing connections: one of those
/// could sit on ours.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// How to start a server, as often as needed, always on the same directory.
#[derive(Clone, Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    wrapper: Vec<OsString>,
    dir: Dir,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Dir {
    Own(Arc<TempDir>),
    Given(PathBuf),
}

impl Launch {
    /// The program on a fresh directory of its own. `HEADWATER_TEST_SERVER` in the environment
    /// replaces the program: `redis-server` there shows whether a test is right about Redis.
    pub fn new(program: impl AsRef<Path>) -> Self {
        let program = std::env::var_os("HEADWATER_TEST_SERVER")
            .map_or_else(|| program.as_ref().to_owned(), PathBuf::from);
        Self {
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            wrapper: Vec::new(),
            dir: Dir::Own(Arc::new(crate::dir::temp_dir())),
            port: None,
        }
    }

    /// Like [`Launch::new`], but never replaced: the server that another one is compared with.
    pub fn reference(program: impl AsRef<Path>) -> Self {
        Self { program: program.as_ref().to_owned(), ..Self::new(program) }
    }

    /// This directory instead of a fresh one. It is left alone afterwards.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Dir::Given(dir.as_ref().to_owned());
        self
    }

    /// This port instead of a free one.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// More arguments, in the form that both servers take: `--maxclients 10`.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// One environment variable for the server.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs the server below another program: `["strace", "-f", ...]`.
    #[must_use]
    pub fn wrapper<A: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = A>) -> Self {
        self.wrapper = words.into_iter().map(|a| a.as_ref().to_owned()).collect();
        self
    }

    /// The data directory.
    pub fn path(&self) -> &Path {
        match &self.dir {
            Dir::Own(dir) => dir.path(),
            Dir::Given(dir) => dir,
        }
    }

    /// Whether it is Redis that is started, to state what only Headwater promises.
    pub fn is_redis(&self) -> bool {
        self.program.file_name().is_some_and(|name| name == "redis-server")
    }

    /// Starts it and waits for its ready line.
    ///
    /// # Panics
    /// If it ends or stays silent instead, with all that it printed.
    pub fn start(&self) -> Server {
        self.try_start().unwrap_or_else(|refusal| {
            panic!("{} did not start: {refusal:?}", self.program.display())
        })
    }

    /// Starts it and waits for its ready line, or for its end.
    pub fn try_start(&self) -> Result<Server, Refusal> {
        // Between the look for a free port and the bind another process can take it.
        for _ in 0..ATTEMPTS {
            match self.start_on(self.port.unwrap_or_else(free_port)) {
                Err(refusal) if self.port.is_none() && refusal.is_port_taken() => {}
                outcome => return outcome,
            }
        }
        panic!("{ATTEMPTS} free ports were all taken by others")
    }

    fn start_on(&self, port: u16) -> Result<Server, Refusal> {
        let (reader, writer) = io::pipe().expect("a pipe can be made");
        let mut command = self.command(port);
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().expect("a descriptor can be duplicated"))
            .stderr(writer);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", command.get_program()));
        // `command` holds the pipe's writing end: the reader sees no end while it lives.
        drop(command);

        let output = Arc::new(Output::default());
        thread::spawn({
            let output = Arc::clone(&output);
            move || output.collect(reader)
        });
        if output.wait_for_ready() {
            // Some wrappers stay (strace), others become the server (unshare).
            let pid = match self.wrapper.is_empty() {
                true => child.id(),
                false => child_of(child.id()).unwrap_or_else(|| child.id()),
            };
            return Ok(Server { child, pid, port, output, launch: self.clone() });
        }
        let ended = output.has_ended();
        if !ended {
            let _ = child.kill();
        }
        let status = child.wait().expect("our own child can be waited for");
        Err(Refusal { status, output: output.lines() })
    }

    fn command(&self, port: u16) -> Command {
        let mut words = self.wrapper.iter().map(OsString::as_os_str);
        let mut command = match words.next() {
            None => Command::new(&self.program),
            Some(wrapper) => {
                let mut command = Command::new(wrapper);
                command.args(words).arg(&self.program);
                command
            }
        };
        command.arg("--port").arg(port.to_string()).arg("--dir").arg(self.path());
        if self.is_redis() {
            command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
        }
        command.args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A server that ended before it was ready.
#[derive(Debug)]
pub struct Refusal {
    /// How it ended.
    pub status: ExitStatus,
    /// Every line that it printed.
    pub output: Vec<String>,
}

impl Refusal {
    /// Whether another process listens on its port.
    pub fn is_port_taken(&self) -> bool {
        // Redis's words, and Headwater's.
        let words = ["address already in use", "the address is in use"];
        self.output.iter().any(|line| {
            let line = line.to_lowercase();
            words.iter().any(|words| line.contains(words))
        })
    }

    /// Its output as one text.
    pub fn text(&self) -> String {
        self.output.join("\n")
    }
}

/// A running server. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pid: u32,
    port: u16,
    output: Arc<Output>,
    launch: Launch,
}

impl Server {
    /// The pid of the server itself, also below a wrapper.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// The port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        self.launch.path()
    }

    /// All lines that it printed so far.
    pub fn output(&self) -> Vec<String> {
        self.output.lines()
    }

    /// All lines that it printed until its end, which is waited for.
    pub fn output_after_end(&self) -> Vec<String> {
        let state = self.output.lock();
        let ended =
            self.output.changed.wait_timeout_while(state, READY_TIMEOUT, |state| !state.has_ended);
        let (state, _) = ended.unwrap_or_else(PoisonError::into_inner);
        state.lines.clone()
    }

    /// The first line with these words, waited for: what a server has printed is gathered by and by.
    ///
    /// # Panics
    /// If it ends or stays silent instead.
    pub fn line_with(&self, words: &str) -> String {
        self.output.wait_for(words).unwrap_or_else(|| panic!("the server printed no {words:?}"))
    }

    /// A new connection.
    ///
    /// # Panics
    /// If it is refused.
    pub fn connect(&self) -> Client {
        Client::connect(self.address()).expect("a running server accepts connections")
    }

    /// SIGKILL, and waits for its end.
    pub fn kill(mut self) {
        self.end_now();
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.child.wait().expect("our own child can be waited for")
    }

    /// How it ended, if it has, and everything that it printed has been read.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("our own child can be waited for");
        status.filter(|_| self.output.has_ended())
    }

    /// Waits until it ends by itself.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("our own child can be waited for")
    }

    /// Sends a signal to the server.
    pub fn signal(&self, signal: Signal) {
        let raw = i32::try_from(self.pid).expect("a pid fits an i32");
        let pid = Pid::from_raw(raw).expect("a pid is not zero");
        // It may have ended already; nobody has waited for it, so the pid is still its own.
        let _ = kill_process(pid, signal);
    }

    fn end_now(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::KILL);
            let status = self.child.wait();
            debug_assert!(status.is_ok_and(|s| s.signal().is_some() || s.code().is_some()));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end_now();
        if thread::panicking() {
            eprintln!("--- output of the server of the failed test:");
            for line in self.output.lines() {
                eprintln!("    {line}");
            }
        }
    }
}

/// What a server prints, gathered line by line.
#[derive(Debug, Default)]
struct Output {
    state: Mutex<OutputState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct OutputState {
    lines: Vec<String>,
    is_ready: bool,
    has_ended: bool,
}

impl Output {
    fn collect(&self, reader: impl Read) {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        loop {
            line.clear();
            let ended = !matches!(reader.read_until(b'\n', &mut line), Ok(1..));
            let mut state = self.lock();
            if ended {
                state.has_ended = true;
            } else {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                state.is_ready |= text.contains(READY);
                state.lines.push(text);
            }
            drop(state);
            self.changed.notify_all();
            if ended {
                return;
            }
        }
    }

    fn wait_for_ready(&self) -> bool {
        let waiting = |state: &mut OutputState| !state.is_ready && !state.has_ended;
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), READY_TIMEOUT, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        state.is_ready
    }

    fn wait_for(&self, words: &str) -> Option<String> {
        let find = |state: &OutputState| state.lines.iter().find(|l| l.contains(words)).cloned();
        let waiting = |state: &mut OutputState| find(state).is_none() && !state.has_ended;
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), READY_TIMEOUT, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        find(&state)
    }

    fn has_ended(&self) -> bool {
        self.lock().has_ended
    }

    fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, OutputState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A port that was free a moment ago, below the range of outgoing connections.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    // Test processes run side by side: each begins at a place of its own.
    let process = u16::try_from(std::process::id() % u32::from(span)).expect("below a u16");
    let begin = process.wrapping_mul(37) % span;
    for _ in 0..span {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % span;
        let port = PORTS.start + (begin + step) % span;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port in {PORTS:?}")
}

/// The path of a program that a test needs.
///
/// # Panics
/// If it is not installed: a test that cannot run must not be green.
pub fn require_tool(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed; scripts/test installs it"))
}

/// Notes that a test cannot run on this machine, for the totals of `scripts/test`.
pub fn skipped(test: &str, reason: &str) {
    eprintln!("skipped: {test}: {reason}");
    let Some(file) = std::env::var_os("HEADWATER_SKIPPED") else { return };
    let file = std::fs::OpenOptions::new().append(true).create(true).open(file);
    let written = file.and_then(|mut file| writeln!(file, "{test}: {reason}"));
    written.expect("the file of HEADWATER_SKIPPED can be written");
}
