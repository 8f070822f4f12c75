//! Damage at rest: files of a known database are damaged, and nobody may ever be shown a wrong byte,
//! or lose one without a word. A start is refused by the name of the file, or the reads of the entries
//! that were hit are, by name; `check` finds it, and `repair` makes a directory that opens.
//!
//! In CI most trials open the directory in this process, which is what the server does, and a share by
//! the real programs; with `HEADWATER_DAMAGE_TRIALS` (instead of 300) all of them do. `HEADWATER_SEED`
//! repeats a run.

#![expect(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod known;
mod places;
mod programs;
mod records;
mod running;
mod terminal;
mod trials;

/// EX_DATAERR: the data are damaged.
const DATA_DAMAGED: i32 = 65;

fn launch() -> support::Launch {
    support::Launch::new(env!("CARGO_BIN_EXE_headwater"))
}

/// Runs a tool of the program; exit code, standard output, standard error.
fn tool(words: &[&str]) -> (i32, String, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_headwater"))
        .args(words)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}
