//! Commands on sorted sets, and those that wait for one.

use crate::generate::{Generator, NUMBERS, bytes, line};
use crate::script::{Argument, Words};

/// Keys that mostly hold sorted sets.
pub(crate) const SORTED_SETS: &[&str] = &["z1", "z2", "z3"];

/// Commands as lines. `Z` is a key of sorted sets, `Q` one of sets or sorted sets, `K` any key, `M` a
/// member, `V` a score, `B` an end of a range of scores, `X` one of a range of members, `N` a number
/// that may be an edge, `n` a place near an end, `W` a weight, `T` a timeout that is refused.
const LINES: &[&str] = &[
    "ZADD Z V M",
    "ZADD Z V M V M",
    "ZADD Z V M V M V M V M",
    "ZADD Z 0 M 0 M 0 M 0 M 0 M",
    "ZADD Z n M n M n M n M n M",
    "ZADD K V M",
    "ZADD Z NX V M V M",
    "ZADD Z XX V M V M",
    "ZADD Z XX CH V M V M",
    "ZADD Z GT V M V M",
    "ZADD Z LT CH V M V M",
    "ZADD Z GT XX CH V M",
    "ZADD Z CH V M V M",
    "ZADD Z INCR V M",
    "ZADD Z NX INCR V M",
    "ZADD Z XX INCR V M",
    "ZADD Z GT INCR V M",
    "ZADD Z LT INCR V M",
    "ZADD Z NX XX V M",
    "ZADD Z NX GT V M",
    "ZADD Z GT LT V M",
    "ZADD Z INCR V M V M",
    "ZADD missing XX V M",
    "ZINCRBY Z V M",
    "ZINCRBY Z V M",
    "ZINCRBY K V M",
    "ZREM Z M",
    "ZREM Z M M M",
    "ZREM K M",
    "ZCARD Z",
    "ZCARD K",
    "ZSCORE Z M",
    "ZSCORE Z M",
    "ZSCORE K M",
    "ZMSCORE Z M M M",
    "ZCOUNT Z B B",
    "ZCOUNT Z B B",
    "ZCOUNT K -inf inf",
    "ZLEXCOUNT Z X X",
    "ZLEXCOUNT Z - +",
    "ZRANK Z M",
    "ZREVRANK Z M",
    "ZRANK K M",
    "ZRANGE Z 0 -1",
    "ZRANGE Z 0 -1 WITHSCORES",
    "ZRANGE Z n n WITHSCORES",
    "ZRANGE Z N N",
    "ZRANGE Z n n REV",
    "ZRANGE Z N N REV WITHSCORES",
    "ZRANGE Z n n LIMIT 0 -1",
    "ZRANGE Z n n LIMIT 0 1",
    "ZRANGE Z B B BYSCORE",
    "ZRANGE Z B B BYSCORE REV WITHSCORES",
    "ZRANGE Z B B BYSCORE LIMIT n n",
    "ZRANGE Z B B BYSCORE REV LIMIT N N",
    "ZRANGE Z X X BYLEX",
    "ZRANGE Z X X BYLEX REV",
    "ZRANGE Z X X BYLEX LIMIT n n",
    "ZRANGE Z - + BYLEX WITHSCORES",
    "ZRANGE Z B B BYSCORE BYLEX",
    "ZRANGE K 0 -1",
    "ZREVRANGE Z n n WITHSCORES",
    "ZREVRANGE Z N N",
    "ZREVRANGE Z 0 1 REV",
    "ZRANGEBYSCORE Z B B WITHSCORES",
    "ZRANGEBYSCORE Z B B LIMIT N N",
    "ZREVRANGEBYSCORE Z B B",
    "ZREVRANGEBYSCORE Z B B WITHSCORES LIMIT n n",
    "ZRANGEBYLEX Z X X",
    "ZRANGEBYLEX Z X X LIMIT n n",
    "ZREVRANGEBYLEX Z X X",
    "ZRANGESTORE Z Z n n",
    "ZRANGESTORE K Z n n REV",
    "ZRANGESTORE Z K n n",
    "ZRANGESTORE Z Z B B BYSCORE LIMIT n n",
    "ZRANGESTORE Z Z X X BYLEX",
    "ZRANGESTORE Z Z 0 1 WITHSCORES",
    "ZREMRANGEBYRANK Z n n",
    "ZREMRANGEBYRANK Z N N",
    "ZREMRANGEBYSCORE Z B B",
    "ZREMRANGEBYLEX Z X X",
    "ZREMRANGEBYRANK K n n",
    "ZPOPMIN Z",
    "ZPOPMIN Z n",
    "ZPOPMAX Z",
    "ZPOPMAX Z n",
    "ZPOPMAX Z N",
    "ZPOPMIN K",
    "ZMPOP 1 Z MIN",
    "ZMPOP 2 Z Z MAX COUNT n",
    "ZMPOP n Z K MIN COUNT N",
    "ZMPOP 2 missing Z MIN",
    "BZPOPMIN Z 0.01",
    "BZPOPMAX Z Z 0.01",
    "BZMPOP 0.01 2 Z Z MIN COUNT n",
    "BZPOPMIN Z T",
    "BZMPOP T 1 Z MAX",
    "ZUNION 2 Q Q WITHSCORES",
    "ZUNION 3 Q Q Q WEIGHTS W W W WITHSCORES",
    "ZUNION 2 Q Q AGGREGATE MIN WITHSCORES",
    "ZUNION 2 Q Q AGGREGATE MAX WEIGHTS W W WITHSCORES",
    "ZUNION n Q Q",
    "ZUNION 2 Q K",
    "ZINTER 2 Q Q WITHSCORES",
    "ZINTER 2 Q Q WEIGHTS W W WITHSCORES",
    "ZINTER 3 Q Q Q AGGREGATE MIN WEIGHTS W W W WITHSCORES",
    "ZINTER 2 Q Q AGGREGATE FOO",
    "ZDIFF 2 Q Q WITHSCORES",
    "ZDIFF 3 Q Q Q",
    "ZDIFF 1 Q WEIGHTS 1",
    "ZUNIONSTORE Z 2 Q Q",
    "ZUNIONSTORE Z 2 Q Q WEIGHTS W W AGGREGATE MAX",
    "ZUNIONSTORE K 2 Q K",
    "ZUNIONSTORE Z 2 Q Q WITHSCORES",
    "ZUNIONSTORE Z N Q",
    "ZINTERSTORE Z 2 Q Q",
    "ZINTERSTORE Z 2 Q Q WEIGHTS W W",
    "ZDIFFSTORE Z 2 Q Q",
    "ZINTERCARD 2 Q Q",
    "ZINTERCARD 2 Q Q LIMIT N",
    "ZINTERCARD N Q",
    "ZRANDMEMBER Z",
    "ZRANDMEMBER Z n",
    "ZRANDMEMBER Z n WITHSCORES",
    "ZRANDMEMBER Z N",
    "ZRANDMEMBER K 3",
    "ZSCAN Z N",
    "ZSCAN Z 0 FOO",
    "DEL Z",
    "COPY Z Z REPLACE",
    "RENAME Z Z",
    "OBJECT ENCODING Z",
    "TYPE Z",
    "COMMAND GETKEYS ZUNIONSTORE d n a b",
    "COMMAND GETKEYS BZPOPMIN a b 0",
    "COMMAND GETKEYS ZMPOP 2 a b MIN",
    "COMMAND GETKEYS BZMPOP 0 n a b MIN",
];

