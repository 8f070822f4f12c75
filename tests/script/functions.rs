//! Libraries of functions.

use support::Value;

use super::{launch, start_impatient, until_busy};

const LIBRARY: &str = "#!lua name=counters
local calls = 0
redis.register_function('count', function(keys, args)
    calls = calls + 1
    return {redis.call('INCRBY', keys[1], args[1]), calls}
end)
redis.register_function{function_name = 'peek', flags = {'no-writes'}, callback = function(keys)
    return redis.call('GET', keys[1])
end}";

#[test]
fn libraries_survive_a_kill_and_a_checkpoint() {
    let dir = support::temp_dir();
    let launch = launch().dir(dir.path());
    let server = launch.start();
    let mut client = server.connect();
    assert_eq!(client.command(&["FUNCTION", "LOAD", LIBRARY]), Value::bulk("counters"));
    let counted = |n, calls| Value::Array(vec![Value::Int(n), Value::Int(calls)]);
    assert_eq!(client.words("FCALL count 1 n 5"), counted(5, 1));
    assert_eq!(client.words("FCALL COUNT 1 n 5"), counted(10, 2));
    server.kill();
    let server = launch.start();
    let mut client = server.connect();
    // The state of a library is in memory alone; what it wrote is not.
    assert_eq!(client.words("FCALL count 1 n 1"), counted(11, 1));
    assert_eq!(client.words("FCALL_RO peek 1 n"), Value::bulk("11"));
    assert_eq!(client.words("SAVE"), Value::simple("OK"));
    server.kill();
    let server = launch.start();
    let mut client = server.connect();
    assert_eq!(client.words("FCALL count 1 n 1"), counted(12, 1));
    assert_eq!(client.words("FLUSHALL"), Value::simple("OK"));
    assert_eq!(client.words("FCALL count 1 n 1"), counted(1, 2));
    assert_eq!(client.words("FUNCTION DELETE counters"), Value::simple("OK"));
    server.kill();
    let server = launch.start();
    let mut client = server.connect();
    assert!(client.words("FCALL count 1 n 1").is_error("ERR Function not found"));
}

#[test]
fn a_dump_is_restored_as_asked_for() {
    let server = launch().start();
    let mut client = server.connect();
    client.command(&["FUNCTION", "LOAD", LIBRARY]);
    let Value::Bulk(dump) = client.words("FUNCTION DUMP") else { panic!("a dump is a string") };
    let restore: [&[u8]; 3] = [b"FUNCTION", b"RESTORE", &dump];
    let refused = "ERR Library counters already exists";
    assert!(client.try_command(&restore).unwrap().is_error(refused));
    let with = |policy| [restore[0], restore[1], restore[2], policy];
    assert_eq!(client.command(&with(b"REPLACE")), Value::simple("OK"));
    assert_eq!(client.words("FUNCTION FLUSH"), Value::simple("OK"));
    assert_eq!(client.command(&restore), Value::simple("OK"));
    assert_eq!(client.words("FCALL count 1 n 5").array()[0], Value::Int(5));
    let mut damaged = dump.clone();
    damaged[3] ^= 1;
    let refused = client.try_command(&[restore[0], restore[1], &damaged, b"FLUSH"]).unwrap();
    assert!(refused.is_error("ERR DUMP payload version or checksum are wrong"));
    assert_eq!(client.words("FUNCTION LIST").array().len(), 1);
}

#[test]
fn an_endless_function_is_killed_by_its_own_command() {
    let server = start_impatient();
    let (mut hog, mut other) = (server.connect(), server.connect());
    let code = "#!lua name=l\nredis.register_function('f', function() while true do end end)";
    hog.command(&["FUNCTION", "LOAD", code]);
    hog.send_command(&["FCALL", "f", "0"]).unwrap();
    until_busy(&mut other);
    assert!(other.words("SCRIPT KILL").is_error("BUSY "));
    let running = other.words("FUNCTION STATS").array()[1].clone().array();
    assert_eq!(running[1], Value::bulk("f"));
    assert_eq!(other.words("FUNCTION KILL"), Value::simple("OK"));
    let answer = hog.receive().unwrap();
    assert!(answer.is_error("ERR Script killed by user with FUNCTION KILL. script: f, on"));
    let code = "#!lua name=m\nlocal function f() while true do end end f()";
    let answer = hog.try_command(&["FUNCTION", "LOAD", code]).unwrap();
    assert!(
        answer.is_error("ERR Error registering functions: ERR FUNCTION LOAD timeout"),
        "{answer:?}"
    );
}
