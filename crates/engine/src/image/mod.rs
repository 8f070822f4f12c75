//! The state as a sequence of items, and back.
//!
//! A snapshot is this sequence in a file; how it is framed and checked is `storage`'s business. The
//! order is fixed, and belongs to the format (`docs/on-disk-format.md`, "Snapshot items"):
//!
//! ```text
//! Engine, EngineIdmp, Library..., then for each database with keys: Db, then its keys in the order of their array, each
//!     String | Hash, HashFields... | Stream, StreamPart..., GroupPart...
//!     | List, ListValues... | Set, SetMembers... | SortedSet, SortedSetMembers...
//! End
//! ```
//!
//! Loading the items of an engine gives its twin: the same replies, and the same effect of every
//! operation from there on. Nothing about the order of fields or keys is lost, as SCAN and HGETALL
//! show it.

mod collections;
pub(crate) mod dump;
mod load;

use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Settings};
use crate::fields::Fields;
use crate::group::GroupItem;
use crate::id::UnixMillis;
use crate::keyspace::{Entry, Hash, Value};
use crate::op::Text;
use crate::stream::{IdmpSettings, Stream, StreamItem};
use crate::texts::Texts;
pub use load::{ImageError, ImageLoader, LoadError};

/// Bytes of names and values after which an item of many parts ends. A single value may be larger.
const ITEM_BYTES: usize = 256 << 10;

/// One part of the state.
///
/// The variants are numbered by their order: **append new ones at the end, change none**.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Item<'a> {
    /// The first: what belongs to no key.
    Engine {
        /// [`Settings::block_entries_max`]
        block_entries_max: u64,
        /// [`Settings::block_bytes_max`]
        block_bytes_max: u64,
        /// Number of the next block to be sealed.
        block_next: u64,
    },
    /// The keys that follow stand in this database; numbers rise.
    Db {
        /// Below [`DATABASES`](crate::DATABASES).
        db: u8,
    },
    /// A string.
    String {
        /// Its key.
        #[serde(borrow)]
        key: Text<'a>,
        /// When it expires.
        expire_at: Option<UnixMillis>,
        /// The whole value.
        #[serde(borrow)]
        value: Text<'a>,
    },
    /// A hash begins; at least one [`Item::HashFields`] follows.
    Hash {
        /// Its key.
        #[serde(borrow)]
        key: Text<'a>,
        /// When it expires.
        expire_at: Option<UnixMillis>,
    },
    /// Fields of that hash, in order.
    HashFields {
        /// Names and values in turn.
        #[serde(borrow)]
        pairs: Fields<'a>,
    },
    /// A stream begins.
    Stream {
        /// Its key.
        #[serde(borrow)]
        key: Text<'a>,
        /// When it expires.
        expire_at: Option<UnixMillis>,
    },
    /// The last: the sequence is whole.
    End,
    /// A part of that stream.
    StreamPart {
        /// The part.
        #[serde(borrow)]
        part: StreamItem<'a>,
    },
    /// A part of one of that stream's groups, which follow its own parts.
    GroupPart {
        /// The part.
        #[serde(borrow)]
        part: GroupItem<'a>,
    },
    /// Behind the first, if they are not the default: what streams to come remember of producers.
    EngineIdmp {
        /// The settings.
        settings: IdmpSettings,
    },
    /// A list begins; at least one [`Item::ListValues`] follows.
    List {
        /// Its key.
        #[serde(borrow)]
        key: Text<'a>,
        /// When it expires.
        expire_at: Option<UnixMillis>,
    },
    /// Values of that list, in order.
    ListValues {
        /// The values.
        #[serde(borrow)]
        values: Texts<'a>,
    },
    /// A set begins; at least one [`Item::SetMembers`] follows.
    Set {
        /// Its key.
        #[serde(borrow)]
        key: Text<'a>,
        /// When it expires.
        expire_at: Option<UnixMillis>,
        /// It never had other members than integers, nor many.
        is_of_integers: bool,
    },
    /// Members of that set, in order.
    SetMembers {
        /// The members.
        #[serde(borrow)]
        members: Texts<'a>,
    },
    /// A sorted set begins; at least one [`Item::SortedSetMembers`] follows.
    SortedSet {
        /// Its key.
        #[serde(borrow)]
        key: Text<'a>,
        /// When it expires.
        expire_at: Option<UnixMillis>,
        /// It never had many members, nor long ones.
        is_small: bool,
    },
    /// Members of that sorted set, in the order in which they came.
    SortedSetMembers {
        /// As many scores as members.
        scores: Vec<f64>,
        /// The members.
        #[serde(borrow)]
        members: Texts<'a>,
    },
    /// A library of functions; those stand before the databases, by rising name.
    Library {
        /// Its name.
        #[serde(borrow)]
        name: Text<'a>,
        /// Its code.
        #[serde(borrow)]
        code: Text<'a>,
    },
}

