//! The arguments of the sorted set commands, after parsing.

use crate::command::{Deferred, SetOperation};

/// ZADD and ZINCRBY after parsing.
#[derive(Debug, Clone, PartialEq)]
pub struct ZAdd<'a> {
    /// The sorted set.
    pub key: &'a [u8],
    /// Which members are touched at all.
    pub condition: ZAddCondition,
    /// CH: count the members that changed, not only those that are new.
    pub count_changed: bool,
    /// INCR: add to the score of the one member, and answer it.
    pub increment: bool,
    /// Scores, which are numbers, and their members; with `increment` exactly one.
    pub pairs: Vec<(f64, &'a [u8])>,
}

/// NX, XX, GT and LT of ZADD, as far as they go together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ZAddCondition {
    /// NX: only members that are not there.
    pub if_missing: bool,
    /// XX: only members that are there.
    pub if_present: bool,
    /// GT: no score becomes smaller, or stays.
    pub if_greater: bool,
    /// LT: no score becomes greater, or stays.
    pub if_less: bool,
}

/// One end of a range of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScoreBound {
    /// The score itself is within.
    Inclusive(f64),
    /// `(`: it is not.
    Exclusive(f64),
}

/// A range of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRange {
    /// The lower end.
    pub min: ScoreBound,
    /// The upper end.
    pub max: ScoreBound,
}

/// One end of a range of members by their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// `-`: before all members.
    Smallest,
    /// `+`: behind all members.
    Greatest,
    /// `[`: the member itself is within.
    Inclusive(&'a [u8]),
    /// `(`: it is not.
    Exclusive(&'a [u8]),
}

/// A range of members by their bytes, for sets in which all scores are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The lower end.
    pub min: LexBound<'a>,
    /// The upper end.
    pub max: LexBound<'a>,
}

/// Some neighbours among the members of a sorted set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MemberRange<'a> {
    /// By place, counted in the direction of the walk; both ends inclusive, negative from its end.
    Rank {
        /// The first.
        start: i64,
        /// The last.
        stop: i64,
    },
    /// By score.
    Score(ScoreRange),
    /// By member.
    Lex(LexRange<'a>),
}

/// In which direction the order of the scores is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the lowest score up.
    Forward,
    /// From the highest score down.
    Reverse,
}

/// ZRANGE and its older forms after parsing.
#[derive(Debug, Clone, PartialEq)]
pub struct ZRange<'a> {
    /// The sorted set.
    pub key: &'a [u8],
    /// What is asked for.
    pub range: MemberRange<'a>,
    /// In which order.
    pub direction: Direction,
    /// LIMIT, offset and count: a negative count is no limit, behind a negative offset is nothing.
    pub limit: Option<(i64, i64)>,
    /// WITHSCORES.
    pub with_scores: bool,
}

/// From which end of the order members are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreEnd {
    /// MIN
    Lowest,
    /// MAX
    Highest,
}

/// ZUNION, ZINTER, ZDIFF and their STORE forms after parsing.
#[derive(Debug, Clone, PartialEq)]
pub struct ZCombine<'a> {
    /// Which of them.
    pub operation: SetOperation,
    /// Sorted sets and sets, at least one.
    pub keys: &'a [&'a [u8]],
    /// What stands behind the keys.
    pub options: Deferred<CombineOptions>,
}

/// The options of [`ZCombine`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CombineOptions {
    /// WEIGHTS, one for each key, none of them NaN; or none for 1 everywhere.
    pub weights: Vec<f64>,
    /// AGGREGATE.
    pub aggregate: Aggregate,
    /// WITHSCORES.
    pub with_scores: bool,
}

/// What becomes of the scores of a member that stands in several sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    #[default]
    Sum,
    /// The lowest of them.
    Min,
    /// The highest of them.
    Max,
}
