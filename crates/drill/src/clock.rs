//! Steps of the wall clock, for tests that preload a library into the server which adds the number in
//! a file to the time of day.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use fastrand::Rng;

use crate::error::DrillError;

const DAY_SECONDS: i64 = 86_400;
/// From a day back to a month ahead of the true time.
const OFFSETS: std::ops::Range<i64> = -DAY_SECONDS..30 * DAY_SECONDS;

/// The file with the offset, if there is one.
#[derive(Debug)]
pub(crate) struct Clock(Option<File>);

impl Clock {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, DrillError> {
        let open = |path: &Path| {
            let file = OpenOptions::new().write(true).open(path);
            file.map_err(DrillError::io(path.display().to_string()))
        };
        Ok(Self(path.map(open).transpose()?))
    }

    /// Sets the clock to a random offset from the true time.
    pub(crate) fn step(&self, rng: &mut Rng) -> Result<(), DrillError> {
        let Some(file) = &self.0 else { return Ok(()) };
        let offset = rng.i64(OFFSETS);
        file.write_all_at(&offset.to_ne_bytes(), 0).map_err(DrillError::io("the clock's file"))
    }
}
