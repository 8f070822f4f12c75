//! How a start goes that has a log to read.

/// XADDs of one round.
const PIPELINE: u64 = 1000;

fn figure(name: &str, ordinary: u64) -> u64 {
    std::env::var(name).map_or(ordinary, |text| text.parse().expect("a number"))
}

/// `HEADWATER_RECOVERY_RECORDS` (20,000) is how many records; with 1,000,000 or more the time counts,
/// on an optimised build: a million a second, half of what was seen on 2 quiet cores.
#[test]
fn a_start_says_how_much_it_has_read_and_how_fast() {
    let launch = crate::launch();
    if launch.is_redis() {
        return;
    }
    let records = figure("HEADWATER_RECOVERY_RECORDS", 20_000).next_multiple_of(PIPELINE);
    let no_checkpoint = ["--auto-aof-rewrite-min-size", "100gb"];
    // What is to be read, not how it was written, is the matter.
    let server = launch.clone().args(no_checkpoint).args(["--appendfsync", "no"]).start();
    let mut client = server.connect();
    let value = "v".repeat(100);
    let one = support::encode(&["XADD", "s", "*", "f", &value]);
    let batch = one.repeat(usize::try_from(PIPELINE).expect("small"));
    for _ in 0..records / PIPELINE {
        client.send(&batch).expect("sent");
        for _ in 0..PIPELINE {
            client.receive().expect("an ID");
        }
    }
    server.kill();

    let server = launch.clone().args(no_checkpoint).start();
    let mut client = server.connect();
    assert_eq!(client.ok(&["XLEN", "s"]).int().cast_unsigned(), records);
    let number = |client: &mut support::Client, field: &str| -> f64 {
        client.info(field).parse().unwrap_or_else(|_| panic!("{field} is a number"))
    };
    let (read, seconds) =
        (number(&mut client, "recovery_records"), number(&mut client, "recovery_seconds"));
    let bytes = number(&mut client, "recovery_bytes");
    println!(
        "figure: {read} records and {:.0} MiB in {seconds} s, {:.2} M records/s",
        bytes / f64::from(1 << 20),
        read / seconds / 1e6
    );
    assert!(records as f64 <= read && 100.0 * records as f64 <= bytes, "{read} records");
    let since = number(&mut client, "log_bytes_since_checkpoint");
    assert!(bytes <= since, "{since} bytes, and a start would read {bytes} again");
    client.ok(&["SAVE"]);
    let since = number(&mut client, "log_bytes_since_checkpoint");
    assert!(since < bytes, "{since} bytes, and a start would read next to none");
    if 1_000_000 <= records && !cfg!(debug_assertions) {
        assert!(1e6 < read / seconds, "slower than a million a second");
    }
}

/// How a server is asked to stop.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Sigterm,
    Shutdown(&'static str),
}

/// Writes so many entries of 100 KB, stops, starts again; the records that the start then replayed.
fn replayed_after(entries: u64, stop: Stop) -> u64 {
    let dir = support::temp_dir();
    let launch = crate::launch().dir(dir.path());
    let server = launch.start();
    let mut client = server.connect();
    let value = "v".repeat(100_000);
    for _ in 0..entries {
        client.ok(&["XADD", "s", "*", "f", &value]);
    }
    let status = match stop {
        Stop::Sigterm => server.terminate(),
        Stop::Shutdown(how) => {
            client.send_command(&["SHUTDOWN", how]).expect("sent");
            server.wait()
        }
    };
    assert!(status.success(), "{stop:?}: {status}");
    let server = launch.start();
    let mut client = server.connect();
    assert_eq!(client.ok(&["XLEN", "s"]).int().cast_unsigned(), entries, "{stop:?}");
    client.info("recovery_records").parse().expect("a number")
}

/// As after PostgreSQL's checkpoint at shutdown, the next start has nothing to replay.
#[test]
fn a_clean_stop_leaves_a_checkpoint_if_it_is_worth_it() {
    if crate::launch().is_redis() {
        return;
    }
    // The log's own records may be one more: the last one says that the one before is durable.
    assert!(replayed_after(20, Stop::Sigterm) <= 1, "2 MB of log");
    assert!(2 <= replayed_after(2, Stop::Sigterm), "little log is soon read");
    assert!(replayed_after(2, Stop::Shutdown("SAVE")) <= 1);
    assert!(20 <= replayed_after(20, Stop::Shutdown("NOSAVE")));
}
