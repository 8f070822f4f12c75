//! The header that every file begins with (`docs/on-disk-format.md`, "File header").

use std::path::Path;

use crate::error::{Damage, StorageError};

/// Bytes of a file header that carry meaning; the rest up to the kind's header length is zero.
pub const HEADER_BYTES: usize = 64;

/// Newest version of the file formats that this program reads, and the one it writes.
pub const FORMAT_VERSION: u32 = 1;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `FORMAT`: the mark of a data directory.
    Directory,
    /// A segment of the log.
    Log,
    /// A block file.
    Blocks,
    /// A snapshot.
    Snapshot,
    /// The mark of a clean stop.
    Clean,
}

impl FileKind {
    /// First eight bytes of the file.
    #[must_use]
    pub const fn magic(self) -> [u8; 8] {
        match self {
            FileKind::Directory => *b"HWDIR\0\0\0",
            FileKind::Log => *b"HWLOG\0\0\0",
            FileKind::Blocks => *b"HWBLOCKS",
            FileKind::Snapshot => *b"HWSNAP\0\0",
            FileKind::Clean => *b"HWCLEAN\0",
        }
    }
}

/// A file header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHeader {
    /// What the file is.
    pub kind: FileKind,
    /// The number in the file's name (first LSN, block file number, snapshot LSN), or 0.
    pub number: u64,
    /// Seeds the record checksums of a segment; 0 elsewhere.
    pub salt: u32,
    /// A segment's file had another life: bytes after the last record need not be zero.
    pub recycled: bool,
    /// In a segment and in the mark of a directory: whose past it is; 0 where nobody noted it.
    pub history: u64,
    /// In the mark of a restored directory: the history that it was taken from; else 0.
    pub parent: u64,
    /// In a snapshot: where its last record stands in its segment; 0 where nobody noted it.
    pub log_offset: u64,
}

impl FileHeader {
    /// The header of a file that needs no more than its number.
    #[must_use]
    pub fn new(kind: FileKind, number: u64) -> Self {
        Self { kind, number, salt: 0, recycled: false, history: 0, parent: 0, log_offset: 0 }
    }

    /// The header as it stands on disk.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.kind.magic());
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.salt.to_le_bytes());
        bytes[28..32].copy_from_slice(&u32::from(self.recycled).to_le_bytes());
        bytes[32..40].copy_from_slice(&self.history.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.parent.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.log_offset.to_le_bytes());
        let checksum = checksum(&bytes);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the header of `file`, which is expected to be of this kind.
    ///
    /// # Errors
    ///
    /// `Corrupt` if the bytes are no such header, `UnsupportedVersion` if they are a newer one.
    pub fn decode(bytes: &[u8], kind: FileKind, file: &Path) -> Result<Self, StorageError> {
        let corrupt = |offset, reason| Err(StorageError::corrupt(file, offset, reason));
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            return corrupt(bytes.len() as u64, Damage::Header);
        };
        if bytes[..8] != kind.magic() {
            return corrupt(0, Damage::Magic);
        }
        if u32_at(bytes, 12) != checksum(bytes) {
            return corrupt(0, Damage::Header);
        }
        // The first 64 bytes keep their layout in all versions, so that a newer file is told from
        // a damaged one.
        let found = u32_at(bytes, 8);
        if found != FORMAT_VERSION {
            return Err(StorageError::UnsupportedVersion {
                file: file.to_path_buf(),
                found,
                supported: FORMAT_VERSION,
            });
        }
        Ok(Self {
            kind,
            number: u64_at(bytes, 16),
            salt: u32_at(bytes, 24),
            recycled: u32_at(bytes, 28) & 1 != 0,
            history: u64_at(bytes, 32),
            parent: u64_at(bytes, 40),
            log_offset: u64_at(bytes, 48),
        })
    }
}

/// CRC-32 over the header without its checksum field.
fn checksum(bytes: &[u8; HEADER_BYTES]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..12]);
    hasher.update(&bytes[16..]);
    hasher.finalize()
}

/// The little-endian `u16` at `offset`.
///
/// # Panics
///
/// If `bytes` ends before: lengths are checked first.
#[must_use]
pub fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(bytes[offset..offset + 2].try_into().expect("two bytes"))
}

/// The little-endian `u32` at `offset`.
///
/// # Panics
///
/// If `bytes` ends before: lengths are checked first.
#[must_use]
pub fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().expect("four bytes"))
}

/// The little-endian `u64` at `offset`.
///
/// # Panics
///
/// If `bytes` ends before: lengths are checked first.
#[must_use]
pub fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex_example;

    #[test]
    fn the_example_of_the_page_is_this_header() {
        let bytes = hex_example("segment-header");
        let header = FileHeader {
            salt: 0x5a17_c0de,
            history: 0x1157_0b1e_5eed_cafe,
            ..FileHeader::new(FileKind::Log, 5)
        };
        assert_eq!(FileHeader::decode(&bytes, FileKind::Log, Path::new("f")).unwrap(), header);
        assert_eq!(header.encode().to_vec(), bytes);
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut bytes =
            FileHeader { salt: 2, recycled: true, ..FileHeader::new(FileKind::Log, 1) }.encode();
        bytes[8] = 9;
        let decode = |bytes: &[u8]| FileHeader::decode(bytes, FileKind::Log, Path::new("f"));
        assert!(matches!(
            decode(&bytes),
            Err(StorageError::Corrupt { reason: Damage::Header, .. })
        ));
        let checksum = checksum(&bytes);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        assert!(matches!(decode(&bytes), Err(StorageError::UnsupportedVersion { found: 9, .. })));
        bytes[0] = b'X';
        assert!(matches!(decode(&bytes), Err(StorageError::Corrupt { reason: Damage::Magic, .. })));
    }
}
