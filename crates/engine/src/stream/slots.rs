//! The bytes of entries: slots, one after another, as they stand in a block and in the open tail.
//! Normative: `docs/on-disk-format.md`, "Blocks".

use crate::fields::Fields;
use crate::id::StreamId;

/// The body's first number in a slot that shares the first slot's field names.
const SHARED_NAMES: u64 = 0;

/// Bytes that are no slots. Behind a good checksum only our own bug can make them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// One slot: an ID and the bytes of its fields, still undecoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<'a> {
    pub(crate) id: StreamId,
    pub(crate) index: u32,
    pub(crate) body: &'a [u8],
}

/// A place between two slots, where reading can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: usize,
    /// Index of the slot that follows.
    pub(crate) index: u32,
    /// The ID of the slot before; that of the first slot if there is none.
    pub(crate) previous: StreamId,
}

/// The slots from a place on. Fields are stepped over, not looked at.
#[derive(Debug, Clone)]
pub(crate) struct Slots<'a> {
    bytes: &'a [u8],
    first_ms: u64,
    at: Place,
    end_index: u32,
}

impl<'a> Slots<'a> {
    /// The slots of a block whose first slot has ID `first`.
    pub(crate) fn new(bytes: &'a [u8], first: StreamId, slots: u32) -> Self {
        let at = Place { offset: 0, index: 0, previous: first };
        Self { bytes, first_ms: first.ms, at, end_index: slots }
    }

    /// As [`Slots::new`], from `at` to before the slot `end_index`.
    pub(crate) fn between(bytes: &'a [u8], first: StreamId, at: Place, end_index: u32) -> Self {
        Self { bytes, first_ms: first.ms, at, end_index }
    }

    /// Where the next slot begins.
    pub(crate) fn place(&self) -> Place {
        self.at
    }

    fn step(&mut self) -> Option<Slot<'a>> {
        let mut rest = self.bytes.get(self.at.offset..)?;
        let ms = self.first_ms.checked_add(take_varint(&mut rest)?)?;
        let seq = take_varint(&mut rest)?;
        let previous = self.at.previous;
        let seq = if ms == previous.ms { previous.seq.checked_add(seq)? } else { seq };
        let body = take_string(&mut rest)?;
        let id = StreamId { ms, seq };
        let index = self.at.index;
        let offset = self.bytes.len() - rest.len();
        self.at = Place { offset, index: index + 1, previous: id };
        Some(Slot { id, index, body })
    }
}

impl<'a> Iterator for Slots<'a> {
    type Item = Result<Slot<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at.index == self.end_index {
            return None;
        }
        let slot = self.step().ok_or(Malformed);
        if slot.is_err() {
            self.at.index = self.end_index;
        }
        Some(slot)
    }
}

/// Whether a slot repeats the field names of its block's first slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamesOf {
    /// The names stand in the first slot.
    First,
    /// The names are the slot's own.
    Itself,
}

/// Appends the slot of an entry.
pub(crate) fn put_slot(
    out: &mut Vec<u8>,
    first: StreamId,
    previous: StreamId,
    id: StreamId,
    fields: &Fields<'_>,
    names: NamesOf,
) {
    let seq = if id.ms == previous.ms { id.seq - previous.seq } else { id.seq };
    put_varint(out, id.ms - first.ms);
    put_varint(out, seq);
    let strings = fields.strings();
    match names {
        NamesOf::First => put_body(out, SHARED_NAMES, strings.iter().skip(1).step_by(2)),
        NamesOf::Itself => put_body(out, fields.pair_count() as u64, strings.iter()),
    }
}

fn put_body<'s>(out: &mut Vec<u8>, head: u64, strings: impl Iterator<Item = &'s &'s [u8]> + Clone) {
    let strings_len: usize =
        strings.clone().map(|string| varint_len(string.len() as u64) + string.len()).sum();
    put_varint(out, (varint_len(head) + strings_len) as u64);
    put_varint(out, head);
    for string in strings {
        put_varint(out, string.len() as u64);
        out.extend_from_slice(string);
    }
}

/// The field names of a block: those of its first slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    count: u64,
    /// Names and values of the first slot in turn.
    strings: &'a [u8],
}

impl<'a> Names<'a> {
    /// Finds the names in the body of a first slot.
    pub(crate) fn parse(mut first_body: &'a [u8]) -> Result<Self, Malformed> {
        let count = take_varint(&mut first_body).ok_or(Malformed)?;
        if count == SHARED_NAMES || !holds_strings(first_body, count.checked_mul(2)) {
            return Err(Malformed);
        }
        Ok(Self { count, strings: first_body })
    }

