//! Every command that changes a stream, each on a key of its own.

use support::{Client, Server};

use super::trace::Trace;

/// How each key begins: two entries, the first of them pending for `c`. `K` stands for the key.
const PREPARATION: [&str; 4] = [
    "XADD K 1-1 f v",
    "XADD K 2-1 f v",
    "XGROUP CREATE K g 0",
    "XREADGROUP GROUP g c COUNT 1 STREAMS K >",
];

/// A command on such a key, and what its reply shows: that it did change something.
const COMMANDS: [(&str, &str); 30] = [
    ("XADD K 3-1 f v", "3-1"),
    ("XADD K MAXLEN = 1 3-1 f v", "3-1"),
    ("XADD K IDMP producer message * f v", "-0"),
    ("XACK K g 1-1", ":1"),
    ("XACKDEL K g IDS 1 1-1", "[:1]"),
    ("XAUTOCLAIM K g d 0 0", "1-1"),
    ("XAUTOCLAIM K g d 0 0 JUSTID", "1-1"),
    ("XCFGSET K IDMP-MAXSIZE 7", "+OK"),
    ("XCLAIM K g d 0 1-1", "1-1"),
    ("XCLAIM K g d 0 1-1 JUSTID", "1-1"),
    ("XCLAIM K g d 0 2-1 FORCE", "2-1"),
    ("XDEL K 2-1", ":1"),
    ("XDELEX K IDS 1 1-1", "[:1]"),
    ("XDELEX K DELREF IDS 1 1-1", "[:1]"),
    ("XGROUP CREATE K h $", "+OK"),
    ("XGROUP CREATE K-other h $ MKSTREAM", "+OK"),
    ("XGROUP CREATECONSUMER K g d", ":1"),
    ("XGROUP DELCONSUMER K g c", ":1"),
    ("XGROUP DESTROY K g", ":1"),
    ("XGROUP SETID K g 0", "+OK"),
    ("XIDMPRECORD K producer message 2-1", "+OK"),
    ("XNACK K g FAIL IDS 1 1-1", ":1"),
    ("XNACK K g SILENT IDS 1 1-1", ":1"),
    ("XREADGROUP GROUP g c STREAMS K >", "2-1"),
    ("XREADGROUP GROUP g d NOACK STREAMS K >", "2-1"),
    ("XREADGROUP GROUP g c STREAMS K 0", "1-1"),
    ("XREADGROUP GROUP g d CLAIM 0 STREAMS K >", "1-1"),
    ("XSETID K 9-1", "+OK"),
    ("XTRIM K MAXLEN = 1", ":1"),
    ("XTRIM K MINID = 2-1", ":1"),
];

/// Woken readers of a group.
const WOKEN: usize = 10;

/// Runs them one by one. Before each an ECHO: what next leaves through that socket is the reply.
pub(super) fn run(server: &Server) {
    let mut client = server.connect();
    all_are_here(&mut client);
    for (number, (command, shows)) in COMMANDS.iter().enumerate() {
        let key = marker(number);
        for line in PREPARATION {
            client.ok(&words(line, &key));
        }
        client.ok(&["ECHO", &begin(number)]);
        let reply = format!("{:?}", client.ok(&words(command, &key)));
        assert!(reply.contains(shows), "{command}: {reply}");
    }
    let mut reader = server.connect();
    for number in COMMANDS.len()..COMMANDS.len() + WOKEN {
        let key = format!("woken{number}");
        client.ok(&["XGROUP", "CREATE", &key, "g", "$", "MKSTREAM"]);
        let consumer = marker(number);
        let read = ["XREADGROUP", "GROUP", "g", &consumer, "BLOCK", "0", "STREAMS", &key, ">"];
        reader.send_command(&read).expect("sent");
        super::until_blocked(&mut client, 1);
        client.ok(&["ECHO", &begin(number)]);
        client.ok(&["XADD", &key, &super::id(number as u64), "f", "v"]);
        let read = format!("{:?}", reader.receive().expect("the entry"));
        assert!(read.contains(&super::id(number as u64)), "{read}");
    }
}

/// A new command is missed here.
fn all_are_here(client: &mut Client) {
    let listed = client.ok(&["COMMAND", "LIST", "FILTERBY", "ACLCAT", "write"]).array();
    let of_streams: Vec<_> = listed.iter().map(|name| name.text().to_uppercase()).collect();
    let of_streams = of_streams.iter().filter(|name| name.starts_with('X'));
    let mut count = 0;
    for name in of_streams {
        let begins = format!("{} ", name.replace('|', " "));
        let is_here = COMMANDS.iter().any(|(command, _)| command.starts_with(&begins));
        assert!(is_here, "{name} changes streams, and its reply is not looked at");
        count += 1;
    }
    assert!(15 < count, "{listed:?}");
}

/// The reply of each left after the sync of what it wrote. A reader who is woken is told of an entry
/// once his own delivery is durable as well, which names him.
pub(super) fn check(trace: &Trace<'_>) {
    for (number, (command, _)) in COMMANDS.iter().enumerate() {
        let (begun, socket) = trace.sent(&begin(number), 0);
        let sent = trace.sent_to(socket, begun).expect("there was a reply");
        trace.check_durable(&marker(number), begun..=sent, command);
    }
    for number in COMMANDS.len()..COMMANDS.len() + WOKEN {
        let (begun, socket) = trace.sent(&begin(number), 0);
        let id = super::id(number as u64);
        let sent = trace.sent_to_others(socket, &id, begun).expect("the reader was told");
        trace.check_durable(&marker(number), begun..=sent, "the entry for a woken reader");
    }
}

fn words(line: &str, key: &str) -> Vec<String> {
    let word = |word: &str| match word.strip_prefix('K') {
        Some(rest) => format!("{key}{rest}"),
        None => word.to_owned(),
    };
    line.split(' ').map(word).collect()
}

fn marker(number: usize) -> String {
    format!("<mark-{number}>")
}

fn begin(number: usize) -> String {
    format!("<begin-{number}>")
}
