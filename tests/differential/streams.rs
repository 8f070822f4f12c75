//! Commands on streams and consumer groups, with every option.

use crate::generate::{Generator, NUMBERS, STREAMS, bytes, line, words};
use crate::play::upper;
use crate::script::{Argument, Words};

type Draw = fn(&mut Generator) -> Words;

/// How often each command is drawn.
const WEIGHTS: &[(u64, Draw)] = &[
    (30, xadd),
    (3, xlen),
    (5, xrange),
    (5, xread),
    (14, xreadgroup),
    (6, xack),
    (5, xdel),
    (5, xtrim),
    (2, xsetid),
    (8, xpending),
    (8, xclaim),
    (6, xautoclaim),
    (10, xgroup),
    (9, xinfo),
];

pub(crate) fn command(g: &mut Generator) -> Words {
    let total = WEIGHTS.iter().map(|(weight, _)| weight).sum();
    let mut at = g.rng.below(0..total);
    for (weight, draw) in WEIGHTS {
        if at < *weight {
            return draw(g);
        }
        at -= weight;
    }
    unreachable!("the weights add up")
}

/// An ID in some command, mostly one that exists or could.
fn id(g: &mut Generator) -> Argument {
    match g.rng.below(0..60) {
        0 => bytes(*g.pick(ODD_IDS)),
        1 => Argument::AutoId(g.rng.index(4)),
        2..=6 => bytes(g.rng.below(0..14).to_string()),
        _ => {
            let top = g.tops.values().max().copied().unwrap_or(3).max(3);
            // Most of the time among the last twelve, where something is pending.
            let low = if g.one_in(4) { 0 } else { top.saturating_sub(12) };
            let ms = g.rng.below(low..top + 2);
            bytes(format!("{ms}-{}", if g.one_in(4) { 1 } else { 0 }))
        }
    }
}

/// Edges, and texts that are no IDs.
const ODD_IDS: &[&str] = &[
    "0-0",
    "0",
    "0-1",
    "-",
    "+",
    "$",
    ">",
    "*",
    "1-*",
    "",
    "abc",
    "1-",
    "-1",
    "1-2-3",
    "1-1x",
    "18446744073709551615-18446744073709551615",
    "18446744073709551615",
    "18446744073709551616",
    "1-18446744073709551615",
    "1-18446744073709551616",
    "18446744073709551615-0",
    "00001-00001",
    "(",
    "((1",
    "(-",
    "(+",
    "(1-1",
    "1 -1",
    "(0-0",
    "(18446744073709551615-18446744073709551615",
    "11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111\
     111111111111111111111111111111111111",
];

fn range_end(g: &mut Generator, whole: &str) -> Argument {
    if g.one_in(3) {
        return bytes(whole);
    }
    match id(g) {
        Argument::Bytes(text) if g.one_in(4) => bytes([b"(", text.as_slice()].concat()),
        id => id,
    }
}

fn group(g: &mut Generator) -> &'static str {
    match g.rng.below(0..50) {
        0 => "",
        1 => "nogroup",
        n if n < 35 => "g1",
        _ => "g2",
    }
}

fn consumer(g: &mut Generator) -> &'static str {
    match g.rng.below(0..60) {
        0 => "",
        1 => "b\0när",
        n if n < 35 => "alice",
        _ => "bob",
    }
}

fn option(g: &mut Generator, words: &mut Words, name: &str, value: String) {
    let name = if g.one_in(10) { name.to_ascii_lowercase() } else { name.into() };
    words.extend([bytes(name), bytes(value)]);
}

