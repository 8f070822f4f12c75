//! Records of the log (`docs/on-disk-format.md`, "Records").

use super::codec::{PAYLOAD_BYTES_MAX, PAYLOAD_FORMAT};
use super::header::{u32_at, u64_at};

/// Bytes before a record's payload.
pub const RECORD_HEADER_BYTES: usize = 48;

/// Records begin at multiples of this.
pub const RECORD_ALIGN: usize = 8;

/// Where in a record begins what its checksum covers.
pub(super) const COVERED_FROM: usize = 8;

/// For replication, which does not exist yet: one group, in its first term.
const GROUP: u32 = 1;
const TERM: u32 = 1;

const _: () = assert!(RECORD_HEADER_BYTES.is_multiple_of(RECORD_ALIGN));
const _: () = assert!(PAYLOAD_BYTES_MAX <= u32::MAX as usize);

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Operations of one command or one transaction.
    Ops,
    /// Nothing but its own durable LSN.
    Mark,
    /// The last record before a clean stop.
    CleanStop,
    /// Records from the LSN in the payload up to this one are void.
    Supersede,
    /// The segment ends here; its successor begins with this LSN and was durable before. Takes no
    /// LSN of its own.
    Sealed,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Kind::Ops => 1,
            Kind::Mark => 2,
            Kind::CleanStop => 3,
            Kind::Supersede => 4,
            Kind::Sealed => 5,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Kind::Ops),
            2 => Some(Kind::Mark),
            3 => Some(Kind::CleanStop),
            4 => Some(Kind::Supersede),
            5 => Some(Kind::Sealed),
            _ => None,
        }
    }
}

/// What the writer puts into a record's header beside lengths and checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The record's number.
    pub lsn: u64,
    /// Unix milliseconds when it was decided.
    pub time_ms: u64,
    /// Every record up to this one was durable when this one was written.
    pub durable: u64,
    /// What it says.
    pub kind: Kind,
}

/// A record whose checksum is right.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// From the header.
    pub stamp: Stamp,
    /// Number of the payload's encoding.
    pub payload_format: u8,
    /// What the kind says it is.
    pub payload: &'a [u8],
}

impl Record<'_> {
    /// Bytes that the record takes in the segment.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of_record(self.payload.len())
    }
}

/// Bytes that a record with a payload of this length takes.
#[must_use]
pub fn size_of_record(payload_len: usize) -> usize {
    (RECORD_HEADER_BYTES + payload_len).next_multiple_of(RECORD_ALIGN)
}

/// Makes room for a record's header at the end of `out`; the payload is then appended behind it.
pub fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; RECORD_HEADER_BYTES]);
}

/// Completes the record that begins at `start` and ends with `out`.
///
/// # Panics
///
/// If the payload is longer than [`PAYLOAD_BYTES_MAX`]: refused before.
pub fn finish(out: &mut Vec<u8>, start: usize, stamp: Stamp, salt: u32) {
    let payload_len = out.len() - start - RECORD_HEADER_BYTES;
    assert!(payload_len <= PAYLOAD_BYTES_MAX, "payload of {payload_len} bytes");
    let stored_len = u32::try_from(payload_len).expect("PAYLOAD_BYTES_MAX fits");
    let header = &mut out[start..start + RECORD_HEADER_BYTES];
    header[0..4].copy_from_slice(&stored_len.to_le_bytes());
    header[8..16].copy_from_slice(&stamp.lsn.to_le_bytes());
    header[16..24].copy_from_slice(&stamp.time_ms.to_le_bytes());
    header[24..32].copy_from_slice(&stamp.durable.to_le_bytes());
    header[32..36].copy_from_slice(&GROUP.to_le_bytes());
    header[36..40].copy_from_slice(&TERM.to_le_bytes());
    header[40] = stamp.kind.code();
    header[41] = PAYLOAD_FORMAT;
    let checksum = checksum(&out[start + COVERED_FROM..], salt);
    out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
    out.resize(start + size_of_record(payload_len), 0);
}

/// The record that seals a segment whose successor begins with `first` and has this salt.
#[must_use]
pub fn seal((first, successor): (u64, u32), durable: u64, salt: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RECORD_HEADER_BYTES);
    begin(&mut bytes);
    let time_ms = successor.into();
    let stamp = Stamp { lsn: first, time_ms, durable, kind: Kind::Sealed };
    finish(&mut bytes, 0, stamp, salt);
    bytes
}

