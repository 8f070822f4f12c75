//! Replies of the sorted set commands, each looked up at redis-server 7.0.

use crate::harness::Run;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NO_NUMBER: &str = "ERR resulting score is not a number (NaN)";

#[test]
fn adding() {
    Run::table(&[
        ("ZADD z 1 a 2 b 1 a", "2"),
        ("ZADD z CH 3 a 2 b 7 c", "2"),
        ("ZADD z NX 9 a 9 d", "1"),
        ("ZADD z XX CH 4 a 4 none", "1"),
        ("ZADD z GT CH 3 a 8 c 1 e", "2"),
        ("ZADD z LT CH 3 a 9 c", "1"),
        ("ZRANGE z 0 -1 WITHSCORES", "{e=1 b=2 a=3 c=8 d=9}"),
        ("ZADD z INCR 2.5 a", "5.5"),
        ("ZADD z GT INCR -1 a", "nil"),
        ("ZADD z LT INCR -1 a", "4.5"),
        ("ZADD z NX INCR 1 a", "nil"),
        ("ZADD z XX INCR 1 none", "nil"),
        ("ZADD none XX 1 a", "0"),
        ("ZADD none XX INCR 1 a", "nil"),
        ("EXISTS none", "0"),
        ("ZADD z inf i", "1"),
        ("ZADD z INCR inf i", "inf"),
        ("ZADD z INCR -inf i", NO_NUMBER),
        ("ZSCORE z i", "inf"),
        ("EXPIRE z 100", "1"),
        ("ZADD z 1 f", "1"),
        ("TTL z", "100"),
        ("ZADD z 1 x 2 x 3 y", "2"),
        ("ZMSCORE z x none y", "[2 nil 3]"),
        ("SET s v", "OK"),
        ("ZADD s 1 a", WRONG_TYPE),
        ("ZADD s XX 1 a", WRONG_TYPE),
    ]);
}

/// A listpack has no minus zero, a skiplist has.
#[test]
fn the_sign_of_zero() {
    let mut run = Run::new();
    run.check("ZADD z -0 a", "1");
    run.check("ZSCORE z a", "0");
    run.check("ZADD z INCR -0 b", "-0");
    run.check("ZSCORE z b", "0");
    run.check(&format!("ZADD z 1 {} -0 c", "x".repeat(65)), "2");
    run.check("ZMSCORE z a b c", "[0 0 -0]");
    run.check("ZADD z CH 0 c", "0");
    run.check("ZCOUNT z (-0 0", "0");
    run.check("ZRANGESTORE d z 0 2", "3");
    run.check("ZMSCORE d a b c", "[0 0 0]");
    run.check("ZREMRANGEBYSCORE z 1 1", "1");
    run.check("ZUNION z z WEIGHTS -1 0 WITHSCORES", "{a=0 b=0 c=0}");
    run.check_whole();
}

