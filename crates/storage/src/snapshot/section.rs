//! Section headers and the trailer.

use crate::format::codec::PAYLOAD_FORMAT;
use crate::format::header::{u16_at, u32_at, u64_at};

/// Length of a section's header.
pub(super) const SECTION_HEADER_BYTES: usize = 32;
/// Length of the trailer's payload.
const TRAILER_BYTES: usize = 24;

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SectionKind {
    /// The block files that the snapshot refers to.
    BlockFiles,
    /// Image items of the engine.
    Items,
    /// The end.
    Trailer,
}

/// The header of a section, without its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SectionHeader {
    pub(super) kind: SectionKind,
    pub(super) payload_bytes: u64,
    pub(super) number: u64,
    pub(super) lsn: u64,
}

/// Why bytes are no section. The caller knows file and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadSection {
    /// Header or payload differ from their checksum.
    Checksum,
    /// Sound, but of a kind or format that this version does not have.
    Unknown,
}

/// What the trailer says of all that stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) sections: u64,
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

impl SectionKind {
    fn code(self) -> u16 {
        match self {
            SectionKind::BlockFiles => 1,
            SectionKind::Items => 2,
            SectionKind::Trailer => u16::MAX,
        }
    }

    fn from_code(code: u16) -> Option<Self> {
        [SectionKind::BlockFiles, SectionKind::Items, SectionKind::Trailer]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

impl SectionHeader {
    /// The header's bytes; the checksum covers the payload too.
    pub(super) fn encode(self, payload: &[u8]) -> [u8; SECTION_HEADER_BYTES] {
        let mut bytes = [0; SECTION_HEADER_BYTES];
        bytes[4..6].copy_from_slice(&self.kind.code().to_le_bytes());
        bytes[6..8].copy_from_slice(&u16::from(PAYLOAD_FORMAT).to_le_bytes());
        bytes[8..16].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.lsn.to_le_bytes());
        let crc = checksum(&bytes, payload);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The length that a header announces, to be believed only as far as the file reaches.
    pub(super) fn announced_bytes(bytes: &[u8; SECTION_HEADER_BYTES]) -> u64 {
        u64_at(bytes, 8)
    }

    /// Checks header and payload together.
    pub(super) fn decode(
        bytes: &[u8; SECTION_HEADER_BYTES],
        payload: &[u8],
    ) -> Result<Self, BadSection> {
        if u32_at(bytes, 0) != checksum(bytes, payload) {
            return Err(BadSection::Checksum);
        }
        let kind = SectionKind::from_code(u16_at(bytes, 4)).ok_or(BadSection::Unknown)?;
        if u16_at(bytes, 6) != u16::from(PAYLOAD_FORMAT) {
            return Err(BadSection::Unknown);
        }
        Ok(Self {
            kind,
            payload_bytes: u64_at(bytes, 8),
            number: u64_at(bytes, 16),
            lsn: u64_at(bytes, 24),
        })
    }
}

impl Trailer {
    pub(super) fn encode(self) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        bytes[..8].copy_from_slice(&self.sections.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }
}

fn checksum(header: &[u8; SECTION_HEADER_BYTES], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[4..]);
    hasher.update(payload);
    hasher.finalize()
}
