//! Byte strings of one operation: values pushed onto a list, members of a set.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::reply::Strings;

/// Any number of byte strings.
///
/// Borrowed from the request on the way in, and from the log record during replay, so that a value is
/// copied once: into the collection.
#[derive(Clone)]
pub enum Texts<'a> {
    /// The tail of a request's arguments.
    Borrowed(&'a [&'a [u8]]),
    /// Chosen among the arguments, or found one by one while decoding a record.
    Collected(Vec<&'a [u8]>),
    /// Taken from the state, or computed: what SPOP drew, what SUNIONSTORE came to.
    Owned(Strings),
}

impl Texts<'_> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Texts::Borrowed(texts) => texts.len(),
            Texts::Collected(texts) => texts.len(),
            Texts::Owned(texts) => texts.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let (listed, packed): (&[&[u8]], _) = match self {
            Texts::Borrowed(texts) => (texts, None),
            Texts::Collected(texts) => (texts, None),
            Texts::Owned(texts) => (&[], Some(texts)),
        };
        listed.iter().copied().chain(packed.into_iter().flat_map(Strings::iter))
    }
}

/// Equal strings are equal, wherever the list of them is held.
impl PartialEq for Texts<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Texts<'_> {}

impl fmt::Debug for Texts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(String::from_utf8_lossy)).finish()
    }
}

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.len()))?;
        for text in self.iter() {
            seq.serialize_element(serde_bytes::Bytes::new(text))?;
        }
        seq.end()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<&'de [u8]>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("byte strings")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                // The count comes from disk: it must not size an allocation unchecked.
                let mut texts = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(64));
                while let Some(text) = seq.next_element::<&'de serde_bytes::Bytes>()? {
                    texts.push(&**text);
                }
                Ok(texts)
            }
        }
        deserializer.deserialize_seq(Each).map(Texts::Collected)
    }
}