#[test]
fn reading() {
    Run::table(&[
        ("ZADD z 1 a 2 b 2 c 3 d", "4"),
        ("ZCARD z", "4"),
        ("ZSCORE z b", "2"),
        ("ZSCORE z none", "nil"),
        ("ZRANK z c", "2"),
        ("ZREVRANK z c", "1"),
        ("ZRANK z c WITHSCORE", "[2 2]"),
        ("ZRANK z none", "nil"),
        ("ZRANK z none WITHSCORE", "nil array"),
        ("ZRANK none a", "nil"),
        ("ZCOUNT z -inf inf", "4"),
        ("ZCOUNT z (1 2", "2"),
        ("ZCOUNT z 3 1", "0"),
        ("ZCOUNT z (2 (2", "0"),
        ("ZRANGE z 1 2", "[b c]"),
        ("ZRANGE z 1 2 REV", "[c b]"),
        ("ZRANGE z -2 100", "[c d]"),
        ("ZRANGE z 2 1", "[]"),
        ("ZRANGE z 5 9", "[]"),
        ("ZRANGE z 2 3 BYSCORE WITHSCORES", "{b=2 c=2 d=3}"),
        ("ZRANGE z 3 2 BYSCORE REV", "[d c b]"),
        ("ZRANGE z 1 3 BYSCORE LIMIT 1 2", "[b c]"),
        ("ZRANGE z 3 1 BYSCORE REV LIMIT 1 -1", "[c b a]"),
        ("ZRANGE z 1 3 BYSCORE LIMIT -1 2", "[]"),
        ("ZRANGE z 1 3 BYSCORE LIMIT 9 2", "[]"),
        ("ZRANGE z 1 3 BYSCORE LIMIT 0 0", "[]"),
        ("ZRANGE none 0 -1", "[]"),
        ("ZADD l 0 a 0 b 0 c 0 d", "4"),
        ("ZLEXCOUNT l - +", "4"),
        ("ZLEXCOUNT l + -", "0"),
        ("ZLEXCOUNT l [b (d", "2"),
        ("ZRANGE l (a [c BYLEX", "[b c]"),
        ("ZRANGE l + (b BYLEX REV LIMIT 0 1", "[d]"),
        // Scores that differ: whatever Redis's walk comes to.
        ("ZLEXCOUNT z [b [c", "2"),
        ("ZADD m 1 b 2 a 3 c", "3"),
        ("ZLEXCOUNT m [b [b", "2"),
        ("ZRANGE m [b + BYLEX", "[b a c]"),
        ("ZRANGE m [b - BYLEX REV", "[a b]"),
        ("ZRANGESTORE d z 2 3 BYSCORE LIMIT 1 9", "2"),
        ("ZRANGE d 0 -1 WITHSCORES", "{c=2 d=3}"),
        ("ZRANGESTORE z z 0 0", "1"),
        ("ZRANGE z 0 -1", "[a]"),
        ("ZRANGESTORE d none 0 -1", "0"),
        ("EXISTS d", "0"),
        ("SET s v", "OK"),
        ("ZRANGESTORE s z 0 -1", "1"),
        ("TYPE s", "+zset"),
        ("SET s v", "OK"),
        ("ZRANGE s 0 -1", WRONG_TYPE),
        ("ZRANGESTORE d s 0 -1", WRONG_TYPE),
        ("ZSCORE s a", WRONG_TYPE),
        ("ZCARD s", WRONG_TYPE),
    ]);
}

#[test]
fn removing() {
    Run::table(&[
        ("ZADD z 1 a 2 b 3 c 4 d 5 e 6 f", "6"),
        ("ZREM z a none a", "1"),
        ("ZREMRANGEBYRANK z -1 -1", "1"),
        ("ZREMRANGEBYSCORE z (2 3", "1"),
        ("ZREMRANGEBYSCORE z 9 10", "0"),
        ("ZRANGE z 0 -1", "[b d e]"),
        ("ZREMRANGEBYLEX z - +", "3"),
        ("EXISTS z", "0"),
        ("ZREM z a", "0"),
        ("ZREMRANGEBYRANK z 0 -1", "0"),
        ("ZADD z 1 a 2 b 3 c 4 d", "4"),
        ("ZPOPMIN z", "[a 1]"),
        ("ZPOPMAX z 2", "{d=4 c=3}"),
        ("ZPOPMIN z 0", "[]"),
        ("ZPOPMIN z 99", "{b=2}"),
        ("ZPOPMIN z", "[]"),
        ("ZMPOP 2 none z", "nil array"),
        ("BZPOPMIN none z", "nil array"),
        ("ZADD z 1 a 2 b 3 c 4 d", "4"),
        ("ZMPOP 2 none z", "[z [{a=1 b=2}]]"),
        ("BZPOPMAX none z", "[z d 4]"),
        ("BZMPOP 9 none z", "[z [{c=3}]]"),
        ("EXISTS z", "0"),
        ("SET s v", "OK"),
        ("ZMPOP 1 none s z", WRONG_TYPE),
        ("BZPOPMIN none s", WRONG_TYPE),
        ("ZREM s a", WRONG_TYPE),
    ]);
}

