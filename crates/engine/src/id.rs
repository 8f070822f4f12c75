//! Entry IDs: the 128-bit position of an entry in its stream.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, as read once per batch by the server.
pub type UnixMillis = u64;

/// Position of an entry in a stream: `ms-seq`, compared as one 128-bit number.
///
/// `0-0` is never the ID of an entry. See <https://redis.io/docs/latest/develop/data-types/streams/>.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct StreamId {
    /// Milliseconds part, usually the wall clock at the time of the append.
    pub ms: u64,
    /// Sequence inside the millisecond.
    pub seq: u64,
}

/// Longest text form of an ID: two 20-digit numbers and a dash.
pub const ID_TEXT_MAX: usize = 41;

impl StreamId {
    /// `0-0`, below every entry.
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    /// The last possible ID.
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    /// The ID `ms-seq`.
    #[must_use]
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The next larger ID, or `None` after [`StreamId::MAX`].
    #[must_use]
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { ms: self.ms, seq }),
            None => self.ms.checked_add(1).map(|ms| Self { ms, seq: 0 }),
        }
    }

    /// The next smaller ID, or `None` before `0-0`.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { ms: self.ms, seq }),
            None => self.ms.checked_sub(1).map(|ms| Self { ms, seq: u64::MAX }),
        }
    }

    /// Reads `ms-seq`, or `ms` completed with `seq_missing`.
    ///
    /// Leading zeros are accepted, as clients that pad numbers exist; signs, blanks and parts above
    /// `u64::MAX` are not.
    #[must_use]
    pub fn parse(text: &[u8], seq_missing: u64) -> Option<Self> {
        match text.iter().position(|&byte| byte == b'-') {
            None => Some(Self { ms: parse_u64(text)?, seq: seq_missing }),
            Some(dash) => {
                Some(Self { ms: parse_u64(&text[..dash])?, seq: parse_u64(&text[dash + 1..])? })
            }
        }
    }

    /// Writes the text form into `buffer` and returns the written part.
    pub fn format(self, buffer: &mut [u8; ID_TEXT_MAX]) -> &[u8] {
        let mut digits = itoa::Buffer::new();
        let ms = digits.format(self.ms).as_bytes();
        let mut len = ms.len();
        buffer[..len].copy_from_slice(ms);
        buffer[len] = b'-';
        len += 1;
        let seq = digits.format(self.seq).as_bytes();
        buffer[len..len + seq.len()].copy_from_slice(seq);
        &buffer[..len + seq.len()]
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// Decimal digits only, at least one; `None` above `u64::MAX`. The longest text the reference
/// accepts for a whole ID is 127 bytes, which bounds the zeros.
fn parse_u64(text: &[u8]) -> Option<u64> {
    if text.is_empty() || 127 < text.len() {
        return None;
    }
    text.iter().try_fold(0u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_clients_write_and_rejects_the_rest() {
        let check = |text: &str, expected| {
            assert_eq!(StreamId::parse(text.as_bytes(), 7), expected, "{text:?}");
        };
        check("5-3", Some(StreamId::new(5, 3)));
        check("5", Some(StreamId::new(5, 7)));
        check("05-003", Some(StreamId::new(5, 3)));
        check("18446744073709551615-18446744073709551615", Some(StreamId::MAX));
        for bad in ["", "-", "1-", "-1", "1-2-3", "+1-1", "1-+1", " 1", "a", "18446744073709551616"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn neighbours_carry_across_the_millisecond() {
        assert_eq!(StreamId::new(1, u64::MAX).next(), Some(StreamId::new(2, 0)));
        assert_eq!(StreamId::new(2, 0).previous(), Some(StreamId::new(1, u64::MAX)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.previous(), None);
    }

    #[test]
    fn text_form_round_trips() {
        for id in [StreamId::MIN, StreamId::MAX, StreamId::new(1526919030474, 55)] {
            let mut buffer = [0; ID_TEXT_MAX];
            assert_eq!(id.format(&mut buffer), id.to_string().as_bytes());
        }
    }
}
