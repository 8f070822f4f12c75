//! Keys to values, with expiry.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::error::CommandError;
use crate::id::UnixMillis;
use crate::list::List;
use crate::set::Set;
use crate::sorted_set::SortedSet;
use crate::stream::Stream;

/// One of the databases that SELECT chooses.
///
/// Keys stand in a dense array in insertion order; a removal moves the last one into the gap. SCAN
/// walks that array from its end to its start: what moves, moves to a place that is still to come
/// or was seen already, so that a key present all the time is always returned.
#[derive(Debug)]
pub(crate) struct Db {
    entries: IndexMap<Box<[u8]>, Entry, FixedState>,
    /// Keys with an expiry, soonest first. Holds exactly the expiries that stand in `entries`.
    expiries: BTreeSet<(UnixMillis, Box<[u8]>)>,
    /// Version of the last change of any key.
    pub(crate) version: u64,
    /// Version of the last removal of a key: what the reply "no such key" depends on.
    pub(crate) removed_version: u64,
    /// Version of the last SWAPDB that put this database in its place. Whatever is seen in it
    /// depends on that, although no key changed.
    pub(crate) swapped_version: u64,
}

/// A key's value and what belongs to it. Millions of these may exist, hence the packing.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    /// [`NO_EXPIRY`], or when the key expires. Changes through [`Db`] alone, which keeps the order
    /// of expiries.
    expire_at: UnixMillis,
    /// Version of the last change.
    pub(crate) version: u64,
    /// Unix seconds of the last access, for OBJECT IDLETIME. No part of the state: reads set it.
    accessed_s: AtomicU32,
    /// Whether APPEND or SETRANGE made the string, for OBJECT ENCODING. Forgotten by a restart, as in
    /// Redis.
    pub(crate) is_written_in_place: bool,
}

/// Stands for "never" in [`Entry`]; as an expiry it would be half a billion years away.
const NO_EXPIRY: UnixMillis = UnixMillis::MAX;

/// The kinds of value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A `Vec` costs no more than a boxed slice here, and APPEND needs its spare room.
    String(Vec<u8>),
    Hash(Box<Hash>),
    Stream(Box<Stream>),
    List(Box<List>),
    Set(Box<Set>),
    SortedSet(Box<SortedSet>),
}

const _: () = assert!(size_of::<Entry>() <= 48);

/// Fields of a hash in insertion order.
pub(crate) type Hash = IndexMap<Box<[u8]>, Box<[u8]>, FixedState>;

impl Db {
    pub(crate) fn new(hash_seed: u64) -> Self {
        Self {
            entries: IndexMap::with_hasher(FixedState::with_seed(hash_seed)),
            expiries: BTreeSet::new(),
            version: 0,
            removed_version: 0,
            swapped_version: 0,
        }
    }

    /// The entry of a key, expired or not.
    pub(crate) fn entry(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The entry at a place of the dense array.
    pub(crate) fn entry_at(&self, index: usize) -> Option<(&[u8], &Entry)> {
        self.entries.get_index(index).map(|(key, entry)| (&**key, entry))
    }

    /// As [`Db::entry_at`], with the value open to changes that no command can notice.
    pub(crate) fn value_at_mut(&mut self, index: usize) -> Option<(&[u8], &mut Value)> {
        self.entries.get_index_mut(index).map(|(key, entry)| (&**key, &mut entry.value))
    }

    /// Keys, including expired ones that nobody has removed yet.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All keys in the order of the dense array, expired or not.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &Entry)> {
        self.entries.iter().map(|(key, entry)| (&**key, entry))
    }

    /// Keys with an expiry.
    pub(crate) fn expiring_len(&self) -> usize {
        self.expiries.len()
    }

    /// Expiries, soonest first.
    pub(crate) fn expiries(&self) -> impl Iterator<Item = (UnixMillis, &[u8])> {
        self.expiries.iter().map(|(at, key)| (*at, &**key))
    }

    /// Whether some key's time has passed: nearly always false, and cheap to know.
    pub(crate) fn has_expired(&self, now: UnixMillis) -> bool {
        self.expiries.first().is_some_and(|(at, _)| *at <= now)
    }

    /// An empty hash with this database's seed.
    pub(crate) fn new_hash(&self) -> Hash {
        Hash::with_hasher(self.entries.hasher().clone())
    }

    /// Hashes with this database's seed.
    pub(crate) fn hasher(&self) -> FixedState {
        self.entries.hasher().clone()
    }

    /// The value of a key for a change of it: its version is set.
    pub(crate) fn change(&mut self, key: &[u8], version: u64) -> Option<&mut Value> {
        let entry = self.entries.get_mut(key)?;
        entry.version = version;
        self.version = version;
        Some(&mut entry.value)
    }

    /// The value of a key, for what changes without being a change of the key.
    pub(crate) fn value_mut(&mut self, key: &[u8]) -> Option<&mut Value> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// As [`Db::change`]; a missing key gets the value that `make` gives.
    pub(crate) fn change_or_insert_with(
        &mut self,
        key: &[u8],
        version: u64,
        accessed_s: u32,
        make: impl FnOnce(FixedState) -> Value,
    ) -> &mut Entry {
        self.version = version;
        let index = match self.entries.get_index_of(key) {
            Some(index) => index,
            None => {
                let entry =
                    Entry::new(make(self.entries.hasher().clone()), None, version, accessed_s);
                self.entries.insert_full(key.into(), entry).0
            }
        };
        let entry = &mut self.entries[index];
        entry.version = version;
        entry
    }

