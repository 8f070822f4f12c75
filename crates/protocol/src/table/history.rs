//! What became of a command after the version that brought it, as COMMAND DOCS tells it.

const SECONDS: &str = "The timeout may have a fraction.";
const CONDITIONS: &str = "NX, XX, GT and LT.";
const SEVERAL: &str = "Takes several at once.";
const COUNT: &str = "A count.";
const REFERENCES: &str = "KEEPREF, DELREF and ACKED.";
const WHOLE_READ: &str = "MAXCOUNT and MAXSIZE.";
const TELLS_MISSING: &str = "-2 for a key that is missing.";
const EXCLUSIVE: &str = "A parenthesis leaves the end of a range out.";

type Changes = &'static [(&'static str, &'static str)];

/// Commands, and what each version changed.
static ROWS: &[(&[&str], Changes)] = &[
    (
        &["acl|getuser"],
        &[
            ("6.2.0", "Tells channels."),
            ("7.0.0", "Tells selectors, and keys and channels as rules."),
        ],
    ),
    (&["acl|log"], &[("7.2.0", "Tells the number and the times of an entry.")]),
    (
        &["acl|setuser"],
        &[
            ("6.2.0", "Rules about channels."),
            ("7.0.0", "Selectors, and rules about reading and writing of keys."),
        ],
    ),
    (&["auth"], &[("6.0.0", "A user's name before the password.")]),
    (&["bgsave"], &[("3.2.2", "SCHEDULE.")]),
    (&["blpop", "brpop", "brpoplpush", "bzpopmax", "bzpopmin"], &[("6.0.0", SECONDS)]),
    (
        &["client|kill"],
        &[
            ("2.8.12", "Takes filters."),
            ("2.8.12", "The filter ID."),
            ("3.2.0", "The TYPE master."),
            ("5.0.0", "The TYPE replica, which slave goes on to mean."),
            ("6.2.0", "The filter LADDR."),
            ("7.4.0", "The filter MAXAGE."),
        ],
    ),
    (
        &["client|list"],
        &[
            ("2.8.12", "The field id."),
            ("5.0.0", "TYPE."),
            ("6.0.0", "The field user."),
            ("6.2.0", "The fields argv-mem, tot-mem, laddr and redir, and ID."),
            ("7.0.0", "The fields resp, multi-mem, rbs and rbp."),
            ("7.0.3", "The field ssub."),
            ("7.2.0", "The fields lib-name and lib-ver."),
        ],
    ),
    (&["client|pause"], &[("6.2.0", "Says what is paused: ALL or WRITE.")]),
    (&["cluster|meet"], &[("4.0.0", "The port of the bus.")]),
    (
        &["cluster|slots"],
        &[("4.0.0", "Tells the IDs of nodes."), ("7.0.0", "Tells more about their network.")],
    ),
    (&["command|info"], &[("7.0.0", "Without names: all commands.")]),
    (&["config|get", "config|set", "info"], &[("7.0.0", SEVERAL)]),
    (&["exists"], &[("3.0.3", SEVERAL)]),
    (&["expire", "expireat", "pexpire", "pexpireat"], &[("7.0.0", CONDITIONS)]),
    (&["flushall", "flushdb"], &[("4.0.0", "ASYNC."), ("6.2.0", "SYNC.")]),
    (&["hdel", "lpush", "rpush", "sadd", "srem", "zrem"], &[("2.4.0", SEVERAL)]),
    (&["hello"], &[("6.2.0", "Without a version it tells about the connection.")]),
    (&["hscan"], &[("7.4.0", "NOVALUES.")]),
    (&["hset", "lpushx", "rpushx"], &[("4.0.0", SEVERAL)]),
    (&["lpop", "rpop"], &[("6.2.0", COUNT)]),
    (&["pttl", "ttl"], &[("2.8.0", TELLS_MISSING)]),
    (&["renamenx"], &[("3.2.0", "A key may be given its own name.")]),
    (&["restore"], &[("3.0.0", "REPLACE."), ("5.0.0", "ABSTTL."), ("5.0.0", "IDLETIME and FREQ.")]),
    (&["scan"], &[("6.0.0", "TYPE.")]),
    (&["script|flush"], &[("6.2.0", "ASYNC and SYNC.")]),
    (
        &["set"],
        &[
            ("2.6.12", "EX, PX, NX and XX."),
            ("6.0.0", "KEEPTTL."),
            ("6.2.0", "GET, EXAT and PXAT."),
            ("7.0.0", "NX and GET go together."),
        ],
    ),
    (&["shutdown"], &[("7.0.0", "NOW, FORCE and ABORT.")]),
    (&["slowlog|get"], &[("4.0.0", "Tells the address and the name of the client.")]),
    (&["spop"], &[("3.2.0", COUNT)]),
    (&["srandmember"], &[("2.6.0", COUNT)]),
    (
        &["xadd"],
        &[
            ("6.2.0", "NOMKSTREAM, MINID and LIMIT."),
            ("7.0.0", "IDs of the form `ms-*`."),
            ("8.2.0", REFERENCES),
            ("8.6.0", "IDMP and IDMPAUTO."),
        ],
    ),
    (&["xautoclaim"], &[("7.0.0", "Tells the pending entries that are gone from the stream.")]),
    (&["xgroup|create", "xgroup|setid"], &[("7.0.0", "ENTRIESREAD.")]),
    (&["xinfo|consumers"], &[("7.2.0", "The field inactive.")]),
    (&["xinfo|groups"], &[("7.0.0", "The fields entries-read and lag.")]),
    (
        &["xinfo|stream"],
        &[
            ("6.0.0", "FULL."),
            (
                "7.0.0",
                "The fields max-deleted-entry-id, entries-added, recorded-first-entry-id, entries-read and lag.",
            ),
            ("7.2.0", "The field active-time."),
            ("8.6.0", "The fields of idempotent produce."),
            ("8.8.0", "The field nacked-count."),
        ],
    ),
    (&["xpending"], &[("6.2.0", "IDLE, and ranges that leave an end out.")]),
    (&["xrange", "xrevrange"], &[("6.2.0", EXCLUSIVE)]),
    (&["xread"], &[("7.4.0", "The ID `+`, for the last entry."), ("8.10.0", WHOLE_READ)]),
    (&["xreadgroup"], &[("8.4.0", "CLAIM."), ("8.10.0", WHOLE_READ)]),
    (&["xsetid"], &[("7.0.0", "ENTRIESADDED and MAXDELETEDID.")]),
    (&["xtrim"], &[("6.2.0", "MINID and LIMIT."), ("8.2.0", REFERENCES)]),
    (&["zadd"], &[("2.4.0", SEVERAL), ("3.0.2", "XX, NX, CH and INCR."), ("6.2.0", "GT and LT.")]),
    (&["zrange"], &[("6.2.0", "REV, BYSCORE, BYLEX and LIMIT.")]),
    (&["zrangebyscore"], &[("2.0.0", "WITHSCORES.")]),
    (&["zrank", "zrevrank"], &[("7.2.0", "WITHSCORE.")]),
    (&["zrevrangebyscore"], &[("2.1.6", EXCLUSIVE)]),
];

/// Versions and what they changed about a command, oldest first.
pub(super) fn of(name: &str) -> Changes {
    let about = |row: &&(&[&str], Changes)| row.0.contains(&name);
    ROWS.iter().find(about).map_or(&[], |(_, changes)| *changes)
}
