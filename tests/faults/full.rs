//! No space left: writes are refused and nothing else, deletions go on from a reserve, writes resume by
//! themselves at once, and nothing is lost. The same for quotas, and for limits on the length of files.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::{Client, Rng, Value, require_tool};

use crate::disk::{Disk, Kind, cannot_mount, wait_until};

const DISK_MIB: u64 = 48;

/// How long it may take to use up what is left.
const FILLED: Duration = Duration::from_secs(20);

/// How long writes may stay refused once there is space.
const RESUME: Duration = Duration::from_secs(1);

/// A stream whose entries are known by the replies alone.
struct Known {
    entries: Vec<String>,
    rng: Rng,
}

impl Known {
    /// One XADD of up to `bytes` bytes; false if it was refused for want of space.
    fn add(&mut self, client: &mut Client, bytes: u64) -> bool {
        let payload = vec![b'x'; usize::try_from(self.rng.below(1..bytes)).expect("small")];
        let reply = client.command(&[b"XADD".as_slice(), b"big", b"*", b"data", &payload]);
        match reply {
            Value::Error(text) => {
                assert!(text.starts_with("MISCONF") && text.contains("No space left"), "{text}");
                false
            }
            id => {
                self.entries.push(id.text());
                true
            }
        }
    }

    fn trim(&mut self, client: &mut Client, keep: usize) {
        let gone = self.entries.len().saturating_sub(keep);
        let trimmed = client.ok(&["XTRIM", "big", "MAXLEN", "=", &keep.to_string()]).int();
        assert_eq!(trimmed, i64::try_from(gone).expect("a length"));
        self.entries.drain(..gone);
    }

    /// Reads everything and compares.
    fn check(&self, client: &mut Client) {
        let reply = client.ok(&["XRANGE", "big", "-", "+"]).array();
        let ids: Vec<_> = reply.into_iter().map(|entry| entry.array()[0].text()).collect();
        assert_eq!(ids, self.entries, "what was acknowledged, and nothing else");
    }
}

/// Gives the room back. ext4 lets nobody have the blocks of a deleted file before its journal is written,
/// which takes a busy disk more than a second: the room is there from then on.
fn empty(disk: &Disk, ballast: &Path) {
    fs::remove_file(ballast).expect("the ballast can be removed");
    let mount = File::open(disk.seen("mnt")).expect("the disk is mounted");
    rustix::fs::syncfs(mount).expect("the disk can be synced");
}

/// Takes all the room there is; [`empty`] gives it back.
fn fill(disk: &Disk) -> PathBuf {
    let path = disk.seen("mnt/ballast");
    let mut file = File::create(&path).expect("a name still fits");
    let free = rustix::fs::statvfs(&path).expect("a mounted disk");
    let bytes = free.f_bavail * free.f_frsize;
    let flags = rustix::fs::FallocateFlags::empty();
    // As much at once as there is, then what was rounded off.
    let mut at = 0;
    let mut step = bytes.next_multiple_of(4096);
    while 4096 <= step {
        match rustix::fs::fallocate(&file, flags, at, step) {
            Ok(()) => at += step,
            Err(_) => step = step / 2 / 4096 * 4096,
        }
    }
    file.seek(io::SeekFrom::Start(at)).expect("a file can be positioned");
    while file.write_all(&[1; 4096]).is_ok() && file.sync_data().is_ok() {}
    path
}

#[test]
fn a_disk_that_fills_again_and_again() {
    if cannot_mount("a_disk_that_fills_again_and_again") {
        return;
    }
    let cycles = crate::count("HEADWATER_FULL_CYCLES", 5);
    let mut rng = Rng::from_env("HEADWATER_FULL_SEED");
    let mut known = Known { entries: Vec::new(), rng: Rng::new(rng.next()) };
    let disk = Disk::new(Kind::Ext4, DISK_MIB);
    disk.mount();
    let mut server = disk.launch(&[]).start();
    let mut slowest = Duration::ZERO;
    for cycle in 0..cycles {
        let mut client = server.connect();
        let job = format!("{}-1", cycle + 1);
        client.ok(&["XADD", "jobs", &job, "n", "1"]);
        client.command(&["XGROUP", "CREATE", "jobs", "g", "0"]);
        client.ok(&["XREADGROUP", "GROUP", "g", "c", "STREAMS", "jobs", ">"]);
        for _ in 0..rng.below(0..60) {
            assert!(known.add(&mut client, 40_000), "there is room");
        }
        let ballast = fill(&disk);
        // What the server itself has given back just now, and ext4 has for use only later, is used as well.
        let begin = Instant::now();
        while known.add(&mut client, 40_000) || client.info("out_of_space") != "1" {
            assert!(begin.elapsed() < FILLED, "there is always room");
        }
        known.check(&mut client);
        assert_eq!(client.ok(&["XACK", "jobs", "g", &job]).int(), 1, "a reserve for XACK");
        assert_eq!(client.ok(&["XDEL", "jobs", &job]).int(), 1, "a reserve for XDEL");
        known.trim(&mut client, 30);
        known.check(&mut client);
        if cycle % 3 == 1 {
            // A start on a full disk serves reads, and acknowledges from the reserve.
            server.kill();
            server = disk.launch(&[]).start();
            client = server.connect();
            known.check(&mut client);
            assert_eq!(client.ok(&["XACK", "jobs", "g", &job]).int(), 0);
        }
        empty(&disk, &ballast);
        let begin = Instant::now();
        while client.info("out_of_space") != "0" || !known.add(&mut client, 40_000) {
            assert!(begin.elapsed() < RESUME, "writes do not resume");
        }
        slowest = slowest.max(begin.elapsed());
        assert!(server.ended().is_none(), "the server stays");
        assert_eq!(client.ok(&["SAVE"]).text(), "OK");
        if cycle % 3 == 2 {
            server.kill();
            server = disk.launch(&[]).start();
            known.check(&mut server.connect());
        }
    }
    assert_eq!(server.terminate().code(), Some(0));
    eprintln!("figure: {cycles} times full, no exit, nothing lost, writes back after {slowest:?}");
}

