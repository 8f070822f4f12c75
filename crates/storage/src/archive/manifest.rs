//! What a backup says about itself: the file `BACKUP`, one line of JSON and the checksum of that line.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::copy;
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::fs::Fs;

/// Newest form of the manifest that we read, and the one that we write.
const FORMAT: u32 = 1;

/// The content of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Number of this form.
    pub format: u32,
    /// The program that made it.
    pub server_version: String,
    /// When, in Unix milliseconds.
    pub created_ms: u64,
    /// The data directory.
    pub source: PathBuf,
    /// Its history, in hexadecimal digits.
    pub history: String,
    /// The last record.
    pub lsn: u64,
    /// When it was written; 0 if the log has none after the snapshot.
    pub lsn_ms: u64,
    /// The record that the snapshot reaches; 0 without one.
    pub snapshot_lsn: u64,
    /// Every file.
    pub files: Vec<ManifestFile>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Relative to the backup.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// CRC-32 of its bytes; missing after `--no-verify`.
    pub crc32: Option<u32>,
}

impl Manifest {
    /// Number of the form that is written.
    pub(super) const FORMAT: u32 = FORMAT;

    pub(super) fn write(&self, dir: &Path) -> Result<(), StorageError> {
        let line = serde_json::to_string(self).expect("names are UTF-8, and numbers are numbers");
        let crc = crc32fast::hash(line.as_bytes());
        copy::write(&dir::backup(dir), format!("{line}\ncrc32 {crc:08x}\n").as_bytes())
    }

    /// The manifest of a backup; `None` if the directory is none.
    ///
    /// # Errors
    ///
    /// `Corrupt`, `UnsupportedVersion`, `Io`.
    pub fn read(fs: &dyn Fs, dir: &Path) -> Result<Option<Self>, StorageError> {
        let path = dir::backup(dir);
        if !dir::exists(fs, &path)? {
            return Ok(None);
        }
        let file = fs.open(&path).map_err(StorageError::io("open", &path))?;
        let bytes = file.size().map_err(StorageError::io("measure", &path))?;
        let mut text = vec![0; usize::try_from(bytes).expect("a manifest fits into memory")];
        file.read_exact_at(&mut text, 0).map_err(StorageError::io("read", &path))?;
        let damaged = |reason| StorageError::corrupt(&path, 0, reason);
        let text = String::from_utf8(text).map_err(|_| damaged(Damage::Checksum))?;
        let (line, rest) = text.split_once('\n').ok_or_else(|| damaged(Damage::Checksum))?;
        if rest != format!("crc32 {:08x}\n", crc32fast::hash(line.as_bytes())) {
            return Err(damaged(Damage::Checksum));
        }
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let undecodable =
            |error: serde_json::Error| damaged(Damage::Undecodable(error.to_string()));
        let form: Form = serde_json::from_str(line).map_err(undecodable)?;
        if FORMAT < form.format {
            let (found, supported) = (form.format, FORMAT);
            return Err(StorageError::UnsupportedVersion { file: path, found, supported });
        }
        serde_json::from_str(line).map(Some).map_err(undecodable)
    }

    /// Compares a file of the backup with what was noted of it.
    pub(super) fn expect(
        &self,
        path: &Path,
        name: &str,
        (bytes, crc32): (u64, u32),
    ) -> Result<(), StorageError> {
        match self.files.iter().find(|file| file.name == name) {
            Some(noted) => noted.compare(path, bytes, || Ok(crc32)),
            None => Ok(()),
        }
    }
}

impl ManifestFile {
    /// Compares the file at `path` with what was noted of it; `crc32` is asked for where a sum was.
    pub(crate) fn compare(
        &self,
        path: &Path,
        bytes: u64,
        crc32: impl FnOnce() -> Result<u32, StorageError>,
    ) -> Result<(), StorageError> {
        if self.bytes != bytes {
            let reason = Damage::Length { found: bytes, expected: self.bytes };
            return Err(StorageError::corrupt(path, bytes.min(self.bytes), reason));
        }
        match self.crc32 {
            Some(noted) if noted != crc32()? => {
                Err(StorageError::corrupt(path, 0, Damage::Checksum))
            }
            _ => Ok(()),
        }
    }
}
