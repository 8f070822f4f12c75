//! Who reaches the server from another host: a second network namespace at the end of a cable.

use std::process::{Command, Output};

use support::{Launch, Server, require_tool, skipped};

use super::launch;

/// A host of its own with a cable to this one. Dropped, both are gone.
struct OtherHost {
    name: String,
    here: [String; 2],
}

impl OtherHost {
    /// `None` where network namespaces cannot be made.
    fn new() -> Option<Self> {
        let pid = std::process::id();
        let name = format!("headwater-{pid}");
        // A network for benchmarks, and a private one: no real host is in them.
        let host =
            |last| [format!("198.18.{}.{last}", pid % 255), format!("fd00:ead:{pid:x}::{last}")];
        if !ip(&["netns", "add", &name]).status.success() {
            return None;
        }
        let other = Self { name, here: host(1) };
        let (near, far) = (format!("hw{pid}"), format!("hf{pid}"));
        must(&["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", &other.name]);
        for (side, device, addresses) in
            [(None, &near, host(1)), (Some(&other.name), &far, host(2))]
        {
            let on = |words: &[&str]| match side {
                None => must(words),
                Some(name) => must(&[&["-n", name], words].concat()),
            };
            on(&["address", "add", &format!("{}/24", addresses[0]), "dev", device]);
            on(&["address", "add", &format!("{}/64", addresses[1]), "dev", device, "nodad"]);
            on(&["link", "set", device, "up"]);
        }
        Some(other)
    }

    /// What `lines` are answered with until the server ends the connection, asked from there by
    /// each of our addresses; or why there is no connection.
    fn ask(&self, server: &Server, lines: &str) -> [Result<String, String>; 2] {
        self.here.each_ref().map(|address| {
            // A refusal may come with a reset behind it, which is no failure of the refusal.
            let script = format!(
                "trap '' PIPE; exec 3<>/dev/tcp/{address}/{} || exit 1
                 printf '{lines}' >&3; cat <&3; exit 0",
                server.port()
            );
            let output = ip(&["netns", "exec", &self.name, "timeout", "30", "bash", "-c", &script]);
            assert_ne!(output.status.code(), Some(124), "the connection stays open: {output:?}");
            match output.status.success() {
                true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
                false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            }
        })
    }
}

impl Drop for OtherHost {
    fn drop(&mut self) {
        // The device of this side would go with its peer, but some time later.
        ip(&["link", "delete", &format!("hw{}", std::process::id())]);
        ip(&["netns", "delete", &self.name]);
    }
}

fn ip(words: &[&str]) -> Output {
    Command::new(require_tool("ip")).args(words).output().expect("ip can be started")
}

fn must(words: &[&str]) {
    let output = ip(words);
    assert!(output.status.success(), "ip {words:?}: {output:?}");
}

fn everywhere() -> Launch {
    launch().args(["--bind", "0.0.0.0 ::"])
}

#[test]
fn another_host_is_served_only_on_purpose() {
    let Some(other) = OtherHost::new() else {
        skipped("protected mode", "no network namespaces here, or not root");
        return;
    };
    let ask_ping = "PING\\r\\nQUIT\\r\\n";

    // As it comes: nobody listens there.
    let server = launch().start();
    for answer in other.ask(&server, ask_ping) {
        assert!(answer.as_ref().is_err_and(|why| why.contains("refused")), "{answer:?}");
    }

    // Bound to all addresses, but without a password: told why, and closed.
    let server = everywhere().start();
    for answer in other.ask(&server, ask_ping) {
        let answer = answer.expect("it listens");
        assert!(answer.starts_with("-DENIED ") && answer.ends_with("\r\n"), "{answer:?}");
        assert!(answer.contains("requirepass") && answer.lines().count() == 1, "{answer:?}");
    }
    // This host is not another one, by none of the ways to it.
    server.connect().ok(&["PING"]);

    // A password that is set makes it open at once, to those who know it.
    server.connect().ok(&["CONFIG", "SET", "requirepass", "secret"]);
    for answer in other.ask(&server, ask_ping) {
        assert_eq!(answer.expect("it listens"), "-NOAUTH Authentication required.\r\n+OK\r\n");
    }
    for answer in other.ask(&server, "AUTH wrong\\r\\nAUTH secret\\r\\nPING\\r\\nQUIT\\r\\n") {
        let answer = answer.expect("it listens");
        let lines: Vec<_> = answer.lines().collect();
        assert!(
            lines[0].starts_with("-WRONGPASS ") && lines[1..] == ["+OK", "+PONG", "+OK"],
            "{answer:?}"
        );
    }

    // And who says that the network is trusted, is believed.
    let server = everywhere().args(["--protected-mode", "no"]).start();
    for answer in other.ask(&server, ask_ping) {
        assert_eq!(answer.expect("it listens"), "+PONG\r\n+OK\r\n");
    }
}
