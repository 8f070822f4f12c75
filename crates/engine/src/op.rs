//! Operations: absolute changes of state, as they stand in the log.
//!
//! An operation leaves nothing open: IDs, times, counts and block slots are resolved. Applying it
//! needs no clock, no setting and no byte of a sealed block, so it cannot fail.
//!
//! The variants are numbered by their order in the record payload: **append new ones at the end,
//! change none** (`docs/on-disk-format.md`, "Operations").

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::command::ListEnd;
use crate::fields::Fields;
use crate::id::{StreamId, UnixMillis};
use crate::stream::IdmpSettings;
use crate::texts::Texts;

/// The operations of one command; nearly always none or one.
pub type Ops<'a> = SmallVec<[Op<'a>; 1]>;

/// One absolute change of state.
#[expect(
    missing_docs,
    reason = "fields are described with their variant where the name is not enough"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Op<'a> {
    /// Block limits from here on: entries and bytes per block, 0 for none.
    Configure { block_entries_max: u64, block_bytes_max: u64 },

    // ---- keys ----
    /// The key is gone, for whatever reason.
    Delete {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
    },
    /// The expiry of a key; `None` for none.
    Expire {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        at: Option<UnixMillis>,
    },
    /// The value and its expiry move to another name or database, replacing what was there.
    Rename {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        new_db: u8,
        #[serde(borrow, with = "serde_bytes")]
        new_key: &'a [u8],
    },
    /// A copy of the value and its expiry under another name, replacing what was there.
    Copy {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        new_db: u8,
        #[serde(borrow, with = "serde_bytes")]
        new_key: &'a [u8],
    },
    /// One database, or all of them, emptied.
    Flush { db: Option<u8> },
    /// Two databases exchanged.
    SwapDb { first: u8, second: u8 },

    // ---- strings ----
    /// The whole value, replacing a value of any type, and its expiry.
    StringSet {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow)]
        value: Text<'a>,
        expire_at: Option<UnixMillis>,
    },
    /// Bytes written into a string at `offset` (zero-filled up to it); creates the key, keeps the
    /// expiry.
    StringWrite {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        offset: u64,
        #[serde(borrow)]
        value: Text<'a>,
    },

    // ---- hashes ----
    /// Fields set; creates the key, keeps the expiry.
    HashSet {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow)]
        pairs: Fields<'a>,
    },
    /// Fields removed, each of them present; the key goes with its last field.
    HashDelete {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "byte_strings")]
        fields: Vec<&'a [u8]>,
    },

    // ---- streams: entries ----
    /// An empty stream comes into being.
    StreamCreate {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
    },
    /// An entry above the last generated ID; creates the stream.
    StreamAppend {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        id: StreamId,
        #[serde(borrow)]
        fields: Fields<'a>,
    },
    /// Every entry below `before` is gone: blocks that end below it, and the first `front_slots`
    /// slots of the block that then stands in front. `first_id` is the oldest live entry after
    /// that, `0-0` if there is none.
    StreamTrim {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        before: StreamId,
        front_slots: u32,
        first_id: StreamId,
    },
    /// Live entries removed one by one, each with its slot in its block. `first_id` and
    /// `max_deleted_id` are the values afterwards.
    StreamDelete {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        ids: Ids,
        slots: Vec<u32>,
        first_id: StreamId,
        max_deleted_id: StreamId,
    },
    /// XSETID: the three numbers afterwards.
    StreamSetId {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        last_id: StreamId,
        entries_added: u64,
        max_deleted_id: StreamId,
    },

    // ---- streams: groups ----
    /// A group comes into being.
    GroupCreate {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        group: &'a [u8],
        last_delivered: StreamId,
        entries_read: Option<u64>,
    },
    /// XGROUP SETID.
    GroupSetId {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        group: &'a [u8],
        last_delivered: StreamId,
        entries_read: Option<u64>,
    },
    /// The group with all its consumers and pending entries is gone.
    GroupDestroy {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        group: &'a [u8],
    },
    /// A consumer comes into being, seen at `time`, never active.
    ConsumerCreate {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        group: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        consumer: &'a [u8],
        time: UnixMillis,
    },
    /// The consumer and its pending entries are gone.
    ConsumerDelete {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        group: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        consumer: &'a [u8],
    },
    /// The consumer was heard of at `time`. **Never recorded**: a restart may forget it
    /// (specification, section 17.2).
    ConsumerSeen {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        group: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        consumer: &'a [u8],
        time: UnixMillis,
    },
    /// New entries handed to a consumer, which is seen at `time`, and active then: pending with
    /// count 1 (taken over where already pending). With NOACK nothing comes to be pending: `ids` is
    /// empty, and the consumer is seen only. The group's position afterwards.
    Deliver {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        group: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        consumer: &'a [u8],
        time: UnixMillis,
        ids: Ids,
        last_delivered: StreamId,
        entries_read: Option<u64>,
    },
    /// A consumer re-read its own pending entries: their delivery time and counts (as many as IDs).
    Redeliver {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        group: &'a [u8],
        time: UnixMillis,
        ids: Ids,
        counts: Vec<u64>,
    },
    /// `removed` are pending entries that go because their stream entry is gone. Then pending
    /// entries (made where missing) are given to a consumer; their delivery time and counts (as many
    /// as IDs; an ID named twice ends with its second count). The consumer is seen and active at
    /// `active_time` if given. `last_delivered` is the group's afterwards.
    Claim {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        group: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        consumer: &'a [u8],
        active_time: Option<UnixMillis>,
        delivery_time: UnixMillis,
        ids: Ids,
        counts: Vec<u64>,
        removed: Ids,
        last_delivered: StreamId,
    },
    /// Pending entries acknowledged, each of them present.
    Ack {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        group: &'a [u8],
        ids: Ids,
    },

    // ---- later additions ----
    /// One field set, to a value that may be computed (HINCRBY); creates the key, keeps the expiry.
    HashSetField {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        field: &'a [u8],
        #[serde(borrow)]
        value: Text<'a>,
    },
    /// Pending entries below `before`, and those of `ids` (sorted), are gone from every group that
    /// has them.
    StreamForget {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        before: StreamId,
        ids: Ids,
    },
    /// What streams made from here on remember of their producers.
    ConfigureIdmp { settings: IdmpSettings },
    /// A stream remembers since `time` that a producer's message is its entry `id`. `is_new` counts it
    /// as added.
    StreamMessage {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        pid: &'a [u8],
        #[serde(borrow)]
        iid: Text<'a>,
        id: StreamId,
        time: UnixMillis,
        is_new: bool,
    },
    /// A message came once more.
    StreamDuplicate {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
    },
    /// XCFGSET: what the stream remembers from here on; what it knew of messages is forgotten.
    StreamConfigure {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        settings: IdmpSettings,
    },
    /// Which client asked for what follows. It changes nothing: it is for those who read the log.
    Origin {
        #[serde(borrow)]
        client: Text<'a>,
    },

    // ---- lists ----
    /// Values put at an end of a list, one after the other; creates the key, keeps the expiry.
    ListPush {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        end: ListEnd,
        #[serde(borrow)]
        values: Texts<'a>,
    },
    /// So many values taken from an end; the key goes with its last value.
    ListPop {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        end: ListEnd,
        count: u64,
    },
    /// One value taken from an end of a list and put at an end of another list, or of the same one.
    /// The first key goes with its last value; the other one comes into being.
    ListMove {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        from: ListEnd,
        #[serde(borrow, with = "serde_bytes")]
        new_key: &'a [u8],
        to: ListEnd,
    },
    /// The value at a place replaced.
    ListSet {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        index: u64,
        #[serde(borrow)]
        value: Text<'a>,
    },
    /// A value put at a place; what stood there and behind it moves on.
    ListInsert {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        index: u64,
        #[serde(borrow)]
        value: Text<'a>,
    },
    /// The values at these places, which rise, are gone; the key goes with its last value.
    ListRemove {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        indices: Vec<u64>,
    },
    /// So many values gone at the front and at the back; the key goes with its last value.
    ListTrim {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        front: u64,
        back: u64,
    },

    // ---- sets ----
    /// Members added, none of them present; creates the key, keeps the expiry.
    SetAdd {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow)]
        members: Texts<'a>,
    },
    /// Members removed, each of them present; the key goes with its last member.
    SetRemove {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow)]
        members: Texts<'a>,
    },

    // ---- later additions ----
    /// Pending entries (made where missing) lose their owner, and go to the end of the line of those
    /// that have none; their delivery counts (as many as IDs). An ID may be named twice.
    Release {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        group: &'a [u8],
        ids: Ids,
        counts: Vec<u64>,
    },

    // ---- sorted sets ----
    /// Members given scores, each of them once, be they there or not; creates the key, keeps the
    /// expiry. As many scores as members, and none of them NaN.
    SortedSetAdd {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        scores: Vec<f64>,
        #[serde(borrow)]
        members: Texts<'a>,
    },
    /// Members removed, each of them present; the key goes with its last member.
    SortedSetRemove {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        #[serde(borrow)]
        members: Texts<'a>,
    },
    /// So many members removed from a rank on, counted from the lowest score; the key goes with its
    /// last member.
    SortedSetRemoveRange {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        first: u64,
        count: u64,
    },

    // ---- keys again ----
    /// RESTORE: the value of a payload of DUMP, in the place of whatever was there, and its expiry.
    /// `accessed_s` is when it was used last, in Unix seconds, if not now.
    Restore {
        db: u8,
        #[serde(borrow, with = "serde_bytes")]
        key: &'a [u8],
        expire_at: Option<UnixMillis>,
        accessed_s: Option<u32>,
        #[serde(borrow, with = "serde_bytes")]
        payload: &'a [u8],
    },

    // ---- functions ----
    /// A library of functions, replacing the one of that name.
    LibrarySet {
        #[serde(borrow, with = "serde_bytes")]
        name: &'a [u8],
        #[serde(borrow, with = "serde_bytes")]
        code: &'a [u8],
    },
    /// A library of functions is gone.
    LibraryDelete {
        #[serde(borrow, with = "serde_bytes")]
        name: &'a [u8],
    },
}

