//! MULTI, EXEC, DISCARD, WATCH.

use support::Value;

use super::{connect, start};

#[test]
fn a_projection_and_its_acknowledgement_happen_together() {
    let server = start();
    let mut client = connect(&server);
    client.words("XGROUP CREATE orders g $ MKSTREAM");
    client.words("XADD orders 1-1 item 7");
    client.words("XREADGROUP GROUP g worker STREAMS orders >");
    client.words("MULTI");
    assert_eq!(client.words("HINCRBY cart:7 count 1"), Value::simple("QUEUED"));
    assert_eq!(client.words("XACK orders g 1-1"), Value::simple("QUEUED"));
    assert_eq!(client.words("EXEC"), Value::Array(vec![Value::Int(1), Value::Int(1)]));
    assert_eq!(client.words("XPENDING orders g").array()[0], Value::Int(0));
}

#[test]
fn a_command_that_cannot_be_queued_aborts_the_whole() {
    let check = |line: &str, expected: &str| {
        let server = start();
        let mut client = connect(&server);
        client.words("MULTI");
        client.words("SET k v");
        let refused = client.words(line);
        assert!(refused.is_error(expected), "{line} gave {refused:?}");
        assert!(client.words("EXEC").is_error("EXECABORT Transaction discarded because of"));
        assert_eq!(client.words("EXISTS k"), Value::Int(0));
    };
    check("NOSUCH", "ERR unknown command 'NOSUCH'");
    check("XADD k", "ERR wrong number of arguments for 'xadd' command");
}

#[test]
fn a_command_that_fails_at_run_time_leaves_the_others_alone() {
    let server = start();
    let mut client = connect(&server);
    for line in ["MULTI", "SET k v", "XADD k 1-1 f v", "XADD s 0-0 f v", "INCR n"] {
        client.words(line);
    }
    let replies = client.words("EXEC").array();
    assert_eq!(replies[0], Value::simple("OK"));
    assert!(replies[1].is_error("WRONGTYPE "));
    assert!(replies[2].is_error("ERR The ID specified in XADD must be greater than 0-0"));
    assert_eq!(replies[3], Value::Int(1));
}

#[test]
fn a_watched_key_that_changed_makes_exec_answer_null() {
    let check = |before: &[&str], change: &str, expected_null: bool| {
        let server = start();
        let [mut client, mut other] = [(); 2].map(|()| connect(&server));
        for line in before {
            other.words(line);
        }
        client.words("WATCH k");
        other.words(change);
        client.words("MULTI");
        client.words("PING");
        let reply = client.words("EXEC");
        assert_eq!(reply == Value::Null, expected_null, "{before:?} {change}: {reply:?}");
    };
    check(&[], "SET k v", true);
    check(&[], "SET other v", false);
    check(&["XADD k 1-1 f v"], "XADD k 1-2 f v", true);
    check(&["XADD k 1-1 f v"], "XRANGE k - +", false);
    check(&["XGROUP CREATE k g 0 MKSTREAM"], "XREADGROUP GROUP g c STREAMS k >", true);
    check(&["SET k v"], "FLUSHALL", true);
    check(&[], "FLUSHALL", false);
    check(&["SET k v"], "PEXPIRE k -1", true);
    check(&["SET other v"], "RENAME other k", true);
}

#[test]
fn states_that_do_not_fit_are_refused_in_redis_words() {
    let server = start();
    let mut client = connect(&server);
    let mut check = |line: &str, expected: &str| {
        let reply = client.words(line);
        assert!(reply.is_error(expected), "{line} gave {reply:?}");
    };
    check("EXEC", "ERR EXEC without MULTI");
    check("DISCARD", "ERR DISCARD without MULTI");
    let mut client = connect(&server);
    client.words("MULTI");
    assert!(client.words("MULTI").is_error("ERR MULTI calls can not be nested"));
    assert!(client.words("WATCH k").is_error("ERR WATCH inside MULTI is not allowed"));
    assert_eq!(client.words("DISCARD"), Value::simple("OK"));
    client.words("MULTI");
    client.words("XREAD BLOCK 0 STREAMS k $");
    assert_eq!(client.words("EXEC"), Value::Array(vec![Value::Null]), "nothing blocks in EXEC");
}

#[test]
fn a_key_whose_time_had_passed_may_go_after_watch() {
    let server = start();
    let mut client = connect(&server);
    // The sweep may come before WATCH, but not every time.
    for attempt in 0..1000 {
        let key = format!("k{attempt}");
        let removed = client.info("expired_keys");
        client.ok(&["SET", &key, "v", "PX", "1"]);
        while client.ok(&["EXISTS", &key]) == Value::Int(1) {}
        client.ok(&["WATCH", &key]);
        if client.info("expired_keys") != removed {
            client.words("UNWATCH");
            continue;
        }
        while client.info("expired_keys") == removed {}
        client.words("MULTI");
        client.words("PING");
        assert_eq!(client.words("EXEC").array(), [Value::simple("PONG")]);
        return;
    }
    panic!("each key went before it was watched");
}
