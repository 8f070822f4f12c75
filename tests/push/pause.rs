//! CLIENT PAUSE, and CLIENT NO-TOUCH.

use std::time::{Duration, Instant};

use support::{Client, Server, Value, encode};

use crate::compare::check;
use crate::{next, start};

/// Longer than any test takes.
const LONG: &str = "600000";

fn connect(server: &Server) -> [Client; 3] {
    [(); 3].map(|()| server.connect())
}

/// Sends a line and waits until that many clients wait.
fn wait(client: &mut Client, observer: &mut Client, line: &str, waiting: usize) {
    client.send_command(&line.split(' ').collect::<Vec<_>>()).expect("open");
    while observer.info("blocked_clients") != waiting.to_string() {}
}

#[test]
fn the_arguments_are_checked_as_in_redis() {
    check(
        "a CLIENT PAUSE
         a CLIENT PAUSE foo
         a CLIENT PAUSE -1
         a CLIENT PAUSE 1.5
         a CLIENT PAUSE 10 foo
         a CLIENT PAUSE foo foo
         a CLIENT PAUSE 10 ALL x
         a CLIENT UNPAUSE x
         a CLIENT PAUSE 0
         a CLIENT UNPAUSE
         a CLIENT PAUSE 600000 write
         a GET k
         a CLIENT UNPAUSE
         a COMMAND INFO client|pause client|unpause",
    );
}

#[test]
fn writes_wait_and_reads_go_on() {
    let server = start();
    let [mut observer, mut writer, mut other] = connect(&server);
    writer.ok(&["SET", "k", "before"]);
    observer.ok(&["CLIENT", "PAUSE", LONG, "WRITE"]);
    let id = writer.ok(&["CLIENT", "ID"]).int().to_string();
    // What stands behind waits as well, and in its place.
    writer.send(&[encode(&["SET", "k", "v"]), encode(&["GET", "k"])].concat()).expect("open");
    while observer.info("blocked_clients") != "1" {}
    let line = observer.ok(&["CLIENT", "LIST", "ID", &id]).text();
    assert!(line.contains(" flags=b ") && line.contains(" cmd=set "), "{line}");
    assert_eq!(observer.words("GET k").text(), "before");
    assert_eq!(observer.words(&format!("CLIENT UNBLOCK {id}")), Value::Int(0));
    // Refused before it would have to wait; a mistake in the options is found after that.
    assert!(other.words("SET k").is_error("ERR wrong number"));
    wait(&mut other, &mut observer, "SET k v NX XX", 2);
    observer.ok(&["CLIENT", "UNPAUSE"]);
    assert_eq!(writer.receive().expect("a reply"), Value::simple("OK"));
    assert_eq!(writer.receive().expect("a reply").text(), "v");
    assert!(other.receive().expect("a reply").is_error("ERR syntax error"));
    assert_eq!(observer.info("blocked_clients"), "0");
}

#[test]
fn transactions_wait_if_they_write_and_messages_count_as_writes() {
    let server = start();
    let [mut observer, mut writer, mut reader] = connect(&server);
    for line in ["MULTI", "SET k v"] {
        writer.words(line);
    }
    observer.ok(&["CLIENT", "PAUSE", LONG, "WRITE"]);
    for line in ["MULTI", "GET k"] {
        reader.words(line);
    }
    assert_eq!(reader.words("EXEC"), Value::Array(vec![Value::Null]));
    wait(&mut writer, &mut observer, "EXEC", 1);
    reader.words("MULTI");
    wait(&mut reader, &mut observer, "SET k w", 2);
    let mut publisher = server.connect();
    wait(&mut publisher, &mut observer, "PUBLISH x y", 3);
    observer.ok(&["CLIENT", "UNPAUSE"]);
    assert_eq!(writer.receive().expect("a reply"), Value::Array(vec![Value::simple("OK")]));
    assert_eq!(reader.receive().expect("a reply"), Value::simple("QUEUED"));
    assert_eq!(publisher.receive().expect("a reply"), Value::Int(0));
}

