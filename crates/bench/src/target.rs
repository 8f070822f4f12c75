//! Servers under test: how each is started, awaited and stopped, always by its own pid.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use support::{Client, Value};

/// How long a server may take to answer after its start (Redis replays its log meanwhile).
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// Between two attempts to connect: the resolution of the restart times.
const RETRY: Duration = Duration::from_micros(500);

/// When a reply to a write counts as durable, in Redis's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fsync {
    Always,
    EverySec,
}

impl Fsync {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::EverySec => "everysec",
        }
    }
}

/// A server's name and start command.
#[derive(Clone, Debug)]
pub(crate) struct ServerSpec {
    pub(crate) name: String,
    pub(crate) words: Vec<String>,
}

impl ServerSpec {
    pub(crate) fn new(name: &str, words: &[&str]) -> Result<Self> {
        ensure!(!words.is_empty(), "no command for the server {name}");
        for placeholder in ["{port}", "{dir}"] {
            ensure!(
                words.iter().any(|word| word.contains(placeholder)),
                "no {placeholder} in the command of the server {name}"
            );
        }
        Ok(Self { name: name.into(), words: words.iter().map(ToString::to_string).collect() })
    }

    /// `NAME=COMMAND`, words separated by blanks, `''` for the empty one.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (name, command) =
            text.split_once('=').with_context(|| format!("{text}: NAME=COMMAND is needed"))?;
        let words: Vec<_> =
            command.split_whitespace().map(|word| word.trim_matches('\'')).collect();
        Self::new(name, &words)
    }

    /// What the program says about its version, for the report.
    pub(crate) fn version(&self) -> String {
        let output = Command::new(&self.words[0]).arg("--version").output();
        let text = output.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
        text.unwrap_or_else(|error| error.to_string())
    }

    /// Starts it on `dir`; does not wait.
    pub(crate) fn spawn(&self, dir: &Path, fsync: Fsync) -> Result<Target> {
        let port = support::free_port();
        let dir = dir.to_str().context("the data directory is not UTF-8")?;
        let words: Vec<_> = self
            .words
            .iter()
            .map(|word| {
                word.replace("{port}", &port.to_string())
                    .replace("{dir}", dir)
                    .replace("{fsync}", fsync.name())
            })
            .collect();
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", words.join(" ")))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Target { child, address, started: Instant::now() })
    }

    /// Starts it on `dir` and waits until it answers.
    pub(crate) fn start(&self, dir: &Path, fsync: Fsync) -> Result<Target> {
        let mut target = self.spawn(dir, fsync)?;
        target
            .first_answer(&["PING"])
            .with_context(|| format!("{} does not answer", self.words.join(" ")))?;
        Ok(target)
    }
}

/// A running server; dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Target {
    child: Child,
    pub(crate) address: SocketAddr,
    started: Instant,
}

impl Target {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn connect(&self) -> Result<Client> {
        Client::connect(self.address).context("cannot connect")
    }

    /// Asks until there is an answer that is not an error (Redis says LOADING while it replays),
    /// and tells it with the time since the start.
    pub(crate) fn first_answer(&mut self, question: &[&str]) -> Result<(Value, Duration)> {
        while self.started.elapsed() < START_TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at its start: {status}");
            }
            if let Ok(mut client) = Client::connect(self.address) {
                while let Ok(value) = client.try_command(question) {
                    if !matches!(value, Value::Error(_)) {
                        return Ok((value, self.started.elapsed()));
                    }
                    thread::sleep(RETRY);
                }
            }
            thread::sleep(RETRY);
        }
        bail!("no answer within {START_TIMEOUT:?}")
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits for its end.
    pub(crate) fn stop(mut self) -> Result<()> {
        let raw = i32::try_from(self.child.id()).context("a pid fits an i32")?;
        kill_process(Pid::from_raw(raw).context("a pid is not zero")?, Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status} after SIGTERM");
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
