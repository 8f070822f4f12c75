//! SLOWLOG, LATENCY and the times of commands.

use support::{Client, Launch, Server, Value};

use super::{connect, strings};

/// A server that notes every command.
fn start() -> Server {
    Launch::new(env!("CARGO_BIN_EXE_headwater"))
        .args(["--slowlog-log-slower-than", "0", "--enable-debug-command", "yes"])
        .start()
}

/// The arguments of the newest entries, oldest first, without the command that asks.
fn noted(client: &mut Client) -> Vec<String> {
    let entries = client.words("SLOWLOG GET -1").array();
    let line = |entry: Value| strings(entry.array()[3].clone()).join(" ");
    entries.into_iter().rev().map(line).collect()
}

#[test]
fn the_slow_log_has_arguments_and_client_and_no_password() {
    let server = start();
    let mut client = connect(&server);
    client.words("CLIENT SETNAME me");
    client.words("SLOWLOG RESET");
    client.words("SET k v");
    client.words("AUTH ann secret");
    client.words("CONFIG SET maxclients 500 requirepass secret2");
    client.words("HELLO 2 AUTH default secret2 SETNAME me");
    client.words("CONFIG SET requirepass secret3");
    client.words("AUTH secret3");
    client.words("NOSUCH secret4");
    let entries = client.words("SLOWLOG GET 1").array();
    let newest = entries[0].clone().array();
    assert_eq!(newest.len(), 6);
    let address = newest[4].text();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    assert_eq!(newest[5].text(), "me");
    assert!(matches!(newest[1], Value::Int(seconds) if 1_700_000_000 < seconds));
    let expected = [
        "SLOWLOG RESET",
        "SET k v",
        "AUTH (redacted) (redacted)",
        "CONFIG SET maxclients 500 requirepass (redacted)",
        "HELLO 2 AUTH (redacted) (redacted) SETNAME me",
        "CONFIG SET requirepass (redacted)",
        "AUTH (redacted)",
        "SLOWLOG GET 1",
    ];
    assert_eq!(noted(&mut client), expected);
}

#[test]
fn commands_of_a_transaction_are_noted_one_by_one() {
    let server = start();
    let mut client = connect(&server);
    client.words("SLOWLOG RESET");
    for line in ["MULTI", "SET k v", "XADD s 1-1 f v", "EXEC"] {
        client.words(line);
    }
    let expected = ["SLOWLOG RESET", "MULTI", "SET k v", "XADD s 1-1 f v"];
    assert_eq!(noted(&mut client)[..4], expected);
}

#[test]
fn the_slow_log_is_bounded_and_can_be_switched_off() {
    let server = start();
    let mut client = connect(&server);
    client.words("CONFIG SET slowlog-max-len 3");
    for _ in 0..10 {
        client.words("PING");
    }
    assert_eq!(client.words("SLOWLOG LEN"), Value::Int(3));
    client.words("CONFIG SET slowlog-log-slower-than -1");
    client.words("SLOWLOG RESET");
    client.words("PING");
    assert_eq!(client.words("SLOWLOG GET"), Value::Array(vec![]));
    assert!(client.words("SLOWLOG GET -2").is_error("ERR count should be greater than or equal"));
    client.words("CONFIG SET slowlog-log-slower-than 10000");
    client.words("DEBUG SLEEP 0.02");
    client.words("PING");
    assert_eq!(noted(&mut client), ["DEBUG SLEEP 0.02"]);
}

#[test]
fn the_latency_monitor_notes_what_was_slow() {
    let server = start();
    let mut client = connect(&server);
    client.words("DEBUG SLEEP 0.02");
    assert_eq!(client.words("LATENCY LATEST"), Value::Array(vec![]));
    client.words("CONFIG SET latency-monitor-threshold 10");
    client.words("DEBUG SLEEP 0.02");
    let events = client.words("LATENCY LATEST").array();
    let command = events.into_iter().map(Value::array).find(|event| event[0].text() == "command");
    let command = command.expect("the sleep was noted");
    assert!(matches!(command[2], Value::Int(ms) if 20 <= ms), "{command:?}");
    assert_eq!(client.words("LATENCY HISTORY command").array().len(), 1);
    assert!(client.words("LATENCY GRAPH command").text().starts_with("command - high "));
    assert!(
        client.words("LATENCY GRAPH fork").is_error("ERR No samples available for event 'fork'")
    );
    assert!(client.words("LATENCY DOCTOR").text().contains("command: "));
    assert_eq!(client.words("LATENCY RESET command fork"), Value::Int(1));
    assert_eq!(client.words("LATENCY HISTORY command"), Value::Array(vec![]));
}

#[test]
fn times_of_commands_are_counted_by_command_and_subcommand() {
    let server = start();
    let mut client = connect(&server);
    client.words("XGROUP CREATE s g $ MKSTREAM");
    for _ in 0..3 {
        client.words("XADD s * f v");
    }
    let histogram = client.words("LATENCY HISTOGRAM XGROUP xadd set").array();
    assert_eq!(histogram[0].text(), "xadd");
    assert_eq!(histogram[2].text(), "xgroup|create");
    let xadd = histogram[1].clone().array();
    assert_eq!((xadd[0].text(), &xadd[1]), ("calls".to_owned(), &Value::Int(3)));
    let bounds = xadd[3].clone().array();
    assert_eq!(bounds.last(), Some(&Value::Int(3)), "the last bound holds all calls");
    let info = client.words("INFO latencystats commandstats").text();
    for expected in
        ["latency_percentiles_usec_xadd:p50=", "cmdstat_xgroup|create:calls=1,", ",p99.9="]
    {
        assert!(info.contains(expected), "{expected} is missing in {info}");
    }
    client.words("CONFIG SET latency-tracking-info-percentiles 100");
    assert!(client.words("INFO latencystats").text().contains("usec_xadd:p100="));
    client.words("CONFIG RESETSTAT");
    assert_eq!(client.words("LATENCY HISTOGRAM xadd"), Value::Array(vec![]));
    client.words("CONFIG SET latency-tracking no");
    client.words("XADD s * f v");
    assert!(!client.words("INFO latencystats").text().contains("usec_"));
}

#[test]
fn looked_up_keys_are_counted_as_hits_and_misses() {
    let server = start();
    let mut client = connect(&server);
    client.words("SET k v");
    for line in [
        "GET k",
        "GET nosuch",
        "MGET k nosuch k",
        "XRANGE nosuch - +",
        "XREAD STREAMS k nosuch 0 0",
    ] {
        client.words(line);
    }
    assert_eq!(
        (client.info("keyspace_hits"), client.info("keyspace_misses")),
        ("4".into(), "4".into())
    );
}

#[test]
fn debug_object_tells_how_a_value_is_kept() {
    let server = start();
    let mut client = connect(&server);
    client.words("XADD s 1-1 f v");
    let told = client.words("DEBUG OBJECT s").text();
    assert!(told.starts_with("Value at:0x"), "{told}");
    for expected in
        [" refcount:1 ", " encoding:stream ", " serializedlength:", " lru_seconds_idle:"]
    {
        assert!(told.contains(expected), "{expected} is missing in {told}");
    }
    assert!(client.words("DEBUG OBJECT nosuch").is_error("ERR no such key"));
    assert!(client.words("DEBUG HELP").array().len() > 3);
    assert!(client.words("DEBUG NOSUCH").is_error("ERR unknown subcommand or wrong number of"));
}
