//! What the server withstands: clocks that jump, clients that mean harm, threads that panic, and too
//! little of everything.

mod clock;
mod hostile;
mod network;
mod numbers;
mod panics;
mod pressure;
mod security;
mod supply;
mod sync;

use support::Launch;

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_headwater"))
}

/// A number from the environment, or the figure of an ordinary run.
fn figure(name: &str, ordinary: u64) -> u64 {
    std::env::var(name).map_or(ordinary, |text| text.parse().expect("a number"))
}
