//! CLIENT TRACKING: who is told when a key changes that was read.

use support::{Client, Value, encode};

use crate::compare::{check, check_with};
use crate::{connect3, next, start, start_with};

#[test]
fn a_read_key_is_told_of_once_when_it_changes() {
    check(
        "a HELLO 3
         a CLIENT TRACKINGINFO
         a CLIENT GETREDIR
         a CLIENT TRACKING ON
         a CLIENT TRACKINGINFO
         a CLIENT GETREDIR
         a GET k
         b SET k 1
         b SET k 2
         a GET k
         b DEL k
         a GET k ; SET k me
         a MULTI
         a GET k
         a SET k q
         a EXEC
         a MGET k k2 k3
         b RENAME k k2
         a MGET k k2 k3
         b MSET k 1 k3 1 k2 1
         b MULTI
         b SET k 1
         b EXEC
         a EXISTS k ; TYPE k ; TTL k2 ; STRLEN k3
         b DEL k k2 k3
         a HGETALL h ; HGET h f
         b HSET h f v
         a HGETALL h
         b HDEL h f
         a SELECT 3
         a GET k
         b SET k x
         a XRANGE s - + ; XLEN s ; XREAD STREAMS s t 0 0
         b XADD s 1-1 f v
         b XADD t 1-1 f v
         a XRANGE s - +
         b XTRIM s MAXLEN 0
         a GET s
         b EXPIRE k 100
         a GET k
         b PERSIST k
         b FLUSHALL
         b FLUSHDB
         a GET k
         a FLUSHALL
         a CLIENT TRACKING OFF
         a CLIENT TRACKINGINFO
         a GET k
         b SET k 1",
    );
}

#[test]
fn the_options_are_checked_as_in_redis() {
    check(
        "a CLIENT TRACKING
         a CLIENT TRACKING foo
         a CLIENT TRACKING ON foo
         a CLIENT TRACKING OFF foo
         a CLIENT TRACKING maybe BCAST
         a CLIENT TRACKING ON REDIRECT
         a CLIENT TRACKING ON REDIRECT 99999
         a CLIENT TRACKING ON REDIRECT 99999 foo
         a CLIENT TRACKING ON REDIRECT foo
         a CLIENT TRACKING ON REDIRECT 0
         a CLIENT TRACKING ON REDIRECT -1
         a CLIENT TRACKING OFF REDIRECT 99999
         a CLIENT TRACKING ON PREFIX
         a CLIENT TRACKING ON PREFIX a
         a CLIENT TRACKING ON BCAST OPTIN
         a CLIENT TRACKING ON BCAST OPTOUT
         a CLIENT TRACKING ON OPTIN OPTOUT
         a CLIENT TRACKING ON BCAST PREFIX ab PREFIX a
         a CLIENT TRACKING ON BCAST PREFIX '' PREFIX a
         a CLIENT CACHING YES
         a CLIENT CACHING
         a CLIENT GETREDIR x
         a CLIENT TRACKINGINFO x
         a CLIENT TRACKING ON
         a CLIENT TRACKING ON BCAST
         a CLIENT CACHING YES
         a CLIENT CACHING NO
         a CLIENT CACHING foo
         a CLIENT TRACKING ON OPTIN
         a CLIENT TRACKING ON OPTOUT
         a CLIENT TRACKINGINFO
         a CLIENT CACHING NO
         a CLIENT TRACKING OFF
         a CLIENT TRACKING OFF
         a CLIENT TRACKING ON BCAST PREFIX ab PREFIX cd
         a CLIENT TRACKING ON BCAST PREFIX abc
         a CLIENT TRACKING ON BCAST PREFIX ab
         a CLIENT TRACKING ON BCAST PREFIX x NOLOOP
         a CLIENT TRACKINGINFO
         a CLIENT TRACKING ON BCAST
         a CLIENT TRACKING ON BCAST PREFIX q
         a RESET
         a CLIENT TRACKINGINFO
         a COMMAND INFO client|tracking client|caching client|getredir client|trackinginfo",
    );
}

