//! Tips of COMMAND INFO: how a proxy spreads a command over shards and puts the replies together, and
//! whether the same request can be answered differently.

const VARIES: &str = "nondeterministic_output";
const ORDER_VARIES: &str = "nondeterministic_output_order";
const TO_NODES: &str = "request_policy:all_nodes";
const TO_SHARDS: &str = "request_policy:all_shards";
const TO_OWNERS: &str = "request_policy:multi_shard";
const ALL_SUCCEED: &str = "response_policy:all_succeeded";
const ONE_SUCCEEDS: &str = "response_policy:one_succeeded";
const SUM: &str = "response_policy:agg_sum";
const LEAST: &str = "response_policy:agg_min";
const AND: &str = "response_policy:agg_logical_and";
const OWN: &str = "response_policy:special";

/// Tips, and the commands that they are about.
static TIPS: &[(&[&str], &str)] = &[
    (
        &[VARIES],
        "client|info client|list cluster|bumpepoch cluster|count-failure-reports \
         cluster|getkeysinslot cluster|info cluster|links cluster|nodes cluster|replicas \
         cluster|shards cluster|slaves cluster|slots dump hrandfield hscan lastsave \
         object|encoding object|freq object|idletime object|refcount pttl spop srandmember sscan \
         time ttl xadd xautoclaim xclaim xinfo|consumers xpending xtrim zrandmember zscan",
    ),
    (
        &[ORDER_VARIES],
        "command command|docs command|info command|list function|list hgetall hkeys hvals \
         module|list sdiff sinter smembers sunion",
    ),
    (
        &[TO_SHARDS, ALL_SUCCEED],
        "flushall flushdb function|delete function|flush function|load function|restore \
         memory|purge ping",
    ),
    (&[TO_NODES, ALL_SUCCEED], "config|set latency|reset script|flush script|load slowlog|reset"),
    (
        &[VARIES, TO_SHARDS, OWN],
        "function|stats info memory|doctor memory|malloc-stats memory|stats",
    ),
    (
        &[VARIES, TO_NODES, OWN],
        "latency|doctor latency|graph latency|histogram latency|history latency|latest",
    ),
    (&[TO_OWNERS, SUM], "del exists touch unlink"),
    (&[TO_SHARDS, ONE_SUCCEEDS], "function|kill script|kill"),
    (&[TO_SHARDS, AND], "script|exists"),
    (&[TO_SHARDS, LEAST], "wait waitaof"),
    (&[TO_SHARDS, VARIES], "randomkey"),
    (&[VARIES, "request_policy:special"], "scan"),
    (&[TO_OWNERS], "mget"),
    (&[TO_NODES, SUM, VARIES], "slowlog|len"),
    (&[TO_NODES, VARIES], "slowlog|get"),
    (&[TO_OWNERS, ALL_SUCCEED], "mset"),
    (&[TO_OWNERS, LEAST], "msetnx"),
    (&[TO_SHARDS, SUM], "dbsize"),
    (&[TO_SHARDS, ORDER_VARIES], "keys"),
];

/// The tips about a command.
pub(super) fn of(name: &str) -> &'static [&'static str] {
    let about = |(_, names): &&(&[&str], &str)| names.split(' ').any(|word| word == name);
    TIPS.iter().find(about).map_or(&[], |(tips, _)| tips)
}