impl Item<'_> {
    /// The expiry of the key that the item begins.
    fn expire_at_mut(&mut self) -> Option<&mut Option<UnixMillis>> {
        match self {
            Item::String { expire_at, .. }
            | Item::Hash { expire_at, .. }
            | Item::Stream { expire_at, .. }
            | Item::List { expire_at, .. }
            | Item::Set { expire_at, .. }
            | Item::SortedSet { expire_at, .. } => Some(expire_at),
            Item::Engine { .. }
            | Item::EngineIdmp { .. }
            | Item::Library { .. }
            | Item::Db { .. }
            | Item::End
            | Item::HashFields { .. }
            | Item::StreamPart { .. }
            | Item::GroupPart { .. }
            | Item::ListValues { .. }
            | Item::SetMembers { .. }
            | Item::SortedSetMembers { .. } => None,
        }
    }
}

impl Engine {
    /// The state as items, none of them over about 1 MiB unless a single value is.
    pub fn image(&self) -> impl Iterator<Item = Item<'_>> {
        let Settings { block_entries_max, block_bytes_max } = self.settings;
        let first =
            Item::Engine { block_entries_max, block_bytes_max, block_next: self.sealer.next };
        let settings = self.idmp_settings;
        let idmp = settings != IdmpSettings::default();
        let idmp = idmp.then_some(Item::EngineIdmp { settings });
        let keys =
            (0u8..).zip(&self.dbs).filter(|(_, db)| db.len() != 0).flat_map(|(number, db)| {
                let keys = db.iter().flat_map(|(key, entry)| key_items(key, entry));
                std::iter::once(Item::Db { db: number }).chain(keys)
            });
        let libraries = self.libraries.iter().map(|(name, code)| Item::Library {
            name: Text::Borrowed(name),
            code: Text::Borrowed(code),
        });
        std::iter::once(first)
            .chain(idmp)
            .chain(libraries)
            .chain(keys)
            .chain(std::iter::once(Item::End))
    }
}

/// The items of one key. Strings, of which there may be millions, cost no allocation.
fn key_items<'a>(key: &'a [u8], entry: &'a Entry) -> impl Iterator<Item = Item<'a>> {
    let expire_at = entry.expire_at();
    let key = Text::Borrowed(key);
    let (head, rest): (_, Option<Box<dyn Iterator<Item = Item<'a>>>>) = match &entry.value {
        Value::String(value) => {
            (Item::String { key, expire_at, value: Text::Borrowed(value) }, None)
        }
        Value::Hash(hash) => (Item::Hash { key, expire_at }, Some(Box::new(hash_items(hash)))),
        Value::Stream(stream) => {
            (Item::Stream { key, expire_at }, Some(Box::new(stream_items(stream))))
        }
        Value::List(list) => {
            (Item::List { key, expire_at }, Some(Box::new(collections::list_items(list))))
        }
        Value::Set(set) => {
            let is_of_integers = set.is_of_integers();
            let items = Box::new(collections::set_items(set));
            (Item::Set { key, expire_at, is_of_integers }, Some(items))
        }
        Value::SortedSet(set) => {
            let items = Box::new(collections::sorted_set_items(set));
            (Item::SortedSet { key, expire_at, is_small: set.is_small() }, Some(items))
        }
    };
    std::iter::once(head).chain(rest.into_iter().flatten())
}

fn hash_items(hash: &Hash) -> impl Iterator<Item = Item<'_>> {
    let mut fields = hash.iter().peekable();
    std::iter::from_fn(move || {
        fields.peek()?;
        let mut strings = Vec::new();
        let mut bytes = 0;
        while let Some((field, value)) = fields.next_if(|_| bytes < ITEM_BYTES) {
            strings.extend([&**field, &**value]);
            // Two words for each string bound the items of many empty ones.
            bytes += field.len() + value.len() + 2 * size_of::<&[u8]>();
        }
        Some(Item::HashFields { pairs: Fields::Collected(strings) })
    })
}

fn stream_items(stream: &Stream) -> impl Iterator<Item = Item<'_>> {
    let parts = stream.items().map(|part| Item::StreamPart { part });
    let groups = stream.groups.iter().flat_map(|(name, group)| group.items(name));
    parts.chain(groups.map(|part| Item::GroupPart { part }))
}