#[test]
fn combining() {
    Run::table(&[
        ("ZADD a 1 x 2 y 3 z", "3"),
        ("ZADD b 10 y 20 z 30 w", "3"),
        ("SADD s z w v", "3"),
        ("ZUNION a b WITHSCORES", "{x=1 y=12 z=23 w=30}"),
        ("ZUNION a b WEIGHTS 2 0.5 WITHSCORES", "{x=2 y=9 w=15 z=16}"),
        ("ZUNION a b none", "[x y z w]"),
        ("ZUNION a b s MIN WITHSCORES", "{v=1 w=1 x=1 z=1 y=2}"),
        ("ZUNION a b s MAX WITHSCORES", "{v=1 x=1 y=10 z=20 w=30}"),
        ("ZINTER a b WITHSCORES", "{y=12 z=23}"),
        ("ZINTER a b s WITHSCORES", "{z=24}"),
        ("ZINTER a none", "[]"),
        ("ZDIFF a b WITHSCORES", "{x=1}"),
        ("ZDIFF s a WITHSCORES", "{v=1 w=1}"),
        ("ZDIFF none a", "[]"),
        ("ZINTERCARD 0 a b", "2"),
        ("ZINTERCARD 1 a b", "1"),
        ("ZINTERCARD 0 a none", "0"),
        ("EXPIRE a 100", "1"),
        ("ZUNIONSTORE a a b", "4"),
        ("TTL a", "-1"),
        ("ZRANGE a 0 -1 WITHSCORES", "{x=1 y=12 z=23 w=30}"),
        ("ZINTERSTORE a a none", "0"),
        ("EXISTS a", "0"),
        ("ZDIFFSTORE d b s", "1"),
        ("ZADD i inf x -inf y", "2"),
        ("ZADD j -inf x 5 y", "2"),
        ("ZUNION i j WITHSCORES", "{y=-inf x=0}"),
        ("ZUNION i WEIGHTS 0 WITHSCORES", "{x=0 y=0}"),
        ("ZINTER i j WEIGHTS 0 1 WITHSCORES", "{x=-inf y=5}"),
        ("SET str v", "OK"),
        ("ZUNION none str", WRONG_TYPE),
        ("ZUNIONSTORE str b s", "4"),
        ("TYPE str", "+zset"),
    ]);
}

#[test]
fn scanning_drawing_and_looking() {
    let mut run = Run::new();
    run.check("ZADD z 2 a 1 b 100000000000000000 c", "3");
    run.check("ZSCAN z 0", "[0 [b 1 a 2 c 100000000000000000]]");
    run.check("ZSCAN z 0 [ac]", "[0 [a 2 c 100000000000000000]]");
    run.check("ZSCAN none 0", "[0 []]");
    run.check("ENCODING z", "listpack");
    run.check("REFCOUNT z", "1");
    run.check("ZRANDMEMBER none", "nil");
    run.check("ZRANDMEMBER none 3", "[]");
    run.check("ZRANDMEMBER z 0", "[]");
    run.check("ZRANDMEMBER z 9", "[c a b]");
    run.check("ZRANDMEMBER z 3 WITHSCORES", "{c=1e+17 a=2 b=1}");
    assert_eq!(run.reply("ZRANDMEMBER z -7").split(' ').count(), 7);
    let two = run.reply("ZRANDMEMBER z 2");
    assert!(["[a b]", "[a c]", "[b a]", "[b c]", "[c a]", "[c b]"].contains(&&*two), "{two}");
    run.check("COPY z y", "1");
    run.check("RENAME y x", "OK");
    run.check("ZRANGE x 0 -1", "[b a c]");
    run.check("SCAN 0 TYPE zset", "[0 [x z]]");
    run.check(&format!("ZADD z 5 {}", "x".repeat(65)), "1");
    run.check("ENCODING z", "skiplist");
    run.check("ENCODING x", "listpack");
    run.check_whole();
    let memory: usize = run.reply("MEMORY z").parse().unwrap();
    assert!((200..2_000).contains(&memory), "{memory}");
}

/// A walk over a large set tells every member that stays, whatever is removed meanwhile.
#[test]
fn a_walk_finds_all_that_stay() {
    let mut run = Run::new();
    for number in 0..1_000 {
        run.check(&format!("ZADD z {} m{number}", number % 7), "1");
    }
    let (mut cursor, mut seen) = ("0".to_owned(), String::new());
    for removed in 0.. {
        let page = run.reply(&format!("ZSCAN z {cursor} COUNT 30"));
        let (next, members) = page[1..].split_once(' ').unwrap();
        seen.push_str(&members.replace(['[', ']'], " "));
        if next == "0" {
            break;
        }
        cursor = next.to_owned();
        run.check(&format!("ZREM z m{}", removed * 3), "1");
        run.reply("ZPOPMIN z");
    }
    let left = run.reply("ZRANGE z 0 -1");
    for member in left[1..left.len() - 1].split(' ') {
        assert!(seen.contains(&format!(" {member} ")), "{member}");
    }
    run.check_whole();
}