fn xadd(g: &mut Generator) -> Words {
    let key = g.stream_key();
    let mut command = words(&["XADD", &key]);
    if g.one_in(20) {
        command.push(bytes("NOMKSTREAM"));
    }
    if g.one_in(6) {
        trimming(g, &mut command);
    }
    let known = STREAMS.iter().find(|stream| **stream == key).copied();
    let top = known.and_then(|key| g.tops.get(key).copied()).unwrap_or_default();
    let ms = top + g.rng.below(0..3);
    command.push(match g.rng.below(0..60) {
        0 => bytes(*g.pick(ODD_IDS)),
        // In one stream only: two could draw the same ID, and no name would tell them apart.
        1 if key == "s1" => bytes("*"),
        2..=6 => bytes(format!("{ms}-*")),
        7..=9 => id(g),
        10..=12 => bytes((ms + 1).to_string()),
        13..=20 => bytes(format!("{ms}-{}", g.rng.below(0..4))),
        _ => bytes(format!("{}-0", ms + 1)),
    });
    if let Some(key) = known {
        g.tops.insert(key, ms + 1);
    }
    let pairs = if g.one_in(6) { 1 + g.rng.below(0..4) } else { 1 };
    for pair in 0..pairs {
        command.push(bytes(if g.one_in(5) { "" } else { "f" }));
        match g.rng.below(0..12) {
            0 => command.push(bytes("v".repeat(usize::from(g.one_in(2)) * 300))),
            1 => command.push(bytes(b"\0\r\n\xff")),
            2 => command.push(bytes("123456789")),
            _ => command.push(bytes(format!("v{pair}"))),
        }
    }
    command
}

fn trimming(g: &mut Generator, command: &mut Words) {
    let strategy = *g.pick(&["MAXLEN", "MINID", "maxlen"]);
    command.push(bytes(strategy));
    let sign = match (g.approximate, strategy) {
        (true, "MINID") => "~",
        (true, _) => *g.pick(&["", "", "=", "~", "~"]),
        (false, _) => *g.pick(&["", "="]),
    };
    if !sign.is_empty() {
        command.push(bytes(sign));
    }
    command.push(match strategy {
        "MINID" => id(g),
        _ if g.one_in(3) => bytes(g.count()),
        _ => bytes(g.rng.below(0..25).to_string()),
    });
    if g.one_in(if sign == "~" { 2 } else { 15 }) {
        let limit = g.count();
        option(g, command, "LIMIT", limit);
    }
}

fn xlen(g: &mut Generator) -> Words {
    words(&["XLEN", &g.stream_key()])
}

fn xrange(g: &mut Generator) -> Words {
    let reverse = g.one_in(2);
    let mut command = words(&[if reverse { "XREVRANGE" } else { "XRANGE" }, &g.stream_key()]);
    let (first, second) = if reverse { ("+", "-") } else { ("-", "+") };
    command.extend([range_end(g, first), range_end(g, second)]);
    if g.one_in(2) {
        let count = g.count();
        option(g, &mut command, "COUNT", count);
    }
    command
}

fn read_options(g: &mut Generator, command: &mut Words) {
    if g.one_in(2) {
        let count = g.count();
        option(g, command, "COUNT", count);
    }
    if g.one_in(8) {
        let timeout = (*g.pick(&["1", "3", "0", "-1", "abc", "9223372036854775807"])).into();
        option(g, command, "BLOCK", timeout);
    }
}

fn xread(g: &mut Generator) -> Words {
    let mut command = words(&["XREAD"]);
    read_options(g, &mut command);
    let count = if g.one_in(4) { 2 + g.rng.index(2) } else { 1 };
    command.push(bytes("STREAMS"));
    (0..count).for_each(|_| command.push(bytes(g.stream_key())));
    for _ in 0..count {
        let special = *g.pick(&["$", "0", "0-0", ">", "+"]);
        let is_special = g.one_in(if special.len() == 1 && special != "$" { 20 } else { 4 });
        command.push(if is_special { bytes(special) } else { id(g) });
    }
    command
}

fn xreadgroup(g: &mut Generator) -> Words {
    let mut command = words(&["XREADGROUP", "GROUP", group(g), consumer(g)]);
    read_options(g, &mut command);
    if g.one_in(10) {
        command.push(bytes("NOACK"));
    }
    streams_of_group(g, &mut command);
    command
}