#[test]
fn a_pause_of_all_ends_by_itself_and_the_longer_one_wins() {
    let server = start();
    let [mut observer, mut first, mut monitor] = connect(&server);
    monitor.ok(&["MONITOR"]);
    let started = Instant::now();
    observer.ok(&["CLIENT", "PAUSE", "700", "WRITE"]);
    observer.ok(&["CLIENT", "PAUSE", "10", "ALL"]);
    // An inline request waits as any other.
    first.send(b"PING inline\r\n").expect("open");
    // Monitors go on.
    assert_eq!(monitor.words("PING"), Value::simple("PONG"));
    assert_eq!(first.receive().expect("a reply").text(), "inline");
    assert!(Duration::from_millis(690) <= started.elapsed(), "{:?}", started.elapsed());
    assert_eq!(observer.words("PING"), Value::simple("PONG"));
}

#[test]
fn what_waits_on_a_key_waits_on_and_time_changes_nothing() {
    let server = start();
    let [mut observer, mut reader, mut writer] = connect(&server);
    writer.ok(&["SET", "k", "v", "PX", "1"]);
    writer.ok(&["CONFIG", "SET", "notify-keyspace-events", "Ex"]);
    observer.ok(&["CLIENT", "PAUSE", LONG, "WRITE"]);
    let mut listener = server.connect();
    listener.ok(&["SUBSCRIBE", "__keyevent@0__:expired"]);
    let is_gone = observer.info("expired_keys") == "1";
    wait(&mut reader, &mut observer, "XREAD BLOCK 0 STREAMS s $", 1);
    wait(&mut writer, &mut observer, "XADD s 1-1 f v", 2);
    // A time that runs out does so.
    let mut timed = server.connect();
    assert_eq!(timed.words("XREAD BLOCK 1 STREAMS s $"), Value::Null);
    while observer.words("EXISTS k") != Value::Int(0) {}
    if !is_gone {
        assert_eq!(observer.info("expired_keys"), "0");
    }
    observer.ok(&["CLIENT", "UNPAUSE"]);
    assert_eq!(writer.receive().expect("a reply").text(), "1-1");
    reader.receive().expect("the entry");
    if !is_gone {
        assert_eq!(next(&mut listener)[2], "k");
    }
}

#[test]
fn who_waits_can_be_killed_and_can_leave() {
    let server = start();
    let [mut observer, mut writer, mut leaving] = connect(&server);
    let id = writer.ok(&["CLIENT", "ID"]).int().to_string();
    observer.ok(&["CLIENT", "PAUSE", LONG, "WRITE"]);
    wait(&mut writer, &mut observer, "SET k v", 1);
    wait(&mut leaving, &mut observer, "SET k w", 2);
    assert_eq!(observer.words(&format!("CLIENT KILL ID {id}")), Value::Int(1));
    assert!(writer.receive().is_err());
    drop(leaving);
    while observer.info("blocked_clients") != "0" {}
    observer.ok(&["CLIENT", "UNPAUSE"]);
    assert_eq!(observer.words("GET k"), Value::Null);
}

#[test]
fn no_touch_leaves_the_time_of_the_last_access() {
    let server = start();
    let [mut observer, mut client, _] = connect(&server);
    client.ok(&["SET", "k", "v"]);
    client.ok(&["CLIENT", "NO-TOUCH", "ON"]);
    let idle = |observer: &mut Client| observer.words("OBJECT IDLETIME k").int();
    while idle(&mut observer) < 2 {
        client.words("GET k");
        std::thread::sleep(Duration::from_millis(20));
    }
    client.words("APPEND k w");
    assert!(2 <= idle(&mut observer));
    client.words("TOUCH k");
    assert!(idle(&mut observer) < 2);
    while idle(&mut observer) < 2 {
        client.words("STRLEN k");
        std::thread::sleep(Duration::from_millis(20));
    }
    client.ok(&["CLIENT", "NO-TOUCH", "OFF"]);
    client.words("GET k");
    assert!(idle(&mut observer) < 2);
}
