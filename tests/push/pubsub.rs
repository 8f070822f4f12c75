//! Channels, patterns, shard channels.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use support::{Client, Launch, Value, encode};

use crate::compare::check;
use crate::{connect3, next, start, start_with};

#[test]
fn subscriptions_are_confirmed_and_counted_as_in_redis() {
    check(
        "a SUBSCRIBE x y x
         a PSUBSCRIBE p* x
         a SSUBSCRIBE s1 s2
         b PUBLISH x 1
         b PUBLISH px 2
         b SPUBLISH s1 3
         b SPUBLISH x 4
         b PUBLISH s1 5
         b PUBLISH nobody 6
         b PUBSUB NUMSUB x q y
         b PUBSUB NUMSUB
         b PUBSUB SHARDNUMSUB s1 x
         b PUBSUB SHARDNUMSUB
         b PUBSUB NUMPAT
         b PUBSUB CHANNELS y*
         b PUBSUB CHANNELS [^x]
         b PUBSUB SHARDCHANNELS ?1
         c PSUBSCRIBE p*
         b PUBSUB NUMPAT
         b PUBLISH p ''
         a UNSUBSCRIBE x zz
         a UNSUBSCRIBE
         a UNSUBSCRIBE
         a PUNSUBSCRIBE x
         a PUNSUBSCRIBE
         a PUNSUBSCRIBE
         a SUNSUBSCRIBE s1
         a SUNSUBSCRIBE
         a SUNSUBSCRIBE
         a GET k
         b PUBSUB NUMPAT",
    );
}

#[test]
fn resp3_marks_messages() {
    check(
        "a HELLO 3 AUTH default
         b HELLO 3
         b! CLIENT REPLY OFF
         b! CLIENT REPLY ON
         b SUBSCRIBE x
         b PSUBSCRIBE x
         b SSUBSCRIBE x
         b GET k
         b PING
         b PING hi
         a PUBLISH x 1
         a SPUBLISH x 2
         b PUBLISH x self
         b GET k ; PUBLISH x self ; GET k
         b UNSUBSCRIBE ; PUNSUBSCRIBE
         b SUNSUBSCRIBE
         b SUNSUBSCRIBE",
    );
}

#[test]
fn a_subscriber_of_resp2_may_do_little() {
    check(
        "a SUBSCRIBE x
         a GET k
         a PING
         a PING hi
         a PING hi ho
         a SUBSCRIBE
         a NOSUCH
         a MULTI
         a DISCARD
         a EXEC
         a CLIENT ID
         a CONFIG GET port
         a HELLO 3
         a UNWATCH
         a PUBLISH x y
         a PUBSUB NUMPAT
         a RESET
         a GET k
         b PUBLISH x nobody
         a SSUBSCRIBE x
         a GET k
         a SUNSUBSCRIBE
         a GET k
         c SUBSCRIBE x
         c QUIT
         b PUBSUB NUMSUB x",
    );
}

#[test]
fn wrong_requests_are_refused_as_in_redis() {
    check(
        "a SUBSCRIBE
         a PSUBSCRIBE
         a SSUBSCRIBE
         a PUBLISH x
         a PUBLISH x y z
         a SPUBLISH x
         a PUBSUB
         a PUBSUB foo
         a PUBSUB CHANNELS a b
         a PUBSUB channels a b
         a PUBSUB SHARDCHANNELS a b
         a PUBSUB NUMPAT x
         a COMMAND GETKEYS SPUBLISH a b
         a COMMAND GETKEYS SSUBSCRIBE a b
         a COMMAND INFO subscribe publish spublish sunsubscribe",
    );
}

#[test]
fn subscriptions_and_messages_in_a_transaction() {
    check(
        "a MULTI
         a SUBSCRIBE x y
         a SET k v
         a EXEC
         a GET k
         a RESET
         b SUBSCRIBE x
         a MULTI
         a PUBLISH x one
         a SET k v
         a PUBLISH x two
         a EXEC
         a MULTI
         a PUBLISH x never
         a DISCARD
         a MULTI
         a UNSUBSCRIBE
         a EXEC
         a MULTI
         a PUBLISH x
         a PUBLISH x no
         a EXEC",
    );
}

#[test]
fn client_reply_silences_replies_and_no_messages() {
    check(
        "a HELLO 3
         a! CLIENT REPLY OFF
         b PUBLISH x nobody
         a? SUBSCRIBE x
         b PUBLISH x 1
         a! GET k
         a CLIENT REPLY ON
         a CLIENT REPLY SKIP ; SUBSCRIBE y ; GET k
         c! CLIENT REPLY OFF
         c? SUBSCRIBE z
         b PUBLISH z 1
         c? UNSUBSCRIBE
         c CLIENT REPLY ON",
    );
}

