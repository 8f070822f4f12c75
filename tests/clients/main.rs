//! Unmodified clients against the real binary, doing what articles on Redis Streams show: produce
//! and trim, range reads, tailing, groups with several workers, a worker that crashes, dead
//! letters, fan-out, a projection with its acknowledgement in one transaction.
//!
//! The scripts take a port and assert by themselves; with `HEADWATER_TEST_SERVER=redis-server` all
//! of this runs against Redis, which shows that the scripts are right.

mod redis_cli;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Certificates, Launch, Server, free_port, require_tool};

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
fn run(program: &Path, script: &str, arguments: &[String]) {
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

/// Runs the script of a Python client with these arguments behind the port.
fn python(port: u16, more: &[&str]) {
    let python = std::env::var_os("HEADWATER_TEST_PYTHON")
        .map_or_else(|| root("target/test-venv/bin/python"), PathBuf::from);
    run(&python, "tests/clients/python/streams.py", &with_port(port, more));
}

/// The same for one of Node.
fn node(script: &str, port: u16, more: &[&str]) {
    let modules = root("tests/clients/node/node_modules");
    assert!(modules.is_dir(), "{} is missing; scripts/test installs it", modules.display());
    run(&require_tool("node"), script, &with_port(port, more));
}

fn with_port(port: u16, more: &[&str]) -> Vec<String> {
    let more = more.iter().map(|word| (*word).to_owned());
    std::iter::once(port.to_string()).chain(more).collect()
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

#[test]
fn redis_py_resp2() {
    let server = start();
    python(server.port(), &["2"]);
}

#[test]
fn redis_py_resp3() {
    let server = start();
    python(server.port(), &["3"]);
}

#[test]
fn ioredis() {
    let server = start();
    node("tests/clients/node/ioredis.mjs", server.port(), &[]);
}

#[test]
fn node_redis_resp2() {
    let server = start();
    node("tests/clients/node/node-redis.mjs", server.port(), &["2"]);
}

#[test]
fn node_redis_resp3() {
    let server = start();
    node("tests/clients/node/node-redis.mjs", server.port(), &["3"]);
}

#[test]
fn redis_py_over_tls() {
    let certificates = Certificates::new();
    let (_server, port, ca) = start_tls(&certificates);
    python(port, &["3", &ca]);
}

#[test]
fn ioredis_over_tls() {
    let certificates = Certificates::new();
    let (_server, port, ca) = start_tls(&certificates);
    node("tests/clients/node/ioredis.mjs", port, &[&ca]);
}