fn streams_of_group(g: &mut Generator, command: &mut Words) {
    let count = if g.one_in(8) { 2 } else { 1 };
    command.push(bytes("STREAMS"));
    (0..count).for_each(|_| command.push(bytes(g.stream_key())));
    for _ in 0..count {
        command.push(match g.rng.below(0..40) {
            0 => {
                bytes(*g.pick(&["$", "+", "*", "abc", "18446744073709551614-18446744073709551615"]))
            }
            1..=4 => bytes("0"),
            5..=7 => id(g),
            _ => bytes(">"),
        });
    }
}

/// A read that waits until another connection acts, in most cases.
pub(crate) fn blocking_read(g: &mut Generator) -> Words {
    let timeout = *g.pick(&["0", "0", "100000"]);
    let count = if g.one_in(3) { vec!["COUNT", "2"] } else { vec![] };
    if g.one_in(3) {
        let mut command = words(&["XREAD", "BLOCK", timeout]);
        command.extend(words(&count));
        let keys = 1 + g.rng.index(2);
        command.push(bytes("STREAMS"));
        (0..keys).for_each(|_| command.push(bytes(g.stream_key())));
        (0..keys).for_each(|_| command.push(bytes("$")));
        return command;
    }
    let mut command = words(&["XREADGROUP", "GROUP", group(g), consumer(g), "BLOCK", timeout]);
    command.extend(words(&count));
    if g.one_in(6) {
        command.push(bytes("NOACK"));
    }
    streams_of_group(g, &mut command);
    command
}

/// XGROUP CREATECONSUMER for every stream and the consumer that an XREADGROUP, XCLAIM or XAUTOCLAIM
/// names.
pub(crate) fn consumers_of(command: &[Argument]) -> Vec<Words> {
    let find = |name: &str| command.iter().position(|w| upper(w) == name);
    let (keys, group) = match command.first().map(upper).as_deref() {
        Some("XCLAIM" | "XAUTOCLAIM") if command.len() > 3 => (&command[1..2], 2),
        Some("XREADGROUP") => {
            let (Some(group), Some(streams)) = (find("GROUP"), find("STREAMS")) else {
                return vec![];
            };
            let keys = (command.len() - streams - 1) / 2;
            (&command[streams + 1..streams + 1 + keys], group + 1)
        }
        _ => return vec![],
    };
    let Some(names) = command.get(group..group + 2) else { return vec![] };
    let create = |key: &Argument| {
        [words(&["XGROUP", "CREATECONSUMER"]), vec![key.clone()], names.to_vec()].concat()
    };
    keys.iter().map(create).collect()
}

fn ids(g: &mut Generator, command: &mut Words) {
    let count = if g.one_in(2) { 1 } else { 1 + g.rng.index(5) };
    (0..count).for_each(|_| command.push(id(g)));
}

fn xack(g: &mut Generator) -> Words {
    let mut command = words(&["XACK", &g.stream_key(), group(g)]);
    ids(g, &mut command);
    command
}

fn xdel(g: &mut Generator) -> Words {
    let mut command = words(&["XDEL", &g.stream_key()]);
    ids(g, &mut command);
    command
}

fn xtrim(g: &mut Generator) -> Words {
    let mut command = words(&["XTRIM", &g.stream_key()]);
    trimming(g, &mut command);
    command
}

fn xsetid(g: &mut Generator) -> Words {
    let mut command = words(&["XSETID", &g.stream_key()]);
    command.push(id(g));
    if g.one_in(2) {
        let added = if g.one_in(2) { g.count() } else { g.rng.below(0..200).to_string() };
        option(g, &mut command, "ENTRIESADDED", added);
    }
    if g.one_in(2) {
        command.extend([bytes("MAXDELETEDID"), id(g)]);
    }
    command
}

