//! A whole machine loses its power: the server runs under a Linux kernel of its own, in QEMU, on a disk
//! with a volatile write cache. So nothing of a cut machine goes on for a moment, as the kernel does when
//! `faults` cuts the disk below it, and the next start is that of the system.
//!
//! It takes a kernel of Debian's and QEMU, which `make` gets, and no root once they are there. Too much for
//! every change: this target is no part of `cargo test` and must be asked for by name, as step `guest` of
//! `scripts/durability` does. HEADWATER_GUEST_CUTS is the number of cuts on each file system.

mod disk;
#[path = "../faults/load.rs"]
mod load;
#[path = "../faults/model.rs"]
mod model;

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{Launch, Rng, Server};

use crate::disk::Disk;
use crate::load::{Worker, under_load, verify};

const CLIENTS: usize = 3;

#[test]
fn power_cuts_of_a_machine() {
    if cannot_boot("power_cuts_of_a_machine") {
        return;
    }
    let mut rng = Rng::from_env("HEADWATER_GUEST_SEED");
    let [ext4, xfs] = thread::scope(|scope| {
        let guests = ["ext4", "xfs"].map(|file_system| {
            let rng = Rng::new(rng.next());
            scope.spawn(move || power_cuts(file_system, rng))
        });
        guests.map(|guest| guest.join().expect("nothing was lost, and no guest in trouble"))
    });
    eprintln!("figure: power cuts of a machine: {ext4}; {xfs}");
}

fn power_cuts(file_system: &'static str, mut rng: Rng) -> String {
    let mut workers: Vec<_> = (0..CLIENTS).map(|index| Worker::new(index, &mut rng)).collect();
    let mut guest = Guest::new(file_system);
    let cuts = cuts();
    let mut while_starting = 0;
    for cut in 0..cuts {
        // Now and then the power goes again before the system or the server is up.
        if cut % 5 == 4 {
            while_starting += u64::from(guest.is_cut_while_it_starts(&mut rng));
            continue;
        }
        let server = guest.start("always");
        verify(&server, &mut workers, &format!("{file_system}, cut {cut}"));
        guest.is_cut_under_load(server, &mut workers, &mut rng);
    }
    let server = guest.start("always");
    verify(&server, &mut workers, &format!("{file_system}, the end"));
    server.kill();
    let answered: u64 = workers.iter().map(Worker::answered).sum();
    format!(
        "{cuts} on {file_system}, {while_starting} of them before it served, {answered} requests acknowledged, \
         none lost"
    )
}

/// Without syncs the same cuts lose what was acknowledged, and are seen to.
#[test]
fn a_machine_that_does_not_sync_is_seen_to_lose() {
    if cannot_boot("a_machine_that_does_not_sync_is_seen_to_lose") {
        return;
    }
    let mut rng = Rng::from_env("HEADWATER_GUEST_SEED");
    let mut workers: Vec<_> = (0..CLIENTS).map(|index| Worker::new(index, &mut rng)).collect();
    let mut guest = Guest::new("ext4");
    // The groups are there in any case.
    let server = guest.start("always");
    verify(&server, &mut workers, "the beginning");
    guest.is_cut_under_load(server, &mut workers, &mut rng);
    for cut in 1..=10 {
        let server = guest.start("no");
        let mut client = server.connect();
        let losses = workers.iter_mut().filter_map(|worker| worker.verify(&mut client).err());
        if let Some(loss) = losses.last() {
            eprintln!("without syncs cut {cut} lost something: {loss:.300}");
            return;
        }
        guest.is_cut_under_load(server, &mut workers, &mut rng);
    }
    panic!("ten power cuts lost nothing, although nothing was synced: this test proves nothing");
}

/// A machine whose disk lives on.
struct Guest {
    disk: Disk,
    file_system: &'static str,
    /// How long the last start took, from the power to the first client.
    start_took: Duration,
}

impl Guest {
    fn new(file_system: &'static str) -> Self {
        let home = support::temp_dir();
        make(home.path());
        Self { disk: Disk::new(home, file_system), file_system, start_took: Duration::ZERO }
    }

    fn launch(&self, appendfsync: &str) -> Launch {
        let home = self.disk.home().to_str().expect("a path in UTF-8");
        Launch::new(env!("CARGO_BIN_EXE_headwater"))
            .wrapper([script("boot").as_str(), home, self.file_system])
            .dir("/mnt/db")
            // It is the guest's one address to the outside, which is this process.
            .args(["--bind", "0.0.0.0", "--protected-mode", "no"])
            .args(["--appendfsync", appendfsync])
    }

    fn start(&mut self, appendfsync: &str) -> Server {
        let begin = Instant::now();
        let server = self.launch(appendfsync).start();
        self.start_took = begin.elapsed();
        server
    }

    fn is_cut_under_load(&mut self, server: Server, workers: &mut [Worker], rng: &mut Rng) {
        let requests = rng.below(0..900);
        // The processor stops first, in the middle of whatever it did.
        under_load(&server, workers, requests..100_000, || server.signal(Signal::KILL));
        server.kill();
        self.disk.cut(rng.next() >> 1, rng.below(0..101));
        self.disk.power_on();
    }

    /// Whether it had not come to serve yet. Here the disk goes first: a start that goes on without
    /// one must acknowledge nothing either.
    fn is_cut_while_it_starts(&mut self, rng: &mut Rng) -> bool {
        // In the first half the kernel has no eye for the disk.
        let after = self.start_took.mul_f64(0.01 * rng.below(50..110) as f64);
        let [seed, percent] = [rng.next() >> 1, rng.below(0..101)];
        let outcome = thread::scope(|scope| {
            let disk = &self.disk;
            scope.spawn(move || {
                thread::sleep(after);
                disk.cut(seed, percent);
            });
            self.launch("always").try_start()
        });
        let has_served = outcome.is_ok();
        // Its end, if it has not ended.
        drop(outcome);
        self.disk.power_on();
        !has_served
    }
}

/// Puts a kernel and a root file system there, and installs what that needs: one at a time.
fn make(home: &Path) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guest");
    let mut make = Command::new(script("make"));
    make.arg(env!("CARGO_BIN_EXE_headwater")).arg(kept).arg(home);
    let status = make.status().expect("bash runs");
    assert!(status.success(), "what the guest needs cannot be made: {status}");
}

fn script(name: &str) -> String {
    format!("{}/../../tests/guest/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Says why no guest can be booted here, and notes the test as skipped.
fn cannot_boot(test: &str) -> bool {
    let is_other = !cfg!(target_arch = "x86_64");
    if is_other {
        support::skipped(test, "the guest is a machine with an x86-64 processor");
    }
    is_other
}

fn cuts() -> u64 {
    let text = std::env::var("HEADWATER_GUEST_CUTS").unwrap_or_else(|_| "10".to_owned());
    text.parse().unwrap_or_else(|_| panic!("HEADWATER_GUEST_CUTS={text} is not a number"))
}