#[test]
fn opt_in_and_opt_out_choose_what_is_remembered() {
    check(
        "a HELLO 3
         a CLIENT TRACKING ON OPTIN NOLOOP
         a GET k
         b SET k 1
         a CLIENT CACHING YES
         a CLIENT TRACKINGINFO
         a GET k
         b SET k 2
         a CLIENT CACHING YES ; PING ; GET k
         b SET k 3
         a CLIENT CACHING YES ; MULTI ; PTTL k ; GET k ; EXEC
         b MSET k z k2 z
         a CLIENT CACHING YES ; MGET k k2
         a SET k mine
         b MSET k z k2 z
         a CLIENT TRACKING OFF
         a CLIENT TRACKING ON OPTOUT
         a CLIENT CACHING NO
         a CLIENT TRACKINGINFO
         a GET k
         b SET k 1
         a GET k
         b SET k 2",
    );
}

#[test]
fn prefixes_are_told_of_without_being_read() {
    check(
        "a HELLO 3
         c HELLO 3
         a CLIENT TRACKING ON BCAST PREFIX ab PREFIX cd PREFIX x
         c CLIENT TRACKING ON BCAST NOLOOP
         b MSET ab1 x cd1 y zz 1 ab2 3
         b SET x 1 ; SET x 2 ; SET ab 1
         a SET ab me
         c SET ab me
         c SET zz me ; SET x me
         b DEL ab nothing
         b MULTI
         b SET ab 1
         b SET xx 1
         b EXEC
         b FLUSHALL
         c CLIENT TRACKING OFF
         b SET x 1
         b INFO nothing",
    );
}

#[test]
fn another_connection_is_told_in_both_protocols() {
    let server = start();
    let [mut reader, mut writer, mut target] = [(); 3].map(|()| server.connect());
    let id = target.ok(&["CLIENT", "ID"]).int().to_string();
    target.ok(&["SUBSCRIBE", "__redis__:invalidate"]);
    reader.ok(&["CLIENT", "TRACKING", "ON", "REDIRECT", &id]);
    assert_eq!(reader.ok(&["CLIENT", "GETREDIR"]).int().to_string(), id);
    let line = reader.ok(&["CLIENT", "INFO"]).text();
    assert!(line.contains(" flags=t ") && line.contains(&format!(" redir={id} ")), "{line}");
    let raw = |words: &[&str]| String::from_utf8(encode(words)).expect("text");
    let mut check = |change: &[&str], expected: &str| {
        reader.ok(&["GET", "k"]);
        writer.ok(change);
        let mut seen = vec![0; expected.len()];
        std::io::Read::read_exact(&mut target.stream(), &mut seen).expect("a message");
        assert_eq!(String::from_utf8_lossy(&seen), expected);
    };
    let channel = "$20\r\n__redis__:invalidate\r\n";
    let keys = raw(&["k"]);
    check(&["SET", "k", "1"], &format!("*3\r\n$7\r\nmessage\r\n{channel}{keys}"));
    check(&["FLUSHALL"], &format!("*3\r\n$7\r\nmessage\r\n{channel}$-1\r\n"));
    target.ok(&["RESET"]);
    target.ok(&["HELLO", "3"]);
    reader.ok(&["GET", "k"]);
    writer.ok(&["SET", "k", "1"]);
    assert_eq!(next(&mut target), ["invalidate", "k"]);
    // It leaves: whoever relied on it is told, if it can be.
    reader.ok(&["HELLO", "3"]);
    reader.ok(&["GET", "k"]);
    drop(target);
    while writer.words(&format!("CLIENT LIST ID {id}")).text() != "" {}
    writer.ok(&["SET", "k", "2"]);
    assert_eq!(next(&mut reader), ["tracking-redir-broken", &id]);
    let info = reader.ok(&["CLIENT", "TRACKINGINFO"]);
    let flags: Vec<_> = info.field("flags").array().iter().map(Value::text).collect();
    assert_eq!(flags, ["on", "broken_redirect"]);
    assert!(reader.ok(&["CLIENT", "INFO"]).text().contains(" flags=tR "));
}

