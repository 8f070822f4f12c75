//! The client's half of RESP2: requests out, whole replies in.
//!
//! A client library hides what a drill has to know: which of the requests of a pipeline were
//! answered before the connection broke. So the drill speaks for itself.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a reply may take: far beyond any that a working server needs, so that a server that
/// hangs is found out and a slow machine is not.
const REPLY_TIMEOUT: Duration = Duration::from_secs(120);

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// The deepest reply of the commands that are used here has five levels.
const DEPTH_MAX: usize = 16;

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Simple(String),
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Value>),
}

/// Why a request has no good reply.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection ended, as it does when the server does.
    Gone,
    /// No reply within [`REPLY_TIMEOUT`].
    Hangs,
    /// A reply that makes no sense.
    Strange(String),
}

impl Failure {
    pub(crate) fn strange(what: impl Into<String>) -> Self {
        Self::Strange(what.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Hangs,
            _ => Self::Gone,
        }
    }
}

impl Value {
    pub(crate) fn text(&self) -> Result<String, Failure> {
        match self {
            Self::Simple(text) => Ok(text.clone()),
            Self::Bulk(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            other => Err(Failure::strange(format!("{other:?} where a text should be"))),
        }
    }

    /// An integer, or a text that is a number.
    pub(crate) fn number(&self) -> Result<u64, Failure> {
        let number = match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            Self::Simple(_) | Self::Bulk(_) => self.text()?.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| Failure::strange(format!("{self:?} where a number should be")))
    }

    /// The elements of an array; a null has none.
    pub(crate) fn items(&self) -> Result<&[Self], Failure> {
        match self {
            Self::Array(items) => Ok(items),
            Self::Null => Ok(&[]),
            other => Err(Failure::strange(format!("{other:?} where an array should be"))),
        }
    }

    /// One element of an array.
    pub(crate) fn item(&self, index: usize) -> Result<&Self, Failure> {
        let item = self.items()?.get(index);
        item.ok_or_else(|| Failure::strange(format!("{self:?} is too short")))
    }

    /// The value behind a name in a flat list of pairs, as XINFO answers.
    pub(crate) fn field(&self, name: &str) -> Result<&Self, Failure> {
        let pairs = self.items()?.chunks_exact(2);
        let found = pairs
            .filter(|pair| matches!(&pair[0], Self::Bulk(found) if found == name.as_bytes()))
            .map(|pair| &pair[1])
            .next();
        found.ok_or_else(|| Failure::strange(format!("no {name} in {self:?}")))
    }
}

/// Appends a request: an array of bulk strings.
pub(crate) fn encode<A: AsRef<[u8]>>(out: &mut Vec<u8>, arguments: &[A]) {
    out.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
    for argument in arguments {
        let bytes = argument.as_ref();
        out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    }
}

/// The first whole reply in `bytes` and its length; `None` while it is not all there.
fn parse(bytes: &[u8], depth: usize) -> Result<Option<(Value, usize)>, Failure> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let line = String::from_utf8_lossy(bytes.get(1..end).unwrap_or_default()).into_owned();
    let at = end + 2;
    let number = || {
        line.parse::<i64>()
            .map_err(|_| Failure::strange(format!("{:?} is no reply", bytes[..end].escape_ascii())))
    };
    let value = match bytes[0] {
        b'+' => Value::Simple(line),
        b'-' => Value::Error(line),
        b':' => Value::Int(number()?),
        b'$' => {
            let Ok(length) = usize::try_from(number()?) else { return Ok(Some((Value::Null, at))) };
            if bytes.len() < at.saturating_add(length).saturating_add(2) {
                return Ok(None);
            }
            return Ok(Some((Value::Bulk(bytes[at..at + length].to_vec()), at + length + 2)));
        }
        b'*' if depth < DEPTH_MAX => {
            let Ok(count) = usize::try_from(number()?) else { return Ok(Some((Value::Null, at))) };
            return parse_items(bytes, at, count, depth);
        }
        _ => {
            let shown = bytes[..end].escape_ascii();
            return Err(Failure::strange(format!("\"{shown}\" is no reply")));
        }
    };
    Ok(Some((value, at)))
}

fn parse_items(
    bytes: &[u8],
    mut at: usize,
    count: usize,
    depth: usize,
) -> Result<Option<(Value, usize)>, Failure> {
    let mut items = Vec::new();
    for _ in 0..count {
        let Some((item, length)) = parse(&bytes[at..], depth + 1)? else { return Ok(None) };
        items.push(item);
        at += length;
    }
    Ok(Some((Value::Array(items), at)))
}

/// A connection to the server's Unix socket: no port to be taken by somebody else, and nothing that
/// a firewall could have a say in.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    received: Vec<u8>,
    /// Where the part of `received` begins that is not handed out yet.
    at: usize,
    /// How much of that part has been seen to belong to the next reply: a large one is not looked at
    /// again for every piece of it that comes.
    seen: usize,
    /// Values that are missing behind it before the reply is whole.
    missing: usize,
}

