//! The filters of CLIENT KILL: what is answered, and who is left.

use std::collections::BTreeMap;

use support::{Client, Launch, Server};

/// Connections to one server, by name: `normal`, `bob` of the user bob, `subscriber`, `shard` (of bob's
/// as well), and `me`, which kills.
struct Scene {
    clients: BTreeMap<&'static str, Client>,
    /// What stands for `{id NAME}`, `{addr NAME}` and `{laddr}`.
    words: Vec<(String, String)>,
}

fn scene(server: &Server) -> Scene {
    let mut words = Vec::new();
    let connect = |name| {
        let mut client = server.connect();
        let info = client.words("CLIENT INFO").text();
        let field = |wanted: &str| {
            let found = info.split_whitespace().find_map(|field| field.strip_prefix(wanted));
            found.expect("CLIENT INFO has it").to_owned()
        };
        words.push((format!("{{id.{name}}}"), field("id=")));
        words.push((format!("{{addr.{name}}}"), field("addr=")));
        words.push(("{laddr}".to_owned(), field("laddr=")));
        (name, client)
    };
    let names = ["normal", "bob", "subscriber", "shard", "me"];
    let mut clients: BTreeMap<_, _> = names.into_iter().map(connect).collect();
    let mut on = |name, lines: &[&str]| {
        let client = clients.get_mut(name).expect("one of the names");
        for line in lines {
            client.words(line);
        }
    };
    on("me", &["ACL SETUSER bob on >pw +@all ~* &*", "ACL SETUSER eve on >pw +@all"]);
    on("bob", &["AUTH bob pw"]);
    on("subscriber", &["SUBSCRIBE x"]);
    on("shard", &["AUTH bob pw", "SSUBSCRIBE x"]);
    Scene { clients, words }
}

impl Scene {
    /// The reply to CLIENT KILL with these arguments, and the connections that are still there.
    fn kill(mut self, arguments: &str) -> String {
        let line = (self.words.iter())
            .fold(format!("CLIENT KILL {arguments}"), |line, (from, to)| line.replace(from, to));
        let me = self.clients.get_mut("me").expect("one of the names");
        let reply = me.words(line.trim());
        let left = self.clients.iter_mut().filter_map(|(name, client)| {
            let is_there = client.try_command(&["PING"]).is_ok();
            is_there.then_some(*name)
        });
        format!("{reply:?}, left: {}", left.collect::<Vec<_>>().join(" "))
    }
}

#[test]
fn connections_are_killed_as_redis_kills_them() {
    let redis = Launch::reference("redis-server").start();
    let ours = Launch::new(env!("CARGO_BIN_EXE_headwater")).start();
    let mut wrong = Vec::new();
    for arguments in ARGUMENTS.lines() {
        let [expected, seen] = [&redis, &ours].map(|server| scene(server).kill(arguments));
        if expected != seen {
            wrong.push(format!("CLIENT KILL {arguments}\n  Redis {expected}\n  ours  {seen}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const ARGUMENTS: &str = "\
ID {id.bob}
ID {id.me}
ID {id.me} SKIPME no
ID {id.bob} ID {id.normal}
ID 99999
ID 0
ID x
ID 01
ID 18446744073709551615
TYPE normal
TYPE normal SKIPME no
TYPE pubsub
TYPE master
TYPE replica
TYPE slave
TYPE foo
USER bob
USER eve
USER BOB
USER default
USER default SKIPME no
USER nosuch
USER nosuch FOO
USER nosuch FOO bar
USER nosuch ID 0
ID 0 USER nosuch
USER nosuch TYPE foo
TYPE foo USER nosuch
USER nosuch SKIPME maybe
USER bob SKIPME maybe
USER bob USER nosuch
USER nosuch USER bob
USER bob FOO
ADDR {addr.bob}
ADDR {addr.me}
ADDR {addr.me} SKIPME no
ADDR {addr.bob} ADDR {addr.normal}
ADDR foo
LADDR {laddr}
LADDR {laddr} SKIPME no
LADDR {laddr} TYPE pubsub
LADDR foo
USER bob TYPE pubsub
user bob type NORMAL skipme YES
ID {id.bob} USER default
ID {id.bob} ADDR {addr.bob} LADDR {laddr} TYPE normal USER bob SKIPME yes
SKIPME yes
SKIPME no
SKIPME maybe
SKIPME
{addr.bob}
{addr.me}
foo
FOO bar
TYPE
ID 1 TYPE
ID {id.bob} {id.normal}
";
