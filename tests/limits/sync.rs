//! Who syncs for whom, with `appendfsync always`.

use std::fs;
use std::io::ErrorKind;

use support::{Client, Server, Value, encode};
use tempfile::TempDir;

use super::launch;

/// Bytes of a value: two such entries are a lot for one sweep, one is not.
const VALUE_BYTES: usize = 40_000;

/// A server with one worker, its directory, and the directory for orders to its threads. Who syncs depends
/// on how long the last sync took, so nothing is left to the disk of this machine.
fn start() -> (Server, TempDir, TempDir) {
    let dir = tempfile::tempdir_in("/dev/shm").expect("every Linux has it");
    let orders = support::temp_dir();
    let server = launch()
        .dir(dir.path())
        .args(["--io-threads", "1", "--appendfsync", "always"])
        .env("FAILPOINTS_DIR", orders.path())
        .start();
    (server, dir, orders)
}

fn is_unanswered(client: &Client) -> bool {
    let socket = client.stream();
    socket.set_nonblocking(true).expect("a socket");
    let waits = socket.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    socket.set_nonblocking(false).expect("a socket");
    waits
}

#[test]
fn a_worker_goes_on_while_the_log_thread_syncs_a_large_sweep() {
    let (server, _dir, orders) = start();
    let [mut first, mut other, mut a, mut b, mut c] = [(); 5].map(|()| server.connect());
    for client in [&mut first, &mut other, &mut a, &mut b, &mut c] {
        client.ok(&["PING"]);
    }
    let (engine, log) = (orders.path().join("engine"), orders.path().join("log"));
    fs::write(&log, "hold").expect("our own directory");
    fs::write(&engine, "hold").expect("our own directory");
    first.send_command(&["PING"]).expect("open");
    // They arrive while the worker cannot look, and so are one sweep; but the first may have come together
    // with what holds it.
    let value = "x".repeat(VALUE_BYTES);
    for client in [&mut a, &mut b, &mut c] {
        client.send_command(&["XADD", "s", "*", "f", &value]).expect("open");
    }
    fs::remove_file(&engine).expect("our own file");
    first.receive().expect("open");
    // The first of these may share the sweep of the others, the second comes after it.
    for _ in 0..2 {
        assert_eq!(other.ok(&["PING"]), Value::simple("PONG"));
    }
    for client in [&b, &c] {
        assert!(is_unanswered(client), "answered, and nobody has synced");
    }
    fs::remove_file(&log).expect("our own file");
    for client in [&mut a, &mut b, &mut c] {
        let reply = client.receive().expect("open");
        assert!(matches!(reply, Value::Bulk(_)), "{reply:?}");
    }
}

/// What a lazier mode can lose is said at the start, and INFO names the mode.
#[test]
fn a_lazier_mode_is_announced() {
    for policy in ["always", "everysec", "no"] {
        let server = launch().args(["--appendfsync", policy]).start();
        let mut client = server.connect();
        assert_eq!(client.info("fsync_policy"), policy);
        let output = server.output();
        let warning = output.iter().find(|line| line.contains("appendfsync is not always"));
        assert_eq!(warning.is_some(), policy != "always", "{policy}: {output:#?}");
        if let Some(line) = warning {
            assert!(
                line.contains("WARN") && line.contains("can lose acknowledged writes"),
                "{line}"
            );
        }
        client.ok(&["CONFIG", "SET", "appendfsync", "always"]);
        assert_eq!(client.info("fsync_policy"), "always");
        client.ok(&["CONFIG", "SET", "appendfsync", "everysec"]);
        assert_eq!(client.info("fsync_policy"), "everysec");
    }
}

#[test]
fn a_client_that_is_alone_waits_for_no_other_thread() {
    let (server, _dir, orders) = start();
    let mut client = server.connect();
    client.ok(&["PING"]);
    fs::write(orders.path().join("log"), "hold").expect("our own directory");
    // More than is read at once, so that it has replies to send already when it records the rest.
    let value = "x".repeat(VALUE_BYTES);
    client.send(&encode(&["XADD", "s", "*", "f", &value]).repeat(4)).expect("open");
    for _ in 0..4 {
        let reply = client.receive().expect("open");
        assert!(matches!(reply, Value::Bulk(_)), "{reply:?}");
    }
}
