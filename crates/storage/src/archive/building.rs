//! A directory that is whole or not there: built under another name, renamed at the end.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::ArchiveError;
use crate::dir;
use crate::error::StorageError;

/// What may stand in a directory that is being built. Nothing else is ever deleted.
const PARTS: [&str; 3] = ["log", "blocks", "snapshots"];

/// A directory on its way. Dropped without [`Building::finish`], or if the process ends, it stays
/// under a hidden name that says so, and the next attempt removes it.
pub(super) struct Building {
    /// Where the files go for now.
    pub(super) dir: PathBuf,
    dest: PathBuf,
    /// Locked: nobody else builds there.
    file: File,
}

impl Building {
    /// Makes an empty directory beside `dest`, which must be missing or empty.
    pub(super) fn begin(dest: &Path) -> Result<Self, ArchiveError> {
        let dest = std::path::absolute(dest).map_err(StorageError::io("find", dest))?;
        expect_empty(&dest)?;
        let (Some(parent), Some(name)) = (dest.parent(), dest.file_name()) else {
            return Err(ArchiveError::NotEmpty { dir: dest });
        };
        if !parent.is_dir() {
            return Err(ArchiveError::NoParent { dir: parent.to_path_buf() });
        }
        let dir = parent.join(format!(".{}.unfinished", name.to_string_lossy()));
        match DirBuilder::new().mode(0o700).create(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(StorageError::io("create", &dir))?,
        }
        let file = File::open(&dir).map_err(StorageError::io("open", &dir))?;
        if file.try_lock().is_err() {
            return Err(ArchiveError::Busy { dir });
        }
        let building = Self { dir, dest, file };
        building.clear()?;
        for part in PARTS {
            let part = building.dir.join(part);
            let made = DirBuilder::new().mode(0o700).create(&part);
            made.map_err(StorageError::io("create", &part))?;
        }
        Ok(building)
    }

    /// Makes all names durable, and gives the directory its own.
    pub(super) fn finish(self) -> Result<PathBuf, ArchiveError> {
        for part in PARTS {
            sync_dir(&self.dir.join(part))?;
        }
        self.file.sync_all().map_err(StorageError::io("sync", &self.dir))?;
        // Refuses if something has come to be there meanwhile, except for an empty directory.
        fs::rename(&self.dir, &self.dest).map_err(StorageError::io("rename", &self.dir))?;
        sync_dir(self.dest.parent().expect("begin() saw to it"))?;
        Ok(self.dest)
    }

    /// Removes everything, for room on a disk that may be full.
    pub(super) fn abandon(self) {
        let removed = self.clear().and_then(|()| {
            fs::remove_dir(&self.dir).map_err(StorageError::io("remove", &self.dir))
        });
        if let Err(error) = removed {
            tracing::warn!(%error, "something unfinished is left; the next attempt removes it");
        }
    }

    /// Removes what an earlier attempt left.
    fn clear(&self) -> Result<(), StorageError> {
        for part in PARTS.map(|part| self.dir.join(part)) {
            if !part.exists() {
                continue;
            }
            remove_files(&part)?;
            fs::remove_dir(&part).map_err(StorageError::io("remove", &part))?;
        }
        remove_files(&self.dir)
    }
}

/// Refuses a directory in which something stands.
fn expect_empty(dest: &Path) -> Result<(), ArchiveError> {
    match fs::read_dir(dest) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(ArchiveError::NotEmpty { dir: dest.to_path_buf() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(ArchiveError::NotEmpty { dir: dest.to_path_buf() })
        }
        Err(error) => Err(StorageError::io("list", dest)(error).into()),
    }
}

fn remove_files(dir: &Path) -> Result<(), StorageError> {
    for entry in fs::read_dir(dir).map_err(StorageError::io("list", dir))? {
        let path = entry.map_err(StorageError::io("list", dir))?.path();
        fs::remove_file(&path).map_err(StorageError::io("remove", &path))?;
    }
    Ok(())
}

fn sync_dir(dir: &Path) -> Result<(), StorageError> {
    let synced = File::open(dir).and_then(|file| file.sync_all());
    synced.map_err(StorageError::io("sync", dir))
}

/// Refuses a result inside the database that it is made from: a server would not start on it again.
pub(super) fn expect_outside(dest: &Path, source: &Path) -> Result<(), ArchiveError> {
    match dir::around(dest, source) {
        Some(source_dir) => Err(ArchiveError::Inside { dir: dest.to_path_buf(), source_dir }),
        None => Ok(()),
    }
}

/// The name of a file relative to the directory of its database: `log/00000000000000000001.log`.
pub(super) fn relative(file: &Path) -> String {
    let dir = dir::of_file(file);
    file.strip_prefix(dir).unwrap_or(file).to_string_lossy().into_owned()
}
