//! Commands that Redis has since called by another name, and those that are for its own use.

/// Command, version, and what is used instead.
static ROWS: &[(&str, &str, &str)] = &[
    ("brpoplpush", "6.2.0", "`BLMOVE` with `RIGHT` and `LEFT`"),
    ("cluster|slaves", "5.0.0", "`CLUSTER REPLICAS`"),
    ("cluster|slots", "7.0.0", "`CLUSTER SHARDS`"),
    ("getset", "6.2.0", "`SET` with `GET`"),
    ("hmset", "4.0.0", "`HSET`"),
    ("rpoplpush", "6.2.0", "`LMOVE` with `RIGHT` and `LEFT`"),
    ("slaveof", "5.0.0", "`REPLICAOF`"),
    ("substr", "2.0.0", "`GETRANGE`"),
    ("zrangebylex", "6.2.0", "`ZRANGE` with `BYLEX`"),
    ("zrangebyscore", "6.2.0", "`ZRANGE` with `BYSCORE`"),
    ("zrevrange", "6.2.0", "`ZRANGE` with `REV`"),
    ("zrevrangebylex", "6.2.0", "`ZRANGE` with `REV` and `BYLEX`"),
    ("zrevrangebyscore", "6.2.0", "`ZRANGE` with `REV` and `BYSCORE`"),
];

/// Since when a command is deprecated, and in favour of what.
pub(super) fn of(name: &str) -> Option<(&'static str, &'static str)> {
    ROWS.iter().find(|row| row.0 == name).map(|(_, since, instead)| (*since, *instead))
}

/// Whether a command is meant for the server itself and its tests.
pub(super) fn is_internal(name: &str) -> bool {
    matches!(name, "debug" | "replconf")
}
