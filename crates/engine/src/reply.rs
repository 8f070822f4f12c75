//! Replies: what a decision answers, before it becomes RESP2 or RESP3 bytes.

use bytes::Bytes;

use crate::error::CommandError;
use crate::group::{ClaimedEntries, PendingRow};
use crate::id::StreamId;
use crate::stream::EntryRange;

/// What a number or a status is taken for by [`Reply::bytes_about`].
const SMALL_BYTES: usize = 8;

/// The same for a row of XPENDING.
const PENDING_ROW_BYTES: usize = 64;

/// An answer. The encoder in `protocol` knows both wire forms of each variant.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// `+OK`
    Ok,
    /// `+text`
    Simple(&'static str),
    /// `$-1`, in RESP3 `_`
    Nil,
    /// `*-1`, in RESP3 `_`
    NilArray,
    /// `:n`
    Integer(i64),
    /// RESP3 double; in RESP2 a bulk string.
    Double(f64),
    /// A bulk string.
    Bulk(Bytes),
    /// An ID as a bulk string.
    Id(StreamId),
    /// An array.
    Array(Vec<Reply>),
    /// Pairs: a map in RESP3, a flat array in RESP2.
    Map(Vec<(Reply, Reply)>),
    /// A set in RESP3, an array in RESP2.
    Set(Vec<Reply>),
    /// Text for human eyes: a verbatim string (`txt`) in RESP3, a bulk string in RESP2.
    Verbatim(Bytes),
    /// Pairs: an array of two-element arrays in RESP3, a flat array in RESP2 (HRANDFIELD).
    Pairs(Vec<(Reply, Reply)>),
    /// XREAD's answer: a map from key to entries in RESP3, an array of two-element arrays in RESP2.
    Streams(Vec<(Bytes, Reply)>),
    /// As [`Reply::Array`], [`Reply::Map`], [`Reply::Pairs`] or [`Reply::Set`] of bulk strings.
    Strings(Strings, Shape),
    /// Members of a sorted set with their scores.
    Scored(Scored),
    /// Entries still in their blocks, as `array[array[id, array[field, value, ...]], ...]`. They are
    /// decoded and checked by the encoder, after the engine's lock is released.
    Entries(EntryRange),
    /// XREADGROUP CLAIM's entries: as [`Reply::Entries`], each with two numbers behind its fields.
    Claimed(Box<ClaimedEntries>),
    /// XPENDING's rows, each as `array[id, owner, idle, count]`.
    Pending(Vec<PendingRow>),
    /// The first entry of the range alone (`array[id, array[...]]`), or null for an empty range:
    /// XINFO STREAM's `first-entry` and `last-entry`.
    EntryOrNil(EntryRange),
    /// `+text`, of a script. One line.
    Status(Bytes),
    /// A RESP3 boolean; in RESP2 1 or 0.
    Bool(bool),
    /// A RESP3 big number; in RESP2 a bulk string. One line.
    BigNumber(Bytes),
    /// As [`Reply::Verbatim`], with a format of its own.
    Marked([u8; 3], Bytes),
    /// More than a client may be sent, so it was not gathered to its end. There is no such reply on
    /// the wire: the client is cut off.
    TooLong,
    /// A refusal inside another reply (EXEC).
    Error(CommandError),
    /// A push message in RESP3, an array in RESP2: what SUBSCRIBE and its kin answer, and what comes
    /// without being asked for.
    Push(Vec<Reply>),
    /// Several replies to one command, one behind the other (SUBSCRIBE with several channels).
    Several(Vec<Reply>),
}

/// How a list of strings is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An array.
    List,
    /// As [`Reply::Map`].
    Map,
    /// As [`Reply::Pairs`].
    Pairs,
    /// As [`Reply::Set`].
    Set,
}

/// Strings side by side in one piece of memory: those of a giant hash, or the names of all keys, must
/// not cost an allocation each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Strings {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Strings {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }

    /// Appends one, unless the encoded reply would then be longer than `encoded_max`.
    pub(crate) fn push(&mut self, string: &[u8], encoded_max: usize) -> Option<()> {
        let encoded = self.bytes_about() + STRING_FRAME_BYTES_MIN + string.len();
        if encoded_max < encoded {
            return None;
        }
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
        Some(())
    }

    fn bytes_owned(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    fn bytes_about(&self) -> usize {
        self.bytes.len() + self.ends.len() * STRING_FRAME_BYTES_MIN
    }
}

impl<'s> FromIterator<&'s [u8]> for Strings {
    fn from_iter<I: IntoIterator<Item = &'s [u8]>>(strings: I) -> Self {
        let mut gathered = Self::default();
        for string in strings {
            gathered.push(string, usize::MAX).expect("no reply is longer than all memory");
        }
        gathered
    }
}

/// How members and scores are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// As [`Reply::Pairs`].
    ByProtocol,
    /// An array of two-element arrays in either protocol (ZMPOP).
    Always,
}

/// Members of a sorted set with their scores, side by side in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    members: Strings,
    scores: Vec<f64>,
    nesting: Nesting,
}

