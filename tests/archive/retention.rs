//! How far back the log goes.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use support::{Client, Clock};

/// How long the server may take to give log up.
const PATIENCE: Duration = Duration::from_secs(60);

fn field(client: &mut Client, name: &str) -> u64 {
    client.info(name).parse().expect("a number")
}

fn wait_for(client: &mut Client, what: &str, is_so: impl Fn(&mut Client) -> bool) {
    let began = Instant::now();
    while !is_so(client) {
        assert!(began.elapsed() < PATIENCE, "{what}: {}", client.info("log_retained_bytes"));
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn log_is_kept_by_size_and_by_time_and_can_be_gone_back_to() {
    const LIMIT: u64 = 8 << 20;
    let launch = crate::launch().args([
        "--log-segment-size",
        "1mb",
        "--auto-aof-rewrite-min-size",
        "2mb",
        "--log-retention-size",
        "8mb",
    ]);
    let server = launch.start();
    let mut client = server.connect();
    let payload = "x".repeat(8000);
    for n in 1..=3000 {
        client.send_command(&["XADD", "s", &format!("{n}-0"), "data", &payload]).expect("it runs");
        if n % 100 == 0 {
            (0..100).for_each(|_| drop(client.receive().expect("an answer")));
        }
        if n % 250 == 0 {
            client.ok(&["SAVE"]);
        }
    }
    wait_for(&mut client, "within the limit", |client| {
        (1..=LIMIT).contains(&field(client, "log_retained_bytes"))
            && 1 < field(client, "log_first_lsn")
    });
    assert!(LIMIT / 2 < field(&mut client, "log_retained_bytes"), "not much less than asked for");

    // From the directory of the running server, to a record that no restart needs any more.
    let (first, needed) = (field(&mut client, "log_first_lsn"), field(&mut client, "snapshot_lsn"));
    let home = support::temp_dir();
    let old = home.path().join("old");
    let target = (first + (needed - first) / 2).to_string();
    crate::done(&["restore", "--to-lsn", &target], &[server.dir(), &old]);
    let restored = crate::launch().dir(&old).start();
    let there = restored.connect().ok(&["XLEN", "s"]).int();
    // Record n has entry n, but for the marks of idle moments.
    let wanted = target.parse::<i64>().expect("a number");
    assert!((wanted - 50..=wanted).contains(&there), "{there} entries up to record {target}");
    restored.kill();

    // By time: nothing here is an hour old.
    client.ok(&["CONFIG", "SET", "log-retention-size", "0", "log-retention-time", "3600"]);
    let kept = field(&mut client, "log_retained_bytes");
    client.ok(&["SET", "more", "1"]);
    client.ok(&["SAVE"]);
    assert!(kept <= field(&mut client, "log_retained_bytes"), "an hour has not passed");
    client.ok(&["CONFIG", "SET", "log-retention-time", "0"]);
    wait_for(&mut client, "off", |client| field(client, "log_retained_bytes") == 0);
}

/// Three hours of log, by a clock that is set; none of them passes.
#[test]
fn log_is_given_up_when_it_is_too_old_and_not_before() {
    const OF_AN_HOUR: i64 = 300;
    let clock = Clock::new();
    clock.set(-2 * 3600);
    let launch = clock.around(crate::launch().args([
        "--log-segment-size",
        "1mb",
        "--auto-aof-rewrite-min-size",
        "64mb",
        "--log-retention-time",
        "5400",
    ]));
    let server = launch.start();
    let mut client = server.connect();
    let payload = "x".repeat(10_000);
    let write = |client: &mut Client, hour: i64| {
        for n in 1..=OF_AN_HOUR {
            let id = format!("{}-0", hour * OF_AN_HOUR + n);
            client.ok(&["XADD", "s", &id, "data", &payload]);
            if n % 100 == 0 {
                client.ok(&["SAVE"]);
            }
        }
    };
    write(&mut client, 0);
    clock.set(-3600);
    write(&mut client, 1);
    assert_eq!(field(&mut client, "log_first_lsn"), 1, "an hour and a half has not passed");
    clock.set(0);
    write(&mut client, 2);

    // Of what is two hours old the beginning goes, and of what is one hour old nothing.
    let kept = |client: &mut Client, from: u64| {
        wait_for(client, "too old", |client| from < field(client, "log_first_lsn"));
        let lines = crate::done(&["log", "show", "--json", "--key", "s"], &[server.dir()]);
        let first = lines.lines().next().expect("a line");
        let (_, id) = first.split_once("\"args\":[\"").expect("arguments");
        let id = id.split('-').next().and_then(|id| id.parse::<i64>().ok()).expect("an ID");
        (id, field(client, "log_first_lsn"), field(client, "log_first_time_ms"))
    };
    let (id, first, first_ms) = kept(&mut client, 1);
    assert!((2..=OF_AN_HOUR + 1).contains(&id), "the log begins with entry {id}");
    let home = support::temp_dir();
    let restored = home.path().join("restored");
    crate::done(&["restore", "--to-time", "90m ago"], &[server.dir(), &restored]);
    let restored = crate::launch().dir(&restored).start();
    assert_eq!(restored.connect().ok(&["XLEN", "s"]).int(), OF_AN_HOUR, "as promised");
    drop(restored);
    let gone = home.path().join("gone");
    let output = crate::tool(&["restore", "--to-lsn", "50"], &[server.dir(), &gone]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));

    // An hour later the same is too old: nothing but the clock has changed.
    clock.set(3600);
    client.ok(&["SET", "more", "1"]);
    client.ok(&["SAVE"]);
    let (id, later, later_ms) = kept(&mut client, first);
    assert!((OF_AN_HOUR + 2..=2 * OF_AN_HOUR + 1).contains(&id), "the log begins with entry {id}");
    assert!(first < later && first_ms + 3_000_000 < later_ms, "{first_ms} {later_ms}");
}

#[test]
fn log_show_is_quiet_when_nobody_reads_on_and_shows_what_a_server_writes() {
    let server = crate::launch().start();
    let mut client = server.connect();
    for n in 1..=2000 {
        client.ok(&["XADD", "orders", &format!("{n}-0"), "item", "book"]);
    }
    client.ok(&["XTRIM", "orders", "MAXLEN", "5"]);
    client.ok(&["SET", "other", "1"]);
    client.ok(&["FLUSHALL"]);
    let script = "\"$0\" log show \"$1\" | head -n 1; echo \"${PIPESTATUS[0]}\"";
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_headwater")])
        .arg(server.dir())
        .output()
        .expect("bash runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains(" db0 XADD orders 1-0 item book\n"), "{printed}");
    assert!(printed.ends_with("\n0\n"), "{printed}");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));

    let shown = crate::done(&["log", "show", "--key", "orders", "--from", "2001"], &[server.dir()]);
    let words: Vec<_> = shown
        .lines()
        .filter_map(|line| line.splitn(3, ' ').nth(2)?.split_once(" (by 127.0.0.1:"))
        .map(|(words, _)| words)
        .collect();
    let trimmed = "db0 XTRIM orders MINID 1996-0 (first entry now 1996-0)";
    assert_eq!(words, [trimmed, "- FLUSHALL"], "{shown}");
}