/// In Redis 7.0 the message stands among the replies of EXEC, which no client can read; since 7.2 it
/// follows them.
#[test]
fn a_message_to_oneself_is_no_part_of_exec() {
    let server = start();
    let mut client = connect3(&server);
    client.ok(&["SUBSCRIBE", "x"]);
    for line in ["MULTI", "PUBLISH x m", "PING"] {
        client.words(line);
    }
    let replies = client.words("EXEC");
    assert_eq!(replies, Value::Array(vec![Value::Int(1), Value::simple("PONG")]));
    assert_eq!(next(&mut client), ["message", "x", "m"]);
}

#[test]
fn a_thousand_subscribers_get_every_message_in_order() {
    support::raise_descriptor_limit();
    let server = start_with(&["--io-threads", "3", "--maxclients", "5000"]);
    let mut idle: Vec<Client> = (0..1000).map(|_| server.connect()).collect();
    for client in &mut idle {
        client.send_command(&["SUBSCRIBE", "news"]).expect("open");
    }
    for client in &mut idle {
        assert_eq!(next(client), ["subscribe", "news", "1"]);
    }
    // Two publishers on different workers: everybody sees one and the same order.
    let mut publishers = [(); 2].map(|()| server.connect());
    for at in 0..50 {
        for (number, publisher) in publishers.iter_mut().enumerate() {
            publisher.send_command(&["PUBLISH", "news", &format!("{number}-{at}")]).expect("open");
        }
    }
    for publisher in &mut publishers {
        for _ in 0..50 {
            assert_eq!(publisher.receive().expect("a reply"), Value::Int(1000));
        }
    }
    let orders: Vec<Vec<String>> = idle
        .iter_mut()
        .map(|client| (0..100).map(|_| next(client).swap_remove(2)).collect())
        .collect();
    assert!(orders.iter().all(|order| *order == orders[0]));
    for publisher in 0..2 {
        let own: Vec<_> =
            orders[0].iter().filter(|m| m.starts_with(&format!("{publisher}-"))).collect();
        let expected: Vec<_> = (0..50).map(|at| format!("{publisher}-{at}")).collect();
        assert_eq!(own, expected.iter().collect::<Vec<_>>());
    }
    let mut observer = server.connect();
    assert_eq!(observer.info("pubsub_channels"), "1");
    assert_eq!(observer.info("pubsub_clients"), "1000");
    drop(idle);
    while observer.info("pubsub_clients") != "0" {}
    assert_eq!(observer.words("PUBLISH news x"), Value::Int(0));
}

/// A confirmation may wait for its turn to be encoded; a message of another thread must not overtake it.
#[test]
fn no_message_comes_before_its_confirmation() {
    let server = start_with(&["--io-threads", "3"]);
    let mut publishers = [(); 2].map(|()| server.connect());
    let noise = encode(&["PUBLISH", "x", "m"]).repeat(20);
    for _ in 0..200 {
        let mut client = server.connect();
        for publisher in &mut publishers {
            publisher.send(&noise).expect("open");
        }
        client.send(&[encode(&["PING"]), encode(&["SUBSCRIBE", "x"])].concat()).expect("open");
        assert_eq!(client.receive().expect("a reply"), Value::simple("PONG"));
        assert_eq!(next(&mut client), ["subscribe", "x", "1"]);
        for publisher in &mut publishers {
            for _ in 0..20 {
                publisher.receive().expect("a reply");
            }
        }
        let before_end = client.words("RESET");
        assert!(matches!(before_end, Value::Simple(_) | Value::Array(_)), "{before_end:?}");
    }
}

