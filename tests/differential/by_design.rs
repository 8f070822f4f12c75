//! The one list of replies that may differ. Whatever is not here must agree byte for byte.
//!
//! The reference is Redis 7.0.15; Headwater follows Redis up to 7.4 and says so in
//! `docs/compatibility.md`. A rule brings both replies to a common form, or ends the script where
//! the two go different ways.

use crate::reply::Node;

/// What a rule may look at besides the replies.
pub(crate) struct Case<'a> {
    /// The command, in upper case.
    pub(crate) words: Vec<String>,
    /// Whether the reply ends a wait.
    pub(crate) is_wake_up: bool,
    /// Who sent it.
    pub(crate) connection: usize,
    /// Every command of the script so far.
    pub(crate) history: &'a [Past],
}

/// A command that was sent.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) connection: usize,
    /// In upper case.
    pub(crate) words: Vec<String>,
}

impl Case<'_> {
    fn is(&self, name: &str) -> bool {
        self.words[0] == name
    }

    fn is_sub(&self, name: &str, subcommand: &str) -> bool {
        self.is(name) && self.words.get(1).is_some_and(|word| word == subcommand)
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }

    fn happened(&self, words: &[&str]) -> bool {
        let is_one = |word: &String| words.contains(&word.as_str());
        self.history.iter().any(|past| past.words.iter().any(is_one))
    }

    fn names_a_stream_twice(&self) -> bool {
        let Some(at) = self.words.iter().position(|word| word == "STREAMS") else { return false };
        let keys = &self.words[at + 1..at + 1 + (self.words.len() - at - 1) / 2];
        keys.iter().enumerate().any(|(at, key)| keys[..at].contains(key))
    }

    /// Whether a command about groups, or XSETID, named a key that this connection watches.
    fn watches_a_changed_group(&self) -> bool {
        let is_ours = |past: &&Past| past.connection == self.connection;
        let watched: Vec<_> = (self.history.iter().filter(is_ours))
            .filter(|past| past.words[0] == "WATCH")
            .flat_map(|past| &past.words[1..])
            .collect();
        let groups = ["XGROUP", "XREADGROUP", "XACK", "XCLAIM", "XAUTOCLAIM", "XSETID"];
        let changes = |past: &&Past| groups.contains(&past.words[0].as_str());
        self.history
            .iter()
            .filter(changes)
            .any(|past| past.words[1..].iter().any(|word| watched.contains(&word)))
    }
}

/// What a rule found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Both replies are in a common form as far as the rule is concerned.
    Normalised,
    /// A difference by design after which the two states are not the same.
    Parted,
}

