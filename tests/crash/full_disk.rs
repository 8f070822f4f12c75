//! A disk without space: writes are refused, reads go on, acknowledgements go on from a reserve,
//! and writes resume by themselves.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::{Client, Value, require_tool};

/// Large enough for a few log segments.
const DISK: &str = "320m";

/// How long writes may stay refused once there is space.
const RESUME: Duration = Duration::from_secs(5);

#[test]
fn a_full_disk_refuses_writes_and_nothing_else() {
    if !rustix::process::geteuid().is_root() {
        support::skipped("a_full_disk_refuses_writes_and_nothing_else", "mounts need root");
        return;
    }
    let dir = support::temp_dir();
    let launch = crate::launch().dir(dir.path());
    if launch.is_redis() {
        return; // It exits when its log cannot grow.
    }
    // The mount lives in a namespace of its own and goes with the server.
    let mount = format!("mount -t tmpfs -o size={DISK} tmpfs '{}'", dir.path().display());
    let unshare = require_tool("unshare");
    let unshare = unshare.to_str().expect("a path in UTF-8");
    let script = format!("{mount} && exec \"$@\"");
    let server = launch
        .wrapper([unshare, "-m", "--propagation", "private", "sh", "-c", &script, "sh"])
        .start();
    let disk = PathBuf::from(format!("/proc/{}/root{}", server.pid(), dir.path().display()));
    let mut client = server.connect();
    client.ok(&["XADD", "jobs", "1-1", "n", "1"]);
    client.ok(&["XADD", "jobs", "2-1", "n", "2"]);
    client.ok(&["XGROUP", "CREATE", "jobs", "g", "0"]);
    client.ok(&["XREADGROUP", "GROUP", "g", "c", "STREAMS", "jobs", ">"]);

    let ballast = fill(&disk);
    let acknowledged = append_until_refused(&mut client);
    assert_eq!(client.ok(&["XLEN", "big"]).int(), acknowledged, "reads go on");
    assert_eq!(client.ok(&["XRANGE", "jobs", "-", "+"]).array().len(), 2, "reads go on");
    assert_eq!(client.ok(&["XACK", "jobs", "g", "1-1"]).int(), 1, "there is a reserve for XACK");

    fs::remove_file(ballast).expect("the ballast can be removed");
    let space_again = Instant::now();
    while let Value::Error(text) = client.command(&["XADD", "jobs", "3-1", "n", "3"]) {
        assert!(space_again.elapsed() < RESUME, "still refused: {text}");
    }
    server.terminate();
}

/// Writes a file until there is no space left.
fn fill(disk: &Path) -> PathBuf {
    let path = disk.join("ballast");
    let mut file = File::create(&path).expect("a file in the server's directory");
    let chunk = vec![1; 64 * 1024];
    while file.write_all(&chunk).is_ok() {}
    path
}

/// Appends large entries until one is refused; returns how many were not.
fn append_until_refused(client: &mut Client) -> i64 {
    let payload = vec![b'x'; 512 * 1024];
    for acknowledged in 0..2_000 {
        let arguments: [&[u8]; 5] = [b"XADD", b"big", b"*", b"data", &payload];
        if let Value::Error(text) = client.command(&arguments) {
            eprintln!("refused after {acknowledged} entries: {text}");
            return acknowledged;
        }
    }
    panic!("a gigabyte fitted on a disk of {DISK}");
}
