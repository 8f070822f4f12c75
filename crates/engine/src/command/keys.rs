//! The arguments of commands about keys of any type.

use super::Deferred;

/// What HSCAN, SSCAN or ZSCAN lets through, and how much of it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanFilter<'a> {
    /// MATCH.
    pub pattern: Option<&'a [u8]>,
    /// COUNT.
    pub count: u64,
    /// NOVALUES: the names of a hash without their values.
    pub names_only: bool,
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
