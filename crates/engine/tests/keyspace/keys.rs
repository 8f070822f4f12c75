//! Replies of the commands about keys, each looked up at redis-server 7.0; expiry.

use engine::{Command, Context};

use crate::harness::{Run, image, load};

#[test]
fn presence_and_type() {
    Run::table(&[
        ("MSET a 1 b 2", "OK"),
        ("HSET h f v", "1"),
        ("EXISTS a a none h", "3"),
        ("TOUCH a a none", "2"),
        ("TYPE a", "+string"),
        ("TYPE h", "+hash"),
        ("TYPE none", "+none"),
        ("DBSIZE", "3"),
        ("DEL a a none b", "2"),
        ("KEYS *", "[h]"),
        ("ENCODING none", "nil"),
        ("FREQ none", "nil"),
        ("MEMORY none", "nil"),
        ("RANDOMKEY 17", "h"),
        ("FLUSHDB", "OK"),
        ("RANDOMKEY 17", "nil"),
    ]);
}

#[test]
fn expiry_and_its_conditions() {
    Run::table(&[
        ("EXPIRE none 10", "0"),
        ("SET k v", "OK"),
        ("TTL k", "-1"),
        ("TTL none", "-2"),
        ("PERSIST k", "0"),
        ("EXPIRE k 100 GT", "0"),
        ("EXPIRE k 100 XX", "0"),
        ("EXPIRE k 100 LT", "1"),
        ("EXPIRE k 50 NX", "0"),
        ("EXPIRE k 50 GT", "0"),
        ("EXPIRE k 100 GT", "0"),
        ("EXPIRE k 200 XX GT", "1"),
        ("EXPIRE k 200 LT", "0"),
        ("EXPIRE k 100 XX LT", "1"),
        ("TTL k", "100"),
        ("EXPIRETIME k", "1100"),
        ("PERSIST k", "1"),
        ("EXPIRETIME k", "-1"),
        ("PEXPIRE k 1499", "1"),
        ("TTL k", "1"),
        ("PEXPIRE k 1500", "1"),
        ("TTL k", "2"),
        ("PTTL k", "1500"),
        ("PEXPIRETIME k", "1001500"),
        ("EXPIRE k 9223372036854775", "ERR invalid expire time in 'expire' command"),
        ("PEXPIRE k 9223372036854775807", "ERR invalid expire time in 'pexpire' command"),
        ("PEXPIREAT k 9223372036854775807", "1"),
        ("PTTL k", "9223372036853775807"),
        ("EXPIRE k -1 GT", "0"),
        ("EXPIRE k -1 NX", "0"),
        ("EXPIRE k -1", "1"),
        ("EXISTS k", "0"),
        ("SET k v", "OK"),
        ("EXPIREAT k 0", "1"),
        ("DBSIZE", "0"),
    ]);
}

#[test]
fn other_names_and_databases() {
    const SAME: &str = "ERR source and destination objects are the same";
    const NO_DB: &str = "ERR DB index is out of range";
    Run::table(&[
        ("RENAME none x", "ERR no such key"),
        ("RENAMENX none x", "ERR no such key"),
        ("SET k v EX 100", "OK"),
        ("RENAME k k", "OK"),
        ("RENAMENX k k", "0"),
        ("SET b 1", "OK"),
        ("RENAMENX k b", "0"),
        ("RENAME k b", "OK"),
        ("GET b", "v"),
        ("TTL b", "100"),
        ("RENAMENX b c", "1"),
        ("COPY c d", "1"),
        ("TTL d", "100"),
        ("COPY c d", "0"),
        ("COPY c d REPLACE", "1"),
        ("COPY c c", SAME),
        ("COPY c c REPLACE", SAME),
        ("COPY none d", "0"),
        ("COPY c d DB 99", NO_DB),
        ("COPY c c DB 1", "1"),
        ("MOVE c 1", "0"),
        ("MOVE d 1", "1"),
        ("MOVE d 0", SAME),
        ("MOVE none 1", "0"),
        ("MOVE d 99", NO_DB),
        ("KEYS *", "[c]"),
        ("SWAPDB 0 0", "OK"),
        ("SWAPDB 0 99", NO_DB),
        ("SWAPDB 0 1", "OK"),
        ("KEYS *", "[c d]"),
        ("FLUSHDB", "OK"),
        ("SWAPDB 0 1", "OK"),
        ("DBSIZE", "1"),
        ("FLUSHALL", "OK"),
        ("DBSIZE", "0"),
    ]);
}

