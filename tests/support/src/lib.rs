//! What the black-box tests and the load generator share: a server that is started on a free port
//! with a directory of its own, waited for by its ready line and ended by its pid, and a small
//! client that speaks raw RESP.
//!
//! Nothing here knows Headwater's crates. The same code drives Debian's `redis-server`, and that
//! is how the tests themselves are shown to be right.
//!
//! ```no_run
//! let launch = support::Launch::new("target/debug/headwater");
//! let server = launch.start();
//! let mut client = server.connect();
//! assert_eq!(client.command(&["PING"]), support::Value::simple("PONG"));
//! server.kill();
//! let server = launch.start(); // the same directory again
//! ```

mod certificates;
mod cgroup;
mod client;
mod clock;
mod dir;
mod process;
mod resp;
mod rng;
mod server;
mod terminal;

pub use certificates::Certificates;
pub use cgroup::MemoryGroup;
pub use client::Client;
pub use clock::Clock;
pub use dir::{scratch_dir, temp_dir};
pub use process::{
    anonymous_bytes, child_of, cpu_ticks, disk_bytes, raise_descriptor_limit, ticks_per_second,
};
pub use resp::{Value, encode, encode_into, parse, skip};
pub use rng::Rng;
pub use server::{Launch, Refusal, Server, free_port, require_tool, skipped};
pub use terminal::{Seen, on_terminal};
