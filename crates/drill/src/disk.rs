//! A disk whose power can be cut: a file system in a file, on a loop device.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::options::FileSystem;
use crate::shutdown::shut_down;

/// XFS takes no less than 300 MiB. The file is sparse.
pub(crate) const DISK_BYTES: u64 = 512 << 20;

/// How long an unmount may find the file system busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A mounted disk. Dropped, it is unmounted; the file stays.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) image: PathBuf,
    pub(crate) mount_point: PathBuf,
}

impl Disk {
    /// Makes the file system in `dir` and mounts it, or says why that cannot be.
    pub(crate) fn make(dir: &Path, file_system: FileSystem) -> Result<Self, String> {
        let image = dir.join("disk.img");
        let mount_point = dir.join("mnt");
        let file = File::create(&image).and_then(|file| file.set_len(DISK_BYTES));
        file.map_err(|error| format!("{}: {error}", image.display()))?;
        std::fs::create_dir(&mount_point).map_err(|error| error.to_string())?;
        match file_system {
            FileSystem::Ext4 => run(tool("mkfs.ext4").args(["-q", "-F", "-m0"]).arg(&image))?,
            FileSystem::Xfs => run(tool("mkfs.xfs").arg("-q").arg(&image))?,
        }
        let disk = Self { image, mount_point };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<(), String> {
        run(tool("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mount_point))
    }

    /// What a power cut leaves: everything that was synced, and nothing of what was not. The server
    /// must be dead: under a running one the kernel may say yes to a sync that it no longer does.
    pub(crate) fn cut(&self) -> Result<(), String> {
        shut_down(&self.mount_point).map_err(|error| format!("FS_IOC_SHUTDOWN: {error}"))?;
        self.unmount()?;
        // Mounting replays the journal, as after a power cut.
        self.mount()
    }

    fn unmount(&self) -> Result<(), String> {
        let began = Instant::now();
        loop {
            match run(tool("umount").arg(&self.mount_point)) {
                Err(_) if began.elapsed() < BUSY_TIMEOUT => thread::sleep(Duration::from_millis(5)),
                outcome => return outcome,
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // If it fails, the mount goes with the namespace, when the drill ends.
        let _ = self.unmount();
    }
}

/// Why power cannot be cut here, if it cannot.
pub(crate) fn obstacle() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("a power cut needs root, for mounts".to_owned());
    }
    let outcome = run(tool("unshare").args(["-m", "--propagation", "private", "true"]));
    outcome.err().map(|why| format!("a power cut needs a mount namespace: {why}"))
}

/// Starts this program again in a mount namespace of its own: nobody else sees the drill's mounts, and
/// they end with it, whatever becomes of it. Returns only if that fails.
pub(crate) fn enter_namespace() -> io::Error {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    tool("unshare")
        .args(["-m", "--propagation", "private"])
        .arg(program)
        .args(std::env::args_os().skip(1))
        .arg("--in-namespace")
        .exec()
}

/// A system tool. Root's PATH does not always have the directories where these live.
fn tool(name: &str) -> Command {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/usr/bin:/sbin:/bin");
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file());
    Command::new(found.unwrap_or_else(|| name.into()))
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{name}: {}{}{said}", output.status, if said.is_empty() { "" } else { ": " }))
}