/// One row of the list.
struct ByDesign {
    why: &'static str,
    rule: fn(&Case<'_>, &mut Node, &mut Node) -> Verdict,
}

/// How far two readings of a clock may lie apart. Scripts last well under this, and use either
/// times of minutes or none at all.
const CLOCK_TOLERANCE_MS: u64 = 20_000;

/// One of two texts for the same mistake, also where a script tells it.
fn unbalanced(redis: &mut Node, headwater: &mut Node) {
    let has = |node: &Node, words: &str| {
        node.bytes().windows(words.len()).any(|window| window == words.as_bytes())
    };
    if has(redis, "ERR Unbalanced X") && has(headwater, "ERR Unbalanced 'xread") {
        headwater.clone_from(redis);
    }
    for (redis, headwater) in redis.items_mut().iter_mut().zip(headwater.items_mut()) {
        unbalanced(redis, headwater);
    }
}

/// DIFFERENCES BY DESIGN.
const DIFFERENCES: &[ByDesign] = &[
    ByDesign {
        why: "idle times, delivery times and times to live are read at different moments",
        rule: clocks,
    },
    ByDesign {
        why: "libraries of functions stand in no order in 7.0",
        rule: |case, redis, headwater| {
            if case.is_sub("FUNCTION", "LIST") {
                for reply in [redis, headwater] {
                    reply.items_mut().sort_by_key(|library| format!("{library:?}"));
                }
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "7.2 adds `inactive` to XINFO CONSUMERS and `active-time` to XINFO STREAM FULL",
        rule: |case, _, headwater| {
            if case.is_sub("XINFO", "CONSUMERS") {
                headwater.items_mut().iter_mut().for_each(|c| _ = c.remove_field("inactive"));
            }
            for_consumers(headwater, |consumer| _ = consumer.remove_field("active-time"));
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "8.8 adds `nacked-count` to the groups of XINFO STREAM FULL",
        rule: |_, _, headwater| {
            if let Some(groups) = headwater.field_mut("groups") {
                groups.items_mut().iter_mut().for_each(|g| _ = g.remove_field("nacked-count"));
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "radix-tree-keys and -nodes describe the reference's storage; six fields are newer",
        rule: |case, redis, headwater| {
            if case.is_sub("XINFO", "STREAM") {
                for reply in [redis, headwater] {
                    reply.remove_field("radix-tree-keys");
                    reply.remove_field("radix-tree-nodes");
                }
                // Idempotent produce came with 8.6.
                for field in ["idmp-duration", "idmp-maxsize", "pids-tracked"] {
                    headwater.remove_field(field);
                }
                for field in ["iids-tracked", "iids-added", "iids-duplicates"] {
                    headwater.remove_field(field);
                }
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "a stream that is empty has a lag of 0, also for a group that stands behind its end",
        rule: |case, redis, headwater| {
            if case.is("XINFO") && case.happened(&["MAXLEN", "MINID"]) {
                for_groups(case, redis, headwater, |redis, headwater| {
                    let is_null = matches!(redis.field_mut("lag"), Some(Node::Null(_)));
                    let is_zero =
                        headwater.field_mut("lag").is_some_and(|lag| lag.number() == Some(0));
                    if is_null && is_zero {
                        redis.remove_field("lag");
                        headwater.remove_field("lag");
                    }
                });
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "lag and entries-read with deleted entries or odd counters follow later versions: \
              null with tombstones ahead, ENTRIESREAD capped",
        rule: |case, redis, headwater| {
            let odd = ["XDEL", "XSETID", "ENTRIESREAD", "LASTID", "SETID"];
            if case.is("XINFO") && case.happened(&odd) {
                for_groups(case, redis, headwater, |redis, headwater| {
                    for field in ["lag", "entries-read"] {
                        redis.remove_field(field);
                        headwater.remove_field(field);
                    }
                });
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "lag after a trim of entries that the group has not read: what is left, where 7.0 \
              counts the trimmed ones",
        rule: |case, redis, headwater| {
            if case.is("XINFO") && case.happened(&["MAXLEN", "MINID"]) {
                for_groups(case, redis, headwater, |redis, headwater| {
                    let (Some(a), Some(b)) = (redis.field_mut("lag"), headwater.field_mut("lag"))
                    else {
                        return;
                    };
                    if b.number() < a.number() && b.number().is_some() {
                        b.clone_from(a);
                    }
                });
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "7.2 runs a blocked command again, so a lost key or group gives the command's own \
              error instead of the UNBLOCKED texts",
        rule: |case, redis, headwater| {
            let old = redis.is_error("UNBLOCKED the stream key no longer exists")
                || redis.is_error("NOGROUP the consumer group this client was blocked on");
            let new = headwater.is_error("NOGROUP No such key")
                || headwater.is_error("WRONGTYPE Operation against");
            if case.is("XREADGROUP") && case.is_wake_up && old && new {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "a part of an ID has no sign: `+1` is refused, which 7.0 takes for 1",
        rule: |case, redis, headwater| {
            let is_refused = headwater.is_error("ERR Invalid stream ID");
            let is_signed = |word: &String| {
                word.strip_prefix('+')
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            };
            if is_refused && redis != headwater && case.words.iter().any(is_signed) {
                return Verdict::Parted;
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "where a count of keys is no whole number, 7.0 has a second reader, which takes the digits \
              that it begins with",
        rule: |case, redis, headwater| {
            let is_refused = headwater.is_error("ERR Invalid arguments specified for command");
            let is_odd = |word: &String| {
                word.starts_with(|first: char| first.is_ascii_digit())
                    && word.parse::<i64>().is_err()
            };
            let asks =
                case.is_sub("COMMAND", "GETKEYS") || case.is_sub("COMMAND", "GETKEYSANDFLAGS");
            if asks && is_refused && case.words.iter().any(is_odd) {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "7.4 reads the last entry at `+`; 7.0 takes it for a malformed ID",
        rule: |case, redis, headwater| {
            if case.is("XREAD") && case.has("+") && redis.is_error("ERR Invalid stream ID") {
                if *headwater == Node::Waiting {
                    return Verdict::Parted;
                }
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "7.2 runs a blocked command again and so answers for all streams that are ready; \
              7.0 answers for the one that was written first",
        rule: |case, redis, headwater| {
            let is_part = matches!(redis, Node::List(..))
                && redis.items().len() < headwater.items().len()
                && redis.items().iter().all(|item| headwater.items().contains(item));
            if !case.is_wake_up || !is_part {
                return Verdict::Normalised;
            }
            if case.is("XREADGROUP") {
                return Verdict::Parted;
            }
            if case.is("XREAD") {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "7.4 names `+` where 7.0 names `$`, and the command in lower case, in two errors \
              about the list of streams",
        rule: |case, redis, headwater| {
            unbalanced(redis, headwater);
            let plus = case.has("+")
                && redis.is_error("ERR Invalid stream ID")
                && headwater.is_error("ERR The + ID is meaningless");
            if plus {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "XSETID below the highest deleted ID: 7.0 has no such check (or fails for another \
              reason)",
        rule: |case, redis, headwater| {
            let refusal = "ERR The ID specified in XSETID is smaller than current max_deleted";
            if !case.is("XSETID") || !headwater.is_error(refusal) {
                return Verdict::Normalised;
            }
            if !redis.is_error("ERR The ID specified in XSETID is smaller") {
                return Verdict::Parted;
            }
            headwater.clone_from(redis);
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "any change of a stream's groups, and XSETID, touch a watched key; 7.0 overlooks most of them",
        rule: |case, redis, headwater| {
            let is_refused = matches!(redis, Node::List(..)) && matches!(headwater, Node::Null(_));
            if case.is("EXEC") && is_refused && case.watches_a_changed_group() {
                return Verdict::Parted;
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "XGROUP SETID to an earlier ID serves waiting readers at once; in the reference they \
              wait for the next entry",
        rule: |case, redis, headwater| {
            let is_early = *redis == Node::Waiting && matches!(headwater, Node::List(..));
            if case.is("XREADGROUP") && is_early && case.happened(&["SETID"]) {
                return Verdict::Parted;
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "the greatest ID written out asks XREADGROUP for history; the reference takes it for >",
        rule: |case, _, _| {
            let greatest = "18446744073709551615-18446744073709551615";
            if case.is("XREADGROUP") && case.has(greatest) {
                return Verdict::Parted;
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "a blocked read that names a key twice waits for both IDs; 7.0 for the first only",
        rule: |case, redis, headwater| {
            let is_early = *redis == Node::Waiting && matches!(headwater, Node::List(..));
            if case.is("XREAD") && is_early && case.names_a_stream_twice() {
                return Verdict::Parted;
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "an XADD that trims all away again leaves readers waiting; 7.0 answers an empty list",
        rule: |case, redis, _| {
            let is_empty = redis.items().iter().any(|stream| {
                matches!(stream, Node::List(_, items) if items.is_empty())
                    || matches!(stream.items(), [_, Node::List(_, items)] if items.is_empty())
            });
            let is_read = case.is("XREAD") || case.is("XREADGROUP");
            if is_read && case.is_wake_up && is_empty {
                return Verdict::Parted;
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "entries-added stops at its greatest value, where 7.0 overflows",
        rule: |case, redis, headwater| {
            if case.is_sub("XINFO", "STREAM") && case.happened(&["9223372036854775807"]) {
                redis.remove_field("entries-added");
                headwater.remove_field("entries-added");
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "the sum of INCRBYFLOAT is encoded by what it is; the reference never calls it an int",
        rule: |case, redis, headwater| {
            let is_sum = redis.bytes() == b"embstr" && headwater.bytes() == b"int";
            if case.is_sub("OBJECT", "ENCODING") && case.happened(&["INCRBYFLOAT"]) && is_sum {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "HRANDFIELD draws",
        rule: |case, redis, headwater| {
            let is_one = |node: &Node| matches!(node, Node::Text(b'$', _));
            let is_same_size = redis.items().len() == headwater.items().len();
            if case.is("HRANDFIELD") && is_one(redis) == is_one(headwater) && is_same_size {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "a HELLO that is refused has set no name; in 7.0 it may have",
        rule: |case, redis, headwater| {
            if case.is_sub("CLIENT", "GETNAME") && case.happened(&["HELLO"]) {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "increments are decimal; the C library of the reference reads hexadecimal as well",
        rule: |case, _, headwater| {
            let is_float = case.is("INCRBYFLOAT") || case.is("HINCRBYFLOAT");
            let is_hex = case.words.last().is_some_and(|word| word.starts_with("0X"));
            if is_float && is_hex && headwater.is_error("ERR value is not a valid float") {
                return Verdict::Parted;
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "the wording of HELP is free",
        rule: |case, redis, headwater| {
            let is_help = case.words.get(1).is_some_and(|word| word == "HELP");
            if is_help && matches!((&redis, &headwater), (Node::List(..), Node::List(..))) {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "HELLO tells the version and the client's ID",
        rule: |case, redis, headwater| {
            if case.is("HELLO") {
                for field in ["version", "id"] {
                    redis.remove_field(field);
                    headwater.remove_field(field);
                }
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "cursors and what one call of a scan yields are each server's own; whole scans are \
              compared as sets",
        rule: |case, redis, headwater| {
            let is_scan = ["SCAN", "HSCAN", "SSCAN", "ZSCAN"].iter().any(|name| case.is(name));
            if is_scan && matches!((&redis, &headwater), (Node::List(..), Node::List(..))) {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "KEYS answers in no order, and so does whatever tells a set of members that are not all \
              integers",
        rule: |case, redis, headwater| {
            let tells_sets =
                ["KEYS", "SMEMBERS", "SINTER", "SUNION", "SDIFF", "SPOP", "SRANDMEMBER"];
            let is_unsorted = case.has("NOSORT") && (case.is("SORT") || case.is("SORT_RO"));
            if is_unsorted || tells_sets.iter().any(|name| case.is(name)) {
                for reply in [redis, headwater] {
                    reply.items_mut().sort_by(|a, b| a.bytes().cmp(b.bytes()));
                }
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "SPOP and SRANDMEMBER draw; after SPOP the sets are not the same",
        rule: |case, redis, headwater| {
            let is_one = |node: &Node| matches!(node, Node::Text(b'$', _));
            let is_alike = is_one(redis) == is_one(headwater)
                && redis.items().len() == headwater.items().len()
                && (is_one(redis) || !redis.items().is_empty());
            if case.is("SPOP") && is_alike && redis != headwater {
                return Verdict::Parted;
            }
            if case.is("SRANDMEMBER") && is_alike {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "a list or sorted set that is stored in the place of another value serves those who wait \
              for one, as since 7.2; 7.0 overlooks it",
        rule: |case, redis, headwater| {
            let is_early = *redis == Node::Waiting && *headwater != Node::Waiting;
            let waits = case.words[0].starts_with('B');
            let stores = ["STORE", "ZRANGESTORE", "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"];
            if waits && case.is_wake_up && is_early && case.happened(&stores) {
                return Verdict::Parted;
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "SORT of a sorted set turns it into a skiplist in the reference, which tells minus zero from \
              zero ever after",
        rule: |case, redis, headwater| {
            let is_turned = redis.bytes() == b"skiplist" && headwater.bytes() == b"listpack";
            if case.is_sub("OBJECT", "ENCODING") && case.happened(&["SORT", "SORT_RO"]) && is_turned
            {
                return Verdict::Parted;
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "ZRANDMEMBER draws",
        rule: |case, redis, headwater| {
            let is_one = |node: &Node| matches!(node, Node::Text(b'$', _));
            let is_alike = is_one(redis) == is_one(headwater)
                && redis.items().len() == headwater.items().len()
                && (is_one(redis) || !redis.items().is_empty());
            if case.is("ZRANDMEMBER") && is_alike {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "ZRANK and ZREVRANK take WITHSCORE, as since 7.2; 7.0 has no fourth argument",
        rule: |case, redis, headwater| {
            let is_rank = case.is("ZRANK") || case.is("ZREVRANK");
            if is_rank && case.words.len() == 4 && redis.is_error("ERR wrong number of arguments") {
                // Refused at once, it ends a transaction.
                if matches!(headwater, Node::Text(b'+', text) if text == b"QUEUED") {
                    return Verdict::Parted;
                }
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "a range of members in a large set whose scores differ is anything: the reference jumps \
              by chance",
        rule: |case, redis, headwater| {
            let is_lex = case.words[0].contains("LEX") || case.has("BYLEX");
            let was_large = case
                .history
                .iter()
                .any(|past| 200 < past.words.len() || past.words.iter().any(|w| 64 < w.len()));
            match redis {
                _ if !is_lex || !was_large => {}
                Node::List(..) if !case.is("ZRANGESTORE") => headwater.clone_from(redis),
                Node::Text(b':', _) if case.is("ZLEXCOUNT") => headwater.clone_from(redis),
                Node::Text(b':', _) => return Verdict::Parted,
                _ => {}
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "the reference tells a number that does not fit by what the C library noted last, so that \
              SORT also fails for a number that did not fit elsewhere, some commands before",
        rule: |case, redis, headwater| {
            let is_sort = case.is("SORT") || case.is("SORT_RO");
            let is_stale = redis.is_error("ERR One or more scores can't be converted into double");
            match headwater {
                Node::List(..) if is_sort && is_stale => headwater.clone_from(redis),
                Node::Text(b':', _) if is_sort && is_stale => return Verdict::Parted,
                _ => {}
            }
            Verdict::Normalised
        },
    },
    ByDesign {
        why: "equal weights under ALPHA leave the order to chance in the reference, and LIMIT cuts \
              a set that has no order",
        rule: |case, redis, headwater| {
            let is_sort = case.is("SORT") || case.is("SORT_RO");
            let is_free = case.has("BY") && (case.has("ALPHA") || case.has("LIMIT"));
            if is_sort && is_free && redis.items().len() == headwater.items().len() {
                headwater.clone_from(redis);
            }
            Verdict::Normalised
        },
    },
];

/// Brings two replies that differ to a common form, as far as the list allows.
pub(crate) fn explain(case: &Case<'_>, redis: &mut Node, headwater: &mut Node) -> Verdict {
    for row in DIFFERENCES {
        debug_assert!(!row.why.is_empty(), "each row has its reason");
        if (row.rule)(case, redis, headwater) == Verdict::Parted {
            return Verdict::Parted;
        }
    }
    Verdict::Normalised
}

/// Equal if both are numbers and close; in seconds or milliseconds.
fn clocks(case: &Case<'_>, redis: &mut Node, headwater: &mut Node) -> Verdict {
    let level = |a: &mut Node, b: &mut Node| {
        if let (Some(x), Some(y)) = (a.number(), b.number())
            && x.abs_diff(y) <= CLOCK_TOLERANCE_MS
            && (x < 0) == (y < 0)
        {
            b.clone_from(a);
        }
    };
    let pairs = |a: &mut Node, b: &mut Node, at: usize| {
        for (a, b) in a.items_mut().iter_mut().zip(b.items_mut()) {
            if let (Some(a), Some(b)) = (a.items_mut().get_mut(at), b.items_mut().get_mut(at)) {
                level(a, b);
            }
        }
    };
    match case.words[0].as_str() {
        "TTL" | "PTTL" | "EXPIRETIME" | "PEXPIRETIME" => level(redis, headwater),
        "XPENDING" => pairs(redis, headwater, 2),
        "XINFO" if case.is_sub("XINFO", "CONSUMERS") => {
            for (a, b) in redis.items_mut().iter_mut().zip(headwater.items_mut()) {
                if let (Some(a), Some(b)) = (a.field_mut("idle"), b.field_mut("idle")) {
                    level(a, b);
                }
            }
        }
        "XINFO" => for_groups(case, redis, headwater, |a, b| {
            if let (Some(a), Some(b)) = (a.field_mut("pending"), b.field_mut("pending")) {
                pairs(a, b, 2);
            }
            let (Some(a), Some(b)) = (a.field_mut("consumers"), b.field_mut("consumers")) else {
                return;
            };
            for (a, b) in a.items_mut().iter_mut().zip(b.items_mut()) {
                if let (Some(a), Some(b)) = (a.field_mut("seen-time"), b.field_mut("seen-time")) {
                    level(a, b);
                }
                if let (Some(a), Some(b)) = (a.field_mut("pending"), b.field_mut("pending")) {
                    pairs(a, b, 1);
                }
            }
        }),
        _ => {}
    }
    Verdict::Normalised
}

/// The groups of XINFO GROUPS and XINFO STREAM FULL, side by side.
fn for_groups(
    case: &Case<'_>,
    redis: &mut Node,
    headwater: &mut Node,
    level: impl Fn(&mut Node, &mut Node),
) {
    let (redis, headwater) = if case.is_sub("XINFO", "GROUPS") {
        (redis, headwater)
    } else {
        let (Some(a), Some(b)) = (redis.field_mut("groups"), headwater.field_mut("groups")) else {
            return;
        };
        (a, b)
    };
    for (a, b) in redis.items_mut().iter_mut().zip(headwater.items_mut()) {
        level(a, b);
    }
}

/// Every consumer of every group of XINFO STREAM FULL.
fn for_consumers(reply: &mut Node, change: impl Fn(&mut Node)) {
    let Some(groups) = reply.field_mut("groups") else { return };
    for group in groups.items_mut() {
        if let Some(consumers) = group.field_mut("consumers") {
            consumers.items_mut().iter_mut().for_each(&change);
        }
    }
}