    /// Puts a value and its expiry in the place of whatever was there.
    pub(crate) fn insert(
        &mut self,
        key: &[u8],
        value: Value,
        expire_at: Option<UnixMillis>,
        version: u64,
        accessed_s: u32,
    ) {
        self.insert_entry(key, Entry::new(value, expire_at, version, accessed_s), version);
    }

    /// As [`Db::insert`], for an entry that was taken from elsewhere.
    pub(crate) fn insert_entry(&mut self, key: &[u8], mut entry: Entry, version: u64) {
        self.version = version;
        entry.version = version;
        let at = entry.expire_at;
        let before = match self.entries.get_mut(key) {
            Some(place) => std::mem::replace(place, entry).expire_at,
            None => {
                self.entries.insert(key.into(), entry);
                NO_EXPIRY
            }
        };
        self.reorder_expiry(key, before, at);
    }

    /// Takes a key out. The last key of the dense array moves into its place.
    pub(crate) fn remove(&mut self, key: &[u8], version: u64) -> Option<Entry> {
        let entry = self.entries.swap_remove(key)?;
        self.reorder_expiry(key, entry.expire_at, NO_EXPIRY);
        self.version = version;
        self.removed_version = version;
        Some(entry)
    }

    /// Sets or takes away the expiry of a key; false if the key is missing.
    pub(crate) fn set_expiry(&mut self, key: &[u8], at: Option<UnixMillis>, version: u64) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return false };
        let before = std::mem::replace(&mut entry.expire_at, at.unwrap_or(NO_EXPIRY));
        entry.version = version;
        let now = entry.expire_at;
        self.version = version;
        self.reorder_expiry(key, before, now);
        true
    }

    /// Takes every key out.
    pub(crate) fn clear(&mut self, version: u64) {
        // New maps, not cleared ones: the room of millions of keys goes back.
        self.entries = IndexMap::with_hasher(self.entries.hasher().clone());
        self.expiries = BTreeSet::new();
        self.version = version;
        self.removed_version = version;
    }

    /// Notes that SWAPDB put this database in its place.
    pub(crate) fn swapped(&mut self, version: u64) {
        self.version = version;
        self.removed_version = version;
        self.swapped_version = version;
    }

    fn reorder_expiry(&mut self, key: &[u8], before: UnixMillis, after: UnixMillis) {
        if before == after {
            return;
        }
        if before != NO_EXPIRY {
            self.expiries.remove(&(before, Box::from(key)));
        }
        if after != NO_EXPIRY {
            self.expiries.insert((after, key.into()));
        }
    }
}

impl Entry {
    fn new(value: Value, expire_at: Option<UnixMillis>, version: u64, accessed_s: u32) -> Self {
        let expire_at = expire_at.unwrap_or(NO_EXPIRY);
        let accessed_s = AtomicU32::new(accessed_s);
        Self { value, expire_at, version, accessed_s, is_written_in_place: false }
    }

    /// The same value and expiry, for another key.
    pub(crate) fn duplicate(&self, accessed_s: u32) -> Self {
        let is_written_in_place = self.is_written_in_place;
        let copy = Self::new(self.value.clone(), self.expire_at(), self.version, accessed_s);
        Self { is_written_in_place, ..copy }
    }

    /// When the key expires.
    pub(crate) fn expire_at(&self) -> Option<UnixMillis> {
        Some(self.expire_at).filter(|at| *at != NO_EXPIRY)
    }

    pub(crate) fn is_expired(&self, now: UnixMillis) -> bool {
        self.expire_at <= now
    }

    /// Notes that a command looked at the value.
    pub(crate) fn touch(&self, now_s: u32) {
        self.accessed_s.store(now_s, Ordering::Relaxed);
    }

    /// Unix seconds of the last access, 0 if there was none since the start.
    pub(crate) fn accessed_s(&self) -> u32 {
        self.accessed_s.load(Ordering::Relaxed)
    }
}

impl Value {
    /// TYPE's answer.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::String(_) => "string",
            Value::Hash(_) => "hash",
            Value::Stream(_) => "stream",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::SortedSet(_) => "zset",
        }
    }

    /// The value as a list.
    pub(crate) fn list(&self) -> Result<&List, CommandError> {
        match self {
            Value::List(list) => Ok(list),
            _ => Err(CommandError::WrongType),
        }
    }

    /// The value as a sorted set.
    pub(crate) fn sorted_set(&self) -> Result<&SortedSet, CommandError> {
        match self {
            Value::SortedSet(set) => Ok(set),
            _ => Err(CommandError::WrongType),
        }
    }

    /// The value as a set.
    pub(crate) fn set(&self) -> Result<&Set, CommandError> {
        match self {
            Value::Set(set) => Ok(set),
            _ => Err(CommandError::WrongType),
        }
    }

    /// Bytes that the value occupies outside its entry, for MEMORY USAGE.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Value::String(value) => value.capacity(),
            Value::Hash(hash) => {
                // Each place: the hash of the name, name and value, and about two words of index.
                let place = 3 * size_of::<usize>() + 2 * size_of::<Box<[u8]>>();
                let strings = hash.iter().map(|(field, value)| field.len() + value.len());
                size_of::<Hash>() + hash.capacity() * place + strings.sum::<usize>()
            }
            Value::Stream(stream) => stream.memory_bytes(),
            Value::List(list) => list.memory_bytes(),
            Value::Set(set) => set.memory_bytes(),
            Value::SortedSet(set) => set.memory_bytes(),
        }
    }
}
