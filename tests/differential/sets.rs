//! Commands on sets. Sets have no order: [`by_design`](crate::by_design) sorts what is told of them,
//! and scripts end where a member was drawn.

use crate::generate::{Generator, NUMBERS, bytes, line};
use crate::script::{Argument, Words};

/// Keys that mostly hold sets.
pub(crate) const SETS: &[&str] = &["set1", "set2", "set3"];

/// Commands as lines. `S` is a key of sets, `K` any key, `M` a member, `N` a number that may be an
/// edge, `n` a small number.
const LINES: &[&str] = &[
    "SADD S M",
    "SADD S M M M",
    "SADD S n n n n",
    "SADD S M M M M M M",
    "SADD K M",
    "SREM S M",
    "SREM S M M M",
    "SREM K M",
    "SMEMBERS S",
    "SMEMBERS K",
    "SISMEMBER S M",
    "SMISMEMBER S M M M",
    "SCARD S",
    "SCARD K",
    "SMOVE S S M",
    "SMOVE S K M",
    "SMOVE missing K M",
    "SINTER S S",
    "SINTER S",
    "SINTER S missing K",
    "SUNION S S",
    "SUNION S K",
    "SDIFF S S",
    "SDIFF missing S K",
    "SINTERSTORE S S S",
    "SINTERSTORE K S S",
    "SUNIONSTORE S S S",
    "SUNIONSTORE K S missing",
    "SDIFFSTORE S S S",
    "SDIFFSTORE K S K",
    "SINTERCARD 2 S S",
    "SINTERCARD 2 S S LIMIT n",
    "SINTERCARD n S S K",
    "SINTERCARD N S",
    "SPOP S 1000",
    "SPOP S 0",
    "SPOP missing",
    "SPOP missing N",
    "SPOP S N FOO",
    "SRANDMEMBER S",
    "SRANDMEMBER S n",
    "SRANDMEMBER S -3",
    "SRANDMEMBER S 1000",
    "SRANDMEMBER missing N",
    "SSCAN S 0 COUNT 1000 MATCH *",
    "SSCAN S abc",
    "SSCAN K 0 FOO",
    "SORT S ALPHA",
    "SORT S",
    "SORT S DESC LIMIT n n",
    "SORT S BY str* GET # GET str*",
    "SORT S BY nosort",
    "SORT S BY nosort STORE list3",
    "SORT S STORE list3",
    "SORT S ALPHA STORE K",
    "DEL S",
    "COPY S S REPLACE",
    "RENAME S S",
    "OBJECT ENCODING S",
    "OBJECT ENCODING S",
    "COMMAND GETKEYS SINTERCARD 2 a b LIMIT 1",
    "COMMAND GETKEYS SUNIONSTORE a b c",
];

pub(crate) fn command(g: &mut Generator) -> Words {
    // A draw ends the script, as the two servers draw differently.
    let text = if g.one_in(300) { "SPOP S n" } else { *g.pick(LINES) };
    line(text).into_iter().map(|word| fill(g, word)).collect()
}

fn fill(g: &mut Generator, word: Argument) -> Argument {
    let Argument::Bytes(text) = &word else { return word };
    match text.as_slice() {
        b"S" if g.one_in(30) => bytes(g.any_key()),
        b"S" => bytes(*g.pick(SETS)),
        b"K" => bytes(g.any_key()),
        b"N" if g.one_in(2) => bytes(*g.pick(NUMBERS)),
        b"N" | b"n" => bytes(g.rng.below(0..9).to_string()),
        b"M" => bytes(*g.pick(MEMBERS)),
        _ => word,
    }
}

const MEMBERS: &[&str] = &[
    "a",
    "b",
    "c",
    "d",
    "1",
    "2",
    "3",
    "-7",
    "10",
    "100000",
    "01",
    "",
    "a b",
    "9223372036854775807",
    "9223372036854775808",
];
