//! One script over several connections, played to redis-server and to Headwater: what each connection
//! has received after each step must be the same, byte for byte.
//!
//! A line of a script is the name of a connection and a request, or several of them separated by ` ; `,
//! which are sent at once. A name with `!` sends and waits for nothing; the bytes show in a later step.
//! One with `?` waits for one reply, and no more.
//! `''` is an empty word. After each step every connection is asked for an echo, so that all that came
//! before it is there: nobody waits for a clock.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use support::{Launch, Server, encode, skip};

/// Far beyond any reply on loopback.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays `script` to both servers, started with `arguments`, and compares.
pub(crate) fn check_with(arguments: &[&str], script: &str) {
    let redis = Launch::reference("redis-server").args(["--appendonly", "no"]).args(arguments);
    let headwater = Launch::new(env!("CARGO_BIN_EXE_headwater"));
    let headwater = match headwater.is_redis() {
        true => headwater.args(["--appendonly", "no"]).args(arguments),
        false => headwater.args(arguments),
    };
    let (expected, seen) = (play(&redis.start(), script), play(&headwater.start(), script));
    for (expected, seen) in expected.iter().zip(&seen) {
        assert_eq!(seen, expected, "\nin the script:\n{script}");
    }
}

/// As [`check_with`], without arguments.
pub(crate) fn check(script: &str) {
    check_with(&[], script);
}

/// What the connections received after each step, with the step before it.
fn play(server: &Server, script: &str) -> Vec<String> {
    let mut connections: Vec<(String, Connection)> = Vec::new();
    let mut shown = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, requests) = line.split_once(' ').expect("a name and a request");
        let plain = name.trim_end_matches(['!', '?']);
        let mode = &name[plain.len()..];
        let name = plain;
        if !connections.iter().any(|(known, _)| known == name) {
            connections.push((name.to_owned(), Connection::new(server)));
        }
        let (_, connection) =
            connections.iter_mut().find(|(known, _)| known == name).expect("it was added");
        connection.send(requests);
        match mode {
            "!" => continue,
            "?" => {
                let reply = connection.reply().expect("the connection is open");
                shown.push(format!("{line} -> {name}: {}", show(&reply)));
                continue;
            }
            _ => {}
        }
        shown.push(line.to_owned());
        // The one that acted first: others may be sent something because of it.
        connections.sort_by_key(|(known, _)| known != name);
        let mut received: Vec<_> = connections
            .iter_mut()
            .map(|(name, connection)| (name.clone(), connection.receive()))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        received.sort();
        shown.extend(received.into_iter().map(|(name, text)| format!("{line} -> {name}: {text}")));
    }
    shown
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    echoes: u32,
    /// Between MULTI and EXEC an echo would be queued: the replies are counted instead.
    in_multi: bool,
    owed: usize,
    is_muted: bool,
}

impl Connection {
    fn new(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).expect("a running server");
        stream.set_nodelay(true).expect("an open socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        Self { stream, received: Vec::new(), echoes: 0, in_multi: false, owed: 0, is_muted: false }
    }

    fn send(&mut self, requests: &str) {
        let mut bytes = Vec::new();
        for request in requests.split(" ; ") {
            let words: Vec<&str> =
                request.split(' ').map(|word| if word == "''" { "" } else { word }).collect();
            bytes.extend(encode(&words));
            self.owed += 1;
            match request.to_ascii_uppercase().as_str() {
                "MULTI" => self.in_multi = true,
                "EXEC" | "DISCARD" | "RESET" => self.in_multi = false,
                "CLIENT REPLY OFF" => self.is_muted = true,
                "CLIENT REPLY ON" => self.is_muted = false,
                _ => {}
            }
        }
        // A server that closed the connection shows at the next read.
        let _ = self.stream.write_all(&bytes);
    }

    /// What has come since the last look.
    fn receive(&mut self) -> String {
        if self.is_muted {
            return String::new();
        }
        if self.in_multi {
            let mut received = Vec::new();
            while 0 < self.owed {
                let Some(reply) = self.reply() else { break };
                self.owed -= 1;
                received.extend(reply);
            }
            return show(&received);
        }
        let mut received = Vec::new();
        if 0 < std::mem::take(&mut self.owed) {
            // What the request brought about by the end of its batch comes before the echo.
            received.extend(self.reply().unwrap_or_default());
        }
        self.echoes += 1;
        let echo = format!("echo-{}", self.echoes);
        let _ = self.stream.write_all(&encode(&["PING", &echo]));
        loop {
            let Some(reply) = self.reply() else {
                received.extend_from_slice(b"(end)");
                return show(&received);
            };
            let text = String::from_utf8_lossy(&reply);
            // MONITOR shows our own echoes, too.
            let is_echo = text.ends_with(&format!("{echo}\r\n"));
            if is_echo {
                return show(&received);
            }
            if !text.starts_with('+') || !text.contains("\"PING\" \"echo-") {
                received.extend(reply);
            }
        }
    }

    /// The next whole reply; `None` at the end of the connection.
    fn reply(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(len) = skip(&self.received) {
                return Some(self.received.drain(..len).collect());
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(len) => self.received.extend_from_slice(&chunk[..len]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("no reply in time, after {:?}", show(&self.received))
                }
                Err(_) => return None,
            }
        }
    }
}

/// Bytes for people, without the line ends; what differs from run to run is left out.
fn show(bytes: &[u8]) -> String {
    let text: String = bytes.escape_ascii().to_string().replace("\\r\\n", "|");
    if text.contains("|$6|server|$5|redis|") {
        return "(the answer to HELLO)".to_owned();
    }
    text.split('|').map(without_time).collect::<Vec<_>>().join("|")
}

/// A line of MONITOR without the time and the port.
fn without_time(line: &str) -> String {
    let Some((start, rest)) = line.split_once(" [") else { return line.to_owned() };
    let Some((source, command)) = rest.split_once("] ") else { return line.to_owned() };
    let is_time = start.starts_with('+') && start[1..].parse::<f64>().is_ok();
    if !is_time {
        return line.to_owned();
    }
    let source = source.split_once(' ').map_or(source, |(db, address)| match address {
        "lua" => source,
        _ => db,
    });
    format!("+(time) [{source}] {command}")
}
