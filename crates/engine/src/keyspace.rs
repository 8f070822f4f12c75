//! Keys to values, with expiry.

use std::collections::BTreeSet;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::id::UnixMillis;
use crate::stream::Stream;

/// One of the databases that SELECT chooses.
///
/// Keys stand in a dense array in insertion order; a removal moves the last one into the gap. SCAN
/// walks that array from its end to its start: what moves, moves to a place that is still to come
/// or was seen already, so that a key present all the time is always returned.
#[derive(Debug)]
pub(crate) struct Db {
    pub(crate) entries: IndexMap<Box<[u8]>, Entry, FixedState>,
    /// Keys with an expiry, soonest first.
    pub(crate) expiries: BTreeSet<(UnixMillis, Box<[u8]>)>,
    /// Version of the last change of any key.
    pub(crate) version: u64,
    /// Version of the last removal of a key.
    pub(crate) removed_version: u64,
}

/// A key's value and what belongs to it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) expire_at: Option<UnixMillis>,
    /// Version of the last change.
    pub(crate) version: u64,
}

/// The kinds of value.
#[derive(Debug)]
pub(crate) enum Value {
    String(Vec<u8>),
    Hash(Box<Hash>),
    Stream(Box<Stream>),
}

/// Fields of a hash in insertion order.
pub(crate) type Hash = IndexMap<Box<[u8]>, Box<[u8]>, FixedState>;

impl Db {
    pub(crate) fn new(hash_seed: u64) -> Self {
        Self {
            entries: IndexMap::with_hasher(FixedState::with_seed(hash_seed)),
            expiries: BTreeSet::new(),
            version: 0,
            removed_version: 0,
        }
    }

    /// The entry of a key, expired or not.
    pub(crate) fn entry(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(key)
    }
}

impl Entry {
    pub(crate) fn is_expired(&self, now: UnixMillis) -> bool {
        self.expire_at.is_some_and(|at| at <= now)
    }
}
