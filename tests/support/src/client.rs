//! A blocking connection that sends what it is told, byte for byte.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::resp::{Value, encode, parse};

/// How long a test waits for a reply before it fails: far beyond any reply on loopback, so that a
/// server that hangs is a failure and a slow machine is none.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection in raw RESP.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    /// Where the part of `received` begins that is not handed out yet.
    at: usize,
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        Ok(Self { stream, received: Vec::new(), at: 0 })
    }

    /// The socket, for timeouts, half-closes and second handles.
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a request without waiting for its reply.
    pub fn send_command<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<()> {
        self.send(&encode(arguments))
    }

    /// The next reply. The end of the connection is `UnexpectedEof`.
    pub fn receive(&mut self) -> io::Result<Value> {
        loop {
            if let Some((value, len)) =
                (self.at < self.received.len()).then(|| parse(&self.received[self.at..])).flatten()
            {
                self.at += len;
                return Ok(value);
            }
            self.received.drain(..self.at);
            self.at = 0;
            let mut chunk = [0; 64 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => self.received.extend_from_slice(&chunk[..len]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// One request and its reply, or how the connection ended.
    pub fn try_command<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<Value> {
        self.send_command(arguments)?;
        self.receive()
    }

    /// One request and its reply, an error reply included.
    ///
    /// # Panics
    /// If the connection ends.
    pub fn command<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Value {
        self.try_command(arguments).unwrap_or_else(|error| {
            let shown: Vec<_> =
                arguments.iter().map(|a| a.as_ref().escape_ascii().to_string()).collect();
            panic!("no reply to {shown:?}: {error}")
        })
    }

    /// One request that must not be answered with an error.
    ///
    /// # Panics
    /// If it is.
    pub fn ok<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Value {
        match self.command(arguments) {
            Value::Error(text) => {
                let name = arguments.first().map_or(&[] as &[u8], AsRef::as_ref);
                panic!("{} was answered: {text}", name.escape_ascii())
            }
            value => value,
        }
    }

    /// A line of words, for commands without blanks in their arguments.
    pub fn words(&mut self, line: &str) -> Value {
        self.command(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// The value of one line of INFO.
    ///
    /// # Panics
    /// If INFO has no such field.
    pub fn info(&mut self, field: &str) -> String {
        let info = self.ok(&["INFO"]).text();
        info.lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .unwrap_or_else(|| panic!("no {field} in INFO"))
            .trim()
            .to_owned()
    }
}
