//! A script that does not end.

use support::Value;

use super::{ask_until, eval, launch, start_impatient, until_busy};

#[test]
fn an_endless_script_is_killed_by_a_client_of_the_same_worker() {
    let server = start_impatient();
    let (mut hog, mut other) = (server.connect(), server.connect());
    hog.send_command(&["EVAL", "while true do end", "0"]).unwrap();
    until_busy(&mut other);
    // Also by one that comes only now.
    let mut late = server.connect();
    assert!(late.words("GET k").is_error("BUSY "));
    assert!(late.words("FUNCTION KILL").is_error("BUSY "));
    assert_eq!(late.words("SCRIPT KILL"), Value::simple("OK"));
    let answer = hog.receive().unwrap();
    assert!(answer.is_error("ERR Script killed by user with SCRIPT KILL. script: "), "{answer:?}");
    ask_until(&mut other, &["PING"], |answer| *answer == Value::simple("PONG"));
    assert!(late.words("SCRIPT KILL").is_error("NOTBUSY "));
    assert_eq!(eval(&mut hog, "return 1"), Value::Int(1));
}

/// The core knows what the default user may do, and the script has the core.
#[test]
fn whoever_comes_as_a_restricted_user_kills_nothing() {
    let server = start_impatient();
    let (mut hog, mut admin) = (server.connect(), server.connect());
    for client in [&mut hog, &mut admin] {
        client.ok(&["ACL", "SETUSER", "admin", "on", ">secret", "+@all", "~*", "&*"]);
        client.ok(&["AUTH", "admin", "secret"]);
        client.ok(&["PING"]);
    }
    admin.ok(&["ACL", "SETUSER", "default", "-@all", "+get", "+ping"]);
    hog.send_command(&["EVAL", "while true do end", "0"]).unwrap();
    until_busy(&mut admin);
    let mut late = server.connect();
    for line in ["SCRIPT KILL", "SHUTDOWN NOSAVE", "GET k"] {
        assert!(late.words(line).is_error("BUSY "), "{line}");
    }
    assert_eq!(admin.words("SCRIPT KILL"), Value::simple("OK"));
    assert!(hog.receive().unwrap().is_error("ERR Script killed by user"));
}

#[test]
fn no_script_catches_that_it_is_killed() {
    let endless = "local function f() while true do end end ";
    for rest in [
        "while true do pcall(f) end",
        "while true do xpcall(f, function(e) return e end) end",
        "while true do coroutine.resume(coroutine.create(f)) end",
        "local g = coroutine.wrap(function() while true do pcall(f) end end) g()",
        "while true do redis.pcall('GET', 'k') end",
        "setmetatable({}, {__index = function() while true do end end})[1] = nil f()",
    ] {
        let server = start_impatient();
        let (mut hog, mut other) = (server.connect(), server.connect());
        hog.send_command(&["EVAL", &format!("{endless}{rest}"), "0"]).unwrap();
        until_busy(&mut other);
        assert_eq!(other.words("SCRIPT KILL"), Value::simple("OK"), "{rest}");
        let answer = hog.receive().unwrap();
        assert!(answer.is_error("ERR Script killed by user"), "{rest}: {answer:?}");
        assert_eq!(eval(&mut hog, "return 1"), Value::Int(1), "{rest}");
    }
}

#[test]
fn one_that_has_written_is_ended_with_the_server_and_has_never_been() {
    let mut launch = launch().args(["--io-threads", "1", "--busy-reply-threshold", "100"]);
    let dir = support::temp_dir();
    launch = launch.dir(dir.path());
    let server = launch.start();
    let (mut hog, mut other) = (server.connect(), server.connect());
    assert_eq!(other.words("SET before 1"), Value::simple("OK"));
    let script = "redis.call('SET', 'k', 'v') while true do end";
    hog.send_command(&["EVAL", script, "0"]).unwrap();
    until_busy(&mut other);
    assert!(other.words("SCRIPT KILL").is_error("UNKILLABLE "));
    assert!(other.words("SHUTDOWN").is_error("BUSY "));
    other.send_command(&["SHUTDOWN", "NOSAVE"]).unwrap();
    assert!(server.wait().success());
    let server = launch.start();
    let mut client = server.connect();
    assert_eq!(client.words("EXISTS k"), Value::Int(0));
    assert_eq!(client.words("GET before"), Value::bulk("1"));
}

#[test]
fn what_concerns_the_connection_alone_goes_on() {
    let server = start_impatient();
    let (mut hog, mut other) = (server.connect(), server.connect());
    assert_eq!(other.words("MULTI"), Value::simple("OK"));
    hog.send_command(&["EVAL", "while true do end", "0"]).unwrap();
    until_busy(&mut other);
    // The refused command has spoiled the transaction.
    let mut late = server.connect();
    assert!(!late.words("HELLO 3").is_error(""));
    assert_eq!(late.words("SCRIPT KILL"), Value::simple("OK"));
    assert!(hog.receive().unwrap().is_error("ERR Script killed"));
    assert!(other.words("EXEC").is_error("EXECABORT "));
}

#[test]
fn a_stopping_server_does_not_wait_for_a_harmless_script() {
    let server = start_impatient();
    let (mut hog, mut other) = (server.connect(), server.connect());
    hog.send_command(&["EVAL", "while true do end", "0"]).unwrap();
    until_busy(&mut other);
    assert!(server.terminate().success());
}

#[test]
fn short_scripts_keep_their_place_in_a_pipeline() {
    let server = start_impatient();
    let mut client = server.connect();
    let script = "return redis.call('INCR', KEYS[1])";
    let sha1 = client.command(&["SCRIPT", "LOAD", script]).text();
    let mut bytes = Vec::new();
    for _ in 0..300 {
        support::encode_into(&mut bytes, &["EVALSHA", &sha1, "1", "n"]);
        support::encode_into(&mut bytes, &["INCR", "n"]);
    }
    client.send(&bytes).unwrap();
    for expected in 1..=600 {
        assert_eq!(client.receive().unwrap(), Value::Int(expected));
    }
}
