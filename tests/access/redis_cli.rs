//! `redis-cli --user`.

use std::process::Command;

use support::{Server, require_tool};

use super::start;

fn cli(server: &Server, arguments: &[&str]) -> String {
    let output = Command::new(require_tool("redis-cli"))
        .args(["-p", &server.port().to_string(), "--no-auth-warning"])
        .args(arguments)
        .output()
        .expect("redis-cli runs");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

#[test]
fn a_user_of_redis_cli() {
    let server = start();
    assert_eq!(
        cli(&server, &["ACL", "SETUSER", "u", "on", ">pw", "~a*", "+get", "+acl|whoami"]),
        "OK"
    );
    let as_user = |words: &[&str]| {
        let words: Vec<_> = ["--user", "u", "--pass", "pw"].iter().chain(words).copied().collect();
        cli(&server, &words)
    };
    assert_eq!(as_user(&["ACL", "WHOAMI"]), "u");
    assert_eq!(as_user(&["GET", "a"]), "");
    assert_eq!(as_user(&["GET", "b"]), &super::NO_KEY[1..]);
    assert_eq!(as_user(&["-3", "SET", "a", "b"]), &super::no_command("set")[1..]);
    let wrong = cli(&server, &["--user", "u", "--pass", "no", "GET", "a"]);
    assert!(wrong.contains("WRONGPASS") || wrong.is_empty(), "{wrong}");
    let uri = format!("redis://u:pw@127.0.0.1:{}", server.port());
    assert_eq!(cli(&server, &["-u", &uri, "ACL", "WHOAMI"]), "u");
    assert!(cli(&server, &["ACL", "LIST"]).contains("user default on nopass ~* &* +@all"));
}
