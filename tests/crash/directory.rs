//! One server per directory.

use support::Launch;

/// EX_TEMPFAIL: trying again later may work.
const DIRECTORY_LOCKED: i32 = 75;

#[test]
fn a_second_server_is_refused_and_harms_nothing() {
    let launch = crate::launch();
    if launch.is_redis() {
        return;
    }
    let server = launch.start();
    let mut client = server.connect();
    client.ok(&["XADD", "s", "1-1", "a", "b"]);

    let second: Launch = launch.clone();
    let refusal = second.try_start().expect_err("the directory is taken");
    assert_eq!(refusal.status.code(), Some(DIRECTORY_LOCKED), "{}", refusal.text());
    let pid = server.pid().to_string();
    assert!(refusal.text().contains(&pid), "{pid} is not named: {}", refusal.text());

    client.ok(&["XADD", "s", "2-1", "a", "b"]);
    server.kill();
    let server = launch.start();
    assert_eq!(server.connect().ok(&["XLEN", "s"]).int(), 2);
}