fn xpending(g: &mut Generator) -> Words {
    let mut command = words(&["XPENDING", &g.stream_key(), group(g)]);
    if g.one_in(3) {
        return command;
    }
    if g.one_in(4) {
        let idle = idle(g);
        option(g, &mut command, "IDLE", idle);
    }
    command.extend([range_end(g, "-"), range_end(g, "+"), bytes(g.count())]);
    if g.one_in(3) {
        command.push(bytes(consumer(g)));
    }
    command
}

/// Milliseconds: nothing, hours, or an edge; never about as long as a script lasts.
fn idle(g: &mut Generator) -> String {
    match g.rng.below(0..12) {
        0 => match *g.pick(NUMBERS) {
            "1" => "0".into(),
            edge => edge.into(),
        },
        1..=2 => "3600000".into(),
        3 => "7200000".into(),
        _ => "0".into(),
    }
}

fn xclaim(g: &mut Generator) -> Words {
    let mut command = words(&["XCLAIM", &g.stream_key(), group(g), consumer(g), &idle(g)]);
    ids(g, &mut command);
    while g.one_in(2) {
        match g.rng.below(0..7) {
            0 => {
                let ms = idle(g);
                option(g, &mut command, "IDLE", ms);
            }
            1 => {
                let ms = (*g.pick(&["0", "1600000000000", "99999999999999", "-1", "abc"])).into();
                option(g, &mut command, "TIME", ms);
            }
            2 => {
                let count = g.count();
                option(g, &mut command, "RETRYCOUNT", count);
            }
            3..=4 => command.push(bytes("FORCE")),
            5 => command.push(bytes("JUSTID")),
            _ => command.extend([bytes("LASTID"), id(g)]),
        }
    }
    command
}

fn xautoclaim(g: &mut Generator) -> Words {
    let mut command = words(&["XAUTOCLAIM", &g.stream_key(), group(g), consumer(g), &idle(g)]);
    command.push(range_end(g, "-"));
    if g.one_in(2) {
        let count = g.count();
        option(g, &mut command, "COUNT", count);
    }
    if g.one_in(3) {
        command.push(bytes("JUSTID"));
    }
    command
}

fn xgroup(g: &mut Generator) -> Words {
    let (key, group) = (g.stream_key(), group(g));
    let mut command = match g.rng.below(0..20) {
        0..=10 => words(&["XGROUP", "CREATE", &key, group]),
        11..=13 => words(&["XGROUP", "SETID", &key, group]),
        14 => return words(&["XGROUP", "DESTROY", &key, group]),
        15..=16 => return words(&["XGROUP", "CREATECONSUMER", &key, group, consumer(g)]),
        17..=18 => return words(&["XGROUP", "DELCONSUMER", &key, group, consumer(g)]),
        _ => return line(*g.pick(&["XGROUP HELP", "XGROUP", "XGROUP FOO", "XGROUP HELP a"])),
    };
    command.push(match g.rng.below(0..6) {
        0 => bytes("$"),
        1..=3 => bytes("0"),
        _ => id(g),
    });
    if g.one_in(2) && upper(&command[1]) == "CREATE" {
        command.push(bytes("MKSTREAM"));
    }
    if g.one_in(6) {
        let count = g.count();
        option(g, &mut command, "ENTRIESREAD", count);
    }
    command
}

fn xinfo(g: &mut Generator) -> Words {
    let key = g.stream_key();
    match g.rng.below(0..12) {
        0..=2 => words(&["XINFO", "STREAM", &key]),
        3..=4 => words(&["XINFO", "STREAM", &key, "FULL"]),
        5 => words(&["XINFO", "STREAM", &key, "FULL", "COUNT", &g.count()]),
        6..=8 => words(&["XINFO", "GROUPS", &key]),
        9..=10 => words(&["XINFO", "CONSUMERS", &key, group(g)]),
        _ => {
            line(*g.pick(&["XINFO HELP", "XINFO", "XINFO FOO s1", "XINFO HELP a", "XINFO STREAM"]))
        }
    }
}