#[test]
fn a_key_that_expires_is_told_of() {
    check(
        "a HELLO 3
         b SET k v
         a CLIENT TRACKING ON
         a GET k
         b PEXPIRE k 0",
    );
    let server = start();
    let [mut reader, mut broad] = [(); 2].map(|()| connect3(&server));
    reader.ok(&["CLIENT", "TRACKING", "ON"]);
    broad.ok(&["CLIENT", "TRACKING", "ON", "BCAST"]);
    let mut writer = server.connect();
    writer.ok(&["SET", "k", "v", "PX", "50"]);
    assert_eq!(next(&mut broad), ["invalidate", "k"]);
    reader.ok(&["GET", "k"]);
    assert_eq!(next(&mut reader), ["invalidate", "k"]);
    assert_eq!(next(&mut broad), ["invalidate", "k"]);
    assert_eq!(writer.words("EXISTS k"), Value::Int(0));
}

#[test]
fn a_full_table_forgets_keys_and_says_so() {
    let server = start_with(&["--tracking-table-max-keys", "2"]);
    let mut client = connect3(&server);
    client.ok(&["CLIENT", "TRACKING", "ON"]);
    let mut told = std::collections::BTreeSet::new();
    for key in ["a", "b", "c", "d"] {
        client.send_command(&["GET", key]).expect("open");
        assert_eq!(client.receive().expect("a reply"), Value::Null);
        if !matches!(key, "a" | "b") {
            let message = next(&mut client);
            assert_eq!(message[0], "invalidate");
            told.insert(message[1].clone());
        }
    }
    assert_eq!(client.info("tracking_total_keys"), "2");
    let mut writer = server.connect();
    for key in ["a", "b", "c", "d"] {
        writer.ok(&["SET", key, "v"]);
        if told.insert(key.to_owned()) {
            assert_eq!(next(&mut client), ["invalidate", key]);
        }
    }
    assert_eq!(client.info("tracking_total_keys"), "0");
    assert_eq!(client.info("tracking_clients"), "1");
    client.ok(&["CLIENT", "TRACKING", "OFF"]);
    assert_eq!(client.info("tracking_clients"), "0");
}

#[test]
fn the_settings_are_those_of_redis() {
    check_with(
        &["--tracking-table-max-keys", "5"],
        "a CONFIG GET tracking-table-max-keys
         a CONFIG SET tracking-table-max-keys 0
         a CONFIG SET tracking-table-max-keys x
         a CONFIG GET tracking-table-max-keys",
    );
}

/// Readers whose cache must never be stale, while others write through other threads: what a reader
/// was answered and what it was told come in the order in which they happened.
#[test]
fn no_invalidation_overtakes_the_value_it_is_about() {
    let server = start_with(&["--io-threads", "3"]);
    let mut reader = connect3(&server);
    reader.ok(&["CLIENT", "TRACKING", "ON"]);
    let address = server.address();
    let writer = std::thread::spawn(move || {
        let mut writer = Client::connect(address).expect("a running server");
        for value in 1..=500 {
            writer.ok(&["SET", "k", &value.to_string()]);
        }
    });
    let mut cached = None;
    while cached != Some(500) {
        // Behind a reply that is long to encode.
        let requests = [encode(&["CONFIG", "GET", "*"]), encode(&["GET", "k"])].concat();
        reader.send(&requests).expect("open");
        let mut replies = 0;
        while replies < 2 {
            match reader.receive().expect("a reply") {
                Value::Push(_) => cached = None,
                Value::Map(_) => replies += 1,
                value => {
                    replies += 1;
                    cached = match value {
                        Value::Null => Some(0),
                        value => value.text().parse::<u32>().ok(),
                    };
                }
            }
        }
        if cached != Some(500) {
            // Whatever is cached will change: the message must come. Were it lost, or had it been
            // taken for one about an older value, this would wait for ever.
            assert_eq!(next(&mut reader), ["invalidate", "k"]);
        }
    }
    writer.join().expect("no panic");
}
