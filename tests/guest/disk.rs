//! The disk of the guest: an image behind the volatile write cache of `tests/faults/cutdisk.py`. QEMU
//! writes to it through a socket, so nothing that the guest has not flushed survives the cut in a cache
//! of this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::require_tool;
use tempfile::TempDir;

/// XFS wants 300 MiB.
const DISK_BYTES: u64 = 320 << 20;

/// Longest wait for the disk to do what it was asked.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Disk {
    home: TempDir,
    served_by: Child,
}

impl Disk {
    pub(crate) fn new(home: TempDir, file_system: &str) -> Self {
        let image = home.path().join("disk.img");
        let file = fs::File::create(&image).expect("an image can be made");
        file.set_len(DISK_BYTES).expect("an image can be sparse");
        let mkfs = Path::new("/sbin").join(format!("mkfs.{file_system}"));
        let quietly = if file_system == "xfs" { ["-q", "-f"] } else { ["-q", "-F"] };
        let status = Command::new(mkfs).args(quietly).arg(&image).status().expect("mkfs runs");
        assert!(status.success(), "mkfs: {status}");
        let served_by = serve(home.path());
        Self { home, served_by }
    }

    /// Where the image is and the socket, and what else the guest needs.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The power goes: of what was not flushed each sector stays with this probability, and every
    /// request fails from now on.
    pub(crate) fn cut(&self, seed: u64, percent: u64) {
        let [new, order] = ["order.new", "order"].map(|name| self.home().join(name));
        fs::write(&new, format!("cut {seed} {percent}")).expect("an order can be written");
        fs::rename(new, &order).expect("an order can be given");
        wait_until("the power is cut", || !order.exists());
    }

    /// The power is back.
    pub(crate) fn power_on(&mut self) {
        end(&mut self.served_by);
        self.served_by = serve(self.home.path());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        end(&mut self.served_by);
    }
}

fn serve(home: &Path) -> Child {
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/faults/cutdisk.py");
    let at = |name: &str| -> PathBuf { home.join(name) };
    for name in ["disk.sock", "disk.pid"] {
        let _ = fs::remove_file(at(name));
    }
    let mut nbdkit = Command::new(require_tool("nbdkit"));
    nbdkit.args(["--foreground", "--exit-with-parent", "--unix"]).arg(at("disk.sock"));
    // Written once it listens.
    nbdkit.arg("--pidfile").arg(at("disk.pid"));
    nbdkit.arg("python").arg(plugin);
    nbdkit.arg(format!("image={}", at("disk.img").display()));
    nbdkit.arg(format!("control={}", at("order").display()));
    let child = nbdkit.stdin(Stdio::null()).spawn().expect("nbdkit runs");
    wait_until("the disk is served", || at("disk.pid").exists());
    child
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
