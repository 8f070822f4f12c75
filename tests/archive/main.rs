//! Backups of a server at work, restores, the way back in time, and what the documents say of them.
//!
//! - `backup`: made under load, restored, compared; on a disk that is full.
//! - `retention`: how far the log goes back, and what `log show` prints.
//! - `times`: times and other bounds of `log show` and `restore`.
//! - `undo`: the steps of `docs/operations.md`, typed.
//! - `untrim`: the program there that brings back what an XTRIM took.

mod backup;
mod retention;
mod times;
mod undo;
mod untrim;

use std::path::Path;
use std::process::{Command, Output};

use support::{Launch, require_tool};

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_headwater"))
}

/// Runs a tool of the program, which has two minutes for it.
fn tool(arguments: &[&str], paths: &[&Path]) -> Output {
    let mut command = Command::new(require_tool("timeout"));
    command.args(["120", env!("CARGO_BIN_EXE_headwater")]);
    command.args(arguments).args(paths).output().expect("headwater runs")
}

/// Runs one that must succeed; what it printed.
fn done(arguments: &[&str], paths: &[&Path]) -> String {
    let output = tool(arguments, paths);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} {paths:?}: {} {said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The number behind `"name":` in a line of JSON.
fn number(json: &str, name: &str) -> u64 {
    let (_, rest) = json.split_once(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{json}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no number {name} in {json}"))
}
