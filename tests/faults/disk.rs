//! File systems of a test's own, in a mount namespace that goes with the test: an image file under a
//! loop device, plain or behind a disk whose power can be cut.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::{Launch, require_tool, skipped};
use tempfile::TempDir;

/// Longest wait for a helper process to do what it was asked.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ext4,
    Xfs,
}

/// An image with a file system, and the namespace in which it is mounted.
#[derive(Debug)]
pub(crate) struct Disk {
    home: TempDir,
    kind: Kind,
    namespace: Child,
    /// The process that serves the image as a cuttable disk, while it is mounted that way.
    served_by: Option<Child>,
}

/// Says why file systems cannot be made here, and notes the test as skipped.
pub(crate) fn cannot_mount(test: &str) -> bool {
    let reason = if !rustix::process::geteuid().is_root() {
        "mounts need root"
    } else if !Path::new("/dev/loop-control").exists() {
        "there are no loop devices"
    } else if !succeeds(Command::new(tool("unshare")).args(["-m", "true"])) {
        "mount namespaces are not allowed here"
    } else if !succeeds(Command::new(tool("losetup")).arg("-f")) {
        "loop devices are not allowed here"
    } else {
        return false;
    };
    skipped(test, reason);
    true
}

/// As [`cannot_mount`], for the disk whose power can be cut.
pub(crate) fn cannot_cut(test: &str) -> bool {
    if cannot_mount(test) {
        return true;
    }
    if !Path::new("/dev/fuse").exists() {
        skipped(test, "there is no FUSE");
        return true;
    }
    false
}

impl Disk {
    pub(crate) fn new(kind: Kind, mib: u64) -> Self {
        let home = support::temp_dir();
        let image = home.path().join("disk.img");
        let file = fs::File::create(&image).expect("an image can be made");
        file.set_len(mib << 20).expect("an image can be sparse");
        for name in ["fuse", "mnt"] {
            fs::create_dir(home.path().join(name)).expect("a directory can be made");
        }
        let image = image.to_str().expect("a path in UTF-8");
        match kind {
            Kind::Ext4 => run(Command::new(tool("mkfs.ext4")).args(["-q", "-F", "-m0", image])),
            Kind::Xfs => run(Command::new(tool("mkfs.xfs")).args(["-q", "-f", image])),
        }
        // It ends with us: its input is our pipe.
        let namespace = Command::new(tool("unshare"))
            .args(["-m", "--propagation", "private", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare runs");
        let disk = Self { home, kind, namespace, served_by: None };
        let own = fs::read_link("/proc/self/ns/mnt").expect("we have a namespace");
        let other = PathBuf::from(format!("/proc/{}/ns/mnt", disk.namespace.id()));
        wait_until("the namespace is there", || {
            fs::read_link(&other).is_ok_and(|other| other != own)
        });
        disk
    }

    /// Mounts the image itself.
    pub(crate) fn mount(&self) {
        let image = self.path("disk.img");
        run(self.inside("mount").args(["-o", "loop"]).arg(image).arg(self.path("mnt")));
    }

    /// Mounts the image behind a disk that [`Disk::order`] commands.
    pub(crate) fn mount_cuttable(&mut self) {
        self.try_mount_cuttable().expect("the disk can be mounted");
    }

    pub(crate) fn try_mount_cuttable(&mut self) -> io::Result<()> {
        let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/faults/cutdisk.py");
        tool("nbdkit");
        let mut serve = self.inside("nbdfuse");
        serve.arg(self.path("fuse")).args(["--command", "nbdkit", "-s", "--exit-with-parent"]);
        serve.arg("python").arg(plugin);
        serve.arg(format!("image={}", self.path("disk.img").display()));
        serve.arg(format!("control={}", self.path("order").display()));
        self.served_by = Some(serve.stdin(Stdio::null()).spawn().expect("nbdfuse runs"));
        let served = self.seen("fuse").join("nbd");
        wait_until("the disk is served", || served.exists());
        let mut mount = self.inside("mount");
        mount.args(["-o", "loop"]).arg(self.path("fuse/nbd")).arg(self.path("mnt"));
        let status = mount.stderr(Stdio::null()).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other("mount failed")) }
    }

    /// Gives the cuttable disk an order and waits until it is carried out.
    pub(crate) fn order(&self, words: &str) {
        fs::write(self.path("order.new"), words).expect("an order can be written");
        fs::rename(self.path("order.new"), self.path("order")).expect("an order can be given");
        wait_until("the order is carried out", || !self.path("order").exists());
    }

    /// Unmounts, and ends what served the disk. The power may have gone before.
    pub(crate) fn unmount(&mut self) {
        let mnt = self.path("mnt");
        wait_until("the file system is not in use", || {
            let mut umount = self.inside("umount");
            umount.arg(&mnt).stderr(Stdio::null());
            umount.status().is_ok_and(|status| status.success())
        });
        if let Some(mut serving) = self.served_by.take() {
            let fuse = self.path("fuse");
            wait_until("the disk is not in use", || {
                let mut umount = self.inside("fusermount3");
                umount.arg("-u").arg(&fuse).stderr(Stdio::null());
                umount.status().is_ok_and(|status| status.success())
            });
            wait_until("nbdfuse has ended", || serving.try_wait().is_ok_and(|s| s.is_some()));
        }
    }

    /// Repairs what a write error did to the file system's own structures.
    pub(crate) fn check(&self) {
        let image = self.path("disk.img");
        let status = match self.kind {
            Kind::Ext4 => Command::new(tool("e2fsck"))
                .arg("-fy")
                .arg(image)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status(),
            Kind::Xfs => return,
        };
        // 1: errors were corrected.
        assert!(matches!(status.expect("e2fsck runs").code(), Some(0 | 1)), "e2fsck gives up");
    }

    /// A server whose directory is on this disk, run below `wrapper` inside the namespace.
    pub(crate) fn launch(&self, wrapper: &[&str]) -> Launch {
        let pid = self.namespace.id().to_string();
        let nsenter = ["nsenter", "-t", &pid, "-m", "--"];
        crate::launch().dir(self.path("mnt/db")).wrapper([&nsenter[..], wrapper].concat())
    }

    /// Runs a tool of the program inside the namespace; it must succeed.
    pub(crate) fn tool(&self, paths: &[PathBuf], arguments: &[&str]) {
        let mut command = self.inside("env");
        run(command.arg(env!("CARGO_BIN_EXE_headwater")).args(arguments).args(paths));
    }

    /// What stands at `name` beside the image, as this process names it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// What stands at `name`, seen from inside the namespace.
    pub(crate) fn seen(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let inside = path.strip_prefix("/").expect("an absolute path");
        Path::new(&format!("/proc/{}/root", self.namespace.id())).join(inside)
    }

    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new(tool("nsenter"));
        command.args(["-t", &self.namespace.id().to_string(), "-m", "--"]).arg(tool(program));
        command
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for (program, path) in [("umount", "mnt"), ("umount", "fuse")] {
            let mut umount = self.inside(program);
            let _ = umount.arg("-l").arg(self.path(path)).stderr(Stdio::null()).status();
        }
        for child in self.served_by.iter_mut().chain([&mut self.namespace]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `require_tool`, also for those that only root has in its path.
pub(crate) fn tool(name: &str) -> PathBuf {
    let candidates = [Path::new("/usr/sbin").join(name), Path::new("/sbin").join(name)];
    candidates.into_iter().find(|path| path.is_file()).unwrap_or_else(|| require_tool(name))
}

fn succeeds(command: &mut Command) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {} {text}", output.status);
}

/// Looks again and again until it is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
