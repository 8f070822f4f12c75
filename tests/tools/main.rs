//! The tools as an operator meets them: what they refuse and in which words, exit codes, and output that
//! cannot be written.
//!
//! - `lock`: the lock of a directory under a running server.
//! - `outcomes`: exit codes and messages.
//! - `output`: standard output that is full, or that nobody reads.

#![expect(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod lock;
mod outcomes;
mod output;

use std::path::Path;
use std::process::{Command, Stdio};

use support::{Launch, require_tool};

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_headwater"))
}

/// A tool of the program, which is killed if it takes too long.
fn command(words: &[&str]) -> Command {
    let mut command = Command::new(require_tool("timeout"));
    command.args(["-s", "KILL", "60", env!("CARGO_BIN_EXE_headwater")]).args(words);
    command.stdin(Stdio::null());
    command
}

/// Runs one; exit code, standard output, standard error.
fn tool(words: &[&str]) -> (i32, String, String) {
    let output = command(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A database with one stream, stopped.
fn database(dir: &Path) {
    let server = launch().dir(dir).start();
    server.connect().ok(&["XADD", "s", "1-1", "item", "book"]);
    server.terminate();
}
