//! Everything that can go wrong between an engine and its disk. A variant answers: what do we do now.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::dir;

/// A failure of the storage. An I/O error is not corruption, and corruption is not the end of the
/// log: the three are kept apart.
#[derive(Debug, Clone, Error)]
pub enum StorageError {
    /// The machine refused. Stop serving, exit, recover at the next start.
    #[error("cannot {op} {}: {source}", .file.display())]
    Io {
        /// What was tried, as in "cannot ...".
        op: &'static str,
        /// The file or directory.
        file: PathBuf,
        /// The operating system's reason.
        source: Arc<io::Error>,
    },
    /// An earlier write or sync failed: memory is ahead of the disk, and only recovery knows by how
    /// much. Nothing is acknowledged any more.
    #[error(
        "the log takes nothing more since an earlier failure ({cause}); restart to recover from what is on disk"
    )]
    Poisoned {
        /// The first failure.
        cause: Arc<StorageError>,
    },
    /// Bytes that were durable are not what was written. Do not start.
    #[error("{}: damaged at offset {offset}: {reason}{}; nothing was changed. `headwater check {dir}` shows the extent, `headwater repair {dir} --to NEWDIR` saves what can be read", .file.display(), Before(.file, .reason), dir = dir::of_file(.file).display())]
    Corrupt {
        /// The damaged (or missing) file.
        file: PathBuf,
        /// Offset of the first bad byte, as near as it is known.
        offset: u64,
        /// What is wrong there.
        reason: Damage,
    },
    /// Written by a newer Headwater. Do not start, change nothing.
    #[error("{}: format version {found}, and this program reads up to {supported}; start it with the newer program that wrote it", .file.display())]
    UnsupportedVersion {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that we read.
        supported: u32,
    },
    /// Another server works in the directory.
    #[error("{}: in use by {}; stop it, or choose another directory", .dir.display(), holder(.pid))]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// Who holds the lock, as it wrote into the file; empty if that is missing.
        pid: String,
    },
    /// The directory holds something else than a database of ours.
    #[error("{}: not a Headwater directory ({name} does not belong there); choose an empty or new one", .dir.display())]
    NotOurs {
        /// The directory.
        dir: PathBuf,
        /// The first thing that is not ours.
        name: String,
    },
    /// The directory is a database of ours, and something else stands in it, too.
    #[error("{}: a Headwater database, but {name} does not belong in it; move that elsewhere", .dir.display())]
    Stray {
        /// The directory.
        dir: PathBuf,
        /// The first thing that is not ours.
        name: String,
    },
    /// The result would stand inside the database that it is made from.
    #[error("{} lies inside the data directory {}; choose a place outside", .dir.display(), .source_dir.display())]
    Inside {
        /// What was named.
        dir: PathBuf,
        /// The database.
        source_dir: PathBuf,
    },
    /// There is nothing that a repair could begin with.
    #[error("{}: no snapshot can be read, and the log does not begin with record 1: only a backup helps", .dir.display())]
    Unrepairable {
        /// The directory.
        dir: PathBuf,
    },
    /// A directory to be written already holds something.
    #[error("{}: not empty ({name} is there); choose an empty or new directory", .dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// The first thing in it.
        name: String,
    },
    /// The directory holds nothing of a database.
    #[error("{}: not a Headwater directory: there is no database in it", .dir.display())]
    NoDatabase {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory is a backup: a server would change it.
    #[error("{0}: a backup, and no place for a server; `headwater restore {0} NEWDIR` makes a data directory of it", .dir.display())]
    IsBackup {
        /// The directory.
        dir: PathBuf,
    },
    /// Log that was to be read is not there any more: the server that runs in the directory needs it no
    /// longer, and deleted it or wrote over it. Reading can begin anew.
    #[error("{}: the server gave up the log from record {wanted} on while it was read; what it keeps begins with record {oldest}: run the command again", .dir.display())]
    LogGivenUp {
        /// The directory of the log.
        dir: PathBuf,
        /// The first record of what is gone.
        wanted: u64,
        /// The first record that the log has now.
        oldest: u64,
    },
    /// An operation too long for any record. Nothing has happened.
    #[error("a record of {len} bytes is longer than the {max} bytes that one may have")]
    TooLong {
        /// Bytes of the operations.
        len: usize,
        /// Bytes that they may have.
        max: usize,
    },
    /// Space could not be reserved for a write. Nothing has happened; reads go on.
    #[error("no space left for the log in {}", .dir.display())]
    NoSpace {
        /// The directory of the log.
        dir: PathBuf,
        /// Bytes of the segment that it takes.
        needed: u64,
    },
    /// A checkpoint ended early because its caller wanted that. Nothing is left of it.
    #[error("the checkpoint was given up")]
    GivenUp,
}

