//! Reading a block file from end to end.

use std::ops::ControlFlow;
use std::path::Path;

use super::{TRAILER_BYTES, Trailer};
use crate::error::{Damage, StorageError};
use crate::format::header::{FileHeader, FileKind, HEADER_BYTES};
use crate::fs::File;

/// Bytes read at a time.
const CHUNK_BYTES: u64 = 1 << 20;

/// Where the bytes are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadFrom {
    /// Wherever the system has them.
    Cache,
    /// The disk itself, as far as the system lets us ask for that.
    Disk,
}

/// Verifies header, trailer, and the checksum over all blocks of file `number`. Tells `each` how many
/// bytes were read; whoever breaks there gets a break back.
///
/// # Errors
///
/// `Corrupt`; `Io`.
pub(crate) fn verify(
    file: &dyn File,
    path: &Path,
    number: u64,
    from: ReadFrom,
    each: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StorageError> {
    let corrupt = |offset, reason| Err(StorageError::corrupt(path, offset, reason));
    let read = |offset, count: usize| {
        if from == ReadFrom::Disk {
            file.forget_cached(offset, count as u64);
        }
        let mut bytes = vec![0; count];
        file.read_exact_at(&mut bytes, offset).map_err(StorageError::io("read", path))?;
        Ok::<_, StorageError>(bytes)
    };
    let bytes = file.size().map_err(StorageError::io("examine", path))?;
    let (header, trailer) = (HEADER_BYTES as u64, TRAILER_BYTES as u64);
    let Some(blocks_bytes) = bytes.checked_sub(header + trailer) else {
        return corrupt(0, Damage::Length { found: bytes, expected: header + trailer });
    };
    let found = FileHeader::decode(&read(0, HEADER_BYTES)?, FileKind::Blocks, path)?;
    if found.number != number {
        return corrupt(0, Damage::Name { found: found.number });
    }
    let end = header + blocks_bytes;
    let mut crc = crc32fast::Hasher::new();
    let mut offset = header;
    while offset < end {
        let count = (end - offset).min(CHUNK_BYTES);
        crc.update(&read(offset, usize::try_from(count).expect("a chunk fits memory"))?);
        offset += count;
        if each(count).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    match read(end, TRAILER_BYTES)?.first_chunk().and_then(Trailer::decode) {
        None => corrupt(end, Damage::Checksum),
        Some(trailer) if (trailer.bytes, trailer.crc) != (blocks_bytes, crc.finalize()) => {
            corrupt(header, Damage::Checksum)
        }
        Some(_) => Ok(each(header + trailer)),
    }
}