/// Those that wait, with a timeout that nobody waits for: another client has to act.
const WAITING: &[&str] = &[
    "BZPOPMIN Z 0",
    "BZPOPMAX Z Z 0",
    "BZPOPMIN Z K Z 0",
    "BZPOPMAX Z 1000",
    "BZMPOP 0 1 Z MIN",
    "BZMPOP 0 2 Z Z MAX COUNT 2",
];

pub(crate) fn command(g: &mut Generator) -> Words {
    if g.one_in(80) {
        return many(g);
    }
    let text = *g.pick(LINES);
    fill_all(g, text)
}

pub(crate) fn waiting(g: &mut Generator) -> Words {
    let text = *g.pick(WAITING);
    fill_all(g, text)
}

/// More members than fit into what the reference calls a listpack.
fn many(g: &mut Generator) -> Words {
    let mut command = fill_all(g, "ZADD Z");
    let scores = g.rng.below(1..20);
    for member in 0..120 + g.rng.below(0..20) {
        command.push(bytes((member * 7 % scores).to_string()));
        command.push(bytes(format!("m{member}")));
    }
    command
}

fn fill_all(g: &mut Generator, text: &str) -> Words {
    line(text).into_iter().map(|word| fill(g, word)).collect()
}

/// Whether a command of this name may wait for a member.
pub(crate) fn waits(name: &str) -> bool {
    matches!(name, "BZPOPMIN" | "BZPOPMAX" | "BZMPOP")
}

