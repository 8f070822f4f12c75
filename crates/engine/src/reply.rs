//! Replies: what a decision answers, before it becomes RESP2 or RESP3 bytes.

use bytes::Bytes;

use crate::error::CommandError;
use crate::id::StreamId;
use crate::stream::EntryRange;

/// What a number or a status is taken for by [`Reply::bytes_about`].
const SMALL_BYTES: usize = 8;

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
    /// Entries still in their blocks, as `array[array[id, array[field, value, ...]], ...]`. They are
    /// decoded and checked by the encoder, after the engine's lock is released.
    Entries(EntryRange),
    /// The first entry of the range alone (`array[id, array[...]]`), or null for an empty range:
    /// XINFO STREAM's `first-entry` and `last-entry`.
    EntryOrNil(EntryRange),
    /// A refusal inside another reply (EXEC).
    Error(CommandError),
}

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
        self.sum(&EntryRange::bytes_about)
    }

    /// Memory that the reply holds by itself, without the blocks that it shares with the stream. The
    /// encoded reply is hardly ever shorter.
    #[must_use]
    pub fn bytes_owned(&self) -> usize {
        self.sum(&EntryRange::bytes_copied)
    }

    fn sum(&self, of_range: &dyn Fn(&EntryRange) -> usize) -> usize {
        let of_pairs = |pairs: &[(Self, Self)]| {
            pairs.iter().map(|(one, two)| one.sum(of_range) + two.sum(of_range)).sum()
        };
        match self {
            Self::Bulk(bytes) | Self::Verbatim(bytes) => bytes.len(),
            Self::Array(items) | Self::Set(items) => {
                items.iter().map(|item| item.sum(of_range)).sum()
            }
            Self::Map(pairs) | Self::Pairs(pairs) => of_pairs(pairs),
            Self::Streams(streams) => streams.iter().map(|(_, reply)| reply.sum(of_range)).sum(),
            Self::Entries(range) | Self::EntryOrNil(range) => of_range(range),
            _ => SMALL_BYTES,
        }
    }
}
