//! Blocks that two files share. To write over such a block takes a new one, which a full disk does not
//! have: the log must never meet that, as the room for what it writes was promised.

use std::path::Path;
use std::process::Command;

use support::Client;

use crate::disk::{Disk, Kind, cannot_mount, tool};

/// No XFS is smaller.
const DISK_MIB: u64 = 320;

fn add(client: &mut Client, entries: usize) {
    let payload = [b'x'; 1000];
    for _ in 0..entries {
        client
            .send_command(&[&b"XADD"[..], b"s", b"*", b"data", &payload])
            .expect("the server runs");
    }
    for _ in 0..entries {
        client.receive().expect("an answer");
    }
}

/// Whether some of the files in a directory share blocks with others.
fn shares(dir: &Path) -> bool {
    let files = std::fs::read_dir(dir).expect("a directory").flatten();
    let paths: Vec<_> = files.map(|entry| entry.path()).collect();
    assert!(!paths.is_empty(), "{} is empty", dir.display());
    let output = Command::new(tool("filefrag")).arg("-v").args(paths).output();
    let output = output.expect("filefrag runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).contains("shared")
}

#[test]
fn neither_backup_nor_restore_shares_a_block_of_the_log() {
    if cannot_mount("neither_backup_nor_restore_shares_a_block_of_the_log") {
        return;
    }
    let disk = Disk::new(Kind::Xfs, DISK_MIB);
    disk.mount();
    let server = disk.launch(&[]).args(["--log-segment-size", "1mb"]).start();
    let mut client = server.connect();
    for _ in 0..2 {
        add(&mut client, 3000);
        client.ok(&["SAVE"]);
    }
    add(&mut client, 3000);
    let place = |name: &str| disk.path("mnt").join(name);
    disk.tool(&[place("backup")], &["backup", "--copy", "--dir", &place("db").to_string_lossy()]);
    disk.tool(&[place("backup"), place("restored")], &["restore"]);
    let seen = |name: &str, part: &str| disk.seen("mnt").join(name).join(part);
    assert!(shares(&seen("backup", "blocks")), "this file system can");
    for name in ["db", "backup", "restored"] {
        assert!(!shares(&seen(name, "log")), "{name} shares blocks of the log");
    }
}
