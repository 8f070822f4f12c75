//! Clients that wait to take from a sorted set: who is served, by which key, and in which shape.

use support::Value;

use super::{block, scene, served, strings, until_blocked};

#[test]
fn first_come_is_first_served_from_either_end() {
    let (_server, mut writer, mut waiting) = scene(3);
    block(&mut waiting[0], &mut writer, "BZPOPMAX z 0", 1);
    block(&mut waiting[1], &mut writer, "BZPOPMIN other z 0", 2);
    block(&mut waiting[2], &mut writer, "BZPOPMIN z 0", 3);
    assert_eq!(writer.words("ZADD z 1 a 2.5 b 3 c").int(), 3, "as many as were added");
    assert_eq!(served(&mut waiting[0]), ["z", "c", "3"]);
    assert_eq!(served(&mut waiting[1]), ["z", "a", "1"]);
    assert_eq!(served(&mut waiting[2]), ["z", "b", "2.5"]);
    assert_eq!(writer.words("EXISTS z").int(), 0);
    until_blocked(&mut writer, 0);
}

#[test]
fn many_come_nested() {
    let (_server, mut writer, mut waiting) = scene(1);
    block(&mut waiting[0], &mut writer, "BZMPOP 0 2 y z MAX COUNT 2", 1);
    writer.words("ZADD z 1 a 2 b 3 c");
    let reply = waiting[0].receive().expect("served").array();
    assert_eq!(reply[0].text(), "z");
    let members: Vec<_> = reply[1].clone().array().into_iter().map(strings).collect();
    assert_eq!(members, [["c", "3"], ["b", "2"]]);
    assert_eq!(strings(writer.words("ZRANGE z 0 -1")), ["a"]);
    // A key that holds something is served at once, in the order named.
    writer.words("ZADD y 7 m");
    assert_eq!(strings(writer.words("BZPOPMIN none z y 0")), ["z", "a", "1"]);
}

#[test]
fn whatever_makes_a_sorted_set_serves_once_its_unit_is_done() {
    let check = |lines: &[&str], expected: &[&str]| {
        let (_server, mut writer, mut waiting) = scene(1);
        block(&mut waiting[0], &mut writer, "BZPOPMIN k 0", 1);
        for line in lines {
            writer.words(line);
        }
        assert_eq!(served(&mut waiting[0]), expected, "{lines:?}");
    };
    check(&["ZINCRBY k 5 m"], &["k", "m", "5"]);
    check(&["ZADD other 1 m", "RENAME other k"], &["k", "m", "1"]);
    check(&["ZADD other 1 m", "COPY other k"], &["k", "m", "1"]);
    check(&["SADD other m", "ZUNIONSTORE k 1 other WEIGHTS inf"], &["k", "m", "inf"]);
    check(&["ZADD other 1 m", "ZRANGESTORE k other 0 -1"], &["k", "m", "1"]);
    check(&["MULTI", "ZADD k 2 b", "ZADD k 1 a", "EXEC"], &["k", "a", "1"]);
    check(&["MULTI", "ZADD k 1 a", "DEL k", "EXEC", "ZADD k 3 c"], &["k", "c", "3"]);
}

#[test]
fn another_type_leaves_a_client_waiting() {
    let (_server, mut writer, mut waiting) = scene(2);
    block(&mut waiting[0], &mut writer, "BZPOPMIN k 0", 1);
    block(&mut waiting[1], &mut writer, "BLPOP k 0", 2);
    writer.words("SADD k m");
    writer.words("DEL k");
    assert_eq!(writer.info("blocked_clients"), "2");
    writer.words("RPUSH k v");
    assert_eq!(served(&mut waiting[1]), ["k", "v"]);
    writer.words("ZADD k 1 m");
    assert_eq!(served(&mut waiting[0]), ["k", "m", "1"]);
    // One that holds another type already is refused.
    writer.words("SET s v");
    let refused = waiting[0].words("BZPOPMIN none s k 0");
    assert!(matches!(refused, Value::Error(text) if text.starts_with("WRONGTYPE")));
}

#[test]
fn a_wait_ends_with_null() {
    let (_server, mut writer, mut waiting) = scene(1);
    assert_eq!(waiting[0].words("BZPOPMIN k 0.01"), Value::Null);
    assert_eq!(waiting[0].words("BZMPOP 0.01 1 k MIN"), Value::Null);
    for line in ["MULTI", "BZPOPMAX k 0", "BZMPOP 0 1 k MIN"] {
        writer.words(line);
    }
    assert_eq!(writer.words("EXEC").array(), [Value::Null, Value::Null]);
}
