//! The server from outside: connections, pipelines, transactions and blocked readers, in raw RESP.

#[cfg(feature = "failpoints")]
mod loading;

mod blocking;
mod claims;
mod configuration;
mod connections;
mod dump;
mod popping;
mod popping_scores;
mod pressure;
mod slow;
mod transactions;
mod vectors;

use support::{Client, Launch, Server, Value};

fn start() -> Server {
    Launch::new(env!("CARGO_BIN_EXE_headwater")).start()
}

fn connect(server: &Server) -> Client {
    server.connect()
}

/// A server, one client that acts, and `count` that wait.
fn scene(count: usize) -> (Server, Client, Vec<Client>) {
    let server = start();
    let writer = connect(&server);
    let waiting = (0..count).map(|_| connect(&server)).collect();
    (server, writer, waiting)
}

/// What a client that waits is given.
fn served(client: &mut Client) -> Vec<String> {
    strings(client.receive().expect("served"))
}

/// Sends a line and waits until that many clients are blocked: asked of the server, not of a clock.
fn block(waiting: &mut Client, observer: &mut Client, line: &str, blocked: usize) {
    let words: Vec<_> = line.split_whitespace().collect();
    waiting.send_command(&words).expect("the connection is open");
    until_blocked(observer, blocked);
}

fn until_blocked(observer: &mut Client, blocked: usize) {
    while observer.info("blocked_clients") != blocked.to_string() {}
}

fn strings(value: Value) -> Vec<String> {
    value.array().iter().map(Value::text).collect()
}

/// IDs of the entries that XREAD or XREADGROUP answered for its first stream.
fn ids(reply: Value) -> Vec<String> {
    let streams = reply.array();
    let Some(first) = streams.into_iter().next() else { return Vec::new() };
    let entries = first.array().into_iter().nth(1).expect("a stream has its entries");
    entries.array().into_iter().map(|entry| entry.array()[0].text()).collect()
}
