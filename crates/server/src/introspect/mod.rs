//! What the server tells about itself: INFO, CONFIG, CLIENT LIST and their relatives, as pure
//! functions over snapshots that the session code fills in.

mod answers;
mod client_list;
pub mod info;
pub mod process;

pub use answers::{
    MemoryFacts, config_get, config_set, debug_allowed, debug_help, memory_doctor, memory_stats,
    time,
};
pub use client_list::{ClientFlags, ClientRow, client_list};

use crate::stats::CommandTotals;

/// The value of a `cmdstat_` line; `None` for a command that nobody has called.
fn command_stats(totals: &CommandTotals) -> Option<String> {
    let CommandTotals { calls, nanos, rejected, failed } = *totals;
    if calls == 0 && rejected == 0 && failed == 0 {
        return None;
    }
    let usec = nanos / 1000;
    let per_call = if calls == 0 { 0.0 } else { nanos as f64 / 1000.0 / calls as f64 };
    Some(format!(
        "calls={calls},usec={usec},usec_per_call={per_call:.2},rejected_calls={rejected},failed_calls={failed}"
    ))
}