/// What is wrong with bytes that were durable once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of each variant is its documentation")]
pub enum Damage {
    /// The file is gone.
    Missing,
    /// The header of the file does not carry its own checksum.
    Header,
    /// Another kind of file, or none of ours.
    Magic,
    /// The header says another number than the file's name.
    Name { found: u64 },
    /// The segment belongs to another history: that of a restored copy, or of what was restored.
    Foreign { found: u64 },
    /// A checksum differs, or a length leads out of the file.
    Checksum,
    /// Record `lsn` is not readable, yet record `durable_says` proves that it was durable.
    Record { lsn: u64, durable_says: u64 },
    /// Records up to `found` only, although the log reached `expected` once.
    Short { found: u64, expected: u64 },
    /// The file is shorter or longer than it was made, or announces more than it has.
    Length { found: u64, expected: u64 },
    /// The record (or section) carries its checksum, but its content makes no sense.
    Undecodable(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Missing => f.write_str("the file is missing"),
            Damage::Header => f.write_str("the file header does not match its checksum"),
            Damage::Magic => f.write_str("the file does not begin with the mark of its kind"),
            Damage::Name { found } => {
                write!(f, "the file header says {found}, which is not the file's name")
            }
            Damage::Foreign { found } => write!(
                f,
                "the file belongs to another history of the database ({found:016x}), whose records have the same numbers as this one's"
            ),
            Damage::Checksum => f.write_str("the bytes do not match their checksum"),
            Damage::Record { lsn, durable_says } => {
                write!(f, "record {lsn} is not readable, but it was acknowledged")?;
                if lsn < durable_says {
                    write!(f, ", as record {durable_says} proves")?;
                }
                f.write_str("; ")?;
                last_good(f, *lsn)
            }
            Damage::Short { found, expected } => {
                write!(f, "the log ends with record {found}, but it reached record {expected}")
            }
            Damage::Length { found, expected } => {
                write!(f, "the file has {found} bytes and should have {expected}")
            }
            Damage::Undecodable(what) => {
                write!(f, "the checksum is right, the content is not: {what}")
            }
        }
    }
}

/// Says which is the last one of the records before `lsn`.
fn last_good(f: &mut fmt::Formatter<'_>, lsn: u64) -> fmt::Result {
    match lsn.saturating_sub(1) {
        0 => f.write_str("no good one stands before it"),
        last => write!(f, "record {last} is the last good one"),
    }
}

/// What the name of a damaged segment tells: it begins with a record, and all before that are good.
struct Before<'a>(&'a Path, &'a Damage);

impl fmt::Display for Before<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_whole_file = matches!(
            self.1,
            Damage::Missing
                | Damage::Header
                | Damage::Magic
                | Damage::Name { .. }
                | Damage::Foreign { .. }
        );
        match dir::first_of_segment(self.0).filter(|_| is_whole_file) {
            None => Ok(()),
            Some(first) => {
                write!(f, "; it begins with record {first}, and ")?;
                last_good(f, first)
            }
        }
    }
}

fn holder(pid: &str) -> String {
    match pid {
        "" => {
            "another process (which one is not known, as the file LOCK there is missing)".to_owned()
        }
        pid => format!("the process with pid {pid}"),
    }
}

impl StorageError {
    /// For `map_err` on an operation with one file.
    pub fn io(op: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_path_buf();
        move |source| StorageError::Io { op, file, source: Arc::new(source) }
    }

    /// Damage in a file.
    #[must_use]
    pub fn corrupt(file: &Path, offset: u64, reason: Damage) -> Self {
        StorageError::Corrupt { file: file.to_path_buf(), offset, reason }
    }

    /// Whether the disk refused to give a sector: damage like any other to one who looks for damage.
    #[must_use]
    pub fn is_bad_medium(&self) -> bool {
        let eio = rustix::io::Errno::IO.raw_os_error();
        matches!(self, StorageError::Io { source, .. } if source.raw_os_error() == Some(eio))
    }

    /// Whether space ran out (or a quota, or a file size limit), which an operator can mend while
    /// the server runs.
    #[must_use]
    pub fn is_space(&self) -> bool {
        match self {
            StorageError::NoSpace { .. } => true,
            StorageError::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::FileTooLarge
            ),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_names_the_directory_to_check() {
        let check = |file: &str| {
            let error = StorageError::corrupt(Path::new(file), 0, Damage::Header).to_string();
            assert!(error.contains("`headwater check /data/db` shows the extent"), "{error}");
            assert!(error.contains("`headwater repair /data/db --to NEWDIR` saves"), "{error}");
        };
        check("/data/db/log/00000000000000000001.log");
        check("/data/db/snapshots/00000000000000000001.snap");
        check("/data/db/blocks/00000000000000000001.blk");
        check("/data/db/FORMAT");
    }

    #[test]
    fn damage_of_the_log_names_the_last_good_record() {
        let text =
            |file: &str, reason| StorageError::corrupt(Path::new(file), 0, reason).to_string();
        let segment = "/data/log/00000000000000000007.log";
        let record = text(segment, Damage::Record { lsn: 12, durable_says: 15 });
        assert!(
            record.contains("as record 15 proves; record 11 is the last good one; "),
            "{record}"
        );
        let record = text(segment, Damage::Record { lsn: 12, durable_says: 12 });
        assert!(record.contains("acknowledged; record 11 is the last good one; "), "{record}");
        let record = text(segment, Damage::Record { lsn: 1, durable_says: 2 });
        assert!(record.contains("no good one stands before it; "), "{record}");
        for whole in [Damage::Missing, Damage::Header, Damage::Foreign { found: 3 }] {
            let segment = text(segment, whole.clone());
            let before = "; it begins with record 7, and record 6 is the last good one; ";
            assert!(segment.contains(before), "{segment}");
            let block_file = text("/data/blocks/00000000000000000007.blk", whole);
            assert!(!block_file.contains("last good"), "{block_file}");
        }
    }
}
