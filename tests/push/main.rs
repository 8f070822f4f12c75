//! What the server sends without being asked: messages of channels, and what goes with them.

mod compare;
mod monitor;
mod notify;
mod pause;
mod pubsub;
mod tracking;

use support::{Client, Launch, Server, Value};

fn start() -> Server {
    Launch::new(env!("CARGO_BIN_EXE_headwater")).start()
}

fn start_with(arguments: &[&str]) -> Server {
    Launch::new(env!("CARGO_BIN_EXE_headwater")).args(arguments).start()
}

/// A client that speaks RESP3.
fn connect3(server: &Server) -> Client {
    let mut client = server.connect();
    client.ok(&["HELLO", "3"]);
    client
}

/// The next thing that a client is sent, as texts.
fn next(client: &mut Client) -> Vec<String> {
    let value = client.receive().expect("a message");
    value.array().iter().map(text).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Null => "null".to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.text(),
    }
}