#[test]
fn a_disk_that_fills_during_a_checkpoint() {
    if cannot_mount("a_disk_that_fills_during_a_checkpoint") {
        return;
    }
    let mut known = Known { entries: Vec::new(), rng: Rng::from_env("HEADWATER_FULL_SEED") };
    let disk = Disk::new(Kind::Ext4, DISK_MIB);
    disk.mount();
    let mut server = disk.launch(&[]).start();
    let mut client = server.connect();
    for _ in 0..60 {
        assert!(known.add(&mut client, 40_000), "there is room");
    }
    // The log has its next segment already: only the checkpoint needs room.
    let ballast = fill(&disk);
    assert!(client.command(&["SAVE"]).is_error(""), "there is no room for a checkpoint");
    assert_eq!(client.info("rdb_last_bgsave_status"), "err");
    assert!(known.add(&mut client, 1_000), "the log has room of its own");
    known.check(&mut client);
    let output = server.output().join("\n");
    assert!(output.contains("a checkpoint failed"), "{output}");
    empty(&disk, &ballast);
    assert_eq!(client.ok(&["SAVE"]).text(), "OK");
    assert_eq!(client.info("rdb_last_bgsave_status"), "ok");
    assert!(server.ended().is_none());
    server.kill();
    let server = disk.launch(&[]).start();
    known.check(&mut server.connect());
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn starts_on_a_full_disk() {
    if cannot_mount("starts_on_a_full_disk") {
        return;
    }
    let mut known = Known { entries: Vec::new(), rng: Rng::from_env("HEADWATER_FULL_SEED") };
    let disk = Disk::new(Kind::Ext4, DISK_MIB);
    disk.mount();
    let ballast = fill(&disk);
    // A new directory has no place to be in: that is said, and nothing else goes wrong.
    let refusal = disk.launch(&[]).try_start().expect_err("there is no room at all");
    assert_eq!(refusal.status.code(), Some(74), "{refusal:?}");
    assert!(refusal.text().contains("No space left on device"), "{refusal:?}");
    empty(&disk, &ballast);
    let server = disk.launch(&[]).start();
    assert!(known.add(&mut server.connect(), 40_000));
    assert_eq!(server.terminate().code(), Some(0));

    // One that is there serves what it has; after a clean stop, and after a kill.
    let ballast = fill(&disk);
    for _ in 0..2 {
        let server = disk.launch(&[]).start();
        let mut client = server.connect();
        known.check(&mut client);
        known.add(&mut client, 100);
        server.terminate();
        let server = disk.launch(&[]).start();
        known.check(&mut server.connect());
        server.kill();
    }
    empty(&disk, &ballast);
}

/// `ulimit -f`: SIGXFSZ does not end the server, segments are as long as files may be, and what does not
/// fit into one is refused.
#[test]
fn a_limit_on_the_length_of_files() {
    let mut known = Known { entries: Vec::new(), rng: Rng::from_env("HEADWATER_FULL_SEED") };
    let launch = crate::launch().wrapper(["prlimit", "--fsize=262144"]);
    let mut server = launch.start();
    let mut client = server.connect();
    for round in 0..20 {
        for _ in 0..10 {
            assert!(known.add(&mut client, 20_000), "another segment has room");
        }
        let long = vec![b'x'; 300_000];
        let reply = client.command(&[b"XADD".as_slice(), b"big", b"*", b"data", &long]);
        assert!(reply.is_error("MISCONF"), "round {round}: {reply:?}");
    }
    known.check(&mut client);
    assert!(server.ended().is_none(), "the server stays");
    // The snapshot and the block files are under the limit too: they may fail, and nothing is lost.
    client.command(&["SAVE"]);
    known.check(&mut client);
    server.kill();
    known.check(&mut launch.start().connect());
}

/// A quota that is used up while segments are laid out, and raised again: as a full disk.
#[test]
fn a_quota() {
    let mut known = Known { entries: Vec::new(), rng: Rng::from_env("HEADWATER_FULL_SEED") };
    let strace = require_tool("strace");
    let strace = strace.to_str().expect("a path in UTF-8");
    // The thread that lays out segments begins with one; it is refused from its third on, six times.
    let inject = "inject=fallocate:error=EDQUOT:when=3..8";
    let words = [strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fallocate", "-e", inject];
    let launch = crate::launch().wrapper(words.into_iter().chain(["prlimit", "--fsize=65536"]));
    let mut server = launch.start();
    let mut client = server.connect();
    let mut refused = 0;
    wait_until("the quota was met, and raised", || {
        let was_refused = !known.add(&mut client, 8_000);
        refused += u64::from(was_refused);
        0 < refused && !was_refused && client.info("out_of_space") == "0"
    });
    known.check(&mut client);
    assert!(server.ended().is_none(), "the server stays");
    server.kill();
    known.check(&mut launch.start().connect());
}
