//! A panic in any thread ends the process at once, in every build profile, and the log is whole.

use std::os::unix::process::ExitStatusExt;

use support::Value;

use super::launch;

/// Every thread of the server, and under the locks of the engine and of the log, by failpoint.
const PLACES: [&str; 8] =
    ["worker", "log", "checkpoint", "housekeeping", "segments", "everysec", "engine", "commit"];

#[test]
fn a_panic_in_any_thread_ends_the_process_and_loses_nothing() {
    for place in PLACES {
        let dir = support::temp_dir();
        let orders = support::temp_dir();
        let launch = launch()
            .dir(dir.path())
            .args(["--io-threads", "1"])
            .env("FAILPOINTS_DIR", orders.path());
        let server = launch.start();
        let mut client = server.connect();
        let mut added = 0;
        for _ in 0..100 {
            client.ok(&["XADD", "s", "*", "f", "v"]);
            added += 1;
        }
        std::fs::write(orders.path().join(place), "panic").expect("our own directory");
        client.send_command(&["BGSAVE"]).expect("open");
        let mut others: Vec<_> = (0..100).map(|_| server.connect()).collect();
        // Writers until the end. Many at once: only then has the log's own thread something to do.
        while others
            .iter_mut()
            .all(|other| other.send_command(&["XADD", "s", "*", "f", "v"]).is_ok())
        {
            let answered = others.iter_mut().map(|other| other.receive().is_ok());
            let answered = answered.collect::<Vec<_>>();
            added += answered.iter().filter(|answered| **answered).count();
            if answered.contains(&false) {
                break;
            }
        }
        let lines = server.output_after_end();
        let status = server.wait();
        assert_eq!(status.signal(), Some(6), "{place}: {status:?}");
        let said = lines.iter().any(|line| line.contains("failpoint") && line.contains(place));
        assert!(said, "{place}: {lines:?}");
        std::fs::remove_file(orders.path().join(place)).expect("our own file");
        let server = launch.start();
        let Value::Int(found) = server.connect().words("XLEN s") else { panic!("no length") };
        let found = usize::try_from(found).expect("a count");
        assert!(added <= found && found <= added + 100, "{place}: {found} of {added}");
    }
}
