//! Clients that ask for more than they take, and requests behind one that waits.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use support::{Client, Value, encode};

use super::{block, connect, ids, start, strings, until_blocked};

/// More than a client may have unsent before the server stops to read from it.
const LARGE: usize = 1_500_000;

fn set(client: &mut Client, key: &str, len: usize) {
    client.ok(&[b"SET", key.as_bytes(), &vec![b'x'; len]]);
}

#[test]
fn a_connection_goes_on_after_a_large_reply() {
    let server = start();
    let mut client = connect(&server);
    set(&mut client, "k", LARGE);
    for _ in 0..3 {
        assert_eq!(client.words("GET k").text().len(), LARGE);
        assert_eq!(client.words("PING"), Value::simple("PONG"));
    }
}

#[test]
fn a_pipeline_with_many_bytes_of_replies_is_answered_whole() {
    let server = start();
    let mut client = connect(&server);
    set(&mut client, "k", 2100);
    let mut requests = b"GET k\r\n".repeat(3000);
    (0..3000).for_each(|_| requests.extend(encode(&["GET", "k"])));
    requests.extend(b"PING\r\n");
    client.send(&requests).expect("open");
    for _ in 0..6000 {
        assert_eq!(client.receive().expect("a reply").text().len(), 2100);
    }
    assert_eq!(client.receive().expect("a reply"), Value::simple("PONG"));
}

#[test]
fn replies_that_nobody_takes_are_not_made() {
    let server = start();
    let [mut client, mut greedy] = [(); 2].map(|()| connect(&server));
    set(&mut client, "k", 20_000_000);
    greedy.send(&encode(&["GET", "k"]).repeat(100)).expect("open");
    // Whatever it gets, it has been encoded before this is answered.
    client.words("PING");
    let unsent = |client: &mut Client| {
        let list = client.words("CLIENT LIST").text();
        let sizes = list.split(" omem=").skip(1).map(|rest| {
            rest.split_whitespace().next().expect("a number").parse::<u64>().expect("a number")
        });
        sizes.max().expect("a client")
    };
    for _ in 0..20 {
        let bytes = unsent(&mut client);
        assert!(bytes < 100_000_000, "{bytes} bytes wait for a client that takes none");
    }
    for _ in 0..100 {
        assert_eq!(greedy.receive().expect("a reply").text().len(), 20_000_000);
    }
}

#[test]
fn a_reply_above_the_limit_ends_the_connection() {
    let server = start();
    let [mut client, mut greedy] = [(); 2].map(|()| connect(&server));
    client.ok(&["CONFIG", "SET", "client-output-buffer-limit", "normal 10mb 0 0"]);
    for _ in 0..20 {
        client.ok(&[b"XADD", &b"s"[..], b"*", b"f", &vec![b'x'; 1_000_000]]);
    }
    assert!(greedy.try_command(&["XRANGE", "s", "-", "+"]).is_err(), "20 MB got through");
    assert_eq!(client.info("client_output_buffer_limit_disconnections"), "1");
    assert_eq!(client.words("XLEN s"), Value::Int(20));

    // In a transaction, the replies are not even gathered; its writes stand.
    let mut greedy = connect(&server);
    set(&mut client, "k", 1_000_000);
    greedy.ok(&["MULTI"]);
    (0..20).for_each(|_| drop(greedy.ok(&["GET", "k"])));
    greedy.ok(&["SET", "done", "1"]);
    assert!(greedy.try_command(&["EXEC"]).is_err(), "20 MB got through");
    assert_eq!(client.words("GET done").text(), "1");
    assert_eq!(client.info("client_output_buffer_limit_disconnections"), "2");
}

#[test]
fn a_client_that_is_gone_without_taking_its_replies_is_forgotten() {
    let server = start();
    let [mut client, mut gone] = [(); 2].map(|()| connect(&server));
    set(&mut client, "k", LARGE);
    gone.send(&encode(&["GET", "k"]).repeat(50)).expect("open");
    while client.words("CLIENT LIST").text().contains(" omem=0 cmd=get") {}
    drop(gone);
    while client.info("connected_clients") != "1" {}
}