fn fill(g: &mut Generator, word: Argument) -> Argument {
    let Argument::Bytes(text) = &word else { return word };
    match text.as_slice() {
        b"Z" if g.one_in(30) => bytes(g.any_key()),
        b"Z" => bytes(*g.pick(SORTED_SETS)),
        b"Q" if g.one_in(4) => bytes(*g.pick(&["set1", "set2", "missing"])),
        b"Q" => bytes(*g.pick(SORTED_SETS)),
        b"K" => bytes(g.any_key()),
        b"N" if g.one_in(2) => bytes(*g.pick(NUMBERS)),
        b"N" | b"n" => bytes((g.rng.below(0..10) as i64 - 3).to_string()),
        b"T" => bytes(*g.pick(&["-1", "abc", "", "nan", "1e400", " 1", "99999999999999999999"])),
        b"M" if g.one_in(60) => bytes([b'x'; 65]),
        b"M" => bytes(*g.pick(MEMBERS)),
        b"V" | b"W" if !g.one_in(5) => bytes(*g.pick(SCORES)),
        b"V" | b"W" => bytes(*g.pick(ODD_SCORES)),
        b"B" => {
            let scores = if g.one_in(5) { ODD_SCORES } else { SCORES };
            let bound = *g.pick(scores);
            bytes(if g.one_in(4) { format!("({bound}") } else { bound.to_owned() })
        }
        b"X" => match g.rng.below(0..8) {
            0 => bytes("-"),
            1 => bytes("+"),
            2 => bytes(*g.pick(&["", "a", "-a", "+x", "(", "[", "[[", "-\0x", "["])),
            n => bytes([if n < 5 { "[" } else { "(" }, *g.pick(MEMBERS)].concat()),
        },
        _ => word,
    }
}

const MEMBERS: &[&str] =
    &["a", "b", "c", "d", "e", "f", "1", "2", "10", "-7", "01", "", "a b", "ab", "\u{fe}", "m1"];

const SCORES: &[&str] =
    &["0", "1", "2", "3", "-1", "-2", "5", "0.5", "1.5", "-0.25", "10", "100", "0.1", "3e2"];

/// Numbers at the edges of a double, and texts that are none.
const ODD_SCORES: &[&str] = &[
    "inf",
    "-inf",
    "+inf",
    "Infinity",
    "nan",
    "-nan",
    "-0",
    "-0.0",
    "1e308",
    "1.7976931348623157e308",
    "1e309",
    "-1e400",
    "5e-324",
    "1e-310",
    "1e-400",
    "0e999",
    "1e17",
    "123456789012345678",
    "9007199254740993",
    "1125899906842624.25",
    "2147483648",
    "4611686018427387904",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999",
    "0.30000000000000004",
    "0x10",
    "0x1p-3",
    "0x1.8p1023",
    "0x",
    "",
    " 1",
    "1 ",
    "1\0",
    "abc",
    "1e",
    ".5",
    "5.",
    "01",
    "(1",
    "[a",
    "--1",
];
