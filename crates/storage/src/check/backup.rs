//! Comparing a backup with what it noted of itself.

use std::path::Path;

use super::{Check, Content, Problem, bytes_if_there};
use crate::archive::{Manifest, sum_of};
use crate::dir;
use crate::error::{Damage, StorageError};

impl Check<'_> {
    /// Compares each file that the manifest names with its length and its sum there. A directory without
    /// a manifest is no backup.
    pub(super) fn backup(&mut self) -> Result<(), StorageError> {
        let path = dir::backup(self.dir);
        let Some(bytes) = bytes_if_there(self.fs, &path)? else { return Ok(()) };
        let (manifest, problem) = match Manifest::read(self.fs, self.dir) {
            Ok(manifest) => (manifest, None),
            Err(error) => (None, Some(Problem::from_error(error)?)),
        };
        self.report(&path, bytes, Content::Mark, problem.into_iter().collect());
        for noted in manifest.into_iter().flat_map(|manifest| manifest.files) {
            let file = self.dir.join(&noted.name);
            let found = match bytes_if_there(self.fs, &file)? {
                Some(bytes) => noted.compare(&file, bytes, || self.sum(&file)),
                None => Err(StorageError::corrupt(&file, 0, Damage::Missing)),
            };
            self.advance(&file, 0);
            if let Err(error) = found {
                let problem = Problem::from_error(error)?;
                let report = self.file_mut(&file, Content::Leftover);
                // What is wrong with it is known better where it was read for what it holds.
                if report.problems.is_empty() {
                    report.problems.push(problem);
                }
            }
        }
        Ok(())
    }

    fn sum(&self, path: &Path) -> Result<u32, StorageError> {
        let file = self.fs.open(path).map_err(StorageError::io("open", path))?;
        Ok(sum_of(&*file, path, &mut |_| {})?.1)
    }
}
