//! Keyspace notifications: what each command tells of the keys that it changes.

use support::Value;

use crate::compare::{check, check_with};
use crate::{connect3, next, start_with};

/// Plays a script under the eyes of a client that listens to all events of all databases.
fn check_events(script: &str) {
    let listens = "s PSUBSCRIBE __key*__:*\n";
    check_with(&["--notify-keyspace-events", "KEAmn"], &format!("{listens}{script}"));
}

#[test]
fn strings() {
    check_events(
        "a SET k v
         a SET k v EX 100
         a SET k v PX 100000 GET
         a SET k v KEEPTTL
         a SET k v XX
         a SET k v NX
         a SETEX k 10 v
         a PSETEX k 10000 v
         a SETNX k v
         a SETNX kn v
         a GETSET k w
         a GETEX k
         a GETEX k EX 100
         a GETEX k PERSIST
         a GETEX k PERSIST
         a GETEX k PXAT 1
         a SET k v
         a GETDEL k
         a GETDEL k
         a MSET a 1 b 2 a 3
         a MSETNX c 1 a 2
         a MSETNX c 1 d 2
         a MGET c nope c nope2
         a INCR a
         a DECRBY a 3
         a INCRBYFLOAT a 1.5
         a APPEND k abc
         a APPEND k abc
         a SETRANGE k 1 zz
         a SETRANGE k 1 ''
         a SETRANGE kx 1 ''
         a STRLEN nope
         a GETRANGE nope 0 1
         a GETSET nope v
         a SET nope2 v GET
         a SET nope3 v XX GET
         a EVAL_RO return(redis.call('get',KEYS[1])) 1 nope4",
    );
}

#[test]
fn keys() {
    check_events(
        "a MSET a 1 b 2 c 1 d 2 k 1 kn 1
         a EXPIRE k 100
         a EXPIRE nope 100
         a EXPIRE k 200 NX
         a PEXPIREAT k 1
         a EXPIRE a 100
         a PERSIST a
         a PERSIST a
         a RENAME a a
         a RENAME a a2
         a RENAMENX a2 b
         a RENAMENX a2 a3
         a RENAME a3 b
         a COPY b bb
         a COPY b bb
         a COPY b bb REPLACE
         a COPY b bb DB 3
         a COPY nope b
         a MOVE bb 3
         a MOVE b 4
         a DEL c d nope c
         a UNLINK kn nope
         a TOUCH nope
         a EXISTS nope
         a TYPE nope
         a TTL nope
         a OBJECT ENCODING nope
         a OBJECT IDLETIME nope
         a MEMORY USAGE nope
         a WATCH nope",
    );
}

#[test]
fn hashes() {
    check_events(
        "a HSET h f v
         a HSET h f v g w
         a HMSET h f v
         a HSETNX h f v
         a HSETNX h q v
         a HINCRBY h n 1
         a HINCRBYFLOAT h n 1.5
         a HDEL h nope
         a HDEL h f g
         a HDEL h q n
         a HGET nope f
         a HGETALL nope
         a HMGET nope f
         a HLEN nope
         a HSCAN nope 0
         a HRANDFIELD nope
         a HDEL nope f",
    );
}

#[test]
fn streams() {
    check_events(
        "a XADD s 1-1 f v
         a XADD s NOMKSTREAM 1-2 f v
         a XADD nos NOMKSTREAM 1-2 f v
         a XADD s MAXLEN 1 1-3 f v
         a XADD s MAXLEN 10 1-4 f v
         a XDEL s 9-9
         a XDEL s 1-4
         a XTRIM s MAXLEN 10
         a XTRIM s MAXLEN 0
         a XSETID s 5-5
         a XGROUP CREATE s g 0
         a XGROUP CREATE s g 0
         a XGROUP CREATE s2 g 0 MKSTREAM
         a XGROUP CREATECONSUMER s g c
         a XGROUP CREATECONSUMER s g c
         a XADD s 6-1 f v
         a XREADGROUP GROUP g d STREAMS s >
         a XREADGROUP GROUP g d STREAMS s 0
         a XACK s g 6-1
         a XACK s g 6-1
         a XADD s 6-2 f v
         a XREADGROUP GROUP g d STREAMS s >
         a XCLAIM s g e 0 6-2
         a XAUTOCLAIM s g ff 0 0
         a XGROUP DELCONSUMER s g e
         a XGROUP DELCONSUMER s g nope
         a XGROUP SETID s g 0
         a XGROUP DESTROY s g
         a XGROUP DESTROY s g
         a XREAD STREAMS nope s 0 0
         a XLEN nope
         a XRANGE nope - +
         a XINFO STREAM nope
         a XPENDING nope g
         a XREADGROUP GROUP g d STREAMS nope >
         a XACK nope g 1-1
         a XDEL nope 1-1
         a XTRIM nope MAXLEN 1",
    );
}

