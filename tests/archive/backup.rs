//! Backups of a server that eight clients write to.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{Client, Server, Value, require_tool};

const CLIENTS: usize = 8;

/// How long the load goes on before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the clients have done.
#[derive(Default)]
struct Done {
    acknowledged: [AtomicU64; CLIENTS],
    sent: [AtomicU64; CLIENTS],
    /// The longest that any write took, in microseconds.
    slowest_us: AtomicU64,
    stop: AtomicBool,
}

/// Stops the clients when it goes.
struct Stop<'a>(&'a Done);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// Each transaction puts number n into two streams.
fn load(client: &mut Client, index: usize, done: &Done) {
    let payload = "x".repeat(3000);
    for n in 1.. {
        if done.stop.load(Ordering::Relaxed) {
            return;
        }
        let id = format!("{n}-0");
        done.sent[index].store(n, Ordering::SeqCst);
        let began = Instant::now();
        client.send_command(&["MULTI"]).expect("the server runs");
        for half in ["a", "b"] {
            let key = format!("{half}{index}");
            client.send_command(&["XADD", &key, &id, "data", &payload]).expect("it runs");
        }
        client.send_command(&["EXEC"]).expect("the server runs");
        for _ in 0..3 {
            client.receive().expect("an answer");
        }
        let answer = client.receive().expect("an answer");
        assert!(!matches!(answer, Value::Error(_)), "{answer:?}");
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        done.slowest_us.fetch_max(took, Ordering::Relaxed);
        done.acknowledged[index].store(n, Ordering::SeqCst);
    }
}

/// Waits until the server's log has moved on by so many records.
fn moved(client: &mut Client, records: u64) {
    let lsn = |client: &mut Client| client.info("last_lsn").parse::<u64>().expect("a number");
    let (from, began) = (lsn(client), Instant::now());
    while lsn(client) < from + records {
        assert!(began.elapsed() < PATIENCE, "the load does not move");
        thread::sleep(Duration::from_millis(5));
    }
}

/// What a restored server has: for each client the entries 1 to m in both streams.
fn check(server: &Server, floor: &[u64], ceiling: &[u64]) {
    let mut client = server.connect();
    for index in 0..CLIENTS {
        let [a, b] = ["a", "b"].map(|half| {
            let key = format!("{half}{index}");
            let length = client.ok(&["XLEN", &key]).int();
            let last = client.ok(&["XREVRANGE", &key, "+", "-", "COUNT", "1"]).array();
            let last =
                last.first().map_or_else(|| "0-0".into(), |last| last.clone().array()[0].text());
            // The IDs rise by one from 1-0, so so many of them with this one at the end have no gap.
            assert_eq!(last, format!("{length}-0"), "{key}: a gap");
            u64::try_from(length).expect("a length")
        });
        assert_eq!(a, b, "client {index}: half a transaction");
        assert!(floor[index] <= a, "client {index}: {} acknowledged, {a} there", floor[index]);
        assert!(a <= ceiling[index], "client {index}: {a} there, {} sent", ceiling[index]);
    }
}

