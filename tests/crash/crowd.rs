//! Clients that are too many, and one that does not read.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use support::{Client, Server, encode};

/// How long the server may take to notice.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn connections_over_maxclients_are_told_so() {
    let server = crate::launch().args(["--maxclients", "100"]).start();
    let mut clients: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.ok(&["PING"]);
    }
    for _ in 0..10_000 {
        let mut refused = server.connect();
        let reply = refused.receive().expect("a refusal is said before the end");
        assert!(reply.is_error("ERR max number of clients reached"), "{reply:?}");
        assert!(refused.receive().is_err(), "and the connection ends");
    }
    for client in &mut clients {
        client.ok(&["PING"]);
    }
    // One goes, one may come: as soon as the server has seen the end of the first.
    drop(clients.pop());
    let began = Instant::now();
    while !server.connect().try_command(&["PING"]).is_ok_and(|reply| !reply.is_error("ERR")) {
        assert!(began.elapsed() < PATIENCE, "a freed place is never given again");
    }
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let server = crate::launch().start();
    let mut other = server.connect();
    let limit = "normal 8388608 0 0 replica 0 0 0 pubsub 0 0 0";
    other.ok(&["CONFIG", "SET", "client-output-buffer-limit", limit]);
    let payload = vec![b'x'; 1024 * 1024];
    for _ in 0..20 {
        other.ok(&[&b"XADD"[..], b"s", b"*", b"data", &payload]);
    }
    let before = support::anonymous_bytes(server.pid()).expect("the server runs");

    let mut lazy = server.connect();
    lazy.ok(&["CLIENT", "SETNAME", "lazy"]);
    for _ in 0..50 {
        // The server may cut it off while it still asks.
        let _ = lazy.send(&encode(&["XRANGE", "s", "-", "+"]));
    }
    wait_until_gone(&server, &mut other);
    let grown = support::anonymous_bytes(server.pid()).expect("the server runs") - before;
    assert!(grown < 128 << 20, "{grown} bytes for a limit of 8 MiB");
    other.ok(&["PING"]);

    // What was on the way may still come, but never all of the gigabyte, and then the end.
    // A reset instead of an orderly end is fine, so the result of the copy does not matter.
    let mut received = Received(0);
    let _ = io::copy(&mut lazy.stream(), &mut received);
    let all = 50 * 20 * payload.len();
    assert!(received.0 < all, "{} of {all} bytes came", received.0);
}

fn wait_until_gone(server: &Server, other: &mut Client) {
    let began = Instant::now();
    while other.ok(&["CLIENT", "LIST"]).text().contains("name=lazy") {
        assert!(began.elapsed() < PATIENCE, "{} still serves it", server.pid());
    }
}

/// Counts what is written to it.
struct Received(usize);

impl Write for Received {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
