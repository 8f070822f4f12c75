//! A command on a terminal: what only happens there is seen by somebody.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::server::require_tool;

/// What a terminal saw of a command.
#[derive(Debug)]
pub struct Seen {
    /// How the command ended.
    pub code: i32,
    /// All that it showed, with what moves the cursor, and the echo of what was typed.
    pub shown: String,
}

/// Runs a line of the shell on a terminal of 100 columns, where `typed` is typed. The words behind it are
/// `$1`, `$2` and so on.
///
/// # Panics
/// If there is no `script` (of util-linux), or it cannot run.
pub fn on_terminal(line: &str, words: &[&Path], typed: &str) -> Seen {
    let words: String = words.iter().map(|word| format!(" '{}'", word.display())).collect();
    let mut script = Command::new(require_tool("script"))
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm")
        .args(["--quiet", "--return", "--command"])
        .arg(format!("set --{words}; stty cols 100 rows 24; {line}"))
        .arg("/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("script runs");
    let mut keys = script.stdin.take().expect("it was asked for");
    keys.write_all(typed.as_bytes()).expect("script reads what is typed");
    // It goes on holding the terminal open: the end of the keys is an end of input there.
    drop(keys);
    let output = script.wait_with_output().expect("script runs");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = output.status.code().unwrap_or_else(|| panic!("{}: {shown}", output.status));
    Seen { code, shown }
}
