//! One connection while the database is being loaded.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use access::User;
use engine::{CommandError, Reply};
use protocol::{Decoder, Limits, Version, encode, encode_error};
use tokio::sync::watch;

use super::link::Link;
use super::{Loading, answers};
use crate::client::Names;
use crate::listener::Arrival;

/// Bytes kept of what a client has sent and nobody has answered: a longer request waits for the
/// workers.
const UNREAD_BYTES_MAX: usize = 64 * 1024;

/// Bytes of replies that are made before the client must take some.
const UNSENT_BYTES_PAUSE: usize = 64 * 1024;

/// Longest reply; all of COMMAND DOCS is far below.
const REPLY_BYTES_MAX: usize = 16 << 20;

/// How long a client may take for its last reply when the loading is over.
const LAST_REPLY_PATIENCE: Duration = Duration::from_secs(1);

/// A client that has come early.
#[derive(Debug)]
pub(super) struct Visitor {
    link: Link,
    state: State,
    decoder: Decoder,
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

/// What a connection has agreed on, and what it has sent that nobody has answered.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) id: u64,
    pub(crate) authenticated: bool,
    pub(crate) user: Arc<User>,
    pub(crate) version: Version,
    pub(crate) db: u8,
    pub(crate) names: Names,
    pub(crate) unread: Vec<u8>,
    /// The connection ends after the reply.
    pub(super) closing: bool,
}

/// Why a connection is over.
struct Over;

impl Visitor {
    pub(super) fn new(id: u64, link: Link, loading: &Loading) -> Self {
        let authenticated = loading.users.is_open();
        let state = State {
            id,
            authenticated,
            user: Arc::clone(loading.users.default_user()),
            version: Version::Resp2,
            db: 0,
            names: Names::default(),
            unread: Vec::new(),
            closing: false,
        };
        let decoder = Decoder::new(limits(loading, authenticated));
        Self { link, state, decoder, unread: Vec::new(), unsent: Vec::new() }
    }

    /// Answers until the loading is over; `None` if the client has left before.
    pub(super) async fn stay(
        mut self,
        loading: Arc<Loading>,
        mut stopping: watch::Receiver<bool>,
    ) -> Option<Arrival> {
        loop {
            let may_read = self.unread.len() < UNREAD_BYTES_MAX && self.unsent.is_empty();
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => break,
                ready = self.link.writable(), if !self.unsent.is_empty() => {
                    ready.ok()?;
                    self.send().ok()?;
                }
                ready = self.link.readable(), if may_read => {
                    ready.ok()?;
                    self.read().ok()?;
                }
            }
            self.answer(&loading).ok()?;
        }
        tokio::time::timeout(LAST_REPLY_PATIENCE, self.send_rest()).await.ok()?.ok()?;
        self.leave()
    }

    /// Hands the connection over as it is.
    pub(super) fn leave(self) -> Option<Arrival> {
        let state = State { unread: self.unread, ..self.state };
        self.link.arrival(state)
    }

    fn read(&mut self) -> Result<(), Over> {
        let mut buffer = [0; 4096];
        match self.link.try_read(&mut buffer) {
            Ok(0) => Err(Over),
            Ok(count) => {
                self.unread.extend_from_slice(&buffer[..count]);
                Ok(())
            }
            Err(error) => passing(&error),
        }
    }

    /// Answers what is there and whole.
    fn answer(&mut self, loading: &Loading) -> Result<(), Over> {
        let mut unread = std::mem::take(&mut self.unread);
        let mut done = 0;
        while done < unread.len() && self.unsent.len() < UNSENT_BYTES_PAUSE && !self.state.closing {
            match self.decoder.decode(&mut unread[done..]) {
                Ok(None) => break,
                Ok(Some(len)) => {
                    let request = &unread[done..done + len];
                    let args: Vec<&[u8]> =
                        self.decoder.positions().iter().map(|at| &request[at.clone()]).collect();
                    done += len;
                    if !args.is_empty() {
                        let before = self.state.authenticated;
                        let reply = answers::answer(loading, &mut self.state, &args);
                        encode_reply(reply, self.state.version, &mut self.unsent)?;
                        if before != self.state.authenticated {
                            self.decoder.set_limits(limits(loading, self.state.authenticated));
                        }
                    }
                }
                Err(error) => {
                    self.unsent.extend(error.reply().unwrap_or_default());
                    self.state.closing = true;
                }
            }
        }
        // What is not whole is decoded again, here or by a worker.
        self.decoder.rewind();
        unread.drain(..done);
        self.unread = unread;
        self.send()
    }

    /// Sends as much as the socket takes.
    fn send(&mut self) -> Result<(), Over> {
        while !self.unsent.is_empty() {
            match self.link.try_write(&self.unsent) {
                Ok(count) => {
                    self.unsent.drain(..count);
                }
                Err(error) => return passing(&error),
            }
        }
        if self.state.closing { Err(Over) } else { Ok(()) }
    }

    async fn send_rest(&mut self) -> Result<(), Over> {
        while !self.unsent.is_empty() {
            self.link.writable().await.map_err(|_| Over)?;
            self.send()?;
        }
        Ok(())
    }
}

fn limits(loading: &Loading, authenticated: bool) -> Limits {
    let bulk_bytes_max = loading.config.settings().bulk_bytes_max;
    match authenticated {
        true => Limits::new(usize::try_from(bulk_bytes_max).unwrap_or(usize::MAX)),
        false => Limits::unauthenticated(),
    }
}

fn encode_reply(
    reply: Result<Reply, CommandError>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), Over> {
    match reply {
        Ok(reply) => encode(&reply, version, REPLY_BYTES_MAX, out).map_err(|_| Over),
        Err(error) => {
            encode_error(&error, out);
            Ok(())
        }
    }
}

/// An error that says only that there is nothing to do right now.
fn passing(error: &io::Error) -> Result<(), Over> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(()),
        _ => Err(Over),
    }
}