/// Small segments and frequent checkpoints, so that much is recycled after each backup.
#[test]
fn a_backup_under_load_has_everything_acknowledged_before_it_and_keeps_it() {
    let home = support::temp_dir();
    let launch =
        crate::launch().args(["--log-segment-size", "1mb", "--auto-aof-rewrite-min-size", "2mb"]);
    let server = launch.start();
    let done = Done::default();
    let mut backups = Vec::new();
    thread::scope(|scope| {
        for index in 0..CLIENTS {
            let (mut client, done) = (server.connect(), &done);
            scope.spawn(move || load(&mut client, index, done));
        }
        // Without it a failure here would wait for clients that never end.
        let _stop = Stop(&done);
        let mut client = server.connect();
        for round in 0..3 {
            moved(&mut client, 300);
            let floor = done.acknowledged.each_ref().map(|n| n.load(Ordering::SeqCst));
            done.slowest_us.store(0, Ordering::Relaxed);
            let dest = home.path().join(format!("backup{round}"));
            let data = server.dir().to_str().expect("UTF-8").to_owned();
            // The second one as if it were on another disk.
            let mut arguments = vec!["backup", "--json", "--dir", &data];
            arguments.extend((round == 1).then_some("--copy"));
            let report = crate::done(&arguments, &[&dest]);
            let ceiling = done.sent.each_ref().map(|n| n.load(Ordering::SeqCst));
            let pinned = crate::number(&report, "pinned_ms");
            let slowest = done.slowest_us.load(Ordering::Relaxed) / 1000;
            let linked = crate::number(&report, "bytes_linked");
            eprintln!(
                "backup {round}: pinned for {pinned} ms, {linked} bytes linked, slowest write {slowest} ms"
            );
            assert_eq!(linked == 0, round == 1, "{report}");
            backups.push((dest, floor, ceiling));
        }
        // Far more than three segments, recycled by several checkpoints.
        moved(&mut client, 1_500);
    });
    drop(server);
    for (dest, floor, ceiling) in backups {
        let restored = home.path().join("restored");
        crate::done(&["check"], &[&dest]);
        crate::done(&["restore"], &[&dest, &restored]);
        let server = crate::launch().dir(&restored).start();
        let says = server.output().iter().any(|line| line.contains("this directory was restored"));
        assert!(says, "{:?}", server.output());
        check(&server, &floor, &ceiling);
        server.kill();
        std::fs::remove_dir_all(&restored).expect("nobody has it open");
    }
}

/// A log whose last segment has no record yet: that of a new directory, and of one just restored.
#[test]
fn what_has_no_record_yet_is_shown_backed_up_and_restored() {
    let home = support::temp_dir();
    let server = crate::launch().start();
    let data = server.dir().to_str().expect("UTF-8");
    let (backup, restored) = (home.path().join("backup"), home.path().join("restored"));
    let again = home.path().join("again");
    assert_eq!(crate::done(&["log", "show"], &[server.dir()]), "");
    crate::done(&["restore"], &[server.dir(), &home.path().join("nothing")]);
    server.connect().ok(&["SET", "k", "v"]);
    crate::done(&["backup", "--dir", data], &[&backup]);
    crate::done(&["restore"], &[&backup, &restored]);
    let shown = crate::done(&["log", "show"], &[&restored]);
    assert!(shown.lines().count() == 1 && shown.ends_with(" db0 SET k v\n"), "{shown}");
    crate::done(&["restore"], &[&restored, &again]);
    let server = crate::launch().dir(&again).start();
    assert_eq!(server.connect().ok(&["GET", "k"]), Value::bulk("v"));
}

#[test]
fn a_restore_on_a_full_disk_says_so_and_leaves_nothing() {
    if !rustix::process::geteuid().is_root() {
        support::skipped("a_restore_on_a_full_disk_says_so_and_leaves_nothing", "mounts need root");
        return;
    }
    let home = support::temp_dir();
    let server = crate::launch().start();
    server.connect().ok(&["SET", "k", &"v".repeat(2 << 20)]);
    let backup = home.path().join("backup");
    crate::done(&["backup", "--dir", server.dir().to_str().expect("UTF-8")], &[&backup]);
    let disk = home.path().join("disk");
    std::fs::create_dir(&disk).expect("a directory");
    // Room for a megabyte, and two to be stored.
    let on_small_disk = |command: &str, paths: &[&Path]| {
        let script = format!(
            "mount -t tmpfs -o size=1m tmpfs '{0}' && \"$@\"; echo \"code $?, left: $(ls -A '{0}')\"",
            disk.display()
        );
        let unshare = require_tool("unshare");
        let output = Command::new(unshare)
            .args(["-m", "--propagation", "private", "sh", "-c", &script, "sh"])
            .arg(env!("CARGO_BIN_EXE_headwater"))
            .arg(command)
            .args(paths)
            .args(if command == "backup" { vec!["--dir".as_ref(), server.dir()] } else { vec![] })
            .output()
            .expect("unshare runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (String::from_utf8_lossy(&output.stdout).trim().to_owned(), said)
    };
    let (outcome, said) = on_small_disk("restore", &[&backup, &disk.join("new")]);
    assert_eq!(outcome, "code 74, left:", "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    // The other way round, from the server to another file system.
    let (outcome, said) = on_small_disk("backup", &[&disk.join("new")]);
    assert_eq!(outcome, "code 74, left:", "{said}");
    assert!(said.contains("No space left on device"), "{said}");
}
