//! Commands: what a client asks of the engine, after its syntax has been understood.
//!
//! A `Command` borrows its strings from the request. Where the reference reports a malformed
//! argument only *after* it has looked at the key, the argument arrives as [`Deferred`], and the
//! rule that uses it decides when to report it.

mod collections;
mod groups;
mod keys;
mod sort;
mod streams;
mod strings;

pub use collections::*;
pub use groups::*;
pub use keys::*;
pub use sort::*;
pub use streams::*;
pub use strings::*;

use crate::error::CommandError;
use crate::float::Extended;
use crate::id::{StreamId, UnixMillis};
use crate::sorted_set::command::{Direction, MemberRange, ScoreEnd, ZAdd, ZCombine, ZRange};

/// An argument whose error waits for its turn in the order of checks.
pub type Deferred<T> = Result<T, CommandError>;

/// One request to the engine.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum Command<'a> {
    // ---- streams: entries ----
    /// <https://redis.io/commands/xadd>
    XAdd(XAdd<'a>),
    /// XADD with IDMP; with IDMPAUTO `iid` is `None`: it comes from the fields.
    XAddOnce { xadd: XAdd<'a>, pid: &'a [u8], iid: Option<&'a [u8]> },
    /// <https://redis.io/commands/xcfgset>; within the bounds of [`IdmpSettings`](crate::IdmpSettings).
    XCfgSet { key: &'a [u8], duration_s: Option<u64>, iids_max: Option<u64> },
    /// XIDMPRECORD; neither `pid` nor `iid` is empty.
    XIdmpRecord { key: &'a [u8], pid: &'a [u8], iid: &'a [u8], id: StreamId },
    /// <https://redis.io/commands/xlen>
    XLen { key: &'a [u8] },
    /// <https://redis.io/commands/xrange>, and XREVRANGE with `Order::Descending`.
    XRange { key: &'a [u8], range: IdRange, count: Option<i64>, order: Order },
    /// <https://redis.io/commands/xdel>
    XDel { key: &'a [u8], ids: Deferred<Vec<StreamId>> },
    /// <https://redis.io/commands/xdelex>
    XDelEx { key: &'a [u8], disposal: Deferred<Disposal> },
    /// <https://redis.io/commands/xackdel>
    XAckDel { key: &'a [u8], group: &'a [u8], disposal: Deferred<Disposal> },
    /// <https://redis.io/commands/xtrim>
    XTrim { key: &'a [u8], trim: Trim },
    /// <https://redis.io/commands/xsetid>
    XSetId {
        key: &'a [u8],
        last_id: StreamId,
        entries_added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    },
    /// <https://redis.io/commands/xread>
    XRead(XRead<'a>),
    // ---- streams: groups ----
    /// <https://redis.io/commands/xreadgroup>
    XReadGroup(XReadGroup<'a>),
    /// <https://redis.io/commands/xack>
    XAck { key: &'a [u8], group: &'a [u8], ids: Deferred<Vec<StreamId>> },
    /// <https://redis.io/commands/xnack>
    XNack { key: &'a [u8], group: &'a [u8], release: Deferred<Release> },
    /// <https://redis.io/commands/xpending>; `range` is `None` for the summary form.
    XPending { key: &'a [u8], group: &'a [u8], range: Option<PendingRange<'a>> },
    /// <https://redis.io/commands/xclaim>
    XClaim { key: &'a [u8], group: &'a [u8], consumer: &'a [u8], claim: Deferred<Claim> },
    /// <https://redis.io/commands/xautoclaim>
    XAutoClaim(XAutoClaim<'a>),
    /// <https://redis.io/commands/xgroup-create>
    XGroupCreate {
        key: &'a [u8],
        group: &'a [u8],
        from: Deferred<GroupStart>,
        make_stream: bool,
        entries_read: Option<u64>,
    },
    /// <https://redis.io/commands/xgroup-setid>
    XGroupSetId {
        key: &'a [u8],
        group: &'a [u8],
        from: Deferred<GroupStart>,
        entries_read: Option<u64>,
    },
    /// <https://redis.io/commands/xgroup-destroy>
    XGroupDestroy { key: &'a [u8], group: &'a [u8] },
    /// <https://redis.io/commands/xgroup-createconsumer>
    XGroupCreateConsumer { key: &'a [u8], group: &'a [u8], consumer: &'a [u8] },
    /// <https://redis.io/commands/xgroup-delconsumer>
    XGroupDelConsumer { key: &'a [u8], group: &'a [u8], consumer: &'a [u8] },
    /// <https://redis.io/commands/xinfo-stream>
    XInfoStream { key: &'a [u8], detail: Deferred<InfoDetail> },
    /// <https://redis.io/commands/xinfo-groups>
    XInfoGroups { key: &'a [u8] },
    /// <https://redis.io/commands/xinfo-consumers>
    XInfoConsumers { key: &'a [u8], group: &'a [u8] },

    // ---- keys ----
    /// DEL and UNLINK.
    Del { keys: &'a [&'a [u8]] },
    /// EXISTS: a key named twice counts twice.
    Exists { keys: &'a [&'a [u8]] },
    /// TOUCH.
    Touch { keys: &'a [&'a [u8]] },
    /// TYPE.
    Type { key: &'a [u8] },
    /// EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT.
    Expire { key: &'a [u8], when: ExpireTime, condition: ExpireCondition },
    /// TTL, PTTL, EXPIRETIME, PEXPIRETIME.
    Ttl { key: &'a [u8], unit: TimeUnit, form: TtlForm },
    /// PERSIST.
    Persist { key: &'a [u8] },
    /// RENAME, and RENAMENX with `only_if_free`.
    Rename { key: &'a [u8], new_key: &'a [u8], only_if_free: bool },
    /// COPY within or between databases.
    Copy { key: &'a [u8], new_key: &'a [u8], new_db: Option<u8>, replace: bool },
    /// DUMP.
    Dump { key: &'a [u8] },
    /// RESTORE.
    Restore(Restore<'a>),
    /// LCS; `options` are looked at after the keys.
    Lcs { keys: [&'a [u8]; 2], options: Deferred<LcsOptions> },
    /// MOVE to another database.
    Move { key: &'a [u8], new_db: u8 },
    /// KEYS.
    Keys { pattern: &'a [u8] },
    /// SCAN. `type_name` is compared without regard to case.
    Scan { cursor: u64, pattern: Option<&'a [u8]>, count: u64, type_name: Option<&'a [u8]> },
    /// RANDOMKEY; the number is drawn by the caller, as the engine draws none.
    RandomKey { draw: u64 },
    /// DBSIZE.
    DbSize,
    /// FLUSHDB (the selected database) and FLUSHALL.
    Flush { all: bool },
    /// SWAPDB.
    SwapDb { first: u8, second: u8 },
    /// OBJECT ENCODING, IDLETIME, REFCOUNT, FREQ.
    Object { key: &'a [u8], what: ObjectField },
    /// MEMORY USAGE: bytes held in memory for the key; `None`-like nil for a missing key.
    MemoryUsage { key: &'a [u8] },

    // ---- strings ----
    /// GET.
    Get { key: &'a [u8] },
    /// SET with all its options, SETNX, SETEX, PSETEX.
    Set(Set<'a>),
    /// GETSET.
    GetSet { key: &'a [u8], value: &'a [u8] },
    /// GETDEL.
    GetDel { key: &'a [u8] },
    /// GETEX.
    GetEx { key: &'a [u8], expiry: Deferred<Option<SetExpiry>> },
    /// MGET.
    MGet { keys: &'a [&'a [u8]] },
    /// MSET, and MSETNX with `only_if_free`: `key, value, key, value, ...`.
    MSet { pairs: &'a [&'a [u8]], only_if_free: bool },
    /// INCR, DECR, INCRBY, DECRBY.
    IncrBy { key: &'a [u8], by: i64 },
    /// INCRBYFLOAT.
    IncrByFloat { key: &'a [u8], by: Deferred<Extended> },
    /// APPEND.
    Append { key: &'a [u8], value: &'a [u8] },
    /// STRLEN.
    StrLen { key: &'a [u8] },
    /// GETRANGE and SUBSTR, both ends inclusive, negative from the end.
    GetRange { key: &'a [u8], start: i64, end: i64 },
    /// SETRANGE.
    SetRange { key: &'a [u8], offset: u64, value: &'a [u8] },

    // ---- hashes ----
    /// HSET (`Integer` reply) and HMSET (`OK`): `name, value, ...`.
    HSet { key: &'a [u8], pairs: &'a [&'a [u8]], legacy_reply: bool },
    /// HSETNX.
    HSetNx { key: &'a [u8], field: &'a [u8], value: &'a [u8] },
    /// HGET.
    HGet { key: &'a [u8], field: &'a [u8] },
    /// HMGET.
    HMGet { key: &'a [u8], fields: &'a [&'a [u8]] },
    /// HGETALL, HKEYS, HVALS.
    HGetAll { key: &'a [u8], part: HashPart },
    /// HDEL.
    HDel { key: &'a [u8], fields: &'a [&'a [u8]] },
    /// HEXISTS.
    HExists { key: &'a [u8], field: &'a [u8] },
    /// HLEN.
    HLen { key: &'a [u8] },
    /// HSTRLEN.
    HStrLen { key: &'a [u8], field: &'a [u8] },
    /// HINCRBY.
    HIncrBy { key: &'a [u8], field: &'a [u8], by: i64 },
    /// HINCRBYFLOAT.
    HIncrByFloat { key: &'a [u8], field: &'a [u8], by: Extended },
    /// HSCAN.
    HScan { key: &'a [u8], cursor: u64, filter: Deferred<ScanFilter<'a>> },
    /// HRANDFIELD; `draw` seeds the choice. `count` is `None` for the single form.
    HRandField { key: &'a [u8], count: Option<i64>, with_values: bool, draw: u64 },

    // ---- lists ----
    /// LPUSH, RPUSH, and LPUSHX, RPUSHX with `only_if_present`.
    LPush { key: &'a [u8], end: ListEnd, values: &'a [&'a [u8]], only_if_present: bool },
    /// LPOP, RPOP; `count` is `None` for the single form.
    LPop { key: &'a [u8], end: ListEnd, count: Option<u64> },
    /// LLEN.
    LLen { key: &'a [u8] },
    /// LRANGE, both ends inclusive, negative from the end.
    LRange { key: &'a [u8], start: i64, stop: i64 },
    /// LINDEX.
    LIndex { key: &'a [u8], index: Deferred<i64> },
    /// LSET.
    LSet { key: &'a [u8], index: Deferred<i64>, value: &'a [u8] },
    /// LINSERT.
    LInsert { key: &'a [u8], place: ListPlace, pivot: &'a [u8], value: &'a [u8] },
    /// LREM.
    LRem { key: &'a [u8], count: i64, value: &'a [u8] },
    /// LTRIM.
    LTrim { key: &'a [u8], start: i64, stop: i64 },
    /// LPOS.
    LPos { key: &'a [u8], search: ListSearch<'a> },
    /// LMOVE, RPOPLPUSH; with `block_ms` BLMOVE, BRPOPLPUSH (0 without limit).
    LMove { key: &'a [u8], new_key: &'a [u8], from: ListEnd, to: ListEnd, block_ms: Option<u64> },
    /// LMPOP, at least one key; with `block_ms` BLMPOP.
    LMPop { keys: &'a [&'a [u8]], end: ListEnd, count: u64, block_ms: Option<u64> },
    /// BLPOP, BRPOP, at least one key.
    BLPop { keys: &'a [&'a [u8]], end: ListEnd, block_ms: u64 },

    // ---- sets ----
    /// SADD.
    SAdd { key: &'a [u8], members: &'a [&'a [u8]] },
    /// SREM.
    SRem { key: &'a [u8], members: &'a [&'a [u8]] },
    /// SMEMBERS.
    SMembers { key: &'a [u8] },
    /// SISMEMBER.
    SIsMember { key: &'a [u8], member: &'a [u8] },
    /// SMISMEMBER.
    SMIsMember { key: &'a [u8], members: &'a [&'a [u8]] },
    /// SCARD.
    SCard { key: &'a [u8] },
    /// SPOP; `draw` seeds the choice, `count` is `None` for the single form.
    SPop { key: &'a [u8], count: Option<u64>, draw: u64 },
    /// SRANDMEMBER, as [`Command::SPop`]; with a negative count members may come again.
    SRandMember { key: &'a [u8], count: Option<i64>, draw: u64 },
    /// SMOVE of the one member.
    SMove { key: &'a [u8], new_key: &'a [u8], member: &'a [&'a [u8]] },
    /// SINTER, SUNION, SDIFF.
    SCombine { operation: SetOperation, keys: &'a [&'a [u8]] },
    /// SINTERSTORE, SUNIONSTORE, SDIFFSTORE.
    SCombineStore { operation: SetOperation, new_key: &'a [u8], keys: &'a [&'a [u8]] },
    /// SINTERCARD; 0 is no limit.
    SInterCard { keys: &'a [&'a [u8]], limit: u64 },
    /// SSCAN.
    SScan { key: &'a [u8], cursor: u64, filter: Deferred<ScanFilter<'a>> },
    /// SORT, SORT_RO.
    Sort(Sort<'a>),

    // ---- sorted sets ----
    /// ZADD, ZINCRBY.
    ZAdd(ZAdd<'a>),
    /// ZREM.
    ZRem { key: &'a [u8], members: &'a [&'a [u8]] },
    /// ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.
    ZRemRange { key: &'a [u8], range: MemberRange<'a> },
    /// ZCARD.
    ZCard { key: &'a [u8] },
    /// ZSCORE.
    ZScore { key: &'a [u8], member: &'a [u8] },
    /// ZMSCORE.
    ZMScore { key: &'a [u8], members: &'a [&'a [u8]] },
    /// ZCOUNT, ZLEXCOUNT.
    ZCount { key: &'a [u8], range: MemberRange<'a> },
    /// ZRANK, ZREVRANK.
    ZRank { key: &'a [u8], member: &'a [u8], direction: Direction, with_score: bool },
    /// ZRANGE, ZREVRANGE, ZRANGEBYSCORE, ZREVRANGEBYSCORE, ZRANGEBYLEX, ZREVRANGEBYLEX.
    ZRange(ZRange<'a>),
    /// ZRANGESTORE.
    ZRangeStore { new_key: &'a [u8], range: ZRange<'a> },
    /// ZPOPMIN, ZPOPMAX; `count` is `None` for the form that answers one member.
    ZPop { key: &'a [u8], end: ScoreEnd, count: Option<u64> },
    /// ZMPOP, at least one key; with `block_ms` BZMPOP.
    ZMPop { keys: &'a [&'a [u8]], end: ScoreEnd, count: u64, block_ms: Option<u64> },
    /// BZPOPMIN, BZPOPMAX, at least one key.
    BZPop { keys: &'a [&'a [u8]], end: ScoreEnd, block_ms: u64 },
    /// ZUNION, ZINTER, ZDIFF.
    ZCombine(ZCombine<'a>),
    /// ZUNIONSTORE, ZINTERSTORE, ZDIFFSTORE.
    ZCombineStore { new_key: &'a [u8], combine: ZCombine<'a> },
    /// ZINTERCARD; 0 is no limit.
    ZInterCard { keys: &'a [&'a [u8]], limit: Deferred<u64> },
    /// ZRANDMEMBER, as [`Command::SRandMember`].
    ZRandMember { key: &'a [u8], count: Option<i64>, with_scores: bool, draw: u64 },
    /// ZSCAN.
    ZScan { key: &'a [u8], cursor: u64, filter: Deferred<ScanFilter<'a>> },
}

impl Command<'_> {
    /// How long the command waits for something to answer with, if it waits at all; 0 without limit.
    #[must_use]
    pub fn block_ms(&self) -> Option<u64> {
        match self {
            Command::XRead(read) => read.block_ms,
            Command::XReadGroup(read) => read.block_ms,
            Command::LMove { block_ms, .. }
            | Command::LMPop { block_ms, .. }
            | Command::ZMPop { block_ms, .. } => *block_ms,
            Command::BLPop { block_ms, .. } | Command::BZPop { block_ms, .. } => Some(*block_ms),
            _ => None,
        }
    }
}

/// What every decision needs to know beside the command.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The selected database, below [`crate::DATABASES`].
    pub db: u8,
    /// The instant of the command; one for a whole transaction.
    pub now: UnixMillis,
}
