//! A connection in raw bytes that can also be asked whether a reply is there.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::reply::Node;

#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::new() })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // A server that closed the connection shows at the next read.
        let _ = self.stream.write_all(bytes);
    }

    /// The next reply; [`Node::Waiting`] if it has not come in time.
    pub(crate) fn receive(&mut self, timeout: Duration) -> Node {
        self.stream.set_read_timeout(Some(timeout)).expect("a timeout above zero");
        loop {
            if let Some(node) = self.attempt() {
                return node;
            }
        }
    }

    /// The reply if it is there already, [`Node::Waiting`] if not.
    pub(crate) fn poll(&mut self) -> Node {
        self.stream.set_nonblocking(true).expect("a socket can be switched");
        let node = loop {
            if let Some(node) = self.attempt() {
                break node;
            }
        };
        self.stream.set_nonblocking(false).expect("a socket can be switched");
        node
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self, timeout: Duration) -> Vec<u8> {
        self.stream.set_read_timeout(Some(timeout)).expect("a timeout above zero");
        while matches!(self.read(), Ok(1..)) {}
        std::mem::take(&mut self.received)
    }

    /// One attempt: a reply from what has come, or one more read.
    fn attempt(&mut self) -> Option<Node> {
        if let Some(len) = support::skip(&self.received) {
            let node = Node::parse(&self.received[..len]);
            self.received.drain(..len);
            return Some(node);
        }
        match self.read() {
            Ok(0) => Some(Node::Closed),
            Ok(_) => None,
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => None,
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Some(Node::Waiting),
                _ => Some(Node::Closed),
            },
        }
    }

    fn read(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 64 * 1024];
        let len = self.stream.read(&mut chunk)?;
        self.received.extend_from_slice(&chunk[..len]);
        Ok(len)
    }
}
