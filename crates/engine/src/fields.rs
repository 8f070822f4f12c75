//! The field/value pairs of an entry on their way into a stream.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Field/value pairs: `name, value, name, value, ...`, an even number of byte strings, at least two.
///
/// Borrowed from the request on the way in, and from the log record during replay, so that the bytes
/// of an entry are copied once: into the block.
#[derive(Clone)]
pub enum Fields<'a> {
    /// The tail of a request's arguments.
    Borrowed(&'a [&'a [u8]]),
    /// Strings found one by one while decoding a record.
    Collected(Vec<&'a [u8]>),
}

impl<'a> Fields<'a> {
    /// Names and values in turn.
    #[must_use]
    pub fn strings(&self) -> &[&'a [u8]] {
        match self {
            Fields::Borrowed(strings) => strings,
            Fields::Collected(strings) => strings,
        }
    }

    /// Number of field/value pairs.
    #[must_use]
    pub fn pair_count(&self) -> usize {
        self.strings().len() / 2
    }

    /// The pairs in order; duplicate names are kept.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + '_ {
        self.strings().chunks_exact(2).map(|pair| (pair[0], pair[1]))
    }
}

/// Equal strings are equal fields, wherever the list of them is held.
impl PartialEq for Fields<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.strings() == other.strings()
    }
}

impl Eq for Fields<'_> {}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.pairs().map(|(name, value)| {
                (String::from_utf8_lossy(name), String::from_utf8_lossy(value))
            }))
            .finish()
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let strings = self.strings();
        let mut seq = serializer.serialize_seq(Some(strings.len()))?;
        for string in strings {
            seq.serialize_element(serde_bytes::Bytes::new(string))?;
        }
        seq.end()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Strings;
        impl<'de> Visitor<'de> for Strings {
            type Value = Vec<&'de [u8]>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an even number of byte strings")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                // The count comes from disk: it must not size an allocation unchecked.
                let mut strings = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(64));
                while let Some(string) = seq.next_element::<&'de serde_bytes::Bytes>()? {
                    strings.push(&**string);
                }
                if strings.len() % 2 != 0 {
                    return Err(serde::de::Error::invalid_length(strings.len(), &self));
                }
                Ok(strings)
            }
        }
        deserializer.deserialize_seq(Strings).map(Fields::Collected)
    }
}
