//! Sorted sets.

use super::{NOT_AN_INTEGER, SYNTAX, arity, check};

#[test]
fn sorted_sets() {
    const NOT_A_FLOAT: &str = "ERR value is not a valid float";
    const SCORE: &str = "ERR min or max is not a float";
    const LEX: &str = "ERR min or max not valid string range item";
    const POSITIVE: &str = "ERR value is out of range, must be positive";
    check("zadd z nx xx 1 a", "ERR XX and NX options at the same time are not compatible");
    for pair in ["nx gt", "nx lt", "gt lt", "lt gt xx"] {
        let refusal = "ERR GT, LT, and/or NX options at the same time are not compatible";
        check(&format!("zadd z {pair} 1 a"), refusal);
    }
    check("zadd z incr 1 a 2 b", "ERR INCR option supports a single increment-element pair");
    for request in
        ["zadd z nx 1", "zadd z 1 a 2", "zadd z nx xx", "zincrby z nx m", "zadd z nx xx 1 a b"]
    {
        check(request, SYNTAX);
    }
    for score in ["''", "x", "nan", "_1", "1_", "1e400", "1e-400", "0x", "(1"] {
        check(&format!("zadd z {score} a"), NOT_A_FLOAT);
        check(&format!("zadd z 1 a {score} b"), NOT_A_FLOAT);
        check(&format!("zincrby z {score} a"), NOT_A_FLOAT);
    }
    for bound in ["x", "nan", "1_", "((1", "[1", "+"] {
        check(&format!("zcount z {bound} 1"), SCORE);
        check(&format!("zcount z 1 {bound}"), SCORE);
        check(&format!("zremrangebyscore z {bound} 1"), SCORE);
        check(&format!("zrangebyscore z {bound} 1"), SCORE);
        check(&format!("zrange z 1 {bound} byscore rev"), SCORE);
    }
    check("zcount z '' (", "");
    check("zcount z _1 1e400", "");
    for bound in ["a", "''", "-a", "+a", "1"] {
        check(&format!("zlexcount z {bound} +"), LEX);
        check(&format!("zremrangebylex z - {bound}"), LEX);
        check(&format!("zrange z {bound} + bylex"), LEX);
    }
    check("zlexcount z [ (", "");
    let limit =
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
    check("zrange z 0 1 limit 0 1", limit);
    check("zrange z x 1 limit 0 1", limit);
    check("zrange z 0 1 limit 0 -1", "");
    check("zrange z a 1", NOT_AN_INTEGER);
    check(
        "zrange z a b bylex withscores",
        "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
    );
    for request in [
        "zrange z 0 1 byscore bylex",
        "zrange z 0 1 limit 1",
        "zrange z 0 1 foo",
        "zrevrange z 0 1 rev",
        "zrangebyscore z 0 1 byscore",
        "zrangebylex z - + rev",
        "zrangestore d z 0 1 withscores",
        "zrank z a foo",
        "zpopmin z 1 2",
        "zmpop 2 z min",
        "zmpop 9223372036854775807 z min",
        "zmpop 1 z mid",
        "zmpop 1 z min count 1 count 1",
        "zmpop 1 z min count",
        "zrandmember z 1 foo",
        "zrandmember z 1 withscores foo",
        "zunion 2 a",
        "zunion 1 a weights",
        "zunion 1 a aggregate",
        "zunion 1 a aggregate foo",
        "zunionstore d 1 a withscores",
        "zdiff 1 a weights 1",
        "zdiff 1 a aggregate sum",
        "zintercard 1 a withscores",
        "zintercard 1 a limit",
        "zscan z 0 foo",
    ] {
        check(request, SYNTAX);
    }
    check("zrange z 0 1 byscore limit x 1", NOT_AN_INTEGER);
    check("zremrangebyrank z x 1", NOT_AN_INTEGER);
    check("zrank z a withscore x", &arity("zrank"));
    check("zrevrank z a WITHSCORE", "");
    for count in ["-1", "x", "99999999999999999999"] {
        check(&format!("zpopmin z {count}"), POSITIVE);
    }
    for count in ["0", "-1", "x"] {
        check(&format!("zmpop {count} z min"), "ERR numkeys should be greater than 0");
        check(&format!("bzmpop x {count} z min"), "ERR numkeys should be greater than 0");
        check(&format!("zmpop 1 z min count {count}"), "ERR count should be greater than 0");
    }
    check("bzpopmin z x", "ERR timeout is not a float or out of range");
    check("bzpopmax z -1", "ERR timeout is negative");
    check("bzmpop x 1 z min", "ERR timeout is not a float or out of range");
    for name in ["zunion", "zinter", "zdiff", "zintercard"] {
        let refusal = format!("ERR at least 1 input key is needed for '{name}' command");
        check(&format!("{name} 0 a"), &refusal);
        check(&format!("{name} -1 a"), &refusal);
        check(&format!("{name} x a"), NOT_AN_INTEGER);
    }
    let refusal = "ERR at least 1 input key is needed for 'zunionstore' command";
    check("zunionstore d 0 a", refusal);
    check("zunion 1 a weights x", "ERR weight value is not a float");
    check("zintercard 1 a limit -1", "ERR LIMIT can't be negative");
    check("zintercard 1 a limit x", "ERR LIMIT can't be negative");
    check("zrandmember z x", NOT_AN_INTEGER);
    check("zrandmember z 4611686018427387904 withscores", "ERR value is out of range");
    check("zrandmember z -4611686018427387904 withscores", "ERR value is out of range");
    check("zrandmember z 4611686018427387903 withscores", "");
    check("zscan z x", "ERR invalid cursor");
}
