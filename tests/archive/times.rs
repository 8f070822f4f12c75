//! Times and bounds on the command lines of `log show` and `restore`. The server's clock is set, so that a
//! few records are of different hours.

use std::path::Path;

use serde_json::Value as Json;
use support::{Client, Clock, Server};

const MINUTE: i64 = 60;

/// What is written two hours ago, one hour ago, and now; the first of each into the stream `orders`.
fn written(clock: &Clock) -> Server {
    clock.set(-120 * MINUTE);
    let server = clock.around(crate::launch()).start();
    let mut client = server.connect();
    client.ok(&["XADD", "orders", "1-0", "item", "book"]);
    in_five(&mut client, &["SET", "five", "1"]);
    clock.set(-60 * MINUTE);
    client.ok(&["XADD", "orders", "2-0", "item", "lamp"]);
    client.ok(&["MULTI"]);
    for words in [["SELECT", "5"].as_slice(), &["SET", "a", "1"], &["SET", "b", "2"]] {
        client.ok(words);
    }
    client.ok(&["EXEC"]);
    clock.set(0);
    client.ok(&["FLUSHDB"]);
    client.ok(&["SELECT", "0"]);
    client.ok(&["XADD", "orders", "3-0", "item", "pen"]);
    server
}

fn in_five(client: &mut Client, words: &[&str]) {
    client.ok(&["SELECT", "5"]);
    client.ok(words);
    client.ok(&["SELECT", "0"]);
}

/// The lines of `log show --json`.
fn shown(dir: &Path, arguments: &[&str]) -> Vec<Json> {
    let text = crate::done(&[&["log", "show", "--json"], arguments].concat(), &[dir]);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Verb and first argument, as `XADD 1-0`.
fn words(line: &Json) -> String {
    format!("{} {}", line["op"].as_str().unwrap_or("-"), line["args"][0].as_str().unwrap_or("-"))
}

const ALL: [&str; 6] = ["XADD 1-0", "SET 1", "XADD 2-0", "SET 1", "SET 2", "FLUSHDB -"];

#[test]
fn log_show_takes_numbers_times_databases_and_keys() {
    let clock = Clock::new();
    let server = written(&clock);
    let dir = server.dir();
    let log = shown(dir, &[]);
    let check = |arguments: &[&str], expected: &[&str]| {
        let found: Vec<_> = shown(dir, arguments).iter().map(words).collect();
        assert_eq!(found, expected, "{arguments:?}");
    };
    check(&[], &[&ALL[..], &["XADD 3-0"]].concat());
    check(&["--from", "90m ago"], &["XADD 2-0", "SET 1", "SET 2", "FLUSHDB -", "XADD 3-0"]);
    check(&["--to", "90m ago"], &ALL[..2]);
    check(&["--from", "90m ago", "--to", "30m ago"], &ALL[2..5]);
    check(&["--from", "30m ago", "--to", "90m ago"], &[]);
    check(&["--db", "5"], &["SET 1", "SET 1", "SET 2", "FLUSHDB -"]);
    check(&["--db", "5", "--key", "a"], &["SET 1", "FLUSHDB -"]);
    check(&["--db", "0", "--key", "a"], &[]);
    check(&["--key", "orders", "--to", "90m ago"], &ALL[..1]);

    // Both ends belong to it, whichever way they are given; what is printed can be typed.
    let lamp = log.iter().find(|line| words(line) == "XADD 2-0").expect("it is there");
    let (lsn, ms) = (lamp["lsn"].to_string(), lamp["ms"].to_string());
    let time = lamp["time"].as_str().expect("a time");
    for bound in [lsn.as_str(), &ms, time] {
        let found = shown(dir, &["--from", bound, "--to", bound]);
        assert_eq!(found.first(), Some(lamp), "{bound}");
        // The transaction may be of the same millisecond.
        assert!(found.iter().all(|line| line["ms"] == lamp["ms"]), "{bound}: {found:?}");
        check(&["--to", bound, "--db", "0"], &["XADD 1-0", "XADD 2-0"]);
        check(&["--from", bound, "--key", "orders", "--db", "0"], &["XADD 2-0", "XADD 3-0"]);
    }
    check(&["--from", &lsn, "--to", &lsn], &["XADD 2-0"]);
    assert_eq!(
        (&lamp["db"], &lamp["key"], &lamp["parts"]),
        (&0.into(), &"orders".into(), &1.into())
    );
    assert_eq!(lamp["args"], serde_json::json!(["2-0", "item", "lamp"]));
    let parts: Vec<_> =
        log[3..5].iter().map(|set| [&set["lsn"], &set["part"], &set["parts"]]).collect();
    let of_both = &log[3]["lsn"];
    assert_eq!(parts, [[of_both, &1.into(), &2.into()], [of_both, &2.into(), &2.into()]]);
    assert!(log[5]["by"].as_str().is_some_and(|by| by.starts_with("127.0.0.1:")), "{}", log[5]);

    let text = crate::done(&["log", "show", "--from", &of_both.to_string(), "--db", "5"], &[dir]);
    let starts: Vec<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(starts[..2], [format!("{of_both}.1"), format!("{of_both}.2")], "{text}");
    for mistake in [["--from", "soon"], ["--to", "-7"], ["--db", "five"], ["--db", "256"]] {
        let output = crate::tool(&[&["log", "show"], &mistake[..]].concat(), &[dir]);
        assert_eq!(output.status.code(), Some(2), "{mistake:?}");
    }
}

#[test]
fn log_show_cuts_long_values_and_shows_the_stop() {
    let server = crate::launch().start();
    server.connect().ok(&["SET", "long", &"x".repeat(300)]);
    let dir = server.dir().to_owned();
    let show = |arguments: &[&str]| crate::done(&[&["log", "show"], arguments].concat(), &[&dir]);
    let cut = format!(" db0 SET long \"{}\"...(300 bytes)\n", "x".repeat(256));
    assert!(show(&[]).ends_with(&cut), "{}", show(&[]));
    assert!(show(&["--full"]).ends_with(&format!(" db0 SET long {}\n", "x".repeat(300))));
    assert_eq!(shown(&dir, &[])[0]["args"][0], "x".repeat(300), "JSON is for programs");
    let launch = crate::launch().dir(&dir);
    drop(server);
    assert!(launch.start().terminate().success());
    assert!(show(&[]).ends_with(" - (clean stop)\n"), "{}", show(&[]));
    assert_eq!(shown(&dir, &[]).last().expect("a line")["note"], "clean stop");
    assert!(!show(&["--key", "long"]).contains("clean stop"));
    assert!(!show(&["--db", "0"]).contains("clean stop"));
}

#[test]
fn restore_goes_to_a_time() {
    let clock = Clock::new();
    let server = written(&clock);
    let dir = server.dir();
    let home = support::temp_dir();
    let log = shown(dir, &[]);
    let number = |line: &Json, name: &str| line[name].as_u64().expect("a number");
    let last_before = |minutes: u64| {
        let now = number(log.last().expect("a line"), "ms");
        log.iter().rfind(|line| number(line, "ms") + minutes * 60_000 < now).expect("a line")
    };
    let mut count = 0;
    // The number of the orders that are there.
    let mut check = |time: &str, last: &Json, orders: i64| {
        count += 1;
        let to = home.path().join(count.to_string());
        let report = crate::done(&["restore", "--json", "--to-time", time], &[dir, &to]);
        let report: Json = serde_json::from_str(&report).expect("JSON");
        assert_eq!([&report["lsn"], &report["lsn_ms"]], [&last["lsn"], &last["ms"]], "{time}");
        let server = crate::launch().dir(&to).start();
        assert_eq!(server.connect().ok(&["XLEN", "orders"]).int(), orders, "{time}");
        report
    };
    let report = check("90m ago", last_before(90), 1);
    assert!(log.len() as u64 - 3 <= number(&report, "left_out"), "{report}");
    check("30m ago", last_before(30), 2);
    // To the very millisecond of a record, and none before it.
    let lamp = log.iter().find(|line| words(line) == "XADD 2-0").expect("it is there");
    let in_it = log.iter().rfind(|line| line["ms"] == lamp["ms"]).expect("itself");
    check(&lamp["ms"].to_string(), in_it, 2);
    check(lamp["time"].as_str().expect("a time"), in_it, 2);
    check(&(number(lamp, "ms") - 1).to_string(), last_before(90), 1);

    let refused = |arguments: &[&str], code: i32, words: &str| {
        let to = home.path().join("refused");
        let output = crate::tool(&[&["restore"], arguments].concat(), &[dir, &to]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words) && !to.exists(), "{arguments:?}: {said}");
    };
    let first = log[0]["time"].as_str().expect("a time");
    refused(
        &["--to-time", "3h ago"],
        1,
        &format!("the oldest record in the log is 1, of {first}: "),
    );
    refused(&["--to-time", "soon"], 2, "'soon' is no time");
    refused(&["--to-time", "30m ago", "--to-lsn", "1"], 2, "cannot be used with");
}

