//! Unmodified clients and frameworks against the real binary, each doing what its users do with it.
//!
//! | where | what |
//! |---|---|
//! | `python/`, `python.rs` | redis-py, and what is built on it: brokers, queues, workers |
//! | `node/`, `node.rs` | ioredis, node-redis, and what is built on them |
//! | `redis_rs.rs` | redis-rs, blocking and on tokio |
//! | `hiredis.c`, `hiredis.rs` | hiredis, compiled here |
//! | `redis_cli.rs` | `redis-cli` |
//!
//! A script takes the port of a server that is its own, asserts by itself, and prints "all scenarios
//! passed" last. On a line of its own it can ask for `kill -9` of the server and a new start (see
//! `scripts.rs`): what a framework has handed over must then be there.
//!
//! With `HEADWATER_TEST_SERVER=redis-server` all of this runs against Redis, which shows that the
//! scripts are right; a script that needs what Redis 7.0 has not says so in its test.
//!
//! Every package is pinned, with all that it depends on: Python's in `python/requirements.txt`
//! (made from `python/requirements.in`), Node's in `node/package-lock.json`, Rust's in `Cargo.lock`.
//! `scripts/test` installs them. `docs/compatibility.md` lists the versions.

mod exporter;
mod hiredis;
mod node;
mod python;
mod redis_cli;
mod redis_rs;
mod scripts;

use std::path::PathBuf;

use support::{Certificates, Launch, Server, free_port};

/// Seconds after which a client that hangs is a failure.
const CLIENT_TIMEOUT: &str = "300";

fn start() -> Server {
    Launch::new(env!("CARGO_BIN_EXE_headwater")).start()
}

/// A server that speaks TLS as well: its port for that, and the file of the authority.
fn start_tls(certificates: &Certificates) -> (Server, u16, String) {
    let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    let port = free_port();
    let launch = Launch::new(env!("CARGO_BIN_EXE_headwater"))
        .args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"])
        .args(["--tls-cert-file", &text(certificates.certificate("server"))])
        .args(["--tls-key-file", &text(certificates.key("server"))]);
    (launch.start(), port, text(certificates.certificate("ca")))
}
