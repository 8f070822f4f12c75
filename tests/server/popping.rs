//! Clients that wait to take from a list: who is served, by which key, and in which order.

use support::Value;

use super::{block, connect, scene, served, strings, until_blocked};

#[test]
fn first_come_is_first_served_with_one_value_each() {
    let (_server, mut writer, mut waiting) = scene(4);
    for (at, client) in waiting.iter_mut().enumerate() {
        block(client, &mut writer, "BLPOP k 0", at + 1);
    }
    assert_eq!(writer.words("RPUSH k a b c").int(), 3, "the length before anybody took");
    for (client, value) in waiting.iter_mut().zip(["a", "b", "c"]) {
        assert_eq!(served(client), ["k", value]);
    }
    until_blocked(&mut writer, 1);
    assert_eq!(writer.words("EXISTS k").int(), 0);
    // Who waits again stands at the end.
    block(&mut waiting[0], &mut writer, "BRPOP k 0", 2);
    writer.words("RPUSH k d e f");
    assert_eq!(served(&mut waiting[3]), ["k", "d"]);
    assert_eq!(served(&mut waiting[0]), ["k", "f"]);
    assert_eq!(strings(writer.words("LRANGE k 0 -1")), ["e"]);
}

#[test]
fn of_several_keys_the_first_to_change_serves() {
    let (_server, mut writer, mut waiting) = scene(1);
    let client = &mut waiting[0];
    block(client, &mut writer, "BLPOP a b c 0", 1);
    for line in ["MULTI", "RPUSH c 1", "RPUSH a 2", "EXEC"] {
        writer.words(line);
    }
    assert_eq!(served(client), ["c", "1"]);
    block(client, &mut writer, "BLMPOP 0 2 b d RIGHT COUNT 2", 1);
    writer.words("RPUSH d 1 2 3");
    let reply = client.receive().expect("served").array();
    assert_eq!(reply[0].text(), "d");
    assert_eq!(strings(reply[1].clone()), ["3", "2"]);
    // Keys that hold something are looked at in their order.
    assert_eq!(strings(client.words("BLPOP missing d a 0")), ["d", "1"]);
}

#[test]
fn whatever_makes_a_list_serves_once_its_unit_is_done() {
    let check = |lines: &[&str], expected: &[&str]| {
        let (_server, mut writer, mut waiting) = scene(1);
        block(&mut waiting[0], &mut writer, "BLPOP k 0", 1);
        for line in lines {
            writer.words(line);
        }
        assert_eq!(served(&mut waiting[0]), expected, "{lines:?}");
    };
    check(&["RPUSH other v", "RENAME other k"], &["k", "v"]);
    check(&["RPUSH other v", "COPY other k"], &["k", "v"]);
    check(&["RPUSH other v", "LMOVE other k LEFT LEFT"], &["k", "v"]);
    check(&["SADD other 2 1", "SORT other STORE k"], &["k", "1"]);
    check(&["SELECT 1", "RPUSH k v", "MOVE k 0"], &["k", "v"]);
    check(&["SELECT 1", "RPUSH k v", "SWAPDB 0 1"], &["k", "v"]);
    check(&["MULTI", "RPUSH k 1", "LPUSH k 0", "EXEC"], &["k", "0"]);
    check(&["MULTI", "RPUSH k 1", "DEL k", "RPUSH k 2", "EXEC"], &["k", "2"]);
    check(&["MULTI", "RPUSH k 1", "DEL k", "EXEC", "RPUSH k 3"], &["k", "3"]);
}

#[test]
fn another_type_leaves_a_client_waiting() {
    let (_server, mut writer, mut waiting) = scene(1);
    block(&mut waiting[0], &mut writer, "BLPOP k 0", 1);
    for line in ["XADD k 1-1 f v", "DEL k", "SET k v", "DEL k", "SADD k m", "DEL k", "HSET k f v"] {
        writer.words(line);
        assert_eq!(writer.info("blocked_clients"), "1", "{line}");
    }
    writer.words("DEL k");
    writer.words("RPUSH k v");
    assert_eq!(served(&mut waiting[0]), ["k", "v"]);
}