impl Connection {
    pub(crate) fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
        Ok(Self::new(stream))
    }

    fn new(stream: UnixStream) -> Self {
        Self { stream, received: Vec::new(), at: 0, seen: 0, missing: 1 }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// The next reply.
    pub(crate) fn receive(&mut self) -> Result<Value, Failure> {
        loop {
            if self.is_whole()
                && let Some((value, length)) = parse(&self.received[self.at..], 0)?
            {
                self.at += length;
                (self.seen, self.missing) = (0, 1);
                return Ok(value);
            }
            self.read_more()?;
        }
    }

    /// Whether the next reply is all there, or enough of it to see that it is none, as `parse` will say.
    fn is_whole(&mut self) -> bool {
        while self.missing > 0 {
            let rest = &self.received[self.at + self.seen..];
            let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else { return false };
            let line = str::from_utf8(rest.get(1..end).unwrap_or_default());
            let number = line.ok().and_then(|line| line.parse::<i64>().ok());
            // Counts below zero are nulls.
            let (length, inside) = match (rest[0], number) {
                (b'$', Some(length)) => (
                    usize::try_from(length)
                        .map_or(end + 2, |length| length.saturating_add(end + 4)),
                    0,
                ),
                (b'*', Some(count)) => (end + 2, usize::try_from(count).unwrap_or(0)),
                (b':', Some(_)) | (b'+' | b'-', _) => (end + 2, 0),
                _ => return true,
            };
            if rest.len() < length {
                return false;
            }
            self.seen += length;
            self.missing = (self.missing - 1).saturating_add(inside);
        }
        true
    }

    fn read_more(&mut self) -> Result<(), Failure> {
        self.received.drain(..self.at);
        self.at = 0;
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(Failure::Gone),
                Ok(length) => {
                    self.received.extend_from_slice(&chunk[..length]);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// One request and its reply, an error reply included.
    pub(crate) fn ask<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Result<Value, Failure> {
        let mut bytes = Vec::new();
        encode(&mut bytes, arguments);
        self.send(&bytes)?;
        self.receive()
    }

    /// One request that must not be answered with an error.
    pub(crate) fn ok<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Result<Value, Failure> {
        match self.ask(arguments)? {
            Value::Error(text) => {
                let name = arguments.first().map_or(&[] as &[u8], AsRef::as_ref);
                Err(Failure::strange(format!("{} was answered: {text}", name.escape_ascii())))
            }
            value => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn whole_replies_and_nothing_less() {
        let bytes: &[u8] = b"*5\r\n+OK\r\n:-7\r\n$2\r\n\r\n\r\n*-1\r\n$-1\r\n";
        let (value, length) = parse(bytes, 0).expect("sound").expect("whole");
        let bulk = Value::Bulk(b"\r\n".to_vec());
        let items = [Value::Simple("OK".into()), Value::Int(-7), bulk, Value::Null, Value::Null];
        assert_eq!((value, length), (Value::Array(items.to_vec()), bytes.len()));
        for end in 0..bytes.len() {
            assert!(parse(&bytes[..end], 0).expect("sound so far").is_none(), "{end}");
        }
    }

    /// Above all where it ends where a read does, and nothing comes behind it.
    #[test]
    fn a_reply_is_taken_as_soon_as_it_is_there() {
        let before = b"*2\r\n$000000\r\n".len();
        let after = b"\r\n*2\r\n:1\r\n*0\r\n";
        for length in [100, CHUNK_BYTES, 2 * CHUNK_BYTES, 4 * CHUNK_BYTES, 4 * CHUNK_BYTES + 1] {
            let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
            ours.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
            let mut connection = Connection::new(ours);
            let text = vec![b'x'; length - before - after.len()];
            let head = format!("*2\r\n${:06}\r\n", text.len()).into_bytes();
            let reply = [&head[..], &text, after].concat();
            assert_eq!(reply.len(), length);
            let tail = Value::Array(vec![Value::Int(1), Value::Array(Vec::new())]);
            let expected = Value::Array(vec![Value::Bulk(text), tail]);
            for _ in 0..2 {
                thread::scope(|scope| {
                    scope.spawn(|| theirs.write_all(&reply).expect("the other end is open"));
                    assert_eq!(connection.receive().expect("a reply"), expected, "{length} bytes");
                });
            }
        }
    }

    #[test]
    fn what_is_no_reply_is_said_to_be_none() {
        let nested = b"*1\r\n".repeat(99);
        assert!(parse(&nested, 0).is_err());
        for bytes in [&b"hello\r\n"[..], b"\r\n", b"$x\r\n", b":\r\n", b"*2\r\n:1\r\n!\r\n"] {
            assert!(parse(bytes, 0).is_err(), "{}", bytes.escape_ascii());
            let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
            ours.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
            theirs.write_all(bytes).expect("there is room");
            let received = Connection::new(ours).receive();
            assert!(matches!(received, Err(Failure::Strange(_))), "{received:?}");
        }
    }
}
