//! What a script changes is one record.

use support::Value;

use super::{eval, launch, until_busy};

#[test]
fn a_script_that_was_under_way_when_the_server_was_killed_has_never_been() {
    let dir = support::temp_dir();
    let launch = launch().dir(dir.path()).args(["--busy-reply-threshold", "100"]);
    let server = launch.start();
    let (mut writer, mut other) = (server.connect(), server.connect());
    assert_eq!(eval(&mut writer, "for i = 1, 10 do redis.call('RPUSH', 'l', i) end"), Value::Null);
    let script =
        "redis.call('DEL', 'l') for i = 1, 1e9 do redis.call('XADD', 's', '*', 'i', i % 7) end";
    writer.send_command(&["EVAL", script, "0"]).unwrap();
    until_busy(&mut other);
    server.kill();
    let server = launch.start();
    let mut client = server.connect();
    assert_eq!(client.words("XLEN s"), Value::Int(0));
    assert_eq!(client.words("LLEN l"), Value::Int(10));
}

#[test]
fn what_an_error_interrupts_stays_and_survives() {
    let dir = support::temp_dir();
    let launch = launch().dir(dir.path());
    let server = launch.start();
    let mut client = server.connect();
    let answer = eval(&mut client, "redis.call('SET', 'a', 1) redis.call('INCR', 'a', 2)");
    assert!(answer.is_error("ERR Wrong number of args"), "{answer:?}");
    let answer = eval(&mut client, "redis.call('SET', 'b', 1) error('enough')");
    assert!(answer.is_error("ERR user_script:1: enough script: "), "{answer:?}");
    server.kill();
    let server = launch.start();
    let mut client = server.connect();
    assert_eq!(client.words("MGET a b"), Value::Array(vec![Value::bulk("1"), Value::bulk("1")]));
}

#[test]
fn readers_are_served_once_a_script_has_ended() {
    let server = launch().start();
    let (mut reader, mut writer) = (server.connect(), server.connect());
    reader.send_command(&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]).unwrap();
    while writer.info("blocked_clients") != "1" {}
    let script = "for i = 1, 3 do redis.call('XADD', 's', i .. '-1', 'i', i) end return redis.call('XLEN', 's')";
    assert_eq!(eval(&mut writer, script), Value::Int(3));
    let streams = reader.receive().unwrap().array();
    let entries = streams[0].clone().array().remove(1).array();
    assert_eq!(entries.len(), 3);
}

#[test]
fn a_script_in_a_transaction_belongs_to_it() {
    let server = launch().start();
    let mut client = server.connect();
    client.words("MULTI");
    client.words("SET k 1");
    client.command(&["EVAL", "return redis.call('INCR', 'k')", "0"]);
    client.words("INCR k");
    let expected = vec![Value::simple("OK"), Value::Int(2), Value::Int(3)];
    assert_eq!(client.words("EXEC"), Value::Array(expected));
    // The database that a script selects is its own.
    assert_eq!(eval(&mut client, "redis.call('SELECT', 3) redis.call('SET', 'x', 1)"), Value::Null);
    assert_eq!(client.words("EXISTS x"), Value::Int(0));
}

#[test]
fn scripts_are_off_where_others_than_this_machine_can_come() {
    let server = launch().args(["--scripting", "no"]).start();
    let mut client = server.connect();
    let refused = "ERR scripting is disabled, see the setting 'scripting'";
    assert!(eval(&mut client, "return 1").is_error(refused));
    assert!(client.words("FUNCTION LIST").is_error(refused));
    assert!(client.words("SCRIPT EXISTS x").is_error(refused));
    assert_eq!(client.words("COMMAND INFO eval").array().len(), 1);
    let server = launch().args(["--bind", "0.0.0.0"]).start();
    assert!(eval(&mut server.connect(), "return 1").is_error(refused));
    let server = launch().args(["--bind", "0.0.0.0", "--scripting", "yes"]).start();
    assert_eq!(eval(&mut server.connect(), "return 1"), Value::Int(1));
}
