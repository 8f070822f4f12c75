//! Every command that clients can send, by name: a new one is red here until somebody has thought
//! about what it gives to a client that means harm, and has listed it.

#![allow(missing_docs, reason = "tests")]

use std::collections::BTreeSet;

/// Read and change data of the selected databases, or this connection, and nothing else.
const HARMLESS: &str = "acl acl|cat acl|genpass acl|help acl|whoami append asking client client|getname client|help client|id client|info client|no-touch \
    client|reply client|setinfo client|setname cluster cluster|countkeysinslot \
    cluster|getkeysinslot cluster|help cluster|info cluster|keyslot cluster|links cluster|myid \
    cluster|nodes cluster|shards cluster|slots command command|count command|docs \
    command|getkeys command|getkeysandflags command|help command|info command|list config \
    config|help copy dbsize decr decrby del discard dump echo exec exists expire expireat expiretime \
    function function|help get getdel getex getrange getset hdel headwater headwater|help hello hexists hget hgetall \
    hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx hstrlen hvals incr \
    incrby incrbyfloat info lastsave lcs latency latency|help lolwut memory memory|doctor \
    memory|help memory|malloc-stats memory|purge memory|stats memory|usage mget module \
    module|help move mset msetnx multi object object|encoding object|freq object|help \
    object|idletime object|refcount persist pexpire pexpireat pexpiretime ping psetex pttl quit \
    randomkey readonly readwrite rename renamenx reset role scan script script|help select set setex setnx setrange \
    slowlog slowlog|help strlen substr time touch ttl type unlink unwatch wait waitaof watch \
    xack xackdel xadd xautoclaim xcfgset xclaim xdel xdelex xgroup xgroup|create \
    xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|help xgroup|setid xidmprecord \
    xinfo xinfo|consumers xinfo|groups xinfo|help xinfo|stream xlen xnack xpending xrange xread \
    xreadgroup xrevrange xsetid xtrim";

/// As the harmless: lists, sets and sorted sets.
const COLLECTIONS: &str = "blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos \
    lpush lpushx lrange lrem lset ltrim rpop rpoplpush rpush rpushx sadd scard sdiff \
    sdiffstore sinter sintercard sinterstore sismember smembers smismember smove \
    spop srandmember srem sscan sunion sunionstore bzmpop bzpopmax bzpopmin zadd zcard \
    zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop zmscore \
    zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem \
    zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex \
    zrevrangebyscore zrevrank zscan zscore zunion zunionstore";

/// Speak to others in channels that they have asked for, or ask to be told what changes.
const CHANNELS: &str = "client|caching client|getredir client|tracking client|trackinginfo \
    psubscribe publish pubsub pubsub|channels pubsub|help pubsub|numpat \
    pubsub|numsub pubsub|shardchannels pubsub|shardnumsub punsubscribe spublish ssubscribe \
    subscribe sunsubscribe unsubscribe";