    /// The names of a block, given the bytes of its slots.
    pub(crate) fn of_slots(mut bytes: &'a [u8]) -> Result<Self, Malformed> {
        let _ms = take_varint(&mut bytes).ok_or(Malformed)?;
        let _seq = take_varint(&mut bytes).ok_or(Malformed)?;
        Self::parse(take_string(&mut bytes).ok_or(Malformed)?)
    }

    pub(crate) fn are_those_of(self, fields: &Fields<'_>) -> bool {
        let mut strings = self.strings;
        self.count == fields.pair_count() as u64
            && fields.strings().iter().step_by(2).all(|name| {
                let same = take_string(&mut strings) == Some(*name);
                let _value = take_string(&mut strings);
                same
            })
    }

    /// A first slot that carries the names alone, for a copy that leaves the first slots out.
    pub(crate) fn put_stub(self, out: &mut Vec<u8>) {
        let mut strings = self.strings;
        let mut names = Vec::new();
        while let Some(name) = take_string(&mut strings) {
            names.extend([name, b"".as_slice()]);
            let _value = take_string(&mut strings);
        }
        out.extend([0, 0]);
        put_body(out, self.count, names.iter());
    }
}

/// The field/value pairs of one entry, in order, straight from the block.
#[derive(Debug, Clone)]
pub struct Pairs<'a> {
    /// Names and values of the first slot in turn, if the names are shared.
    names: Option<&'a [u8]>,
    strings: &'a [u8],
    left: usize,
}

impl<'a> Pairs<'a> {
    /// Understands the body of a slot, and makes sure that every string of it is whole.
    pub(crate) fn parse(mut body: &'a [u8], names: Names<'a>) -> Result<Self, Malformed> {
        let head = take_varint(&mut body).ok_or(Malformed)?;
        let (names, count, strings) = match head {
            SHARED_NAMES => (Some(names.strings), names.count, Some(names.count)),
            count => (None, count, count.checked_mul(2)),
        };
        if !holds_strings(body, strings) {
            return Err(Malformed);
        }
        let left = usize::try_from(count).map_err(|_| Malformed)?;
        Ok(Self { names, strings: body, left })
    }

    /// Number of pairs still to come.
    #[must_use]
    pub fn pair_count(&self) -> usize {
        self.left
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = match &mut self.names {
            None => take_string(&mut self.strings)?,
            Some(names) => {
                let name = take_string(names)?;
                take_string(names)?;
                name
            }
        };
        Some((name, take_string(&mut self.strings)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

/// Whether the bytes are exactly so many strings.
fn holds_strings(mut bytes: &[u8], count: Option<u64>) -> bool {
    let Some(count) = count else { return false };
    (0..count).all(|_| take_string(&mut bytes).is_some()) && bytes.is_empty()
}

#[inline]
fn take_string<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take_varint(bytes)?).ok()?;
    let (string, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(string)
}

/// Seven bits per byte, the lowest first; the top bit says that another byte follows.
#[inline]
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let (&byte, rest) = bytes.split_first()?;
    *bytes = rest;
    if byte < 0x80 { Some(u64::from(byte)) } else { take_long_varint(byte, bytes) }
}

fn take_long_varint(first: u8, bytes: &mut &[u8]) -> Option<u64> {
    let mut value = u64::from(first & 0x7f);
    for shift in (7..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && 1 < bits {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low seven bits are meant")]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while 0x80 <= value {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_len(value: u64) -> usize {
    (1 + value.checked_ilog2().unwrap_or(0) / 7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_come_back() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(bytes.len(), varint_len(value), "{value}");
            assert_eq!(take_varint(&mut &bytes[..]), Some(value));
            assert_eq!(take_varint(&mut &bytes[..bytes.len() - 1]), None, "{value} cut short");
        }
        assert_eq!(take_varint(&mut &[0xff; 10][..]), None, "above 64 bits");
    }

    #[test]
    fn any_bytes_are_slots_or_malformed() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..24)
                .map(|_| {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    (seed % 11) as u8 * 23
                })
                .collect();
            let mut names = Err(Malformed);
            for slot in Slots::new(&bytes, StreamId::MAX, 5).flatten() {
                if names.is_err() {
                    names = Names::parse(slot.body);
                }
                let pairs = names.and_then(|names| Pairs::parse(slot.body, names));
                assert!(pairs.is_err() || pairs.is_ok_and(|pairs| pairs.len() == pairs.count()));
            }
        }
    }
}
