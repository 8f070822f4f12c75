//! Who syncs for whom, with `appendfsync always`.

use std::fs;
use std::io::ErrorKind;

use support::{Client, Value};

use super::launch;

/// Bytes of a value: two such entries are a lot for one sweep, one is not.
const VALUE_BYTES: usize = 40_000;

fn is_unanswered(client: &Client) -> bool {
    let socket = client.stream();
    socket.set_nonblocking(true).expect("a socket");
    let waits = socket.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    socket.set_nonblocking(false).expect("a socket");
    waits
}

#[test]
fn a_worker_goes_on_while_the_log_thread_syncs_a_large_sweep() {
    let dir = support::temp_dir();
    let orders = support::temp_dir();
    let server = launch()
        .dir(dir.path())
        .args(["--io-threads", "1", "--appendfsync", "always"])
        .env("FAILPOINTS_DIR", orders.path())
        .start();
    let [mut first, mut second, mut third, mut other] = [(); 4].map(|()| server.connect());
    for client in [&mut first, &mut second, &mut third, &mut other] {
        client.ok(&["PING"]);
    }
    let (engine, log) = (orders.path().join("engine"), orders.path().join("log"));
    fs::write(&log, "hold").expect("our own directory");
    fs::write(&engine, "hold").expect("our own directory");
    first.send_command(&["PING"]).expect("open");
    // They arrive while the worker cannot look, and so are one sweep.
    let value = "x".repeat(VALUE_BYTES);
    for client in [&mut second, &mut third] {
        client.send_command(&["XADD", "s", "*", "f", &value]).expect("open");
    }
    fs::remove_file(&engine).expect("our own file");
    first.receive().expect("open");
    // The first of these may share the sweep of the others, the second comes after it.
    for _ in 0..2 {
        assert_eq!(other.ok(&["PING"]), Value::simple("PONG"));
    }
    for client in [&second, &third] {
        assert!(is_unanswered(client), "answered, and nobody has synced");
    }
    fs::remove_file(&log).expect("our own file");
    for client in [&mut second, &mut third] {
        let reply = client.receive().expect("open");
        assert!(matches!(reply, Value::Bulk(_)), "{reply:?}");
    }
}
