//! A control group with little memory, of either version, for one server.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Removed when dropped, once nobody is in it any more.
#[derive(Debug)]
pub struct MemoryGroup {
    dir: PathBuf,
    is_v2: bool,
}

impl MemoryGroup {
    /// A group with room for so many bytes.
    ///
    /// # Errors
    /// If this machine, or this user, has no memory control.
    pub fn new(bytes: u64) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("headwater-test-{}-{number}", std::process::id());
        let v1 = Path::new("/sys/fs/cgroup/memory");
        let is_v2 = !v1.is_dir();
        let root = if is_v2 { Path::new("/sys/fs/cgroup") } else { v1 };
        if is_v2 {
            // Fails where it is delegated already, or cannot be; the limit below tells which.
            let _ = fs::write(root.join("cgroup.subtree_control"), "+memory");
        }
        let group = Self { dir: root.join(name), is_v2 };
        fs::create_dir(&group.dir)?;
        let limit = if is_v2 { "memory.max" } else { "memory.limit_in_bytes" };
        fs::write(group.dir.join(limit), bytes.to_string())?;
        Ok(group)
    }

    /// For [`crate::Launch::wrapper`]: the server joins the group before it is the server.
    pub fn wrapper(&self) -> Vec<String> {
        let procs = self.dir.join("cgroup.procs").display().to_string();
        let script = "echo $$ > \"$0\" && exec \"$@\"";
        ["sh", "-c", script, &procs].map(str::to_owned).into()
    }

    /// How many processes of the group the kernel has killed for want of memory.
    ///
    /// # Panics
    /// If the kernel does not tell.
    pub fn kills(&self) -> u64 {
        let file = if self.is_v2 { "memory.events" } else { "memory.oom_control" };
        let text = fs::read_to_string(self.dir.join(file)).expect("the group is there");
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.and_then(|count| count.parse().ok()).expect("a count of kills")
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The kernel takes a moment to let go of a process that has ended.
        for _ in 0..1000 {
            if fs::remove_dir(&self.dir).is_ok() {
                return;
            }
            std::thread::yield_now();
        }
    }
}