#[test]
fn a_subscriber_that_does_not_read_is_cut_off_and_others_are_not() {
    let server = start_with(&["--client-output-buffer-limit", "pubsub 1mb 0 0"]);
    let [mut slow, mut quick, mut publisher] = [(); 3].map(|()| server.connect());
    for client in [&mut slow, &mut quick] {
        client.ok(&["SUBSCRIBE", "x"]);
    }
    let message = "m".repeat(100_000);
    let mut receivers = 2;
    let mut sent = 0;
    while receivers == 2 {
        receivers = publisher.ok(&["PUBLISH", "x", &message]).int();
        assert_eq!(next(&mut quick)[2].len(), message.len());
        sent += 1;
        assert!(sent < 1000, "the socket takes 100 MB");
    }
    assert!(10 < sent, "{sent}");
    assert_eq!(publisher.info("client_output_buffer_limit_disconnections"), "1");
    let mut received = 0;
    let end = loop {
        match slow.receive() {
            Ok(_) => received += 1,
            Err(error) => break error.kind(),
        }
    };
    assert!(matches!(end, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{end:?}");
    assert!(received < sent);
}

#[test]
fn the_soft_limit_cuts_off_after_its_time() {
    let server = start_with(&["--client-output-buffer-limit", "pubsub 0 1mb 1"]);
    let [mut slow, mut publisher] = [(); 2].map(|()| server.connect());
    slow.ok(&["SUBSCRIBE", "x"]);
    let message = "m".repeat(1_000_000);
    // What the sockets take stands in nobody's way.
    for _ in 0..20 {
        publisher.ok(&["PUBLISH", "x", &message]);
    }
    assert_eq!(publisher.info("client_output_buffer_limit_disconnections"), "0");
    let deadline = Instant::now() + Duration::from_secs(60);
    while publisher.words("PUBSUB NUMSUB x") == pairs("x", 1) {
        assert!(Instant::now() < deadline, "it is still there");
    }
    assert_eq!(publisher.info("client_output_buffer_limit_disconnections"), "1");
}

fn pairs(name: &str, count: i64) -> Value {
    Value::Array(vec![Value::bulk(name), Value::Int(count)])
}

#[test]
fn subscribers_are_shown_and_killed_by_their_kind() {
    let server = start();
    let [mut observer, mut listener, mut patterns] = [(); 3].map(|()| server.connect());
    listener.ok(&["SUBSCRIBE", "a"]);
    listener.ok(&["SUBSCRIBE", "b"]);
    patterns.ok(&["PSUBSCRIBE", "*"]);
    patterns.ok(&["SSUBSCRIBE", "s"]);
    let shown = observer.ok(&["CLIENT", "LIST", "TYPE", "pubsub"]).text();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    assert!(lines[0].contains(" flags=P db=0 sub=2 psub=0 ssub=0 "), "{shown}");
    assert!(lines[1].contains(" flags=P db=0 sub=0 psub=1 ssub=1 "), "{shown}");
    assert_eq!(observer.ok(&["CLIENT", "LIST", "TYPE", "normal"]).text().lines().count(), 1);
    for (field, value) in
        [("pubsub_channels", "2"), ("pubsub_patterns", "1"), ("pubsubshard_channels", "1")]
    {
        assert_eq!(observer.info(field), value, "{field}");
    }
    assert_eq!(observer.words("CLIENT KILL TYPE pubsub"), Value::Int(2));
    assert!(listener.receive().is_err());
    while observer.info("pubsub_channels") != "0" {}
}

/// What a message tells of must be as safe as a reply that tells of it.
#[test]
fn a_message_waits_for_the_write_before_it() {
    support::require_tool("strace");
    const SYNC: Duration = Duration::from_millis(700);
    let inject = format!("inject=fdatasync:delay_enter={}", SYNC.as_micros());
    let launch = Launch::new(env!("CARGO_BIN_EXE_headwater"));
    let words = ["strace", "-f", "-qq", "-e", "trace=fdatasync", "-o", "/dev/null", "-e", &inject];
    let server = launch.wrapper(words).start();
    let [mut writer, mut listener] = [(); 2].map(|()| server.connect());
    listener.ok(&["SUBSCRIBE", "x"]);
    let started = Instant::now();
    let requests =
        [&["MULTI"][..], &["XADD", "s", "1-1", "f", "v"], &["PUBLISH", "x", "new"], &["EXEC"]];
    writer.send(&requests.map(encode).concat()).expect("open");
    assert_eq!(next(&mut listener), ["message", "x", "new"]);
    assert!(SYNC <= started.elapsed(), "{:?}", started.elapsed());
    // With nothing new to write, nobody waits.
    assert_eq!(writer.receive().expect("MULTI's reply"), Value::simple("OK"));
    for _ in 0..2 {
        assert_eq!(writer.receive().expect("a reply"), Value::simple("QUEUED"));
    }
    assert_eq!(
        writer.receive().expect("EXEC's reply"),
        Value::Array(vec![Value::bulk("1-1"), Value::Int(1)])
    );
    writer.ok(&["PUBLISH", "x", "quiet"]);
    assert_eq!(next(&mut listener), ["message", "x", "quiet"]);
    // A write of somebody else that is under way holds messages back as it holds replies back.
    let before = writer.info("last_lsn");
    let started = Instant::now();
    let mut other = server.connect();
    other.send_command(&["XADD", "s", "*", "f", "v"]).expect("open");
    while writer.info("last_lsn") == before {}
    writer.ok(&["PUBLISH", "x", "behind"]);
    assert_eq!(next(&mut listener), ["message", "x", "behind"]);
    assert!(SYNC <= started.elapsed(), "{:?}", started.elapsed());
}
