//! While the data is being loaded: the port is open, what needs no data is answered, and connections
//! go on afterwards as they are. A failpoint holds the recovery.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{self, JoinHandle};

use support::{Client, Launch, Server, Value, free_port};
use tempfile::TempDir;

const LOADING: &str = "LOADING Redis is loading the dataset in memory";

/// A server that is held in its recovery.
struct Held {
    failpoints: TempDir,
    port: u16,
    starting: JoinHandle<Server>,
}

/// Starts a server on a directory with one entry, with these arguments more.
fn held(more: &[&str]) -> Held {
    let launch = Launch::new(env!("CARGO_BIN_EXE_headwater")).args(more);
    let password = more.iter().skip_while(|word| **word != "--requirepass").nth(1);
    let server = launch.start();
    let mut client = server.connect();
    if let Some(password) = password {
        client.ok(&["AUTH", password]);
    }
    client.ok(&["XADD", "s", "1-1", "a", "b"]);
    drop((client, server));
    let failpoints = support::temp_dir();
    fs::write(failpoints.path().join("recovery"), "hold").expect("a file");
    let port = free_port();
    let launch = launch.env("FAILPOINTS_DIR", failpoints.path()).port(port);
    Held { failpoints, port, starting: thread::spawn(move || launch.start()) }
}

impl Held {
    /// Connects once the port is open.
    fn connect(&self) -> Client {
        loop {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
            if let Ok(client) = Client::connect(address) {
                return client;
            }
            assert!(!self.starting.is_finished(), "it serves, or has ended");
        }
    }

    /// Lets the recovery go on, to its end.
    fn release(self) -> Server {
        fs::remove_file(self.failpoints.path().join("recovery")).expect("the file is there");
        self.starting.join().expect("it starts")
    }
}

#[test]
fn what_needs_no_data_is_answered_and_the_rest_is_told_to_wait() {
    let held = held(&[]);
    let mut client = held.connect();
    for line in ["PING", "XLEN s", "XADD s * a b", "MULTI", "SUBSCRIBE c", "DBSIZE", "SAVE"] {
        let reply = client.words(line);
        assert!(matches!(&reply, Value::Error(text) if text == LOADING), "{line}: {reply:?}");
    }
    assert!(client.words("NOSUCH x").is_error("ERR unknown command 'NOSUCH'"));
    assert!(client.words("XADD s").is_error("ERR wrong number of arguments for 'xadd' command"));
    assert_eq!(client.info("loading"), "1");
    assert!(1_700_000_000 < client.info("loading_start_time").parse::<u64>().expect("a number"));
    for field in ["loading_total_bytes", "loading_loaded_bytes", "loading_eta_seconds"] {
        assert!(client.info(field).parse::<u64>().is_ok(), "{field}");
    }
    assert_eq!(client.info("tcp_port"), held.port.to_string());
    assert_eq!(client.words("CONFIG GET timeout").field("timeout").text(), "0");
    assert_eq!(client.words("CONFIG SET timeout 77"), Value::simple("OK"));
    assert!(client.words("COMMAND COUNT").int() > 100);
    assert_eq!(client.words("ECHO hello").text(), "hello");
    let server = held.release();
    // The same connection.
    assert_eq!(client.words("XLEN s"), Value::Int(1));
    assert_eq!(client.info("loading"), "0");
    assert_eq!(client.words("CONFIG GET timeout").field("timeout").text(), "77");
    drop((client, server));
}

#[test]
fn connections_go_on_with_what_they_have_agreed_on() {
    let held = held(&[]);
    let mut first = held.connect();
    let mut second = held.connect();
    let hello = first.ok(&["HELLO", "3", "SETNAME", "early"]);
    let id = hello.field("id").int();
    first.ok(&["SELECT", "3"]);
    first.ok(&["CLIENT", "SETINFO", "LIB-NAME", "test"]);
    assert_eq!(second.words("CLIENT ID").int(), id + 1);
    // One that is not whole yet, and one that is answered afterwards.
    second.send(b"*2\r\n$4\r\nXLEN\r\n$1").expect("the connection is open");
    let server = held.release();
    second.send(b"\r\ns\r\n").expect("the connection is open");
    assert_eq!(second.receive().expect("a reply"), Value::Int(1));
    let info = first.words("CLIENT INFO").text();
    for expected in [format!("id={id} "), "name=early".into(), "db=3".into(), "resp=3".into()] {
        assert!(info.contains(&expected), "{expected} is missing in {info}");
    }
    assert!(info.contains("lib-name=test"), "{info}");
    let mut third = server.connect();
    assert_eq!(third.words("CLIENT ID").int(), id + 2);
    assert_eq!(first.info("connected_clients"), "3");
}

#[test]
fn a_password_is_asked_for_while_loading_too() {
    let held = held(&["--requirepass", "secret"]);
    let mut client = held.connect();
    assert!(client.words("INFO").is_error("NOAUTH Authentication required."));
    assert!(client.words("AUTH wrong").is_error("WRONGPASS "));
    assert!(client.words("HELLO 3").is_error("NOAUTH HELLO must be called"));
    client.ok(&["AUTH", "secret"]);
    assert!(client.words("XLEN s").is_error("LOADING "));
    let mut stranger = held.connect();
    assert!(stranger.words("PING").is_error("NOAUTH "));
    let _server = held.release();
    assert_eq!(client.words("XLEN s"), Value::Int(1));
    assert!(stranger.words("XLEN s").is_error("NOAUTH "));
}

#[test]
fn a_client_can_end_a_server_that_is_loading() {
    let held = held(&[]);
    let mut client = held.connect();
    assert!(client.try_command(&["SHUTDOWN", "NOSAVE"]).is_err(), "the connection ends");
    assert!(held.starting.join().is_err(), "it ended before it was ready");
}