#[test]
fn a_value_moves_on_from_waiter_to_waiter() {
    let (_server, mut writer, mut waiting) = scene(3);
    block(&mut waiting[0], &mut writer, "BLMOVE a b LEFT RIGHT 0", 1);
    block(&mut waiting[1], &mut writer, "BRPOPLPUSH b c 0", 2);
    block(&mut waiting[2], &mut writer, "BLPOP c 0", 3);
    writer.words("RPUSH a v");
    assert_eq!(waiting[0].receive().expect("served").text(), "v");
    assert_eq!(waiting[1].receive().expect("served").text(), "v");
    assert_eq!(served(&mut waiting[2]), ["c", "v"]);
    assert_eq!(writer.words("DBSIZE").int(), 0);
}

#[test]
fn a_destination_of_another_type_is_refused_and_nothing_is_lost() {
    let (_server, mut writer, mut waiting) = scene(2);
    block(&mut waiting[0], &mut writer, "BLMOVE a s LEFT LEFT 0", 1);
    block(&mut waiting[1], &mut writer, "BLPOP a 0", 2);
    writer.words("SET s v");
    writer.words("RPUSH a 1");
    assert!(waiting[0].receive().expect("answered").is_error("WRONGTYPE"));
    assert_eq!(served(&mut waiting[1]), ["a", "1"]);
}

#[test]
fn waits_end_by_time_by_client_unblock_and_by_kill() {
    let (_server, mut writer, mut waiting) = scene(1);
    let client = &mut waiting[0];
    let id = client.words("CLIENT ID").int();
    for line in ["BLPOP k 0.01", "BLMOVE k l LEFT LEFT 0.01", "BLMPOP 0.01 1 k LEFT"] {
        assert_eq!(client.words(line), Value::Null, "{line}");
    }
    block(client, &mut writer, "BLPOP k 0", 1);
    assert_eq!(writer.words(&format!("CLIENT UNBLOCK {id}")).int(), 1);
    assert_eq!(client.receive().expect("answered"), Value::Null);
    block(client, &mut writer, "BLPOP k 0", 1);
    assert_eq!(writer.words(&format!("CLIENT UNBLOCK {id} ERROR")).int(), 1);
    assert!(client.receive().expect("answered").is_error("UNBLOCKED client unblocked via"));
    block(client, &mut writer, "BLPOP k 0", 1);
    assert_eq!(writer.words(&format!("CLIENT KILL ID {id}")).int(), 1);
    until_blocked(&mut writer, 0);
    writer.words("RPUSH k v");
    assert_eq!(strings(writer.words("LRANGE k 0 -1")), ["v"], "no value for a client that is gone");
}

#[test]
fn nothing_waits_in_a_transaction() {
    let (_server, mut writer, _) = scene(0);
    writer.words("MULTI");
    for line in ["BLPOP k 0", "BLMOVE k l LEFT LEFT 0", "BRPOPLPUSH k l 0", "BLMPOP 0 1 k LEFT"] {
        writer.words(line);
    }
    let replies = writer.words("EXEC").array();
    assert_eq!(replies, [Value::Null, Value::Null, Value::Null, Value::Null]);
}

#[test]
fn a_write_looks_at_as_many_waiters_as_it_serves() {
    let (_server, mut writer, mut waiting) = scene(200);
    for client in &mut waiting {
        client.send_command(&["BLPOP", "k", "other", "0"]).expect("open");
    }
    until_blocked(&mut writer, 200);
    for at in 0..200 {
        writer.words(&format!("RPUSH k {at}"));
    }
    let mut values: Vec<_> = waiting.iter_mut().map(|client| served(client)[1].clone()).collect();
    values.sort_by_key(|value| value.parse::<u32>().expect("a number"));
    assert_eq!(values, (0..200).map(|at| at.to_string()).collect::<Vec<_>>());
}

#[test]
fn what_was_served_is_gone_after_a_crash() {
    let dir = support::temp_dir();
    let launch = support::Launch::new(env!("CARGO_BIN_EXE_headwater")).dir(dir.path());
    let server = launch.start();
    let [mut writer, mut client] = [(); 2].map(|()| connect(&server));
    block(&mut client, &mut writer, "BLPOP k 0", 1);
    writer.words("RPUSH k a b");
    assert_eq!(served(&mut client), ["k", "a"]);
    block(&mut client, &mut writer, "BLMOVE x y LEFT LEFT 0", 1);
    writer.words("RPUSH x v");
    assert_eq!(client.receive().expect("served").text(), "v");
    server.kill();
    let server = launch.start();
    let mut reader = connect(&server);
    assert_eq!(strings(reader.words("LRANGE k 0 -1")), ["b"]);
    assert_eq!(strings(reader.words("LRANGE y 0 -1")), ["v"]);
    assert_eq!(reader.words("EXISTS x").int(), 0);
}