/// What would be a way in, or out, if it did what its name says elsewhere; and why it is none here.
const DANGEROUS: [(&str, &str); 89] = [
    ("client|pause", "lets others wait, as a busy server does, and no longer than SHUTDOWN would"),
    ("client|unpause", "ends that"),
    ("monitor", "shows what others send, without passwords, to whoever may use everything anyway"),
    ("acl|deluser", "ends the rights of a user and its connections, never those of 'default'"),
    ("acl|dryrun", "runs nothing"),
    ("acl|getuser", "shows rules and hashes, to those who may change them"),
    ("acl|list", "as acl|getuser"),
    ("acl|load", "reads the file that the operator named, and no other"),
    ("acl|log", "shows names of keys, commands and users, never passwords"),
    ("acl|save", "writes the file that the operator named, and no other"),
    ("acl|setuser", "gives rights: whoever may send it has all of them already"),
    ("acl|users", "shows names"),
    ("auth", "compares in constant time, and strangers have few places and little time"),
    (
        "bgrewriteaof",
        "begins a checkpoint in the directory of the data, of which there is one at a time",
    ),
    ("bgsave", "as bgrewriteaof: no name, no other place"),
    ("save", "as bgrewriteaof, and only its own client waits"),
    ("client|kill", "ends connections, which whoever may send it could also do by SHUTDOWN"),
    ("client|list", "shows addresses and names of clients, never what they sent"),
    (
        "client|no-evict",
        "keeps one connection from being chosen first; maxmemory-clients still counts it",
    ),
    ("client|unblock", "wakes a reader, as its timeout does"),
    ("config|get", "shows the settings, as in Redis the password too, to those who know it"),
    ("config|resetstat", "sets counters to zero, not data"),
    (
        "config|rewrite",
        "writes the one file that the operator named at the start, and only what config|set allowed",
    ),
    ("config|set", "refuses what names a file or needs a restart"),
    (
        "debug",
        "refused unless enable-debug-command says otherwise, which needs a restart; only OBJECT and SLEEP are there",
    ),
    ("flushall", "deletes data, as DEL does, and leaves a record in the log"),
    ("flushdb", "as flushall, for one database"),
    ("headwater|scrub", "reads the own files, one scrub at a time, at its own rate"),
    ("keys", "looks at all keys; bounded steps for each of them"),
    ("replicaof", "refused but for NO ONE: it never connects to anybody"),
    ("slaveof", "as replicaof"),
    ("shutdown", "ends the server after everything is on disk; it takes no path"),
    (
        "sort",
        "works on one list, set or sorted set, and reads keys that its patterns name; stores 512 MiB at most",
    ),
    ("sort_ro", "as sort, and stores nothing"),
    (
        "restore",
        "reads no file: its payload is checked to the last byte, and bounded as any argument",
    ),
    ("swapdb", "swaps data that its sender can read and delete anyway"),
    ("latency|doctor", "shows times, as latency|latest"),
    ("latency|graph", "shows times, as latency|latest"),
    ("latency|histogram", "shows how long commands took, never their arguments"),
    ("latency|history", "shows times, as latency|latest"),
    ("latency|latest", "shows how long commands and the disk took, to those who know the password"),
    ("latency|reset", "forgets times, not data"),
    (
        "slowlog|get",
        "shows what others sent, shortened and without passwords, to those who know the password",
    ),
    ("slowlog|len", "a number"),
    ("slowlog|reset", "forgets the slow log, not data"),
    ("failover", "refused: it never connects to anybody"),
    ("psync", "refused: data are copied by 'headwater backup', never by a client"),
    ("replconf", "refused: data are copied by 'headwater backup', never by a client"),
    ("sync", "refused: data are copied by 'headwater backup', never by a client"),
    ("cluster|addslots", "refused: there is no cluster"),
    ("cluster|addslotsrange", "refused: there is no cluster"),
    ("cluster|bumpepoch", "refused: there is no cluster"),
    ("cluster|count-failure-reports", "refused: there is no cluster"),
    ("cluster|delslots", "refused: there is no cluster"),
    ("cluster|delslotsrange", "refused: there is no cluster"),
    ("cluster|failover", "refused: there is no cluster"),
    ("cluster|flushslots", "refused: there is no cluster"),
    ("cluster|forget", "refused: there is no cluster"),
    ("cluster|meet", "refused: there is no cluster"),
    ("cluster|replicas", "refused: there is no cluster"),
    ("cluster|replicate", "refused: there is no cluster"),
    ("cluster|reset", "refused: there is no cluster"),
    ("cluster|saveconfig", "refused: there is no cluster"),
    ("cluster|set-config-epoch", "refused: there is no cluster"),
    ("cluster|setslot", "refused: there is no cluster"),
    ("cluster|slaves", "refused: there is no cluster"),
    ("module|list", "an empty list"),
    ("module|load", "refused: no code is loaded, whatever the configuration says"),
    ("module|loadex", "refused: no code is loaded, whatever the configuration says"),
    ("module|unload", "refused: no code is loaded, whatever the configuration says"),
    ("eval", "runs code of the client in a sandbox: docs/operations.md says when, and when not"),
    ("eval_ro", "as eval, and the script writes nothing"),
    ("evalsha", "as eval"),
    ("evalsha_ro", "as eval_ro"),
    ("fcall", "as eval, with code that function|load brought"),
    ("fcall_ro", "as eval_ro"),
    ("function|delete", "deletes code that its sender could also load"),
    ("function|dump", "shows the code of libraries"),
    ("function|flush", "as function|delete, for all of them"),
    (
        "function|kill",
        "ends a function that has written nothing, which whoever may send it could also do by CLIENT KILL",
    ),
    ("function|list", "shows the code of libraries"),
    ("function|load", "keeps code of the client, which runs in the same sandbox"),
    ("function|restore", "as function|load; the value is checked before anything changes"),
    ("function|stats", "shows the name and the arguments of a running function"),
    ("script|debug", "there is no debugger"),
    ("script|exists", "tells whether a script is known"),
    ("script|flush", "forgets scripts, which their senders send again"),
    ("script|kill", "as function|kill"),
    ("script|load", "as eval, without running it"),
];

/// Commands that are ways to run code, to reach other hosts or to place files, and are not there.
const ABSENT: &str = "migrate pfdebug restore-asking";

#[test]
fn the_command_table_is_a_closed_list() {
    let known: Vec<&str> = (HARMLESS.split_whitespace())
        .chain(CHANNELS.split_whitespace())
        .chain(COLLECTIONS.split_whitespace())
        .chain(DANGEROUS.iter().map(|(name, _)| *name))
        .collect();
    let listed: BTreeSet<&str> = known.iter().copied().collect();
    assert_eq!(listed.len(), known.len(), "a name stands twice");
    let table: BTreeSet<&str> = protocol::commands().map(|spec| spec.name).collect();
    let new: Vec<_> = table.difference(&listed).collect();
    assert!(new.is_empty(), "not listed, so nobody has said why they are harmless: {new:?}");
    let gone: Vec<_> = listed.difference(&table).collect();
    assert!(gone.is_empty(), "listed and not there: {gone:?}");
}

#[test]
fn whatever_is_for_administrators_has_a_reason() {
    for spec in protocol::commands() {
        if spec.flags.contains(protocol::Flags::ADMIN) {
            let has_reason = DANGEROUS.iter().any(|(name, _)| *name == spec.name);
            assert!(has_reason, "{} stands among the harmless", spec.name);
        }
    }
    for name in ABSENT.split_whitespace() {
        assert!(protocol::lookup(name.as_bytes()).is_none(), "{name}");
    }
}
