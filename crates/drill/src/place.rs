//! The scratch directory: always a fresh one, never somebody's data.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustix::fs::{statfs, statvfs};
use tempfile::TempDir;

use crate::disk::{self, DISK_BYTES, Disk};
use crate::error::DrillError;
use crate::options::{Ends, Options};

const MIB: u64 = 1 << 20;
/// Log, blocks and snapshots of a drill stay well below this.
const DATA_BYTES: u64 = 256 * MIB;
/// The path of a Unix socket is at most so long.
const SOCKET_PATH_MAX: usize = 100;

/// Where a drill works.
#[derive(Debug)]
pub(crate) struct Place {
    // The disk is unmounted before the directory goes.
    pub(crate) disk: Option<Disk>,
    pub(crate) socket: PathBuf,
    pub(crate) file_system: &'static str,
    _socket_dir: Option<TempDir>,
    dir: TempDir,
}

impl Place {
    /// Makes it. `warnings` are about what the drill cannot prove here.
    pub(crate) fn make(options: &Options, warnings: &mut Vec<String>) -> Result<Self, DrillError> {
        let parent = &options.dir;
        let parent = parent.canonicalize().map_err(|error| {
            DrillError::Usage(format!("--dir {}: {error}", options.dir.display()))
        })?;
        if parent.join("FORMAT").is_file() && parent.join("log").is_dir() {
            let what = format!(
                "{} is a data directory; a drill wants one beside it, on the same disk",
                parent.display()
            );
            return Err(DrillError::Usage(what));
        }
        let wants_disk = matches!(options.kill, Ends::Cut | Ends::Mix);
        check_room(&parent, DATA_BYTES + if wants_disk { DISK_BYTES } else { 0 })?;
        let dir = tempfile::Builder::new().prefix("headwater-drill-").tempdir_in(&parent);
        let dir = dir.map_err(|error| no_directory(&parent, error))?;
        let file_system = file_system_of(&parent, warnings);
        let disk = match wants_disk.then(disk::obstacle) {
            None => None,
            Some(None) => Self::make_disk(dir.path(), options, warnings)?,
            Some(Some(why)) => no_cuts(options, why, warnings).map(|()| None)?,
        };
        let mut socket = dir.path().join("socket");
        let mut socket_dir = None;
        if SOCKET_PATH_MAX < socket.as_os_str().len() {
            let short = tempfile::Builder::new().prefix("headwater-drill-").tempdir();
            let short = short.map_err(DrillError::io("a directory for the socket"))?;
            socket = short.path().join("socket");
            socket_dir = Some(short);
        }
        Ok(Self { disk, socket, file_system, _socket_dir: socket_dir, dir })
    }

    fn make_disk(
        dir: &Path,
        options: &Options,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Disk>, DrillError> {
        match Disk::make(dir, options.fs) {
            Ok(disk) => Ok(Some(disk)),
            Err(why) => no_cuts(options, why, warnings).map(|()| None),
        }
    }

    /// The scratch directory.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The server's directory.
    pub(crate) fn data(&self) -> PathBuf {
        match &self.disk {
            Some(disk) => disk.mount_point.join("data"),
            None => self.dir.path().join("data"),
        }
    }

    /// Leaves everything where it is, to be looked at; returns what to look at.
    pub(crate) fn keep(self) -> (PathBuf, Vec<String>) {
        // Another server's directory is nothing that we could look at.
        let is_headwater = self.data().join("FORMAT").exists();
        let image = self.disk.as_ref().map(|disk| (disk.image.clone(), disk.mount_point.clone()));
        drop(self.disk);
        let dir = self.dir.keep();
        let mut hints = vec!["server.log in it: what the server said".to_owned()];
        hints.push("report.json in it: this report".to_owned());
        let data = match image {
            Some((image, mount_point)) => {
                let (image, mount_point) = (image.display(), mount_point.display());
                hints.push(format!("mount -o loop,ro {image} {mount_point}"));
                format!("{mount_point}/data")
            }
            None => dir.join("data").display().to_string(),
        };
        if is_headwater {
            hints.push(format!("headwater check {data}"));
        }
        (dir, hints)
    }
}

/// Power cuts were asked for by name, or would have been nice.
fn no_cuts(options: &Options, why: String, warnings: &mut Vec<String>) -> Result<(), DrillError> {
    if options.kill == Ends::Cut {
        return Err(DrillError::Unavailable(format!("{why}; --kill kill needs none of it")));
    }
    warnings.push(format!("no power cuts, only kill -9 and SIGTERM: {why}"));
    Ok(())
}

/// Why there is no scratch directory: room is one reason of many.
fn no_directory(parent: &Path, error: io::Error) -> DrillError {
    let what = format!("no scratch directory in {}", parent.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            DrillError::NoRoom(format!("{what}: {error}"))
        }
        _ => DrillError::Io { what, error },
    }
}

fn check_room(dir: &Path, wanted: u64) -> Result<(), DrillError> {
    let room = statvfs(dir)
        .map_err(|error| DrillError::Io { what: dir.display().to_string(), error: error.into() })?;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    if free < wanted {
        let (dir, free, wanted) = (dir.display(), free / MIB, wanted / MIB);
        return Err(DrillError::NoRoom(format!(
            "{dir} has {free} MiB free, a drill wants {wanted} MiB"
        )));
    }
    Ok(())
}

/// The name of the file system, with a warning where syncs mean nothing or something else.
fn file_system_of(dir: &Path, warnings: &mut Vec<String>) -> &'static str {
    // statfs(2) has the numbers. The type of the field differs between architectures.
    let magic = statfs(dir).map_or(0, |stat| u32::try_from(stat.f_type).unwrap_or_default());
    let (name, trouble) = match magic {
        0xef53 => ("ext4", None),
        0x5846_5342 => ("xfs", None),
        0x9123_683e => ("btrfs", None),
        0x2fc1_2fc1 => ("zfs", None),
        0x0102_1994 => (
            "tmpfs",
            Some("is memory: nothing there survives a power cut, and syncs prove nothing"),
        ),
        0x8584_58f6 => (
            "ramfs",
            Some("is memory: nothing there survives a power cut, and syncs prove nothing"),
        ),
        0x794c_7630 => {
            ("overlayfs", Some("is a container's layer: name a directory of a real disk"))
        }
        0x6969 => {
            ("nfs", Some("is another machine's disk: what a sync means is up to that machine"))
        }
        0x6573_5546 => ("fuse", Some("is a program: what a sync means is up to that program")),
        0x0102_1997 => ("9p", Some("is the host's: what a sync means is up to the host")),
        _ => ("other", None),
    };
    if let Some(trouble) = trouble {
        warnings.push(format!("{} is {name}, which {trouble}", dir.display()));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_directory_from_being_made_is_not_always_room() {
        let code = |kind: ErrorKind| no_directory(Path::new("/d"), kind.into()).exit_code();
        assert_eq!(code(ErrorKind::StorageFull), 73);
        assert_eq!(code(ErrorKind::PermissionDenied), 74);
        assert_eq!(code(ErrorKind::ReadOnlyFilesystem), 74);
    }
}
