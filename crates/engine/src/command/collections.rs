//! The arguments of commands about hashes, lists and sets.

use serde::{Deserialize, Serialize};

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