/// What an operation touched, for those who wait on keys or watch them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched<'a> {
    /// Nothing a client could notice through a key.
    Nothing,
    /// One key.
    Key(u8, &'a [u8]),
    /// Two keys.
    Keys((u8, &'a [u8]), (u8, &'a [u8])),
    /// Every key of one database.
    Db(u8),
    /// Every key of two databases, exchanged.
    Dbs(u8, u8),
    /// Every key.
    Everything,
}

impl<'a> Op<'a> {
    /// Whether the operation belongs into the log.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        !matches!(self, Op::ConsumerSeen { .. })
    }

    /// The keys whose value or existence the operation changed.
    #[must_use]
    pub fn touched(&self) -> Touched<'a> {
        match *self {
            Op::Configure { .. }
            | Op::ConfigureIdmp { .. }
            | Op::ConsumerSeen { .. }
            | Op::LibrarySet { .. }
            | Op::LibraryDelete { .. }
            | Op::Origin { .. } => Touched::Nothing,
            Op::Flush { db: None } => Touched::Everything,
            Op::Flush { db: Some(db) } => Touched::Db(db),
            Op::SwapDb { first, second } => Touched::Dbs(first, second),
            Op::Rename { db, key, new_db, new_key } => Touched::Keys((db, key), (new_db, new_key)),
            Op::ListMove { db, key, new_key, .. } => Touched::Keys((db, key), (db, new_key)),
            Op::Copy { new_db, new_key, .. } => Touched::Key(new_db, new_key),
            Op::Delete { db, key }
            | Op::Expire { db, key, .. }
            | Op::StringSet { db, key, .. }
            | Op::StringWrite { db, key, .. }
            | Op::HashSet { db, key, .. }
            | Op::HashSetField { db, key, .. }
            | Op::HashDelete { db, key, .. }
            | Op::StreamCreate { db, key }
            | Op::StreamAppend { db, key, .. }
            | Op::StreamTrim { db, key, .. }
            | Op::StreamDelete { db, key, .. }
            | Op::StreamSetId { db, key, .. }
            | Op::StreamForget { db, key, .. }
            | Op::StreamMessage { db, key, .. }
            | Op::StreamDuplicate { db, key }
            | Op::StreamConfigure { db, key, .. }
            | Op::GroupCreate { db, key, .. }
            | Op::GroupSetId { db, key, .. }
            | Op::GroupDestroy { db, key, .. }
            | Op::ConsumerCreate { db, key, .. }
            | Op::ConsumerDelete { db, key, .. }
            | Op::Deliver { db, key, .. }
            | Op::Redeliver { db, key, .. }
            | Op::Claim { db, key, .. }
            | Op::Ack { db, key, .. }
            | Op::ListPush { db, key, .. }
            | Op::ListPop { db, key, .. }
            | Op::ListSet { db, key, .. }
            | Op::ListInsert { db, key, .. }
            | Op::ListRemove { db, key, .. }
            | Op::ListTrim { db, key, .. }
            | Op::SetAdd { db, key, .. }
            | Op::SetRemove { db, key, .. }
            | Op::Release { db, key, .. }
            | Op::SortedSetAdd { db, key, .. }
            | Op::SortedSetRemove { db, key, .. }
            | Op::SortedSetRemoveRange { db, key, .. }
            | Op::Restore { db, key, .. } => Touched::Key(db, key),
        }
    }
}

