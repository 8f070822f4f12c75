//! The units under a real systemd: ready only when it serves, restarted after a kill, a panic and a hang,
//! but not with a wrong configuration or damaged data; started by its socket; stopped cleanly; all of
//! it inside the sandbox.
//!
//! systemd-nspawn boots the machine's own `/usr` with everything else in memory. Where that cannot be
//! had (no root, no systemd-nspawn), the test fails unless `HEADWATER_SKIP` names `service`; it then
//! says that it was skipped.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::Certificates;

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
    let dir = tempfile::tempdir().expect("a temporary directory");
    let unit = dir.path().join("headwater.service");
    fs::copy(root().join("config/headwater.service"), &unit).expect("the unit can be copied");
    // In tenths of what the tool prints.
    let exposure_is_at_most = |threshold: u32| {
        let command = Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--no-pager"])
            .arg(format!("--threshold={threshold}"))
            .arg(&unit)
            .output();
        let Ok(output) = command else { return false };
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "exposure above 0.{threshold}:\n{text}");
        true
    };
    if !exposure_is_at_most(9) {
        skip("systemd-analyze is missing");
        return;
    }
    let drop_ins = dir.path().join("headwater.service.d");
    fs::create_dir(&drop_ins).expect("a new directory");
    fs::write(drop_ins.join("socket.conf"), socket_drop_in()).expect("a new file");
    exposure_is_at_most(2);
}

/// What the comment in `headwater.socket` tells operators to put into a drop-in of the service.
fn socket_drop_in() -> String {
    let socket = fs::read_to_string(root().join("config/headwater.socket")).expect("the unit");
    let lines = socket.lines().filter_map(|line| line.strip_prefix("#   "));
    let drop_in = lines.fold(String::new(), |text, line| text + line + "\n");
    assert!(drop_in.starts_with("[Service]\n"), "{drop_in}");
    drop_in
}

/// `WatchdogSec=` in the container, where nobody wants to wait for the unit's 30.
const WATCHDOG: Duration = Duration::from_secs(3);

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
    assert!(!log.contains("never: "), "{log}\n{boot}");
    let drive = Drive { log, boot };

    drive.check("started", &["ActiveState=active", "StatusText=Ready to accept connections"]);
    drive.check("started", &["1-1\r\n", "drwx------"]);
    for name in ["killed", "panicked"] {
        drive.check(name, &["ActiveState=active", "NRestarts=1", "\n:1\r\n"]);
        // Half a second on a quiet machine, with a debug build; others may be at work here.
        drive.came_back_within(name, Duration::from_secs(5));
    }
    drive.check("reloaded", &["ActiveState=active", "StatusText=Ready", "NRestarts=0"]);
    for name in ["stopped-by-signal", "stuck-engine", "stuck-commit"] {
        drive.check(name, &["ActiveState=active", "NRestarts=1", "\n:1\r\n"]);
        assert!(!drive.part(name).contains("in spite"), "{}", drive.log);
        // The last sign of life can come two looks after the hang, which are a second apart.
        drive.came_back_within(name, WATCHDOG + Duration::from_secs(4));
    }

    // In this order: nobody is served before the end of the recovery, which says how far it is, and for
    // which systemd would not wait so long.
    let mut recovering = drive.part("recovering");
    for expected in [
        "patience=3s",
        "StatusText=Recovering",
        "ActiveState=activating",
        "-LOADING Redis is loading the dataset in memory\r\n",
        " %, ",
        "ActiveState=activating",
        "-LOADING Redis is loading the dataset in memory\r\n",
        // It took longer than TimeoutStartSec, and was not killed: it had asked for more time.
        "NRestarts=0",
        "ActiveState=active",
        "+PONG\r\n",
    ] {
        let Some((_, rest)) = recovering.split_once(expected) else {
            panic!("recovering should go on with {expected:?}:\n{}", drive.log)
        };
        recovering = rest;
    }
    assert_eq!(drive.part("recovering").matches("+PONG").count(), 1, "{}", drive.log);
    for (name, code) in [("misconfigured", "ExecMainStatus=78"), ("damaged", "ExecMainStatus=65")] {
        drive.check(name, &["ActiveState=failed", "NRestarts=0", code]);
    }

    drive.check("socket", &["before=inactive", "\n:1\r\n", "ActiveState=active"]);
    drive.check("socket", &["families=AF_UNIX network=yes", "$6\r\nsecret\r\n"]);
    drive.check("queued", &["ActiveState=activating", "NRestarts=1"]);
    assert_eq!(drive.part("queued").matches("\r\n1-1\r\n").count(), 3, "{}", drive.log);

    drive.check("stopped", &["ActiveState=inactive", "Result=success", "ExecMainStatus=0"]);
    drive.check("stopped", &["Ready to accept connections", "stopped, everything is on disk"]);
}

/// What came out of the container.
struct Drive {
    log: String,
    boot: String,
}

impl Drive {
    /// What the driver wrote below a heading.
    fn part(&self, name: &str) -> &str {
        let heading = format!("== {name}\n");
        let Some((_, part)) = self.log.split_once(&heading) else {
            panic!("no {name}:\n{}\n{}", self.log, self.boot)
        };
        part.split("\n== ").next().unwrap_or(part)
    }

    fn check(&self, name: &str, expected: &[&str]) {
        let part = self.part(name);
        for expected in expected {
            let is_there = part.contains(expected);
            assert!(is_there, "{name} should say {expected:?}:\n{}\n{}", self.log, self.boot);
        }
    }

    /// The time from the fault to READY=1.
    fn came_back_within(&self, name: &str, limit: Duration) {
        let mut lines = self.part(name).lines();
        let ms = lines.find_map(|line| line.strip_prefix("again=")?.parse().ok());
        let took = Duration::from_millis(ms.expect("the driver says how long it took"));
        eprintln!("figure: {name}: serves again after {took:?}");
        assert!(took < limit, "{name}: {took:?}\n{}", self.log);
    }
}

/// The installed units with a drop-in for tests, and the unit that drives them.
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
    for unit in ["headwater.service", "headwater.socket"] {
        copy(staged.join("usr/lib/systemd/system").join(unit), kit.join(unit));
    }
    copy(root().join("tests/service/drive.sh"), kit.join("drive.sh"));
    let certificates = Certificates::new();
    copy(certificates.certificate("ca"), kit.join("ca.pem"));
    copy(certificates.certificate("server"), kit.join("server.pem"));
    copy(certificates.key("server"), kit.join("server.key"));
    fs::write(kit.join("socket-activation.conf"), socket_drop_in()).expect("a new file");
    for dir in [kit, kit.parent().expect("it lies in a directory")] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("our own directory");
    }
    // A core of a debug build takes longer to write than the restart may take.
    let drop_in = format!(
        "[Service]\nWatchdogSec={}\nLimitCORE=0\nEnvironment=FAILPOINTS_DIR=/run/failpoints\n",
        WATCHDOG.as_secs()
    );
    fs::write(units.join("headwater.service.d/test.conf"), drop_in).expect("a new file");
    let drive = "[Service]\nType=oneshot\nExecStart=/bin/bash /run/kit/drive.sh\n";
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
