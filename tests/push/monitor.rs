//! MONITOR: every command, as it is executed.

use support::Launch;

use crate::compare::check;

#[test]
fn commands_are_shown_as_in_redis() {
    check(
        "m MONITOR
         m! MONITOR
         a SET k v
         a GET k
         a NOSUCH
         a GET
         a EXPIRE k abc
         a INCR k
         a AUTH default foo
         a HELLO 2 AUTH default x SETNAME me
         a CONFIG GET databases
         a MULTI
         a SET k \"x\\y\u{e9}\t
         a INCR k
         a DISCARD
         a MULTI
         a SET k1 v
         a HGET k1 f
         a EXPIRE k1 abc
         a EXPIRE k1 0
         a EXEC
         a EXEC
         a MULTI
         a XADD
         a EXEC
         a SELECT 3
         a COMMAND COUNT x
         a CLIENT GETNAME
         a CLIENT KILL ID 99999
         a SUBSCRIBE x
         a GET k
         a EXEC
         a RESET
         a PUBLISH x y
         m PUBLISH x y
         m GET k
         m PING
         m RESET
         a PING hi
         m GET k
         b MULTI
         b MONITOR
         b EXEC
         c SUBSCRIBE x
         c MONITOR
         d MONITOR
         d CLIENT REPLY OFF
         a PING unseen
         d CLIENT REPLY ON
         d CLIENT REPLY SKIP ; PING unanswered",
    );
}

#[test]
fn nobody_is_shown_anything_before_the_password() {
    let server =
        Launch::new(env!("CARGO_BIN_EXE_headwater")).args(["--requirepass", "secret"]).start();
    let [mut monitor, mut client] = [(); 2].map(|()| server.connect());
    assert!(monitor.words("MONITOR").is_error("NOAUTH "));
    monitor.ok(&["AUTH", "secret"]);
    monitor.ok(&["MONITOR"]);
    assert!(client.words("GET k").is_error("NOAUTH "));
    client.words("AUTH wrong");
    client.ok(&["HELLO", "3", "AUTH", "default", "secret"]);
    for expected in
        [r#"] "AUTH" "(redacted)""#, r#"] "HELLO" "3" "AUTH" "(redacted)" "(redacted)""#]
    {
        let line = monitor.receive().expect("a line").text();
        assert!(line.ends_with(expected), "{line}");
    }
}

#[test]
fn who_monitors_is_shown_with_its_flag() {
    let server = Launch::new(env!("CARGO_BIN_EXE_headwater")).start();
    let [mut monitor, mut observer] = [(); 2].map(|()| server.connect());
    monitor.ok(&["MONITOR"]);
    let list = observer.ok(&["CLIENT", "LIST", "TYPE", "normal"]).text();
    assert!(list.lines().next().is_some_and(|line| line.contains(" flags=O ")), "{list}");
    observer.ok(&["XADD", "s", "1-1", "field", "a b"]);
    let line = monitor.receive().expect("a line").text();
    // CLIENT LIST is for administrators, and not shown.
    assert!(line.ends_with(r#"] "XADD" "s" "1-1" "field" "a b""#), "{line}");
}

#[test]
fn a_monitor_that_does_not_read_is_cut_off() {
    let limit = ["--client-output-buffer-limit", "normal 1mb 0 0"];
    let server = Launch::new(env!("CARGO_BIN_EXE_headwater")).args(limit).start();
    let [mut monitor, mut client] = [(); 2].map(|()| server.connect());
    monitor.ok(&["MONITOR"]);
    let value = "v".repeat(200_000);
    let mut sent = 0;
    while client.info("client_output_buffer_limit_disconnections") == "0" {
        client.ok(&["ECHO", &value]);
        sent += 1;
        assert!(sent < 500, "the socket takes 100 MB");
    }
}