/// The last record of a time may come after records of a later one.
#[test]
fn a_restore_to_a_time_says_that_the_clock_was_set_back() {
    let clock = Clock::new();
    let server = written(&clock);
    clock.set(-90 * MINUTE);
    server.connect().ok(&["XADD", "orders", "4-0", "item", "cup"]);
    let home = support::temp_dir();
    let to = home.path().join("restored");
    let last = shown(server.dir(), &[]).len();
    let said = crate::done(&["restore", "--to-time", "80m ago"], &[server.dir(), &to]);
    // Of an hour ago and of now: four records, one of them a transaction.
    assert!(
        said.contains("4 records up to there bear a later time: a clock was set back"),
        "{said}"
    );
    assert_eq!(shown(&to, &[]).len(), last, "{said}");
    let restored = crate::launch().dir(&to).start();
    assert_eq!(restored.connect().ok(&["XLEN", "orders"]).int(), 4);
}

/// A backup, and the log of the directory that it was made of.
#[test]
fn restore_goes_beyond_a_backup_to_a_time() {
    let clock = Clock::new();
    clock.set(-120 * MINUTE);
    let server = clock.around(crate::launch()).start();
    let mut client = server.connect();
    client.ok(&["XADD", "orders", "1-0", "item", "book"]);
    let home = support::temp_dir();
    let backup = home.path().join("backup");
    let data = server.dir().to_str().expect("UTF-8");
    crate::done(&["backup", "--dir", data], &[&backup]);
    clock.set(-60 * MINUTE);
    client.ok(&["XADD", "orders", "2-0", "item", "lamp"]);
    clock.set(0);
    client.ok(&["XADD", "orders", "3-0", "item", "pen"]);
    for (time, orders) in [("90m ago", 1), ("30m ago", 2), ("0s ago", 3)] {
        let to = home.path().join(time);
        crate::done(&["restore", "--log", data, "--to-time", time], &[&backup, &to]);
        let restored = crate::launch().dir(&to).start();
        assert_eq!(restored.connect().ok(&["XLEN", "orders"]).int(), orders, "{time}");
    }
}