#[test]
fn lists() {
    check_events(
        "a RPUSH l a b c
         a LPUSH l x
         a RPUSHX l x
         a LPUSHX nope x
         a LPOP l
         a RPOP l 2
         a LINSERT l BEFORE b q
         a LINSERT l BEFORE zz q
         a LSET l 0 q
         a LREM l 0 nope
         a LREM l 0 q
         a LTRIM l 0 10
         a LTRIM l 5 1
         a RPUSH l a b c d e
         a LMOVE l l2 LEFT RIGHT
         a RPOPLPUSH l l2
         a LMOVE l l LEFT RIGHT
         a LMPOP 1 l LEFT
         a LMPOP 1 l LEFT COUNT 10
         a BLPOP l2 0
         a BRPOP l2 0
         a RPUSH l a
         a BLMOVE l l3 LEFT RIGHT 0
         a BLMPOP 0 1 l3 LEFT
         a LPOP nope
         a LRANGE nope 0 1
         a LLEN nope",
    );
}

#[test]
fn sorted_sets() {
    check_events(
        "a ZADD z 1 a 2 b 3 c
         a ZADD z 1 a
         a ZADD z XX 5 nope
         a ZADD z XX CH 5 c
         a ZADD z INCR 1 a
         a ZADD z INCR 0 a
         a ZINCRBY z 1 q
         a ZREM z q
         a ZREM z nope
         a ZREMRANGEBYRANK z 0 0
         a ZREMRANGEBYRANK z 9 9
         a ZREMRANGEBYSCORE z 5 5
         a ZREMRANGEBYLEX z - +
         a ZADD z 1 a 2 b 3 c 4 d 5 e
         a ZPOPMIN z
         a ZPOPMAX z 2
         a ZMPOP 1 z MIN
         a BZPOPMAX z 0
         a ZPOPMIN z
         a ZADD z1 1 a 2 b
         a ZADD z2 2 b 3 c
         a ZUNIONSTORE dst 2 z1 z2
         a ZINTERSTORE dst 2 z1 z2
         a ZDIFFSTORE dst 2 z1 z1
         a ZDIFFSTORE dst 2 z1 z1
         a ZINTERSTORE z1 2 z1 z2
         a ZRANGESTORE dst z2 0 0
         a ZRANGESTORE z2 z2 5 6
         a ZCARD nope
         a ZSCORE nope a
         a ZRANGE nope 0 1
         a ZCOUNT nope 0 1
         a ZUNION 2 nope z1
         a ZUNIONSTORE dst 2 nope z1
         a ZINTERSTORE dst 2 z1 nope
         a ZDIFFSTORE dst 2 nope nope2
         a ZRANGESTORE dst nope 0 -1
         a ZRANGESTORE dst z1 0 -1
         a ZRANK nope a
         a ZSCAN nope 0
         a BZMPOP 0 1 dst MAX COUNT 5",
    );
}