/// A byte string inside an operation: borrowed from the request or the record, or owned where the
/// decision computed it (INCR).
#[derive(Clone)]
pub enum Text<'a> {
    /// As the client sent it, or as it stands in the record.
    Borrowed(&'a [u8]),
    /// Computed by the decision.
    Owned(Vec<u8>),
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text<'_> {}

impl std::ops::Deref for Text<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Text::Borrowed(bytes) => bytes,
            Text::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self), f)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de serde_bytes::Bytes>::deserialize(deserializer).map(|bytes| Text::Borrowed(bytes))
    }
}

/// A list of IDs, written as differences to the one before: neighbours in time take two bytes.
///
/// Encoding: a sequence of `2n` numbers. For each ID `ms - ms_before` (wrapping), then `seq -
/// seq_before` (wrapping) if the milliseconds are equal, else `seq`. It begins at `0-0`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids(pub SmallVec<[StreamId; 1]>);

impl std::ops::Deref for Ids {
    type Target = [StreamId];
    fn deref(&self) -> &[StreamId] {
        &self.0
    }
}

impl FromIterator<StreamId> for Ids {
    fn from_iter<I: IntoIterator<Item = StreamId>>(ids: I) -> Self {
        Self(ids.into_iter().collect())
    }
}

impl Serialize for Ids {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len() * 2))?;
        let mut before = StreamId::MIN;
        for &id in &self.0 {
            let ms = id.ms.wrapping_sub(before.ms);
            seq.serialize_element(&ms)?;
            let start = if ms == 0 { before.seq } else { 0 };
            seq.serialize_element(&id.seq.wrapping_sub(start))?;
            before = id;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Differences;
        impl<'de> Visitor<'de> for Differences {
            type Value = Ids;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an even number of ID differences")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut ids = SmallVec::new();
                let mut before = StreamId::MIN;
                while let Some(ms) = seq.next_element::<u64>()? {
                    let Some(sequence) = seq.next_element::<u64>()? else {
                        return Err(serde::de::Error::invalid_length(1, &self));
                    };
                    let start = if ms == 0 { before.seq } else { 0 };
                    before = StreamId {
                        ms: before.ms.wrapping_add(ms),
                        seq: start.wrapping_add(sequence),
                    };
                    ids.push(before);
                }
                Ok(Ids(ids))
            }
        }
        deserializer.deserialize_seq(Differences)
    }
}

/// `Vec<&[u8]>` as a sequence of byte strings.
mod byte_strings {
    use serde::ser::SerializeSeq;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        strings: &[&[u8]],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(strings.len()))?;
        for string in strings {
            seq.serialize_element(serde_bytes::Bytes::new(string))?;
        }
        seq.end()
    }

    pub(super) fn deserialize<'de: 'a, 'a, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<&'a [u8]>, D::Error> {
        let strings = Vec::<&'de serde_bytes::Bytes>::deserialize(deserializer)?;
        Ok(strings.into_iter().map(|string| &**string).collect())
    }
}
