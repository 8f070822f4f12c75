//! From items back to an engine. They come from disk: whatever is wrong with them is an error.

use std::sync::Arc;

use thiserror::Error;

use super::Item;
use super::collections::{push_members, push_scored, push_values};
use crate::engine::{DATABASES, Engine, Settings};
use crate::fields::Fields;
use crate::group::{Group, GroupItem};
use crate::id::{StreamId, UnixMillis};
use crate::keyspace::{Db, Value};
use crate::set::Set;
use crate::sorted_set::SortedSet;
use crate::stream::{BlockLocation, BlockSource, Sealer, Stream, StreamItem};

/// Why a sequence of items is no image of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImageError {
    /// Items that cannot stand where they stand, or do not fit together.
    #[error("the items of the snapshot make no state: {0}")]
    Sequence(&'static str),
}

/// Why an item could not be taken in.
#[derive(Debug, Error)]
pub enum LoadError<E> {
    /// The item is wrong.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A sealed block was not to be had; the caller's reason.
    #[error("a block that the snapshot needs cannot be had: {0}")]
    Block(E),
}

/// Builds an engine from the items of an image.
#[derive(Debug)]
pub struct ImageLoader {
    engine: Engine,
    version: u64,
    /// The database whose keys follow.
    db: Option<u8>,
    /// The group whose parts follow.
    group: Box<[u8]>,
    at: At,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The first item.
    Start,
    /// A key, a database or the end.
    Keys,
    /// Fields of the hash that is the last key of the database: its first ones, or more.
    Hash,
    /// Values of the list that is the last key of the database: its first ones, or more.
    List,
    /// Members of the set that is the last key of the database: its first ones, or more.
    Set,
    /// Members of the sorted set that is the last key of the database: its first ones, or more.
    SortedSet,
    /// The numbers of the stream that is the last key of the database.
    NewStream,
    /// More blocks of it, its tail, or its groups.
    Stream,
    /// Parts of its groups.
    Groups,
    /// Nothing.
    End,
}

impl ImageLoader {
    /// A loader whose keys all count as changed by record `version`, the snapshot's LSN.
    /// `hash_seed` is that of [`Engine::new`].
    #[must_use]
    pub fn new(hash_seed: u64, version: u64) -> Self {
        let mut engine = Engine::new(Settings::default(), hash_seed);
        for db in &mut engine.dbs {
            db.version = version;
            db.removed_version = version;
        }
        Self { engine, version, db: None, group: Box::default(), at: At::Start }
    }

    /// Takes in the next item. `source` gives what a sealed block on disk will be read from.
    ///
    /// # Errors
    ///
    /// If the item does not fit, or a block cannot be had. The loader is then of no more use.
    pub fn push<E>(
        &mut self,
        item: &Item<'_>,
        source: &mut dyn FnMut(BlockLocation) -> Result<Arc<dyn BlockSource>, E>,
    ) -> Result<(), LoadError<E>> {
        let pushed = match item {
            // The only item that refers to bytes elsewhere.
            Item::StreamPart { part } => {
                let block_next = self.engine.sealer.next;
                match self.stream_for(part) {
                    Ok(stream) => {
                        let loaded = stream.load(part, source).map_err(LoadError::Block)?;
                        loaded.and_then(|()| stream.blocks_are_below(block_next))
                    }
                    Err(reason) => Err(reason),
                }
            }
            item => self.push_item(item),
        };
        pushed.map_err(|reason| ImageError::Sequence(reason).into())
    }

