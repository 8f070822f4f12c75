//! Commands: what a client asks of the engine, after its syntax has been understood.
//!
//! A `Command` borrows its strings from the request. Where the reference reports a malformed
//! argument only *after* it has looked at the key, the argument arrives as [`Deferred`], and the
//! rule that uses it decides when to report it.

use serde::{Deserialize, Serialize};

use crate::error::CommandError;
use crate::fields::Fields;
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

/// One of the ends of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListEnd {
    /// Where the first value is.
    Left,
    /// Where the last value is.
    Right,
}

/// Where LINSERT puts a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListPlace {
    /// BEFORE
    Before,
    /// AFTER
    After,
}

/// The arguments of LPOS behind the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListSearch<'a> {
    /// What is looked for.
    pub value: &'a [u8],
    /// RANK: which match is the first to be told, from the end if negative; not 0.
    pub rank: i64,
    /// COUNT: how many matches are told, 0 for all; `None` for the form that answers one number.
    pub count: Option<u64>,
    /// MAXLEN: how many values are compared, 0 for all.
    pub compared_max: u64,
}

/// SORT after parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort<'a> {
    /// What is sorted.
    pub key: &'a [u8],
    /// BY: where the weight of each element is found.
    pub by: Option<SortPattern<'a>>,
    /// LIMIT: the first place and the number of elements.
    pub limit: Option<(i64, i64)>,
    /// GET: what is answered for each element; itself if there is none.
    pub get: Vec<SortPattern<'a>>,
    /// DESC.
    pub is_descending: bool,
    /// ALPHA: weights are compared as strings.
    pub is_alpha: bool,
    /// STORE.
    pub store: Option<&'a [u8]>,
}

/// A pattern behind BY or GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortPattern<'a> {
    /// `#`: the element itself.
    Element,
    /// The same for every element, so it says nothing about any.
    Constant,
    /// What the element stands in the middle of: a key that holds a string, or a hash and its field.
    Key {
        /// Before the `*`.
        before: &'a [u8],
        /// Behind it.
        behind: &'a [u8],
        /// Behind `->`.
        field: Option<&'a [u8]>,
    },
}

impl<'a> SortPattern<'a> {
    /// The value of BY.
    #[must_use]
    pub fn of_by(pattern: &'a [u8]) -> Self {
        // The reference looks for the star up to a zero byte.
        let looked_at = pattern.split(|&byte| byte == 0).next().unwrap_or_default();
        let Some(star) = looked_at.iter().position(|&byte| byte == b'*') else {
            return Self::Constant;
        };
        let arrow = looked_at[star..].windows(2).position(|window| window == b"->");
        let arrow = arrow.map(|arrow| star + arrow).filter(|arrow| arrow + 2 < looked_at.len());
        let end = arrow.unwrap_or(pattern.len());
        let field = arrow.map(|arrow| &pattern[arrow + 2..]);
        Self::Key { before: &pattern[..star], behind: &pattern[star + 1..end], field }
    }

    /// The value of GET.
    #[must_use]
    pub fn of_get(pattern: &'a [u8]) -> Self {
        if pattern == b"#" { Self::Element } else { Self::of_by(pattern) }
    }
}

/// How several sets become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOperation {
    /// What all have.
    Intersection,
    /// What any has.
    Union,
    /// What the first has and no other.
    Difference,
}

/// XADD after parsing.
#[derive(Debug, Clone, PartialEq)]
pub struct XAdd<'a> {
    /// The stream.
    pub key: &'a [u8],
    /// The ID as asked for.
    pub id: NewId,
    /// At least one pair.
    pub fields: Fields<'a>,
    /// NOMKSTREAM: answer null instead of creating the key.
    pub no_make_stream: bool,
    /// MAXLEN or MINID, applied after the append.
    pub trim: Option<Trim>,
}

/// The ID argument of XADD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewId {
    /// `*`
    Auto,
    /// `ms-*`
    AutoSeq(u64),
    /// `ms-seq` or `ms`
    Explicit(StreamId),
}

/// MAXLEN or MINID with its options, as resolved by the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trim {
    /// What may stay.
    pub keep: TrimKeep,
    /// `=` or `~`.
    pub precision: TrimPrecision,
    /// KEEPREF, DELREF or ACKED.
    pub references: References,
}

/// What becomes of the pending entries that point at an entry which is removed (Redis 8.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum References {
    /// KEEPREF: they stay.
    #[default]
    Keep,
    /// DELREF: they go, in every group.
    Delete,
    /// ACKED: only entries go that every group has read and acknowledged.
    Acknowledged,
}