#[test]
fn requests_behind_a_blocking_one_run_in_their_turn() {
    let check = |behind: &[&[u8]], expected: &[&str]| {
        let server = start();
        let [mut waiting, mut other] = [(); 2].map(|()| connect(&server));
        let mut bytes = encode(&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]);
        bytes.extend_from_slice(behind[0]);
        waiting.send(&bytes).expect("open");
        until_blocked(&mut other, 1);
        other.words("XADD s 1-1 f v");
        for part in &behind[1..] {
            waiting.send(part).expect("open");
        }
        assert_eq!(ids(waiting.receive().expect("served")), ["1-1"]);
        for expected in expected {
            assert_eq!(waiting.receive().expect("a reply").text(), *expected);
        }
    };
    check(&[b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nEC", b"HO\r\n$2\r\nhi\r\n"], &["PONG", "hi"]);
    check(&[b"ECHO \"a b\"\r\nECHO 'c d'\r\n"], &["a b", "c d"]);
    check(&[b"\r\n*1\r\n$4\r\nPING\r\n"], &["PONG"]);
}

#[test]
fn a_request_behind_auth_is_judged_by_the_limits_after_auth() {
    let server = support::Launch::new(env!("CARGO_BIN_EXE_headwater"))
        .args(["--requirepass", "secret"])
        .start();
    let mut client = connect(&server);
    let mut bytes = encode(&["AUTH", "secret"]);
    let fields = ["f", "v"].repeat(10);
    bytes.extend(encode(&[&["XADD", "s", "1-1"][..], &fields].concat()));
    client.send(&bytes).expect("open");
    assert_eq!(client.receive().expect("a reply"), Value::simple("OK"));
    assert_eq!(client.receive().expect("a reply").text(), "1-1");
}

#[test]
fn nothing_is_delivered_to_a_client_that_was_killed() {
    let server = start();
    let [mut waiting, mut other] = [(); 2].map(|()| connect(&server));
    other.words("XGROUP CREATE s g $ MKSTREAM");
    let id = waiting.words("CLIENT ID").int();
    block(&mut waiting, &mut other, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >", 1);
    let requests = format!("CLIENT KILL ID {id}\r\nXADD s 1-1 f v\r\nXPENDING s g\r\n");
    // One batch: the victim's own task has no chance to notice.
    let batch: Vec<u8> =
        requests.lines().flat_map(|line| encode(&line.split(' ').collect::<Vec<_>>())).collect();
    other.send(&batch).expect("open");
    assert_eq!(other.receive().expect("a reply"), Value::Int(1));
    assert_eq!(other.receive().expect("a reply").text(), "1-1");
    assert_eq!(other.receive().expect("a reply").array()[0], Value::Int(0));
}

#[test]
fn a_served_reader_that_wants_no_replies_gets_none() {
    let server = start();
    let [mut waiting, mut other] = [(); 2].map(|()| connect(&server));
    let silent = encode(&["CLIENT", "REPLY", "SKIP"]);
    waiting.send(&silent).expect("open");
    block(&mut waiting, &mut other, "XREAD BLOCK 0 STREAMS s $", 1);
    other.words("XADD s 1-1 f v");
    assert_eq!(waiting.words("PING"), Value::simple("PONG"));
}

#[test]
fn a_transaction_is_no_way_around_the_query_buffer_limit() {
    let server = start();
    let mut client = connect(&server);
    client.ok(&["CONFIG", "SET", "client-query-buffer-limit", "2mb"]);
    client.ok(&["MULTI"]);
    let value = vec![b'x'; 300_000];
    let mut queue = || -> io::Result<()> {
        for _ in 0..100 {
            client.try_command(&[b"SET", &b"k"[..], &value])?;
        }
        Ok(())
    };
    assert!(queue().is_err(), "30 MB were queued");
}

#[test]
fn an_idle_client_is_disconnected_and_a_blocked_one_is_not() {
    let server = start();
    let [mut idle, mut waiting, mut client] = [(); 3].map(|()| connect(&server));
    client.ok(&["CONFIG", "SET", "timeout", "1"]);
    idle.ok(&["PING"]);
    block(&mut waiting, &mut client, "XREAD BLOCK 0 STREAMS s $", 1);
    // Busy until the server ends the idle one: neither of these two is idle.
    while strings(client.words("CONFIG GET timeout")).len() == 2
        && client.info("connected_clients") != "2"
    {}
    assert!(idle.receive().is_err(), "it goes on");
    client.words("XADD s 1-1 f v");
    assert_eq!(ids(waiting.receive().expect("served")), ["1-1"]);
    let _ = waiting.stream().flush();
}

#[test]
fn memory_purge_gives_back_what_is_free() {
    let server = start();
    let mut client = connect(&server);
    let value = "v".repeat(1 << 20);
    for key in 0..64 {
        client.ok(&["SET", &format!("key{key}"), &value]);
    }
    let anonymous = || support::anonymous_bytes(server.pid()).expect("it runs");
    let before = anonymous();
    client.ok(&["FLUSHALL"]);
    // Values are freed in the background. By itself the allocator takes ten seconds to give them back.
    let begin = Instant::now();
    loop {
        assert_eq!(client.ok(&["MEMORY", "PURGE"]), Value::simple("OK"));
        let after = anonymous();
        if after + (32 << 20) < before {
            break;
        }
        let is_in_time = begin.elapsed() < Duration::from_secs(2);
        assert!(is_in_time, "{before} bytes before, {after} after");
    }
}
