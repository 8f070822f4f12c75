//! The ACL file: read at the start and on SIGHUP, written by ACL SAVE.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rustix::process::Signal;
use support::Launch;
use tempfile::TempDir;

use super::{check, connect_as, launch, no_command};

/// An ACL file in a directory of its own.
struct AclFile {
    path: PathBuf,
    _dir: TempDir,
}

/// A server with an ACL file of this text.
fn with_file(text: &str) -> (Launch, AclFile) {
    let dir = support::temp_dir();
    let path = dir.path().join("users.acl");
    fs::write(&path, text).expect("the file is written");
    (launch().args(["--aclfile".as_ref(), path.as_os_str()]), AclFile { path, _dir: dir })
}

#[test]
fn users_come_back_after_a_restart() {
    let (launch, AclFile { path, _dir }) =
        with_file("# who may what\nuser alice on >pw ~a* +@all\n\n");
    let server = launch.start();
    let mut admin = server.connect();
    check(&mut connect_as(&server, "alice", "pw"), "GET a1", "null");
    admin.ok(&["ACL", "SETUSER", "bob", "on", ">x y", "%R~b", "&c", "+get", "(~d +set)"]);
    check(&mut admin, "ACL SAVE", "+OK");
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let listed = admin.words("ACL LIST").array();
    let listed: String = listed.iter().map(|line| line.text() + "\n").collect();
    assert_eq!(fs::read_to_string(&path).expect("read"), listed);
    assert!(!listed.contains("x y") && !listed.contains(">"), "{listed}");
    server.kill();

    let server = launch.start();
    let again = server.connect().words("ACL LIST").array();
    assert_eq!(again.iter().map(|line| line.text() + "\n").collect::<String>(), listed);
    let mut bob = connect_as(&server, "bob", "x y");
    check(&mut bob, "SET d v", "+OK");
    check(&mut bob, "GET b", "null");
    check(&mut bob, "GET d", super::NO_KEY);
}

#[test]
fn a_new_file_is_taken_over_on_a_signal_or_by_command() {
    let (launch, AclFile { path, _dir }) =
        with_file("user alice on >pw ~* +@all\nuser bob on >pw ~* +@all\n");
    let server = launch.start();
    let mut alice = connect_as(&server, "alice", "pw");
    let mut bob = connect_as(&server, "bob", "pw");
    let mut admin = server.connect();

    fs::write(&path, "user alice on >pw ~* +get\n").expect("written");
    server.signal(Signal::HUP);
    server.line_with("ACL file read again");
    check(&mut alice, "GET k", "null");
    check(&mut alice, "SET k v", &no_command("set"));
    bob.try_command(&["PING"]).expect_err("its user is gone");
    check(&mut admin, "PING", "+PONG");

    fs::write(&path, "user carol on >pw ~* +get\n").expect("written");
    check(&mut admin, "ACL LOAD", "+OK");
    alice.try_command(&["PING"]).expect_err("its user is gone");
    check(&mut admin, "ACL USERS", "[\"carol\", \"default\"]");
    connect_as(&server, "carol", "pw");

    // A bad file changes nothing.
    fs::write(&path, "user dora on\nuser erik +foo\nbroken\n").expect("written");
    let path = path.display();
    check(
        &mut admin,
        "ACL LOAD",
        &format!(
            "-ERR {path}:2: Error in applying operation '+foo': Unknown command or category name in ACL. \
         {path}:3: should start with user keyword followed by the username. WARNING: ACL errors \
         detected, no change to the previously active ACL rules was performed"
        ),
    );
    server.signal(Signal::HUP);
    let told = server.line_with("the users stay as they were");
    assert!(told.contains("users.acl:2: "), "{told}");
    check(&mut admin, "ACL USERS", "[\"carol\", \"default\"]");
    fs::remove_file(path.to_string()).expect("removed");
    check(
        &mut admin,
        "ACL LOAD",
        &format!("-ERR Error loading ACLs, opening file '{path}': No such file or directory"),
    );
    check(&mut admin, "ACL USERS", "[\"carol\", \"default\"]");
}

#[test]
fn a_bad_file_refuses_the_start() {
    for (text, expected) in [
        ("user a on\nuser b on +foo\n", {
            "users.acl:2: Error in applying operation '+foo': Unknown command or category name in ACL"
        }),
        ("user a on\n\nsomebody b on\n", "users.acl:3: should start with user keyword"),
        ("user\n", "users.acl:1: should start with user keyword"),
        ("user a (+get\n", "users.acl:1: Unmatched parenthesis in selector definition"),
        ("user a on\nuser a on\n", "users.acl:2: Duplicate user 'a' found"),
        ("user a psesame\n", "users.acl:1: Syntax error"),
    ] {
        let (launch, _file) = with_file(text);
        let refusal = launch.try_start().expect_err("the file is bad");
        assert_eq!(refusal.status.code(), Some(78), "{}", refusal.text());
        assert!(refusal.text().contains(expected), "{expected}: {}", refusal.text());
        assert!(!refusal.text().contains("sesame"), "{}", refusal.text());
    }
    let (launch, AclFile { path, _dir }) = with_file("");
    fs::remove_file(path).expect("removed");
    let refusal = launch.try_start().expect_err("there is no file");
    assert_eq!(refusal.status.code(), Some(78), "{}", refusal.text());
    assert!(refusal.text().contains("cannot read the ACL file"), "{}", refusal.text());
}