/// The arguments of XDELEX and XACKDEL behind key and group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposal {
    /// KEEPREF, DELREF or ACKED.
    pub references: References,
    /// How many IDs are named.
    pub count: usize,
    /// The IDs in the order named; one may be named again.
    pub ids: Deferred<Vec<StreamId>>,
}

/// The threshold of a trim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrimKeep {
    /// MAXLEN: the newest n entries.
    MaxLen(u64),
    /// MINID: entries with this ID or a larger one.
    MinId(StreamId),
}

/// How closely the threshold is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrimPrecision {
    /// `=` or nothing.
    Exact,
    /// `~`: whole blocks only.
    Approximate {
        /// LIMIT as given; `None` when absent, `Some(0)` for no cap.
        limit: Option<u64>,
    },
}

/// A range of IDs, both ends inclusive (exclusive bounds were resolved by the parser).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// Smallest ID.
    pub start: StreamId,
    /// Largest ID.
    pub end: StreamId,
}

/// Direction of a range read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// XREAD after parsing.
#[derive(Debug, Clone, PartialEq)]
pub struct XRead<'a> {
    /// Keys in the order named, each with where to read from.
    pub streams: Vec<(&'a [u8], Deferred<ReadFrom>)>,
    /// How much is returned at most.
    pub limits: ReadLimits,
    /// BLOCK in milliseconds, 0 without limit.
    pub block_ms: Option<u64>,
}

/// How much XREAD and XREADGROUP return at most; `None` for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadLimits {
    /// COUNT: entries of each stream, at least 1.
    pub count: Option<u64>,
    /// MAXCOUNT: entries of all streams, at least 1.
    pub total: Option<u64>,
    /// MAXSIZE: bytes of the reply, exceeded by one entry at most.
    pub bytes: Option<u64>,
}

impl ReadLimits {
    /// COUNT alone. 0 is no limit.
    #[must_use]
    pub fn count(count: Option<u64>) -> Self {
        Self { count: count.filter(|count| *count != 0), ..Self::default() }
    }
}

/// The ID argument of XREAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// Entries strictly above the ID.
    After(StreamId),
    /// `$`
    Last,
    /// `+`: the last live entry.
    LastEntry,
}

/// XREADGROUP after parsing.
#[derive(Debug, Clone, PartialEq)]
pub struct XReadGroup<'a> {
    /// Group name, the same for all streams.
    pub group: &'a [u8],
    /// Consumer name; created where it is missing.
    pub consumer: &'a [u8],
    /// Keys in the order named.
    pub streams: Vec<(&'a [u8], Deferred<GroupReadFrom>)>,
    /// How much is returned at most.
    pub limits: ReadLimits,
    /// BLOCK in milliseconds, 0 without limit.
    pub block_ms: Option<u64>,
    /// NOACK: deliver without a pending entry.
    pub no_ack: bool,
    /// CLAIM: before new entries, pending ones that have been idle for so long.
    pub claim_idle_min_ms: Option<u64>,
}

/// The ID argument of XREADGROUP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupReadFrom {
    /// `>`: entries never delivered to the group.
    New,
    /// The consumer's own pending entries above the ID.
    HistoryAfter(StreamId),
}

/// The range form of XPENDING.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingRange<'a> {
    /// IDs of interest.
    pub range: IdRange,
    /// Zero and below give an empty list.
    pub count: i64,
    /// Only this consumer's.
    pub consumer: Option<&'a [u8]>,
    /// Only entries idle for at least so many milliseconds.
    pub idle_min_ms: u64,
}

/// XCLAIM's arguments after the consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Negative values count as 0.
    pub idle_min_ms: u64,
    /// In argument order.
    pub ids: Vec<StreamId>,
    /// IDLE or TIME, the last one given.
    pub delivery_time: ClaimTime,
    /// RETRYCOUNT, unless negative.
    pub delivery_count: Option<u64>,
    /// FORCE.
    pub force: bool,
    /// JUSTID.
    pub just_id: bool,
    /// LASTID.
    pub last_id: Option<StreamId>,
}

/// The arguments of XNACK behind key and group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// What becomes of the delivery counts.
    pub mode: ReleaseMode,
    /// RETRYCOUNT, which goes before the mode; at most `i64::MAX`.
    pub count: Option<u64>,
    /// FORCE: entries that are not pending come to be.
    pub force: bool,
    /// The IDs in the order named; one may be named again.
    pub ids: Deferred<Vec<StreamId>>,
}

/// What XNACK makes of a delivery count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseMode {
    /// SILENT: one less, as if the delivery had not been.
    Silent,
    /// FAIL: it stays.
    Fail,
    /// FATAL: the greatest there is.
    Fatal,
}

