//! The unit under a real systemd: ready only when it serves, restarted after a kill and after a hang,
//! stopped cleanly, inside its sandbox.
//!
//! systemd-nspawn boots the machine's own `/usr` with everything else in memory. Where that cannot be
//! had (no root, no systemd-nspawn), the test fails unless `HEADWATER_SKIP` names `service`; it then
//! says that it was skipped.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// Why the boot cannot run here.
fn obstacle() -> Option<&'static str> {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let has_nspawn = Command::new("systemd-nspawn").arg("--version").output().is_ok();
    match (is_root, has_nspawn) {
        (false, _) => Some("not root"),
        (_, false) => Some("systemd-nspawn is missing (Debian: systemd-container)"),
        _ => None,
    }
}

/// Fails unless the skip was asked for by name; notes it where `scripts/test` counts.
fn skip(reason: &str) {
    let skips = std::env::var("HEADWATER_SKIP").unwrap_or_default();
    let is_named = skips.split([',', ' ']).any(|name| name == "service");
    assert!(is_named, "{reason}; to go without this test, set HEADWATER_SKIP=service");
    eprintln!("SKIPPED service: {reason}");
    if let Ok(path) = std::env::var("HEADWATER_SKIPPED") {
        let file = OpenOptions::new().append(true).create(true).open(path);
        writeln!(file.expect("the list of skips"), "service: {reason}").expect("one more line");
    }
}

/// Stages an installation as a package would, and returns its root.
fn stage(dir: &Path, prefix: &str) -> PathBuf {
    let staged = dir.join("staged");
    let status = Command::new(root().join("scripts/install"))
        .args(["--binary", env!("CARGO_BIN_EXE_headwater"), "--prefix", prefix, "--destdir"])
        .arg(&staged)
        .status()
        .expect("scripts/install runs");
    assert!(status.success());
    staged
}

#[test]
fn the_installation_has_every_part() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let staged = stage(dir.path(), "/usr");
    let check = |path: &str, mode: u32| {
        let metadata = fs::metadata(staged.join(path)).expect(path);
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{path}");
    };
    check("usr/bin/headwater", 0o755);
    check("etc/headwater/headwater.toml", 0o640);
    check("usr/lib/systemd/system/headwater.service", 0o644);
    check("usr/lib/systemd/system/headwater.socket", 0o644);
    check("usr/lib/sysusers.d/headwater.conf", 0o644);
    // What an operator has changed stays.
    let conf = staged.join("etc/headwater/headwater.toml");
    fs::write(&conf, "port = 7000\n").expect("writable");
    stage(dir.path(), "/usr");
    assert_eq!(fs::read_to_string(&conf).expect("kept"), "port = 7000\n");
}

#[test]
fn the_unit_is_closed() {
    let offline = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--threshold=10", "--no-pager"])
        .arg(root().join("config/headwater.service"))
        .output();
    let Ok(output) = offline else {
        skip("systemd-analyze is missing");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "exposure above 1.0:\n{text}");
}

#[test]
fn the_unit_starts_is_watched_and_stops() {
    if let Some(reason) = obstacle() {
        skip(reason);
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (kit, out) = (dir.path().join("kit"), dir.path().join("out"));
    // The unit then names the binary where the container has it.
    let staged = stage(dir.path(), "/run/kit");
    lay_out(&staged, &kit);
    fs::create_dir(&out).expect("a new directory");
    let boot = boot(&kit, &out);
    let log = fs::read_to_string(out.join("drive.log"));
    let log = log.unwrap_or_else(|_| panic!("the driver did not run:\n{boot}"));
    let check = |name: &str, expected: &[&str]| {
        let heading = format!("== {name}\n");
        let Some((_, part)) = log.split_once(&heading) else { panic!("no {name}:\n{log}\n{boot}") };
        let part = part.split("\n== ").next().unwrap_or(part);
        for expected in expected {
            assert!(part.contains(expected), "{name} should say {expected:?}:\n{log}\n{boot}");
        }
    };
    check("started", &["ActiveState=active", "StatusText=Ready to accept connections"]);
    check("started", &["1-1\r\n", "drwx------"]);
    check("killed", &["ActiveState=active", "NRestarts=1", ":1\r\n"]);
    check("reloaded", &["ActiveState=active", "NRestarts=1"]);
    check("hung", &["ActiveState=active", "NRestarts=2", ":1\r\n"]);
    check("stopped", &["ActiveState=inactive", "Result=success", "ExecMainStatus=0"]);
    check("stopped", &["Ready to accept connections", "stopped, everything is on disk"]);
}

/// The installed unit with a drop-in for the places in the container, and the unit that drives it.
fn lay_out(staged: &Path, kit: &Path) {
    let units = kit.join("units");
    let wants = units.join("multi-user.target.wants");
    fs::create_dir_all(units.join("headwater.service.d")).expect("a new directory");
    fs::create_dir_all(&wants).expect("a new directory");
    fs::create_dir(kit.join("bin")).expect("a new directory");
    let copy = |from: PathBuf, to: PathBuf| {
        fs::copy(&from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    };
    copy(staged.join("run/kit/bin/headwater"), kit.join("bin/headwater"));
    copy(staged.join("etc/headwater/headwater.toml"), kit.join("headwater.toml"));
    copy(staged.join("usr/lib/sysusers.d/headwater.conf"), kit.join("sysusers.conf"));
    copy(staged.join("usr/lib/systemd/system/headwater.service"), units.join("headwater.service"));
    copy(root().join("tests/service/drive.sh"), kit.join("drive.sh"));
    let readable = fs::Permissions::from_mode(0o644);
    fs::set_permissions(kit.join("headwater.toml"), readable).expect("our own file");
    for dir in [kit, kit.parent().expect("it lies in a directory")] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("our own directory");
    }
    let drop_in = "[Service]\nExecStart=\n\
        ExecStart=/run/kit/bin/headwater server --config /run/kit/headwater.toml --dir /var/lib/headwater\n\
        WatchdogSec=3\n";
    fs::write(units.join("headwater.service.d/test.conf"), drop_in).expect("a new file");
    let drive = "[Unit]\nAfter=headwater.service\nWants=headwater.service\n\
        [Service]\nType=oneshot\nExecStart=/bin/bash /run/kit/drive.sh\n";
    fs::write(units.join("drive.service"), drive).expect("a new file");
    symlink("../drive.service", wants.join("drive.service")).expect("a new link");
}

/// Boots the container until the driver powers it off; returns what the console showed.
fn boot(kit: &Path, out: &Path) -> String {
    let bind = |option: &str, from: PathBuf, to: &str| format!("{option}={}:{to}", from.display());
    let machine = format!("--machine=headwater-test-{}", std::process::id());
    let output = Command::new("timeout")
        .args(["120", "systemd-nspawn", "-q", "-D", "/", "--volatile=yes", "--boot"])
        .args(["--register=no", "--keep-unit", "--private-network", &machine])
        .arg(bind("--bind", out.to_owned(), "/run/out"))
        .arg(bind("--bind-ro", kit.to_owned(), "/run/kit"))
        .arg(bind("--bind-ro", kit.join("units"), "/run/systemd/system"))
        .arg(bind("--bind-ro", kit.join("sysusers.conf"), "/run/sysusers.d/headwater.conf"))
        .args(["--", "systemd.unit=multi-user.target", "systemd.firstboot=off"])
        .output()
        .expect("timeout(1) is everywhere");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
