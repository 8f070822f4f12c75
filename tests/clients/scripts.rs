//! Runs a client's script against a server, and kills the server in the middle where the script asks
//! for it.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{Launch, require_tool};

use crate::CLIENT_TIMEOUT;

/// What a script prints last, behind its name.
const FINISHED: &str = "all scenarios passed";

/// A line of its own on which a script asks for `kill -9` of the server, on which it then waits for a
/// line that says that the server is back, on the same port and the same data.
const RESTART: &str = "kill -9 and restart the server";

/// A path in the root of the repository.
pub(crate) fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A program with a script, the port of a server, and more arguments.
#[derive(Debug)]
pub(crate) struct Script {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    server: Launch,
}

impl Script {
    /// A program that takes the port first.
    pub(crate) fn of_program(program: PathBuf) -> Self {
        Self {
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            server: Launch::new(env!("CARGO_BIN_EXE_headwater")),
        }
    }

    /// A script in `tests/clients/python`. scripts/test installs what it imports.
    pub(crate) fn python(script: &str) -> Self {
        let python = std::env::var_os("HEADWATER_TEST_PYTHON")
            .map_or_else(|| root("target/test-venv/bin/python"), PathBuf::from);
        assert!(python.exists(), "{} is missing; scripts/test installs it", python.display());
        let mut it = Self::of_program(python);
        it.arguments.push(root("tests/clients/python").join(script).into());
        it
    }

    /// A script in `tests/clients/node`. scripts/test installs what it imports.
    pub(crate) fn node(script: &str) -> Self {
        let modules = root("tests/clients/node/node_modules");
        assert!(modules.is_dir(), "{} is missing; scripts/test installs it", modules.display());
        let mut it = Self::of_program(require_tool("node"));
        it.arguments.push(root("tests/clients/node").join(script).into());
        it
    }

    /// Whether `HEADWATER_TEST_SERVER` has put Redis in Headwater's place.
    pub(crate) fn is_against_redis() -> bool {
        Launch::new(env!("CARGO_BIN_EXE_headwater")).is_redis()
    }

    /// One variable in the environment of the script.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The version of Redis that Headwater says it is: tests that clients ship choose by it.
    pub(crate) fn answering_as(mut self, version: &str) -> Self {
        if !Self::is_against_redis() {
            self.server = self.server.args(["--compat-version", version]);
        }
        self
    }

    /// Without a sync for every command: for thousands of commands that are not about durability.
    pub(crate) fn in_a_hurry(mut self) -> Self {
        self.server = self.server.args(["--appendfsync", "everysec"]);
        self
    }

    /// Starts a server on an empty directory and runs the script to its end.
    pub(crate) fn run(self, more: &[&str]) {
        let server = self.server.start();
        self.run_against(server, None, more);
    }

    /// The same on another port of this server, which is not restarted.
    pub(crate) fn run_on_port(self, server: support::Server, port: u16, more: &[&str]) {
        self.run_against(server, Some(port), more);
    }

    fn run_against(self, mut server: support::Server, port: Option<u16>, more: &[&str]) {
        let launch = self.server.port(server.port());
        let (reader, writer) = io::pipe().expect("a pipe can be made");
        let mut command = Command::new(require_tool("timeout"));
        command
            .args(["--kill-after=5", CLIENT_TIMEOUT])
            .arg(&self.program)
            .args(&self.arguments)
            .arg(port.unwrap_or(server.port()).to_string())
            .args(more)
            .envs(self.environment)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().expect("a descriptor can be duplicated"))
            .stderr(writer);
        let mut child = command.spawn().expect("timeout runs");
        // `command` holds the pipe's writing end: the reader sees no end while it lives.
        drop(command);

        let mut stdin = child.stdin.take().expect("it was asked for");
        let mut printed = String::new();
        for line in BufReader::new(reader).lines() {
            let line = line.expect("clients print UTF-8");
            if line == RESTART {
                server.kill();
                server = launch.start();
                stdin.write_all(b"\n").expect("the script waits for this line");
            }
            printed += &line;
            printed.push('\n');
            // Not at the end of the pipe: a process that a framework left behind could hold it open.
            if line.ends_with(FINISHED) {
                break;
            }
        }
        let status = child.wait().expect("our own child can be waited for");
        let what = format!("{} {:?} {more:?}", self.program.display(), self.arguments);
        assert!(status.success(), "{what} ended with {status}:\n{printed}");
        assert!(printed.contains(FINISHED), "{what} did not finish:\n{printed}");
    }
}