/// The delivery time that a claim sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimTime {
    /// Neither IDLE nor TIME.
    Now,
    /// IDLE, milliseconds, as given.
    Idle(i64),
    /// TIME, Unix milliseconds, as given.
    At(i64),
}

/// XAUTOCLAIM after parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XAutoClaim<'a> {
    /// The stream.
    pub key: &'a [u8],
    /// The group.
    pub group: &'a [u8],
    /// The new owner.
    pub consumer: &'a [u8],
    /// Negative values count as 0.
    pub idle_min_ms: u64,
    /// First pending ID to look at.
    pub start: StreamId,
    /// At least 1.
    pub count: u64,
    /// JUSTID.
    pub just_id: bool,
}

/// Where a group starts to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupStart {
    /// Entries above the ID.
    After(StreamId),
    /// `$`
    Last,
}

/// What HSCAN or SSCAN lets through, and how much of it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanFilter<'a> {
    /// MATCH.
    pub pattern: Option<&'a [u8]>,
    /// COUNT.
    pub count: u64,
}

/// How much XINFO STREAM tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InfoDetail {
    /// The short form.
    Summary,
    /// FULL.
    Full {
        /// Most elements of each list, `None` for all.
        count: Option<u64>,
    },
}

/// When a key shall expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpireTime {
    /// Milliseconds from now; negative deletes at once.
    In(i64),
    /// Unix milliseconds; the past deletes at once.
    At(i64),
}

/// NX, XX, GT, LT of the EXPIRE family (GT and LT may each combine with XX).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpireCondition {
    /// NX: only without an expiry.
    pub none_set: bool,
    /// XX: only with one.
    pub some_set: bool,
    /// GT: only if later than the present one (no expiry counts as infinite).
    pub later: bool,
    /// LT: only if sooner.
    pub sooner: bool,
}

/// Seconds or milliseconds in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Rounded as Redis rounds.
    Seconds,
    /// Exact.
    Millis,
}

/// TTL (what is left) or EXPIRETIME (the instant).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtlForm {
    /// TTL, PTTL.
    Remaining,
    /// EXPIRETIME, PEXPIRETIME.
    Instant,
}

/// OBJECT's subcommands about one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectField {
    /// OBJECT ENCODING.
    Encoding,
    /// OBJECT IDLETIME, seconds.
    IdleTime,
    /// OBJECT REFCOUNT.
    RefCount,
    /// OBJECT FREQ: always Redis's error, as no LFU policy can be chosen.
    Freq,
}

/// SET after parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Its new value.
    pub value: &'a [u8],
    /// NX, XX or neither.
    pub condition: SetCondition,
    /// What becomes of the expiry.
    pub expiry: SetExpiry,
    /// What is answered.
    pub reply: SetReply,
}

/// NX and XX of SET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetCondition {
    /// Neither.
    Always,
    /// NX.
    IfMissing,
    /// XX.
    IfPresent,
}

/// The expiry after SET or GETEX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetExpiry {
    /// No expiry: plain SET, and GETEX PERSIST.
    Clear,
    /// KEEPTTL.
    Keep,
    /// EX, PX, EXAT, PXAT. Parser made sure that it is positive and does not overflow.
    Until(ExpireTime),
}

/// RESTORE after parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Milliseconds, 0 for no expiry; looked at after the key.
    pub ttl: Deferred<u64>,
    /// What DUMP gave.
    pub payload: &'a [u8],
    /// REPLACE: whatever is there goes.
    pub replace: bool,
    /// ABSTTL: `ttl` is Unix time.
    pub absolute: bool,
    /// IDLETIME in seconds.
    pub idle_s: Option<u64>,
}

/// What LCS is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LcsOptions {
    /// Which answer.
    pub answer: LcsAnswer,
    /// MINMATCHLEN: shorter matches are left out of IDX.
    pub match_len_min: u64,
    /// WITHMATCHLEN.
    pub with_match_len: bool,
}

/// The answers of LCS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LcsAnswer {
    /// The subsequence itself.
    #[default]
    Text,
    /// LEN.
    Length,
    /// IDX: where it stands in both strings.
    Places,
}

/// What SET answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetReply {
    /// OK or null.
    Status,
    /// GET: the old value.
    OldValue,
    /// SETNX: 1 or 0.
    Flag,
}

/// Which half of a hash is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashPart {
    /// HGETALL: a map.
    Pairs,
    /// HKEYS.
    Fields,
    /// HVALS.
    Values,
}

/// What every decision needs to know beside the command.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The selected database, below [`crate::DATABASES`].
    pub db: u8,
    /// The instant of the command; one for a whole transaction.
    pub now: UnixMillis,
}
