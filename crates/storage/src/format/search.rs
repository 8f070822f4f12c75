//! Records in bytes where anything may stand: what is behind a bad one.
//!
//! Those bytes are the clients' as much as ours: the payload of a torn record, or what a segment held in
//! a former life. Whatever stands there, looking through it costs in proportion to its length and no
//! more. A checksum taken anew wherever a record might begin would cost the square of that, and a client
//! that stores lengths and numbers could make every start after a crash take hours.

use std::ops::{Range, RangeInclusive};

use crc32fast::Hasher;

use super::record::{self, RECORD_ALIGN, Record};

/// A checksum of all bytes before is kept at each multiple of this.
const STRIDE: usize = 64;

/// Looks for records of one segment.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    salt: u32,
    checksums: Checksums<'a>,
}

impl<'a> Search<'a> {
    /// In these bytes, which begin at a multiple of [`RECORD_ALIGN`].
    pub(crate) fn new(bytes: &'a [u8], salt: u32) -> Self {
        Self { salt, checksums: Checksums { bytes, before: vec![0], hashed: 0 } }
    }

    /// As [`record::parse`] of what begins at `at`.
    pub(crate) fn record_at(&mut self, at: usize) -> Option<Record<'a>> {
        let claim = record::claim(self.checksums.bytes.get(at..)?)?;
        let covered = at + record::COVERED_FROM..at + record::COVERED_FROM + claim.covered.len();
        (claim.checksum == self.checksums.of(covered, self.salt)).then_some(claim.record)
    }

    /// The first record that begins in this part and has one of these numbers, and where it stands.
    pub(crate) fn next(
        &mut self,
        part: Range<usize>,
        lsns: &RangeInclusive<u64>,
    ) -> Option<(usize, Record<'a>)> {
        let bytes = self.checksums.bytes;
        for at in part.step_by(RECORD_ALIGN) {
            let claimed = record::claimed_lsn(&bytes[at..])?;
            if lsns.contains(&claimed)
                && let Some(record) = self.record_at(at)
            {
                return Some((at, record));
            }
        }
        None
    }

    /// Bytes that went through a checksum so far.
    #[cfg(test)]
    fn hashed(&self) -> usize {
        self.checksums.hashed
    }
}

/// The checksum of any part of some bytes, for little more than two strides of work: that of a whole,
/// and that of a part it begins with, give that of the rest.
#[derive(Debug)]
struct Checksums<'a> {
    bytes: &'a [u8],
    /// Of the bytes before each multiple of [`STRIDE`], as far as they were asked for.
    before: Vec<u32>,
    hashed: usize,
}

impl Checksums<'_> {
    /// Of a part that is not empty, begun with `salt`.
    fn of(&mut self, part: Range<usize>, salt: u32) -> u32 {
        let len = part.len() as u64;
        let (before, whole) = (self.upto(part.start), self.upto(part.end));
        // Checksums are linear: what stands before counts as if it had been the salt, moved on by the
        // length of the part, and goes where both are added.
        let mut checksum = Hasher::new_with_initial(salt ^ before);
        checksum.combine(&Hasher::new_with_initial_len(whole, len));
        checksum.finalize()
    }

    fn upto(&mut self, end: usize) -> u32 {
        let strides = end / STRIDE;
        while self.before.len() <= strides {
            let from = (self.before.len() - 1) * STRIDE;
            let checksum = self.go_on(self.before.len() - 1, from..from + STRIDE);
            self.before.push(checksum);
        }
        self.go_on(strides, strides * STRIDE..end)
    }

    fn go_on(&mut self, stride: usize, part: Range<usize>) -> u32 {
        self.hashed += part.len();
        let mut checksum = Hasher::new_with_initial(self.before[stride]);
        checksum.update(&self.bytes[part]);
        checksum.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::{Kind, Stamp};
    use crate::fs::sim::Random;

    const SALT: u32 = 0x5a17_c0de;

    fn put(bytes: &mut Vec<u8>, lsn: u64, payload: &[u8]) {
        let start = bytes.len();
        record::begin(bytes);
        bytes.extend_from_slice(payload);
        let stamp = Stamp { lsn, time_ms: 1, durable: lsn - 1, kind: Kind::Ops };
        record::finish(bytes, start, stamp, SALT);
    }

    /// What a plain look at every place finds.
    fn plain(bytes: &[u8]) -> Vec<(usize, u64)> {
        let places = (0..bytes.len()).step_by(RECORD_ALIGN);
        let found = places.filter_map(|at| Some((at, record::parse(&bytes[at..], SALT)?)));
        found.map(|(at, record)| (at, record.stamp.lsn)).collect()
    }

    fn searched(bytes: &[u8], lsns: &RangeInclusive<u64>) -> (Vec<(usize, u64)>, usize) {
        let mut search = Search::new(bytes, SALT);
        let (mut at, mut found) = (0, Vec::new());
        while let Some((place, record)) = search.next(at..bytes.len(), lsns) {
            found.push((place, record.stamp.lsn));
            at = place + RECORD_ALIGN;
        }
        (found, search.hashed())
    }

    #[test]
    fn finds_what_a_plain_look_at_every_place_finds() {
        for seed in 1..40 {
            let mut random = Random(seed);
            let mut bytes = Vec::new();
            for lsn in 1..60 {
                let payload: Vec<u8> = (0..200).take(random.below(200)).collect();
                put(&mut bytes, lsn, &payload);
                if random.below(4) == 0 {
                    let junk = RECORD_ALIGN * random.below(12);
                    bytes.resize(bytes.len() + junk, u8::try_from(random.below(256)).unwrap());
                }
            }
            for _ in 0..random.below(9) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            // The last one may be cut short.
            bytes.truncate(bytes.len() - random.below(100));
            let expected = plain(&bytes);
            assert!(40 < expected.len(), "seed {seed}");
            assert_eq!(searched(&bytes, &(0..=u64::MAX)).0, expected, "seed {seed}");
            let some: Vec<_> =
                expected.into_iter().filter(|(_, lsn)| (20..=30).contains(lsn)).collect();
            assert_eq!(searched(&bytes, &(20..=30)).0, some, "seed {seed}");
        }
    }

    /// At every other place a record seems to begin, half as long as all of the bytes.
    fn hostile(len: usize) -> Vec<u8> {
        let claimed = u32::try_from(len / 2).unwrap();
        let mut pattern = [claimed.to_le_bytes(), [0xff; 4]].concat();
        pattern.extend_from_slice(&0x101_u64.to_le_bytes());
        pattern.repeat(len / pattern.len())
    }

    /// Many values have something like a number at every eighth byte.
    fn innocent(len: usize) -> Vec<u8> {
        let numbers = (0..len as u64 / 8).flat_map(u64::to_le_bytes);
        numbers.collect()
    }

    #[test]
    fn costs_in_proportion_to_what_is_looked_through() {
        const LEN: usize = 1 << 20;
        for bytes in [hostile(LEN), innocent(LEN)] {
            let (found, hashed) = searched(&bytes, &(1..=u64::MAX));
            assert!(found.is_empty());
            assert!(LEN / 2 < hashed && hashed < 10 * LEN, "{hashed} bytes hashed");
        }
        // Nothing there looks like a record.
        assert_eq!(searched(&vec![0; LEN], &(1..=u64::MAX)), (Vec::new(), 0));
    }
}
