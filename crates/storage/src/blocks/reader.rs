//! Opens block files and reads the blocks in them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use engine::{BlockLocation, BlockSource, DamagedBlock};

use super::{BlockFile, DamagedBlocks, TRAILER_BYTES};
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::header::{FileHeader, FileKind, HEADER_BYTES};
use crate::fs::{File, Fs};

/// Block files, each opened once. A file is closed when the last block in it is dropped; until then
/// its bytes stay readable, also after its name was deleted.
#[derive(Debug, Default)]
pub(crate) struct BlockFiles {
    files: BTreeMap<u64, Arc<OpenFile>>,
    damaged: DamagedBlocks,
}

/// A block file, to read.
///
/// By system calls and not through a map: a sector that the disk refuses, or a file that somebody cut
/// short, is then an error like any other. Under a map it would be SIGBUS, at any later time too, as a
/// page that was read once may be evicted and read again.
#[derive(Debug)]
struct OpenFile {
    file: Arc<dyn File>,
    bytes: u64,
    damaged: DamagedBlocks,
}

impl BlockSource for OpenFile {
    fn read(&self, offset: u64, len: usize) -> Result<Bytes, String> {
        let mut bytes = vec![0; len];
        match self.file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(bytes.into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err("the file has become shorter".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn note_damage(&self, damaged: &DamagedBlock) {
        self.damaged.note(damaged);
    }
}

impl BlockFiles {
    /// None yet; readers will note damage in `damaged`.
    pub(crate) fn new(damaged: &DamagedBlocks) -> Self {
        Self { files: BTreeMap::new(), damaged: damaged.clone() }
    }

    /// Opens a file that a snapshot refers to. A missing, shortened or mistaken file is corruption;
    /// the blocks in it are checked when they are read.
    pub(crate) fn open(
        &mut self,
        fs: &dyn Fs,
        dir: &Path,
        file: &BlockFile,
    ) -> Result<(), StorageError> {
        let path = dir::block_file(dir, file.number);
        let open = fs.open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StorageError::corrupt(&path, 0, Damage::Missing),
            _ => StorageError::io("open", &path)(error),
        })?;
        let found = open.size().map_err(StorageError::io("examine", &path))?;
        if found != file.length {
            let reason = Damage::Length { found, expected: file.length };
            return Err(StorageError::corrupt(&path, found.min(file.length), reason));
        }
        let mut header = [0; HEADER_BYTES];
        let len = header.len().min(usize::try_from(found).unwrap_or(HEADER_BYTES));
        open.read_exact_at(&mut header[..len], 0).map_err(StorageError::io("read", &path))?;
        let header = FileHeader::decode(&header[..len], FileKind::Blocks, &path)?;
        if header.number != file.number {
            let reason = Damage::Name { found: header.number };
            return Err(StorageError::corrupt(&path, 0, reason));
        }
        let damaged = self.damaged.clone();
        self.files.insert(file.number, Arc::new(OpenFile { file: open, bytes: found, damaged }));
        Ok(())
    }

    /// What a block will be read from; `None` if the place is not inside one of the files.
    pub(crate) fn source(&self, place: BlockLocation) -> Option<Arc<dyn BlockSource>> {
        let file = self.files.get(&place.file)?;
        let end = place.offset.checked_add(u64::from(place.len))?;
        let room = HEADER_BYTES as u64..=file.bytes.checked_sub(TRAILER_BYTES as u64)?;
        let is_inside = room.contains(&place.offset) && room.contains(&end);
        is_inside.then(|| Arc::clone(file) as Arc<dyn BlockSource>)
    }

    /// Length of an open file.
    pub(crate) fn file_bytes(&self, number: u64) -> Option<u64> {
        self.files.get(&number).map(|file| file.bytes)
    }
}