#[test]
fn an_expired_key_is_missing_and_nothing_is_built_upon_it() {
    let mut run = Run::new();
    run.check("MSET a 5 b 5 c 5", "OK");
    run.check("HSET h f v", "1");
    for key in ["a", "b", "h"] {
        run.check(&format!("PEXPIRE {key} 10"), "1");
    }
    run.now += 9;
    run.check("GET a", "5");
    run.now += 1;
    run.check("GET a", "nil");
    run.check("KEYS *", "[c]");
    run.check("DBSIZE", "1");
    run.check("SCAN 0", "[0 [c]]");
    run.check("INCRBY a 1", "1");
    run.check("TTL a", "-1");
    run.check("HSET h g w", "1");
    run.check("HGETALL h", "{g=w}");
    run.check("PTTL h", "-1");
    assert_eq!(run.engine.next_expiry(), Some(1_000_010));
    run.expire(10);
    assert_eq!(run.engine.next_expiry(), None);
    run.check("DBSIZE", "3");
    run.check_whole();
}

#[test]
fn expired_keys_go_in_order_and_in_bounds() {
    let mut run = Run::new();
    for (key, ms) in [("c", 30), ("a", 10), ("b", 20), ("d", 40)] {
        run.check(&format!("SET {key} v PX {ms}"), "OK");
    }
    run.check("PERSIST a", "1");
    run.now += 35;
    assert_eq!(run.engine.expired(run.now, 1).len(), 1);
    run.expire(1);
    assert_eq!(run.engine.next_expiry(), Some(1_000_030));
    run.expire(100);
    run.check("KEYS *", "[d a]");
    run.check_whole();
}

#[test]
fn idle_time_counts_reads_and_not_looks() {
    let mut run = Run::new();
    run.check("SET k v", "OK");
    run.now += 5000;
    run.check("IDLETIME k", "5");
    run.check("TTL k", "-1");
    run.check("IDLETIME k", "5");
    run.check("GET k", "v");
    run.check("IDLETIME k", "0");
}

#[test]
fn a_reply_depends_on_what_it_saw() {
    let mut run = Run::new();
    let seen = |run: &Run, key: &str| {
        let context = Context { db: run.db, now: run.now };
        run.engine.decide(&Command::Get { key: key.as_bytes() }, context).unwrap().seen
    };
    run.check("SET a 1", "OK");
    run.check("SET b 2", "OK");
    run.check("SET c 3 PX 5", "OK");
    assert_eq!((seen(&run, "a"), seen(&run, "b"), seen(&run, "none")), (1, 2, 0));
    run.now += 5;
    assert_eq!(seen(&run, "c"), 3, "that it expired depends on its expiry");
    run.check("DEL b", "1");
    assert_eq!((seen(&run, "a"), seen(&run, "b")), (1, 4));
    run.check("SWAPDB 0 1", "OK");
    assert_eq!(seen(&run, "a"), 5);
    run.check("SWAPDB 0 1", "OK");
    assert_eq!(seen(&run, "a"), 6);
}

#[test]
fn a_wrong_sequence_of_items_is_refused() {
    let mut run = Run::new();
    run.check("MSET a 1 b 2", "OK");
    run.check("HSET h f v", "1");
    let items = image(&run.engine);
    assert!(load(&items, 1).is_ok());
    for missing in 0..items.len() {
        let mut items = items.clone();
        items.remove(missing);
        // Without one of the two strings it is another image, but an image.
        assert_eq!(load(&items, 1).is_ok(), [2, 3].contains(&missing), "without item {missing}");
    }
    for twice in 0..items.len() {
        let mut items = items.clone();
        items.insert(twice, items[twice].clone());
        assert!(load(&items, 1).is_err(), "item {twice} twice");
    }
}
