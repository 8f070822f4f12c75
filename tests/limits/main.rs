//! What the server withstands: clocks that jump, clients that mean harm, threads that panic, and too
//! little of everything.

mod clock;
mod descriptors;
mod hostile;
mod network;
mod numbers;
mod panics;
mod pressure;
mod security;
mod steps;
mod supply;
mod sync;

use std::thread;
use std::time::{Duration, Instant};

use support::Launch;

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_headwater"))
}

/// How long anything may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `is_so`; what never comes fails the test instead of hanging it.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A number from the environment, or the figure of an ordinary run.
fn figure(name: &str, ordinary: u64) -> u64 {
    std::env::var(name).map_or(ordinary, |text| text.parse().expect("a number"))
}
