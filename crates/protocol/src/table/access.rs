//! What a request touches, for those who decide whether its user may: keys and channels.

use std::ops::Range;

use super::{Begin, CommandSpec, KeySpec};

/// One key of a request and what becomes of it. A command that does neither asks for facts about the
/// key only (EXISTS, XLEN), which everybody may who may do anything with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// Position among the arguments, the command's name being 0.
    pub position: usize,
    /// Tells the client, or another key, what the key holds.
    pub reads: bool,
    /// Changes what the key holds.
    pub writes: bool,
}

/// The channels of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelUse {
    /// Positions among the arguments.
    pub positions: Range<usize>,
    /// They are patterns (PSUBSCRIBE).
    pub are_patterns: bool,
}

/// ACL categories in the order of ACL CAT.
pub const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

impl CommandSpec {
    /// Whether the command belongs to an ACL category, named as in [`CATEGORIES`].
    #[must_use]
    pub fn is_in_category(&self, category: &str) -> bool {
        self.categories().any(|own| &own[1..] == category)
    }

    /// The keys of a request. Where the arguments do not allow to tell, there are none: the grammar
    /// refuses such a request.
    pub fn key_uses<'a>(&'static self, args: &'a [&'a [u8]]) -> impl Iterator<Item = KeyUse> + 'a {
        self.keys.iter().filter(|keys| !keys.is_no_key()).flat_map(move |keys| {
            let (reads, writes) = self.access(keys, args);
            let stepped = match keys.begin {
                Begin::AfterStreams(_) => None,
                _ => keys.positions(args),
            };
            let streams = match keys.begin {
                Begin::AfterStreams(_) => streams(args),
                _ => 0..0,
            };
            let positions = stepped.into_iter().flatten().chain(streams);
            positions.map(move |position| KeyUse { position, reads, writes })
        })
    }

    /// Whether keys are read and written, as the arguments have it.
    fn access(&self, keys: &KeySpec, args: &[&[u8]]) -> (bool, bool) {
        let has = |word: &str| keys.access.contains(&word);
        let is_set_without_get = self.name == "set"
            && !args.iter().skip(3).any(|word| word.eq_ignore_ascii_case(b"get"));
        let reads = has("access") && !is_set_without_get;
        let only_reads = self.name == "bitfield" && only_gets(args);
        (reads, !only_reads && (has("insert") || has("update") || has("delete")))
    }

    /// The channels of a request that somebody must be allowed to use.
    #[must_use]
    pub fn channel_use(&self, args: &[&[u8]]) -> Option<ChannelUse> {
        let (positions, are_patterns) = match self.name {
            "publish" | "spublish" => (1..2, false),
            "subscribe" | "ssubscribe" => (1..args.len(), false),
            "psubscribe" => (1..args.len(), true),
            _ => return None,
        };
        (positions.end <= args.len()).then_some(ChannelUse { positions, are_patterns })
    }
}

/// The keys of XREAD and XREADGROUP. They are found as the grammar finds them, option by option: a
/// group or consumer may be called STREAMS, and what stands behind it is no key.
fn streams(args: &[&[u8]]) -> Range<usize> {
    let mut at = 1;
    while let Some(word) = args.get(at) {
        at += if word.eq_ignore_ascii_case(b"streams") {
            return at + 1..at + 1 + (args.len() - at - 1) / 2;
        } else if word.eq_ignore_ascii_case(b"noack") {
            1
        } else if word.eq_ignore_ascii_case(b"group") {
            3
        } else {
            2
        };
    }
    0..0
}

/// Whether all that a BITFIELD does is GET.
fn only_gets(args: &[&[u8]]) -> bool {
    let mut at = 2;
    while let Some(word) = args.get(at) {
        if !word.eq_ignore_ascii_case(b"get") {
            return false;
        }
        at += 3;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::resolve;

    fn check(request: &str, expected: &[(&str, &str)]) {
        let args: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        let spec = resolve(&args).expect("a request");
        let seen: Vec<_> = spec
            .key_uses(&args)
            .map(|KeyUse { position, reads, writes }| {
                let access = match (reads, writes) {
                    (true, true) => "rw",
                    (true, false) => "r",
                    (false, true) => "w",
                    (false, false) => "",
                };
                (std::str::from_utf8(args[position]).expect("text"), access)
            })
            .collect();
        assert_eq!(seen, expected, "{request}");
    }

    #[test]
    fn keys_and_what_becomes_of_them() {
        check("xadd k * a b", &[("k", "w")]);
        check("xlen k", &[("k", "")]);
        check("xrange k - +", &[("k", "r")]);
        check("get k", &[("k", "r")]);
        check("set k v", &[("k", "w")]);
        check("set get get", &[("get", "w")]);
        check("set k v px 5 GET", &[("k", "rw")]);
        check("copy a b", &[("a", "r"), ("b", "w")]);
        check("mset a 1 b 2", &[("a", "w"), ("b", "w")]);
        check("del a b", &[("a", "w"), ("b", "w")]);
        check("xgroup create k g 0", &[("k", "w")]);
        check("ping k", &[]);
    }

    #[test]
    fn streams_are_found_as_the_grammar_finds_them() {
        check("xread streams a b 0 0", &[("a", "r"), ("b", "r")]);
        check("xread count 1 streams streams 0", &[("streams", "r")]);
        check("xread foo bar baz", &[]);
        check("xreadgroup group g c streams k >", &[("k", "r")]);
        check("xreadgroup noack group streams streams count 1 streams k >", &[("k", "r")]);
        check("xreadgroup count 1 group streams c streams k >", &[("k", "r")]);
        check("xreadgroup group g c block 0 noack streams", &[]);
    }
}