    fn push_item(&mut self, item: &Item<'_>) -> Result<(), &'static str> {
        match (self.at, item) {
            (At::End, _) => return Err("an item after the end"),
            (At::Start, Item::Engine { block_entries_max, block_bytes_max, block_next }) => {
                self.engine.settings = Settings {
                    block_entries_max: *block_entries_max,
                    block_bytes_max: *block_bytes_max,
                };
                self.engine.sealer.next = *block_next;
                self.at = At::Keys;
            }
            (At::Start, _) => return Err("the first item is not about the engine"),
            (At::Keys, Item::EngineIdmp { settings }) if self.db.is_none() => {
                self.engine.idmp_settings = *settings;
            }
            (At::Keys, Item::Library { name, code }) if self.db.is_none() => {
                if self.engine.libraries.last_key_value().is_some_and(|(last, _)| **name <= **last)
                {
                    return Err("libraries out of order");
                }
                self.engine.libraries.insert((&**name).into(), (&**code).into());
            }
            (_, Item::Library { .. }) => return Err("a library out of place"),
            (_, Item::EngineIdmp { .. }) => return Err("settings out of place"),
            (_, Item::Engine { .. }) => return Err("two items about the engine"),
            (At::Hash, Item::HashFields { pairs }) => self.push_fields(pairs)?,
            (_, Item::HashFields { .. }) => return Err("fields outside a hash"),
            (At::List, Item::ListValues { values }) => push_values(self.last_value()?, values)?,
            (_, Item::ListValues { .. }) => return Err("values outside a list"),
            (At::Set, Item::SetMembers { members }) => push_members(self.last_value()?, members)?,
            (_, Item::SetMembers { .. }) => return Err("members outside a set"),
            (At::SortedSet, Item::SortedSetMembers { scores, members }) => {
                push_scored(self.last_value()?, scores, members)?;
            }
            (_, Item::SortedSetMembers { .. }) => return Err("scores outside a sorted set"),
            (_, Item::GroupPart { part }) => self.push_group(part)?,
            (_, item) => {
                self.close_key()?;
                self.open(item)?;
            }
        }
        Ok(())
    }

    /// Ends the key whose parts were being taken in.
    fn close_key(&mut self) -> Result<(), &'static str> {
        if self.at == At::NewStream {
            return Err("a stream without numbers");
        }
        if !matches!(self.at, At::Start | At::Keys | At::NewStream | At::End) {
            match self.last_value()? {
                Value::List(list) if list.is_empty() => return Err("a list without values"),
                Value::Set(set) if set.is_empty() => return Err("a set without members"),
                Value::SortedSet(set) if set.is_empty() => {
                    return Err("a sorted set without members");
                }
                Value::Hash(hash) if hash.is_empty() => return Err("a hash without fields"),
                Value::Stream(stream) => stream.finish_load()?,
                Value::Hash(_)
                | Value::String(_)
                | Value::List(_)
                | Value::Set(_)
                | Value::SortedSet(_) => {}
            }
        }
        self.at = At::Keys;
        Ok(())
    }

