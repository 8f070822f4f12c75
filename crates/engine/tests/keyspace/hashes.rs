//! Replies of the hash commands, each looked up at redis-server 7.0.

use crate::harness::Run;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn fields() {
    Run::table(&[
        ("HSET h a 1 b 2 a 3", "2"),
        ("HSET h a 4 c 5", "1"),
        ("HMSET h d 6", "OK"),
        ("HSETNX h a 9", "0"),
        ("HSETNX h e 9", "1"),
        ("HGETALL h", "{a=4 b=2 c=5 d=6 e=9}"),
        ("HDEL h b zz b", "1"),
        ("HKEYS h", "[a c d e]"),
        ("HVALS h", "[4 5 6 9]"),
        ("HGET h a", "4"),
        ("HGET h zz", "nil"),
        ("HMGET h a zz a", "[4 nil 4]"),
        ("HMGET none a b", "[nil nil]"),
        ("HEXISTS h a", "1"),
        ("HEXISTS h b", "0"),
        ("HLEN h", "4"),
        ("HSTRLEN h e", "1"),
        ("HSTRLEN none e", "0"),
        ("HGETALL none", "{}"),
        ("HKEYS none", "[]"),
        ("HDEL none a", "0"),
        ("HDEL h a c d e", "4"),
        ("EXISTS h", "0"),
        ("SET s v", "OK"),
        ("HSET s a 1", WRONG_TYPE),
        ("HGET s a", WRONG_TYPE),
        ("HMGET s a", WRONG_TYPE),
        ("HGETALL s", WRONG_TYPE),
        ("HDEL s a", WRONG_TYPE),
        ("HSCAN s 0", WRONG_TYPE),
        ("HRANDFIELD s 1", WRONG_TYPE),
    ]);
}

#[test]
fn counting() {
    Run::table(&[
        ("HSET h a 1 s str big 9223372036854775807", "3"),
        ("EXPIRE h 100", "1"),
        ("HINCRBY h a 5", "6"),
        ("HINCRBY h new -5", "-5"),
        ("TTL h", "100"),
        ("HINCRBY h s 1", "ERR hash value is not an integer"),
        ("HINCRBY h big 1", "ERR increment or decrement would overflow"),
        ("HINCRBYFLOAT h s 1", "ERR hash value is not a float"),
        ("HINCRBYFLOAT h f 10.5", "10.5"),
        ("HINCRBYFLOAT h f 0.1", "10.6"),
        ("HINCRBYFLOAT h f inf", "ERR value is NaN or Infinity"),
        ("HSET h inf inf", "1"),
        ("HINCRBYFLOAT h inf 1", "ERR increment would produce NaN or Infinity"),
    ]);
}

#[test]
fn scanning_and_drawing() {
    let mut run = Run::new();
    run.check("HSET h a 1 b 2 c 3", "3");
    run.check("HSCAN h 0 COUNT 1", "[0 [a 1 b 2 c 3]]");
    run.check("HSCAN h 0 MATCH [ac]", "[0 [a 1 c 3]]");
    run.check("HSCAN h 0 NOVALUES", "[0 [a b c]]");
    run.check("HSCAN h 0 MATCH [ac] NOVALUES", "[0 [a c]]");
    run.check("HSCAN none 0", "[0 []]");
    run.check("ENCODING h", "listpack");
    run.check("HRANDFIELD none", "nil");
    run.check("HRANDFIELD none 3", "[]");
    run.check("HRANDFIELD h 0", "[]");
    run.check("HRANDFIELD h 9", "[a b c]");
    run.check("HRANDFIELD h 9 WITHVALUES", "{a=1 b=2 c=3}");
    run.check("HRANDFIELD h -9223372036854775808", "ERR value is out of range");
    assert_eq!(run.reply("HRANDFIELD h -7").split(' ').count(), 7);
    let two = run.reply("HRANDFIELD h 2");
    assert!(["[a b]", "[a c]", "[b a]", "[b c]", "[c a]", "[c b]"].contains(&&*two), "{two}");
    run.check(&format!("HSET h long {}", "x".repeat(65)), "1");
    run.check("ENCODING h", "hashtable");
    run.check_whole();
}

/// Order is kept up to 128 fields, and the same for live, replay and image beyond.
#[test]
fn large_hashes_survive() {
    let mut run = Run::new();
    for field in 0..400 {
        run.check(&format!("HSET h f{field} {field}"), "1");
    }
    for field in (0..400).step_by(3) {
        run.check(&format!("HDEL h f{field}"), "1");
    }
    run.check("HLEN h", "266");
    run.check_whole();
    for field in (0..400).filter(|field| field % 3 != 0).take(200) {
        run.check(&format!("HDEL h f{field}"), "1");
    }
    let order = run.reply("HKEYS h");
    run.check("HDEL h f399 f398", "1");
    run.check("HKEYS h", &order.replace(" f398", "").replace("f398 ", ""));
    run.check_whole();
}
