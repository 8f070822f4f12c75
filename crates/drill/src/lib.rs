//! `headwater drill`: breaks a server again and again, on the user's own machine, disk and binary,
//! and checks every promise that the server had made.
//!
//! A drill starts the real program in a scratch directory, loads it, kills it (or cuts the power of
//! its disk), starts it again and compares. What must be there follows from the replies alone: an
//! acknowledged request is there, one in flight is there whole or not at all, and what a reader was
//! shown stays. Nothing here knows how the server works, or uses any of its code.
//!
//! # Reading order
//!
//! [`main`], then `cycle`: load, end, restart, comparison. `own` is the load of writers with keys of
//! their own, whose state is known exactly; `shared` that of producers, consumers and readers who meet
//! on the same streams. `place`, `disk` and `shutdown` are about the disk and its power, `wire` about
//! the protocol.

mod clock;
mod cycle;
mod disk;
mod error;
mod finding;
mod id;
mod interrupt;
mod load;
mod options;
mod own;
mod place;
mod progress;
mod report;
mod server;
mod shared;
mod shutdown;
mod wire;

use std::io::{self, Write};

pub use error::DrillError;
pub use finding::{Finding, Kind};
pub use options::{Ends, FileSystem, Fsync, Options, command};
pub use report::{Counts, Report, Verdict};

use crate::cycle::Drill;
use crate::place::Place;
use crate::progress::Progress;

/// Runs a drill, prints its report and returns the exit code: 0 if every promise was kept, 1 if one
/// was broken, 130 if somebody stopped it, others if it could not be run.
#[must_use]
pub fn main(options: &Options) -> u8 {
    match run(options) {
        Ok(report) => {
            let text = if options.json {
                serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
            } else {
                report.text()
            };
            let printed = print(&text);
            warn(&report.warnings);
            match printed {
                Err(cause) if report.exit_code() == 0 => {
                    let cause = DrillError::io("cannot write to standard output")(cause);
                    let _ = writeln!(io::stderr(), "headwater drill: {cause}");
                    cause.exit_code()
                }
                _ => report.exit_code(),
            }
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "headwater drill: {error}");
            let exit_code = error.exit_code();
            if options.json {
                let json = serde_json::json!({"error": error.to_string(), "exit_code": exit_code});
                let _ = print(&format!("{json:#}\n"));
            }
            exit_code
        }
    }
}

/// Prints on standard output. A reader that has gone away is no failure.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says what cannot be proven here: before, as a drill may take hours, and below the report again.
fn warn(warnings: &[String]) {
    for warning in warnings {
        let _ = writeln!(io::stderr(), "headwater drill: warning: {warning}");
    }
}

/// Runs a drill.
///
/// # Errors
/// If it cannot be run, or not to its end.
pub fn run(options: &Options) -> Result<Report, DrillError> {
    let may_cut = matches!(options.kill, Ends::Cut | Ends::Mix);
    if may_cut && !options.in_namespace && disk::obstacle().is_none() {
        return Err(DrillError::io("unshare")(disk::enter_namespace()));
    }
    let interrupted = interrupt::flag().map_err(DrillError::io("taking over signals"))?;
    let mut warnings = Vec::new();
    let place = Place::make(options, &mut warnings)?;
    warn(&warnings);
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut progress = Progress::new(options.cycles_max(), options.duration);
    let mut drill = Drill::new(options, &interrupted, place, seed)?;
    let outcome = drill.run(&mut progress);
    progress.finish();
    outcome?;
    Ok(drill.report(&progress, seed, warnings))
}