/// Bytes that the record at the front of `bytes` claims to take, if that can be said and fits into
/// `rest` bytes. It may still turn out to be none.
#[must_use]
pub fn claimed_size(bytes: &[u8], rest: u64) -> Option<usize> {
    if bytes.len() < RECORD_HEADER_BYTES {
        return None;
    }
    let payload_len = u32_at(bytes, 0) as usize;
    let size = size_of_record(payload_len);
    (payload_len <= PAYLOAD_BYTES_MAX && size as u64 <= rest).then_some(size)
}

/// The record at the front of `bytes`, or `None` if there is none that carries its checksum.
#[must_use]
pub fn parse(bytes: &[u8], salt: u32) -> Option<Record<'_>> {
    let claim = claim(bytes)?;
    (claim.checksum == checksum(claim.covered, salt)).then_some(claim.record)
}

/// What might be a record.
pub(super) struct Claim<'a> {
    /// If it is one.
    pub(super) record: Record<'a>,
    /// What it says of `covered`.
    pub(super) checksum: u32,
    pub(super) covered: &'a [u8],
}

/// What the bytes claim to be, without a look at their checksum.
pub(super) fn claim(bytes: &[u8]) -> Option<Claim<'_>> {
    if bytes.len() < RECORD_HEADER_BYTES {
        return None;
    }
    let payload_len = u32_at(bytes, 0) as usize;
    let covered = bytes.get(COVERED_FROM..RECORD_HEADER_BYTES.checked_add(payload_len)?)?;
    let kind = Kind::from_code(bytes[40])?;
    let stamp = Stamp {
        lsn: u64_at(bytes, 8),
        time_ms: u64_at(bytes, 16),
        durable: u64_at(bytes, 24),
        kind,
    };
    let payload = &covered[RECORD_HEADER_BYTES - COVERED_FROM..];
    let record = Record { stamp, payload_format: bytes[41], payload };
    Some(Claim { record, checksum: u32_at(bytes, 4), covered })
}

/// The number that the bytes at a record's place claim, valid or not.
#[must_use]
pub fn claimed_lsn(bytes: &[u8]) -> Option<u64> {
    (16 <= bytes.len()).then(|| u64_at(bytes, 8))
}

/// CRC-32, begun with the segment's salt, so that a record of a file's former life never passes.
fn checksum(covered: &[u8], salt: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(covered);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use engine::{Op, Text};

    use super::*;
    use crate::format::codec;
    use crate::testing::hex_example;

    const SALT: u32 = 0x5a17_c0de;

    fn written(stamp: Stamp, op: Option<&Op<'_>>) -> Vec<u8> {
        let mut bytes = Vec::new();
        begin(&mut bytes);
        if let Some(op) = op {
            codec::encode_into(op, &mut bytes);
        }
        finish(&mut bytes, 0, stamp, SALT);
        bytes
    }

    #[test]
    fn the_examples_of_the_page_are_these_records() {
        let stamp = Stamp { lsn: 5, time_ms: 1_795_222_723_000, durable: 4, kind: Kind::Ops };
        let op = Op::StringSet { db: 0, key: b"k", value: Text::Borrowed(b"v"), expire_at: None };
        let bytes = hex_example("record");
        let record = parse(&bytes, SALT).unwrap();
        assert_eq!(record.stamp, stamp);
        assert_eq!(codec::decode_all::<Op<'_>>(record.payload).unwrap(), op);
        assert_eq!(written(stamp, Some(&op)), bytes);

        let seal = Stamp { lsn: 6, time_ms: 0, durable: 5, kind: Kind::Sealed };
        assert_eq!(parse(&hex_example("seal"), SALT).unwrap().stamp, seal);
        assert_eq!(super::seal((6, 0), 5, SALT), hex_example("seal"));
    }

    #[test]
    fn a_record_of_another_life_of_the_file_does_not_pass() {
        assert!(parse(&hex_example("record"), SALT).is_some());
        assert!(parse(&hex_example("record"), SALT + 1).is_none());
    }
}
