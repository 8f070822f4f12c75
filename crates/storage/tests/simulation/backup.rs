//! Backups beside the database, as another process makes them: closed segments get a second name, and
//! what they hold must stay as it is.

use std::path::{Path, PathBuf};

use storage::fs::sim::{Random, SimFs};
use storage::fs::{Fs, Pin, Pinned};

use crate::world::DIR;

const BACKUP: &str = "/backup";

/// The backup of this life, if one was made.
#[derive(Default)]
pub struct Backup {
    /// The names of the files, and what they held.
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Backup {
    /// Pins the files as long as a backup is being made.
    pub fn pin(sim: &SimFs) -> Option<Pinned> {
        let log = Path::new(DIR).join("log");
        sim.aside(|| sim.pin(&log, Pin::Keep)).expect("no call fails aside")
    }

    /// Makes another backup in place of the last one.
    pub fn make(&mut self, sim: &SimFs, random: &mut Random) {
        self.check(sim);
        self.forget(sim);
        let Some(_pin) = Self::pin(sim) else { return };
        let mut segments = sim.files(&Path::new(DIR).join("log"));
        segments.retain(|path| path.extension().is_some_and(|is| is == "log"));
        // The last one is still written to.
        segments.pop();
        for path in segments {
            if random.one_in(3) {
                continue;
            }
            let name = Path::new(BACKUP).join(path.file_name().expect("a file"));
            let bytes = sim.bytes(&path);
            sim.link(&path, &name);
            self.files.push((name, bytes));
        }
    }

    /// Nobody has written to what was taken, or cut it.
    pub fn check(&self, sim: &SimFs) {
        for (name, bytes) in &self.files {
            assert!(sim.bytes(name) == *bytes, "{} was changed", name.display());
        }
    }

    /// The life ends, or the backup goes.
    pub fn forget(&mut self, sim: &SimFs) {
        self.files.drain(..).for_each(|(name, _)| sim.lose(&name));
    }
}
