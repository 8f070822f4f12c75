//! Passwords are nowhere but in the heads of their owners.

use std::process::Command;

use super::{check, launch, start};

#[test]
fn genpass_gives_as_many_bits_as_asked_for() {
    let server = start();
    let mut client = server.connect();
    let mut seen = std::collections::BTreeSet::new();
    for (line, digits) in [
        ("ACL GENPASS", 64),
        ("ACL GENPASS 256", 64),
        ("ACL GENPASS 1", 1),
        ("ACL GENPASS 5", 2),
        ("ACL GENPASS 4096", 1024),
    ] {
        let password = client.words(line).text();
        assert_eq!(password.len(), digits, "{line}");
        assert!(password.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
        assert!(digits < 64 || seen.insert(password), "the same twice");
    }
    let refusal = "-ERR ACL GENPASS argument must be the number of bits for the output password, a \
                   positive number up to 4096";
    for line in ["ACL GENPASS 0", "ACL GENPASS -1", "ACL GENPASS 4097"] {
        check(&mut client, line, refusal);
    }
    check(&mut client, "ACL GENPASS x", "-ERR value is not an integer or out of range");
}

#[test]
fn no_password_is_told_or_logged() {
    let dir = support::temp_dir();
    let config = dir.path().join("h.toml");
    std::fs::write(
        &config,
        "user = [\"alice on >sesame1 ~* +@all\", \"bob on >sesame2\"]\nrequirepass = \"sesame3\"\n",
    )
    .expect("written");
    let shown = Command::new(env!("CARGO_BIN_EXE_headwater"))
        .args(["config", "show", "--config"])
        .arg(&config)
        .output()
        .expect("it runs");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned()
        + &String::from_utf8_lossy(&shown.stderr);
    assert!(!shown.contains("sesame") && shown.contains("alice on >(hidden) ~* +@all"), "{shown}");

    let server = launch().args(["--loglevel", "debug", "--config"]).args([&config]).start();
    let mut alice = super::connect_as(&server, "alice", "sesame1");
    alice.ok(&["ACL", "SETUSER", "carol", "on", ">sesame4", "<sesame4", ">sesame5"]);
    alice.command(&["ACL", "SETUSER", "carol", ">sesame6", "nonsense"]);
    alice.command(&["AUTH", "carol", "sesame7"]);
    alice.command(&["HELLO", "3", "AUTH", "carol", "sesame8"]);
    let told = format!(
        "{:?} {:?} {:?} {:?}",
        alice.words("ACL LIST"),
        alice.words("ACL GETUSER carol"),
        alice.words("ACL LOG"),
        alice.words("CLIENT LIST")
    );
    assert!(!told.contains("sesame"), "{told}");
    check(&mut alice, "SHUTDOWN FOO", "-ERR syntax error");
    let _ = alice.send_command(&["SHUTDOWN"]);
    let output = server.output_after_end().join("\n");
    assert!(output.contains("Headwater starts") && !output.contains("sesame"), "{output}");
}

/// A rule that is refused at the start is not shown if it can be a password.
#[test]
fn a_refused_line_shows_no_password() {
    let dir = support::temp_dir();
    for (name, text, expected) in [
        ("a.toml", "user = [\"a on\",\n  \"b on psesame\"]\n", "a.toml:2: Syntax error"),
        ("b.toml", "user = [\"a on\",\n  \"b on #sesame\"]\n", {
            "b.toml:2: The password hash must be exactly 64 characters"
        }),
        ("c.conf", "port 0\nuser a on >sesame +foo\n", {
            "c.conf:2: Error in applying operation '+foo': Unknown command or category name in ACL"
        }),
        ("d.conf", "user a on >sesame\nuser a off\n", "d.conf:2: Duplicate user 'a' found"),
        ("e.conf", "user a on \"(+get\" ~x\n", "e.conf:1: Unmatched parenthesis"),
        ("f.toml", "user = [\"a on >sesame\"]\naclfile = \"users.acl\"\n", {
            "f.toml:1: users stand either in 'aclfile' or in 'user' lines, not in both"
        }),
    ] {
        let config = dir.path().join(name);
        std::fs::write(&config, text).expect("written");
        let refusal = launch().args(["--config"]).args([&config]).try_start();
        let refusal = refusal.expect_err("the configuration is refused");
        assert_eq!(refusal.status.code(), Some(78), "{name}: {}", refusal.text());
        assert!(refusal.text().contains(expected), "{name}: {}", refusal.text());
        assert!(!refusal.text().contains("sesame"), "{name}: {}", refusal.text());
    }
}
