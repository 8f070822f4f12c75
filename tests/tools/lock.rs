//! Nothing that an operator removes lets a second server, or a tool, into a directory.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use support::Server;

/// EX_TEMPFAIL: somebody else works there.
const LOCKED: i32 = 75;
/// The server looks every second.
const PATIENCE: Duration = Duration::from_secs(30);

fn lines_about_the_lock(server: &Server) -> Vec<String> {
    server.output().into_iter().filter(|line| line.contains("the file LOCK")).collect()
}

#[test]
fn without_its_file_the_lock_holds_and_the_server_makes_the_file_anew() {
    let launch = crate::launch();
    let server = launch.start();
    let mut client = server.connect();
    client.ok(&["XADD", "s", "1-1", "a", "b"]);
    let file = launch.path().join("LOCK");
    let dir = crate::text(launch.path());
    let copy = launch.path().with_extension("repaired");

    fs::remove_file(&file).unwrap();
    // Whoever comes before the server has noticed is refused, too.
    let refusal = launch.try_start().expect_err("a server works there");
    assert_eq!(refusal.status.code(), Some(LOCKED), "{}", refusal.text());
    let words = ["repair", dir, "--to", crate::text(&copy), "--yes"];
    for words in [&["check", dir][..], &words] {
        let (code, _, said) = crate::tool(words);
        assert_eq!(code, LOCKED, "{words:?}: {said}");
        assert!(said.contains("in use by "), "{said}");
    }
    assert!(!copy.exists());

    let began = Instant::now();
    let pid = format!("{}\n", server.pid());
    while fs::read_to_string(&file).ok().as_ref() != Some(&pid) {
        assert!(began.elapsed() < PATIENCE, "{:?}", server.output());
        thread::sleep(Duration::from_millis(20));
    }
    // Said once it is done.
    server.line_with("the file LOCK");
    let told = lines_about_the_lock(&server);
    assert!(matches!(&told[..], [line] if line.contains("made anew")), "{told:?}");
    let refusal = launch.try_start().expect_err("a server works there");
    assert!(refusal.text().contains(&server.pid().to_string()), "{}", refusal.text());

    client.ok(&["XADD", "s", "2-1", "a", "b"]);
    server.kill();
    let server = launch.start();
    assert_eq!(server.connect().ok(&["XLEN", "s"]).int(), 2);
    server.terminate();
    let (code, _, said) = crate::tool(&["check", dir]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn nothing_is_made_in_a_directory_that_was_moved_away_and_it_is_said_once() {
    let home = support::temp_dir();
    let data = home.path().join("data");
    let server = crate::launch().dir(&data).start();
    fs::rename(&data, home.path().join("moved")).unwrap();
    let began = Instant::now();
    while lines_about_the_lock(&server).is_empty() {
        assert!(began.elapsed() < PATIENCE, "{:?}", server.output());
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!data.exists());
    fs::rename(home.path().join("moved"), &data).unwrap();
    server.connect().ok(&["XADD", "s", "1-1", "a", "b"]);
    let told = lines_about_the_lock(&server);
    assert!(matches!(&told[..], [line] if line.contains("not the one")), "{told:?}");
}

#[test]
fn a_backup_needs_no_lock() {
    let home = support::temp_dir();
    let server = crate::launch().start();
    server.connect().ok(&["XADD", "s", "1-1", "a", "b"]);
    fs::remove_file(server.dir().join("LOCK")).unwrap();
    let (backup, restored) = (home.path().join("backup"), home.path().join("restored"));
    let words = ["backup", crate::text(&backup), "--dir", crate::text(server.dir())];
    assert_eq!(crate::tool(&words).0, 0);
    let words = ["restore", crate::text(&backup), crate::text(&restored)];
    assert_eq!(crate::tool(&words).0, 0);
    // At once: nothing holds the new directory any more.
    crate::launch().dir(&restored).start().terminate();
}
