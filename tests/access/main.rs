//! Users: what they may do, where they are kept, and that a reference server says the same of them.

mod commands;
mod differential;
mod files;
mod passwords;
mod redis_cli;
mod rules;
mod sessions;

use support::{Client, Launch, Server, Value};

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_headwater")).args(["--appendfsync", "no"])
}

fn start() -> Server {
    launch().start()
}

/// A connection as this user.
fn connect_as(server: &Server, user: &str, password: &str) -> Client {
    let mut client = server.connect();
    client.ok(&["AUTH", user, password]);
    client
}

/// A user with these rules, and a connection as that user.
fn user(server: &Server, name: &str, rules: &[&str]) -> Client {
    let mut words = vec!["ACL", "SETUSER", name, "on", ">pw"];
    words.extend(rules);
    server.connect().ok(&words);
    connect_as(server, name, "pw")
}

fn check(client: &mut Client, line: &str, expected: &str) {
    assert_eq!(told(client.words(line)), expected, "{line}");
}

/// A reply on one line.
fn told(reply: Value) -> String {
    format!("{reply:?}").replace("\\'", "'")
}

const NO_KEY: &str =
    "-NOPERM this user has no permissions to access one of the keys used as arguments";

fn no_command(name: &str) -> String {
    format!("-NOPERM this user has no permissions to run the '{name}' command")
}
