//! A disk with a volatile write cache loses its power, or fails some writes, under a live server.

use std::process::ExitStatus;

use support::{Client, Rng, Server};

use crate::disk::{Disk, Kind, cannot_cut, wait_until};
use crate::load::{Worker, under_load, verify};

/// Long enough for a few hundred short segments.
const DISK_MIB: u64 = 320;

/// Short segments, so that most cycles see the change to another one.
const SHORT_FILES: &[&str] = &["prlimit", "--fsize=524288"];

const CLIENTS: usize = 3;

/// How the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// While the server runs.
    Live,
    /// After the server was killed as it began a sync: a reply that left before its sync is a lie.
    InSync,
}

#[test]
fn power_cuts_on_ext4() {
    power_cuts("power_cuts_on_ext4", Kind::Ext4, crate::count("HEADWATER_CUT_CYCLES", 40));
}

/// The same on the other file system that people use.
#[test]
fn power_cuts_on_xfs() {
    power_cuts("power_cuts_on_xfs", Kind::Xfs, crate::count("HEADWATER_CUT_CYCLES", 40));
}

fn power_cuts(test: &str, kind: Kind, cycles: u64) {
    if cannot_cut(test) {
        return;
    }
    let mut rng = Rng::from_env("HEADWATER_CUT_SEED");
    let mut workers: Vec<_> = (0..CLIENTS).map(|index| Worker::new(index, &mut rng)).collect();
    let mut disk = Disk::new(kind, DISK_MIB);
    disk.mount_cuttable();
    for cycle in 0..cycles {
        let how = if cycle % 4 == 3 { Cut::InSync } else { Cut::Live };
        let server = start(&disk, how, &mut rng);
        verify(&server, &mut workers, &format!("cycle {cycle}"));
        let order = format!("cut {} {}", rng.next() >> 1, rng.below(0..101));
        let requests = rng.below(20..900);
        under_load(&server, &mut workers, requests..10 * requests, || match how {
            Cut::Live => disk.order(&order),
            // It dies by itself, and then the clients come back.
            Cut::InSync => {}
        });
        server.kill();
        if how == Cut::InSync {
            disk.order(&order);
        }
        disk.unmount();
        disk.mount_cuttable();
    }
    let server = start(&disk, Cut::Live, &mut rng);
    verify(&server, &mut workers, "the end");
    server.kill();
    disk.unmount();
    let answered: u64 = workers.iter().map(Worker::answered).sum();
    eprintln!(
        "figure: {cycles} power cuts on {kind:?}, {answered} requests acknowledged, none lost"
    );
}

fn start(disk: &Disk, how: Cut, rng: &mut Rng) -> Server {
    if how == Cut::Live {
        return disk.launch(SHORT_FILES).start();
    }
    // The number counts per thread, and starting has syncs of its own.
    let inject = format!("inject=fdatasync:signal=SIGKILL:when={}", rng.below(12..60));
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject];
    let launch = disk.launch(&[&strace[..], SHORT_FILES].concat());
    // It may die while it starts, and has then acknowledged nothing.
    launch.try_start().unwrap_or_else(|_| disk.launch(SHORT_FILES).start())
}

/// Some writes to the disk fail under a live server, then the power goes: what was acknowledged before
/// the failure is there, and nothing was acknowledged on what the failure left in memory.
#[test]
fn a_failing_disk() {
    if cannot_cut("a_failing_disk") {
        return;
    }
    let cycles = crate::count("HEADWATER_EIO_CYCLES", 15);
    let mut rng = Rng::from_env("HEADWATER_EIO_SEED");
    let mut workers: Vec<_> = (0..CLIENTS).map(|index| Worker::new(index, &mut rng)).collect();
    let mut disk = Disk::new(Kind::Ext4, DISK_MIB);
    disk.mount_cuttable();
    let (mut ended, mut stayed, mut refused) = (0, 0, 0);
    for cycle in 0..cycles {
        let mut server = disk.launch(SHORT_FILES).start();
        verify(&server, &mut workers, &format!("cycle {cycle}"));
        // One is a write of the log, mostly; the next ones are the file system's own.
        let writes = if rng.below(0..3) == 0 { rng.below(2..4) } else { 1 };
        let eio = format!("eio {writes}");
        let cut = format!("cut {} {}", rng.next() >> 1, rng.below(0..101));
        under_load(&server, &mut workers, rng.below(20..900)..3_000, || disk.order(&eio));
        match end_or_life(&mut server) {
            Some(status) => {
                assert_eq!(status.code(), Some(74), "{:?}", server.output());
                ended += 1;
            }
            // Only writes of the kernel's own, or of a checkpoint, were hit.
            None => stayed += 1,
        }
        // Before the power goes the server starts again, and builds upon what the page cache has.
        server.kill();
        let restarted = disk.launch(SHORT_FILES).try_start();
        match restarted {
            Ok(server) => {
                verify(&server, &mut workers, &format!("restart in cycle {cycle}"));
                under_load(&server, &mut workers, rng.below(1..100)..3_000, || disk.order(&cut));
                server.kill();
            }
            // The file system has given up; that is the machine's refusal, and must say so.
            Err(refusal) => {
                refused += 1;
                let text = refusal.text();
                let reasons = ["Read-only file system", "Input/output error"];
                assert!(
                    reasons.iter().any(|reason| text.contains(reason)),
                    "cycle {cycle}: {text}"
                );
                assert_eq!(refusal.status.code(), Some(74), "cycle {cycle}: {text}");
                disk.order(&cut);
            }
        }
        disk.unmount();
        disk.check();
        disk.mount_cuttable();
    }
    let server = disk.launch(SHORT_FILES).start();
    verify(&server, &mut workers, "the end");
    server.kill();
    disk.unmount();
    assert!(cycles < 5 || 0 < ended, "no failing disk ended a server: did it fail?");
    eprintln!(
        "figure: {cycles} failing disks, nothing lost: {ended} ended the server, {stayed} did not, {refused} \
         made the file system read-only until it was checked"
    );
}

/// How the server ended; `None` if it still answers.
fn end_or_life(server: &mut Server) -> Option<ExitStatus> {
    let mut end = None;
    wait_until("the server has ended or answers", || {
        end = server.ended();
        let ping = || Client::connect(server.address())?.try_command(&["PING"]);
        end.is_some() || ping().is_ok()
    });
    end
}