#[test]
fn sets() {
    check_events(
        "a SADD st a b c
         a SADD st a
         a SREM st a
         a SREM st nope
         a SMOVE st st2 b
         a SMOVE st st2 nope
         a SPOP st
         a SPOP st2 10
         a SPOP nope
         a SADD s1 a b c
         a SADD s3 b c d
         a SINTERSTORE dst s1 s3
         a SUNIONSTORE dst s1 s3
         a SDIFFSTORE dst s1 s1
         a SDIFFSTORE dst s1 s1
         a SINTERSTORE s1 s1 s3
         a SMEMBERS nope
         a SINTER nope s1
         a SINTERSTORE d nope s1
         a SUNIONSTORE d nope s1
         a SDIFFSTORE d nope nope2
         a SISMEMBER nope q
         a SCARD nope
         a SREM s1 b c
         a RPUSH sl 3 1 2
         a SORT sl STORE sd
         a SORT nope STORE sd
         a SORT sl
         a SORT nope",
    );
}

#[test]
fn databases_and_transactions() {
    check_events(
        "a FLUSHDB
         a FLUSHALL
         a SWAPDB 0 1
         a MULTI
         a SET x 1
         a INCR x
         a EXEC
         a GET s
         a XADD x 1-1 f v",
    );
}

#[test]
fn blocked_clients_tell_what_they_are_given() {
    let server = start_with(&["--notify-keyspace-events", "Elg"]);
    let [mut listener, mut waiting, mut writer] = [(); 3].map(|()| server.connect());
    listener.ok(&["PSUBSCRIBE", "*"]);
    waiting.send_command(&["BLPOP", "l", "0"]).expect("open");
    while writer.info("blocked_clients") != "1" {}
    writer.ok(&["RPUSH", "l", "v"]);
    for name in ["rpush", "lpop", "del"] {
        let expected = ["pmessage", "*", &format!("__keyevent@0__:{name}"), "l"];
        assert_eq!(next(&mut listener), expected);
    }
}

#[test]
fn the_setting_is_read_and_shown_as_in_redis() {
    check(
        "s PSUBSCRIBE *
         a CONFIG GET notify-keyspace-events
         a SET k v
         a CONFIG SET notify-keyspace-events xE$g
         a CONFIG GET notify-keyspace-events
         a SET k v
         a HSET h f v
         a DEL h
         a CONFIG SET notify-keyspace-events Kq
         a CONFIG SET notify-keyspace-events KEg$lshzxetd
         a CONFIG GET notify-keyspace-events
         a CONFIG SET notify-keyspace-events AKEm
         a CONFIG GET notify-keyspace-events
         a CONFIG SET notify-keyspace-events A
         a CONFIG GET notify-keyspace-events
         a SET k v
         a CONFIG SET notify-keyspace-events KE
         a SET k v
         a CONFIG SET notify-keyspace-events Kl
         a SET k v
         a RPUSH l v
         a CONFIG SET notify-keyspace-events ''
         a RPUSH l v",
    );
}

#[test]
fn a_key_whose_time_has_passed_is_told_of() {
    let server = start_with(&["--notify-keyspace-events", "Ex"]);
    let [mut listener, mut writer] = [(); 2].map(|()| server.connect());
    listener.ok(&["PSUBSCRIBE", "*"]);
    writer.ok(&["SET", "gone", "v", "PX", "20"]);
    let expected = ["pmessage", "*", "__keyevent@0__:expired", "gone"];
    assert_eq!(next(&mut listener), expected);
    assert_eq!(writer.words("EXISTS gone"), Value::Int(0));
    // Built upon before anybody has removed it.
    for round in 0..20 {
        let key = format!("k{round}");
        writer.ok(&["SADD", &key, "m"]);
        writer.ok(&["PEXPIRE", &key, "1"]);
        while writer.words(&format!("EXISTS {key}")) != Value::Int(0) {}
        writer.ok(&["SADD", &key, "n"]);
        assert_eq!(next(&mut listener), ["pmessage", "*", "__keyevent@0__:expired", &key]);
    }
}

#[test]
fn who_changes_a_key_may_listen_to_it() {
    let server = start_with(&["--notify-keyspace-events", "E$"]);
    let mut client = connect3(&server);
    client.ok(&["PSUBSCRIBE", "*"]);
    client.send_command(&["SET", "k", "v"]).expect("open");
    assert_eq!(next(&mut client), ["pmessage", "*", "__keyevent@0__:set", "k"]);
    assert_eq!(client.receive().expect("the reply"), Value::simple("OK"));
}