    /// Takes in an item that begins something.
    fn open(&mut self, item: &Item<'_>) -> Result<(), &'static str> {
        match item {
            Item::Db { db } => {
                if DATABASES <= *db || self.db.is_some_and(|before| *db <= before) {
                    return Err("databases out of order");
                }
                self.db = Some(*db);
            }
            Item::String { key, expire_at, value } => {
                self.insert(key, Value::String(value.to_vec()), *expire_at)?;
            }
            Item::Hash { key, expire_at } => {
                let hash = self.db()?.new_hash();
                self.insert(key, Value::Hash(Box::new(hash)), *expire_at)?;
                self.at = At::Hash;
            }
            Item::List { key, expire_at } => {
                self.insert(key, Value::List(Box::default()), *expire_at)?;
                self.at = At::List;
            }
            Item::Set { key, expire_at, is_of_integers } => {
                let set = Set::new_of_integers(self.db()?.hasher(), *is_of_integers);
                self.insert(key, Value::Set(Box::new(set)), *expire_at)?;
                self.at = At::Set;
            }
            Item::SortedSet { key, expire_at, is_small } => {
                let set = SortedSet::new_small(self.db()?.hasher(), *is_small);
                self.insert(key, Value::SortedSet(Box::new(set)), *expire_at)?;
                self.at = At::SortedSet;
            }
            Item::Stream { key, expire_at } => {
                self.insert(key, Value::Stream(Box::default()), *expire_at)?;
                self.at = At::NewStream;
                self.group = Box::default();
            }
            Item::End => self.at = At::End,
            Item::Engine { .. }
            | Item::EngineIdmp { .. }
            | Item::Library { .. }
            | Item::HashFields { .. }
            | Item::ListValues { .. }
            | Item::SetMembers { .. }
            | Item::SortedSetMembers { .. }
            | Item::StreamPart { .. }
            | Item::GroupPart { .. } => return Err("an item out of place"),
        }
        Ok(())
    }

    fn push_fields(&mut self, pairs: &Fields<'_>) -> Result<(), &'static str> {
        let Value::Hash(hash) = self.last_value()? else { return Err("fields outside a hash") };
        for (field, value) in pairs.pairs() {
            if hash.insert(field.into(), value.into()).is_some() {
                return Err("a field twice in one hash");
            }
        }
        Ok(())
    }

    fn push_group(&mut self, part: &GroupItem<'_>) -> Result<(), &'static str> {
        if self.at == At::Stream {
            self.at = At::Groups;
        }
        let current = std::mem::take(&mut self.group);
        if self.at != At::Groups {
            return Err("a part of a group outside a stream");
        }
        let Value::Stream(stream) = self.last_value()? else { return Err("a group of no stream") };
        let current = match part {
            GroupItem::Group { name, last_delivered, entries_read } => {
                let group = Group::new(*last_delivered, *entries_read);
                if stream.groups.insert((&**name).into(), group).is_some() {
                    return Err("a group twice in one stream");
                }
                (&**name).into()
            }
            part => {
                let group = stream.groups.get_mut(&current).ok_or("a part of no group")?;
                group.load(part)?;
                current
            }
        };
        self.group = current;
        Ok(())
    }

    /// The stream that a part belongs to: its numbers come first, and once.
    fn stream_for(&mut self, part: &StreamItem<'_>) -> Result<&mut Stream, &'static str> {
        match (self.at, part) {
            (At::NewStream, StreamItem::Numbers { .. }) => self.at = At::Stream,
            (
                At::Stream,
                StreamItem::Blocks { .. } | StreamItem::Pack { .. } | StreamItem::Idmp { .. },
            ) => {}
            (At::Stream, StreamItem::Tail { .. }) => self.at = At::Groups,
            _ => return Err("a part of a stream out of place"),
        }
        match self.last_value()? {
            Value::Stream(stream) => Ok(stream),
            _ => Err("a part of a stream outside one"),
        }
    }

    /// Appends an entry to the stream that is being loaded, whose last ID is that of the entry before.
    pub(super) fn append_entry(
        &mut self,
        id: StreamId,
        fields: &Fields<'_>,
        settings: Settings,
        sealer: &mut Sealer,
    ) -> Result<(), &'static str> {
        if self.at != At::Stream {
            return Err("an entry outside a stream");
        }
        match self.last_value()? {
            Value::Stream(stream) => stream.load_entry(id, fields, settings, sealer),
            _ => Err("an entry outside a stream"),
        }
    }

    /// Sets the numbers of the stream that was loaded, once its entries are there.
    pub(super) fn set_numbers(
        &mut self,
        last_id: StreamId,
        entries_added: u64,
        max_deleted_id: StreamId,
    ) -> Result<(), &'static str> {
        match self.last_value()? {
            Value::Stream(stream) => stream.load_numbers(last_id, entries_added, max_deleted_id),
            _ => Err("numbers outside a stream"),
        }
    }

    /// The only value, once its last part was taken in.
    pub(super) fn take_value(mut self) -> Result<Value, &'static str> {
        self.close_key()?;
        let entry = self.db()?.remove(b"", 0).ok_or("no value")?;
        Ok(entry.value)
    }

    fn insert(
        &mut self,
        key: &[u8],
        value: Value,
        expire_at: Option<UnixMillis>,
    ) -> Result<(), &'static str> {
        let version = self.version;
        let db = self.db()?;
        if db.entry(key).is_some() {
            return Err("a key twice in one database");
        }
        db.insert(key, value, expire_at, version, 0);
        Ok(())
    }

    fn db(&mut self) -> Result<&mut Db, &'static str> {
        let db = self.db.ok_or("a key outside a database")?;
        Ok(&mut self.engine.dbs[usize::from(db)])
    }

    /// The value of the key that was inserted last.
    fn last_value(&mut self) -> Result<&mut Value, &'static str> {
        let db = self.db()?;
        let last = db.len().checked_sub(1).ok_or("a part of no key")?;
        db.value_at_mut(last).map(|(_, value)| value).ok_or("a part of no key")
    }

    /// The engine, once the last item was taken in.
    ///
    /// # Errors
    ///
    /// If items are missing.
    pub fn finish(self) -> Result<Engine, ImageError> {
        if self.at != At::End {
            return Err(ImageError::Sequence("it ends before its last item"));
        }
        Ok(self.engine)
    }
}
