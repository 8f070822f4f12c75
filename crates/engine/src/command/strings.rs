//! The arguments of commands about strings.

use super::ExpireTime;

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
