//! The one system call of a drill that has no safe wrapper: FS_IOC_SHUTDOWN, which takes a mounted
//! file system away from under its users, as a power cut does.

#![expect(unsafe_code, reason = "an ioctl that no library wraps; audited below")]

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::ioctl::{Setter, ioctl, opcode};

/// `_IOR('X', 125, __u32)` of linux/fs.h, the same for ext4, XFS and others.
const FS_IOC_SHUTDOWN: rustix::ioctl::Opcode = opcode::read::<u32>(b'X', 125);
/// Do not write the journal out first: whatever nobody has synced is gone.
const FS_SHUTDOWN_FLAGS_NOLOGFLUSH: u32 = 2;

/// Drops everything of the file system at `mount_point` that is not on its disk. From then on every
/// access to it fails until it is mounted anew.
///
/// # Errors
/// If the file system knows no such thing.
pub(crate) fn shut_down(mount_point: &Path) -> io::Result<()> {
    let root = File::open(mount_point)?;
    // SAFETY: the kernel reads one u32 through the pointer that it is given and keeps nothing of it.
    // `Setter` passes the address of a value of its own, of the type that the opcode was made for, and
    // the descriptor is open for the length of the call. A kernel or file system that does not know
    // the number answers with an error. (The name says "read", but the kernel's handlers call
    // get_user: they read from us.)
    unsafe {
        let request = Setter::<FS_IOC_SHUTDOWN, u32>::new(FS_SHUTDOWN_FLAGS_NOLOGFLUSH);
        ioctl(&root, request)?;
    }
    Ok(())
}