#[test]
fn a_file_says_everything_about_the_default_user_or_nothing() {
    let (launch, _file) = with_file("user admin on >pw ~* &* +@all\nuser default on >x +ping\n");
    let server = launch.start();
    check(&mut server.connect(), "PING", "-NOAUTH Authentication required.");
    let mut client = connect_as(&server, "default", "x");
    check(&mut client, "PING", "+PONG");
    check(&mut client, "GET k", &no_command("get"));
    server.kill();

    let (launch, _file) = with_file("user admin on >pw ~* &* +@all\n");
    let server = launch.args(["--requirepass", "secret"]).start();
    let mut client = server.connect();
    check(&mut client, "PING", "-NOAUTH Authentication required.");
    check(&mut client, "AUTH secret", "+OK");
}

#[test]
fn without_a_file_there_is_nothing_to_load_or_save() {
    let server = super::start();
    let mut admin = server.connect();
    let refusal = "-ERR This Redis instance is not configured to use an ACL file. You may want to \
                   specify users via the ACL SETUSER command and then issue a CONFIG REWRITE \
                   (assuming you have a Redis configuration file set) in order to store users in the \
                   Redis configuration.";
    check(&mut admin, "ACL LOAD", refusal);
    check(&mut admin, "ACL SAVE", refusal);
    check(&mut admin, "CONFIG SET aclfile x", {
        "-ERR CONFIG SET failed (possibly related to argument 'aclfile') - can't set immutable config"
    });
}

#[test]
fn a_file_that_cannot_be_written_stays_as_it_was() {
    let (launch, AclFile { path, _dir }) = with_file("user alice on >pw\n");
    let server = launch.start();
    let mut admin = server.connect();
    admin.ok(&["MULTI"]);
    admin.ok(&["ACL", "SETUSER", "bob", "on"]);
    admin.ok(&["ACL", "SAVE"]);
    check(&mut admin, "EXEC", "[+OK, +OK]");
    let saved = fs::read_to_string(&path).expect("read");
    assert!(saved.contains("user bob on"), "{saved}");

    // A directory of that name is in the way of the rename.
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("made");
    let reply = admin.words("ACL SAVE");
    assert!(reply.is_error("ERR There was an error trying to save the ACLs."), "{reply:?}");
    let left: Vec<_> =
        fs::read_dir(path.parent().expect("a directory")).expect("read").flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().contains(".new-")));
}

#[test]
fn config_rewrite_keeps_the_users() {
    for (name, text, users_line) in [
        (
            "h.toml",
            "# mine\nuser = [\"alice on >sesame ~* +@all\"]\nmaxclients = 50\n",
            "    \"bob on ",
        ),
        ("r.conf", "# mine\nuser alice on >sesame ~* +@all\nmaxclients 50\n", "user bob on "),
    ] {
        let (launch, dir) = (launch(), support::temp_dir());
        let config = dir.path().join(name);
        fs::write(&config, text).expect("written");
        let launch = launch.args(["--config".as_ref(), config.as_os_str()]);
        let server = launch.start();
        let mut admin = server.connect();
        check(&mut admin, "CONFIG REWRITE", "+OK");
        assert_eq!(fs::read_to_string(&config).expect("read"), text, "nothing was changed");
        admin.ok(&["ACL", "SETUSER", "bob", "on", ">x", "(+get ~b)"]);
        check(&mut admin, "CONFIG REWRITE", "+OK");
        let written = fs::read_to_string(&config).expect("read");
        assert!(written.contains(users_line) && !written.contains("sesame"), "{written}");
        assert!(written.starts_with("# mine\n") && written.contains("maxclients"), "{written}");
        let listed = admin.words("ACL LIST");
        server.kill();
        let server = launch.start();
        assert_eq!(server.connect().words("ACL LIST"), listed);
        connect_as(&server, "alice", "sesame");
    }
}

#[test]
fn lines_of_the_configuration_make_users() {
    let (launch, dir) = (launch(), support::temp_dir());
    let config = dir.path().join("redis.conf");
    fs::write(
        &config,
        "user alice on \">p w\" ~a* +@all\nrequirepass secret\nuser bob on nopass (+get ~b) -@all\n",
    )
    .expect("written");
    let server = launch.args(["--config".as_ref(), config.as_os_str()]).start();
    check(&mut connect_as(&server, "alice", "p w"), "SET a v", "+OK");
    let mut bob = connect_as(&server, "bob", "x");
    check(&mut bob, "GET b", "null");
    check(&mut bob, "GET a", super::NO_KEY);
    let mut admin = connect_as(&server, "default", "secret");
    check(&mut admin, "ACL USERS", "[\"alice\", \"bob\", \"default\"]");
}