impl Scored {
    /// Of these members.
    #[must_use]
    pub fn of(nesting: Nesting, members: &[(&[u8], f64)]) -> Self {
        let scores = members.iter().map(|(_, score)| *score).collect();
        let members = members.iter().map(|(member, _)| *member).collect();
        Self { members, scores, nesting }
    }

    /// How many members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// How they are told.
    #[must_use]
    pub fn nesting(&self) -> Nesting {
        self.nesting
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], f64)> {
        self.members.iter().zip(self.scores.iter().copied())
    }

    /// Appends one, unless the encoded reply would then be longer than `encoded_max`.
    pub(crate) fn push(&mut self, member: &[u8], score: f64, encoded_max: usize) -> Option<()> {
        let scores = (self.scores.len() + 1) * SCORE_BYTES_MIN;
        self.members.push(member, encoded_max.checked_sub(scores)?)?;
        self.scores.push(score);
        Some(())
    }

    fn bytes_about(&self) -> usize {
        self.members.bytes_about() + self.scores.len() * SCORE_BYTES_MIN
    }
}

/// An encoded score is not shorter.
const SCORE_BYTES_MIN: usize = ",0\r\n".len();

/// What stands around a short string on the wire.
const STRING_FRAME_BYTES_MIN: usize = "$0\r\n\r\n".len();

impl Reply {
    /// A bulk string from text that is known at compile time.
    #[must_use]
    pub fn text(text: &'static str) -> Self {
        Reply::Bulk(Bytes::from_static(text.as_bytes()))
    }

    /// A bulk string that copies `bytes`.
    #[must_use]
    pub fn bulk(bytes: &[u8]) -> Self {
        Reply::Bulk(Bytes::copy_from_slice(bytes))
    }

    /// A count as an integer; counts beyond `i64::MAX` cannot be reached.
    #[must_use]
    pub fn count(count: impl TryInto<i64>) -> Self {
        Reply::Integer(count.try_into().unwrap_or(i64::MAX))
    }

    /// About how many bytes the encoded reply will have: enough to tell a large one from a small one
    /// without encoding it.
    #[must_use]
    pub fn bytes_about(&self) -> usize {
        let of_pairs = |pairs: &[(Self, Self)]| {
            pairs.iter().map(|(one, two)| one.bytes_about() + two.bytes_about()).sum()
        };
        match self {
            Self::Bulk(bytes)
            | Self::Verbatim(bytes)
            | Self::Status(bytes)
            | Self::BigNumber(bytes)
            | Self::Marked(_, bytes) => bytes.len(),
            Self::Array(items) | Self::Set(items) | Self::Push(items) | Self::Several(items) => {
                items.iter().map(Self::bytes_about).sum()
            }
            Self::Map(pairs) | Self::Pairs(pairs) => of_pairs(pairs),
            Self::Streams(streams) => streams.iter().map(|(_, reply)| reply.bytes_about()).sum(),
            Self::Strings(strings, _) => strings.bytes_about(),
            Self::Scored(scored) => scored.bytes_about(),
            Self::Entries(range) | Self::EntryOrNil(range) => range.bytes_about(),
            Self::Claimed(entries) => entries.bytes_about(),
            Self::Pending(rows) => rows.len() * PENDING_ROW_BYTES,
            _ => SMALL_BYTES,
        }
    }

    /// Memory that the reply holds by itself, without the blocks that it shares with the stream.
    #[must_use]
    pub fn bytes_owned(&self) -> usize {
        let pairs = |pairs: &[(Self, Self)]| {
            pairs.iter().map(|(one, two)| one.bytes_owned() + two.bytes_owned()).sum::<usize>()
        };
        let behind = match self {
            Self::Bulk(bytes)
            | Self::Verbatim(bytes)
            | Self::Status(bytes)
            | Self::BigNumber(bytes)
            | Self::Marked(_, bytes) => bytes.len(),
            Self::Array(items) | Self::Set(items) | Self::Push(items) | Self::Several(items) => {
                items.iter().map(Self::bytes_owned).sum()
            }
            Self::Map(items) | Self::Pairs(items) => pairs(items),
            Self::Streams(streams) => streams.iter().map(|(_, reply)| reply.bytes_owned()).sum(),
            Self::Strings(strings, _) => strings.bytes_owned(),
            Self::Scored(scored) => {
                scored.members.bytes_owned() + scored.scores.capacity() * size_of::<f64>()
            }
            Self::Entries(range) | Self::EntryOrNil(range) => range.bytes_copied(),
            Self::Claimed(entries) => entries.bytes_owned(),
            Self::Pending(rows) => rows.capacity() * size_of::<PendingRow>(),
            _ => 0,
        };
        size_of::<Self>() + behind
    }

    /// The encoded reply is never shorter, in either protocol.
    pub(crate) fn bytes_min(&self) -> usize {
        match self {
            Self::Bulk(bytes) => STRING_FRAME_BYTES_MIN + bytes.len(),
            Self::Array(items) => "*0\r\n".len() + items.iter().map(Self::bytes_min).sum::<usize>(),
            _ => "_\r\n".len(),
        }
    }
}
