//! Unmodified clients against the real binary, doing what articles on Redis Streams show: produce
//! and trim, range reads, tailing, groups with several workers, a worker that crashes, dead
//! letters, fan-out, a projection with its acknowledgement in one transaction.
//!
//! The scripts take a port and assert by themselves; with `HEADWATER_TEST_SERVER=redis-server` all
//! of this runs against Redis, which shows that the scripts are right.

mod redis_cli;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Launch, Server, require_tool};

/// Seconds after which a client that hangs is a failure.
const CLIENT_TIMEOUT: &str = "120";

fn start() -> Server {
    Launch::new(env!("CARGO_BIN_EXE_headwater")).start()
}

/// A path in the root of the repository.
fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Runs a client's script to its end; all that it printed is in the failure.
fn run(program: &Path, script: &str, arguments: &[&str]) {
    assert!(program.exists(), "{} is missing; scripts/test installs it", program.display());
    let output = Command::new(require_tool("timeout"))
        .arg(CLIENT_TIMEOUT)
        .arg(program)
        .arg(root(script))
        .args(arguments)
        .output()
        .expect("timeout runs");
    assert!(
        output.status.success(),
        "{script} {arguments:?} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("all scenarios passed"), "{script} did not finish: {printed}");
}

fn redis_py(protocol: &str) {
    let server = start();
    let python = std::env::var_os("HEADWATER_TEST_PYTHON")
        .map_or_else(|| root("target/test-venv/bin/python"), PathBuf::from);
    run(&python, "tests/clients/python/streams.py", &[&server.port().to_string(), protocol]);
}

fn node(script: &str, more: &[&str]) {
    let server = start();
    let modules = root("tests/clients/node/node_modules");
    assert!(modules.is_dir(), "{} is missing; scripts/test installs it", modules.display());
    let port = server.port().to_string();
    let arguments: Vec<_> = std::iter::once(port.as_str()).chain(more.iter().copied()).collect();
    run(&require_tool("node"), script, &arguments);
}

#[test]
fn redis_py_resp2() {
    redis_py("2");
}

#[test]
fn redis_py_resp3() {
    redis_py("3");
}

#[test]
fn ioredis() {
    node("tests/clients/node/ioredis.mjs", &[]);
}

#[test]
fn node_redis_resp2() {
    node("tests/clients/node/node-redis.mjs", &["2"]);
}

#[test]
fn node_redis_resp3() {
    node("tests/clients/node/node-redis.mjs", &["3"]);
}
