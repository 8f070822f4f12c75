//! The generator: as many connections as wanted on one thread, closed loop.
//!
//! A connection sends its batch, waits for all of its replies and sends the next. The latency of a
//! batch is the time from its sending to its last reply, as `redis-benchmark` measures it too.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use support::skip;

/// Reads go into one buffer for all connections: it stays in the cache.
const READ_BYTES: usize = 1024 * 1024;

/// What a workload sends, and what it makes of the replies.
pub(crate) trait Traffic {
    /// Appends the next batch of connection `connection` to `out` and tells how many replies it
    /// will get; 0 ends the connection's part.
    fn batch(&mut self, connection: usize, out: &mut Vec<u8>) -> u32;

    /// One whole reply that is not an error.
    fn reply(&mut self, _connection: usize, _reply: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// What a run of the generator measured.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) replies: u64,
    pub(crate) elapsed: Duration,
    /// Nanoseconds per batch.
    pub(crate) latency: Histogram<u64>,
}

/// Latencies from 1 us to 100 s, three digits.
pub(crate) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 100_000_000_000, 3).expect("the bounds are in order")
}

/// Whole nanoseconds.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Runs until the traffic ends or `limit` has passed; every batch that was sent is waited for.
pub(crate) fn run(
    address: SocketAddr,
    connections: usize,
    limit: Option<Duration>,
    traffic: &mut impl Traffic,
) -> Result<Load> {
    let mut generator = Generator {
        load: Load { replies: 0, elapsed: Duration::ZERO, latency: new_histogram() },
        buffer: vec![0; READ_BYTES],
        deadline: limit.map(|limit| Instant::now() + limit),
    };
    let started = Instant::now();
    if connections == 1 {
        generator.run_blocking(address, traffic)?;
    } else {
        generator.run_polling(address, connections, traffic)?;
    }
    generator.load.elapsed = started.elapsed();
    Ok(generator.load)
}

struct Generator {
    load: Load,
    buffer: Vec<u8>,
    deadline: Option<Instant>,
}

struct Connection {
    stream: TcpStream,
    out: Vec<u8>,
    /// How much of `out` is sent.
    sent: usize,
    /// The beginning of a reply whose end has not come.
    partial: Vec<u8>,
    outstanding: u32,
    batch_began: Instant,
    is_writing: bool,
}

impl Generator {
    /// One connection needs no `epoll`: the fewest system calls on the generator's side leave the
    /// server's own latency.
    fn run_blocking(&mut self, address: SocketAddr, traffic: &mut impl Traffic) -> Result<()> {
        let mut connection = Connection::open(address)?;
        while self.begin_batch(&mut connection, 0, traffic) {
            // A batch larger than the socket buffers would block both sides: read in between.
            let large = connection.out.len() > 64 * 1024;
            connection.stream.set_nonblocking(large)?;
            while connection.outstanding > 0 {
                connection.send()?;
                match self.receive(&mut connection, 0, traffic) {
                    Err(error) if !is_would_block(&error) => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn run_polling(
        &mut self,
        address: SocketAddr,
        count: usize,
        traffic: &mut impl Traffic,
    ) -> Result<()> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(count);
        for index in 0..count {
            let connection = Connection::open(address)?;
            connection.stream.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&poll, &connection.stream, data, epoll::EventFlags::IN)?;
            connections.push(connection);
        }
        let mut active = 0;
        for (index, connection) in connections.iter_mut().enumerate() {
            if self.begin_batch(connection, index, traffic) {
                active += 1;
                connection.flush(&poll, index)?;
            }
        }
        let mut events = Vec::with_capacity(count.max(1));
        while active > 0 {
            events.clear();
            epoll::wait(&poll, spare_capacity(&mut events), None)?;
            for event in &events {
                let index = usize::try_from(event.data.u64()).context("an index fits")?;
                let connection = &mut connections[index];
                let flags = event.flags;
                if flags.contains(epoll::EventFlags::IN) {
                    match self.receive(connection, index, traffic) {
                        Err(error) if !is_would_block(&error) => return Err(error),
                        _ => {}
                    }
                    if connection.outstanding == 0 && !self.begin_batch(connection, index, traffic)
                    {
                        epoll::delete(&poll, &connection.stream)?;
                        active -= 1;
                        continue;
                    }
                }
                connection.flush(&poll, index)?;
            }
        }
        Ok(())
    }

    /// Fills the next batch; `false` when there is none or the time is over.
    fn begin_batch(
        &mut self,
        connection: &mut Connection,
        index: usize,
        traffic: &mut impl Traffic,
    ) -> bool {
        let now = Instant::now();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return false;
        }
        connection.out.clear();
        connection.sent = 0;
        connection.outstanding = traffic.batch(index, &mut connection.out);
        connection.batch_began = now;
        connection.outstanding > 0
    }

    /// One read, and every reply that it completes.
    fn receive(
        &mut self,
        connection: &mut Connection,
        index: usize,
        traffic: &mut impl Traffic,
    ) -> Result<()> {
        let begun = connection.partial.len();
        if self.buffer.len() < 2 * begun {
            self.buffer.resize(4 * begun, 0);
        }
        self.buffer[..begun].copy_from_slice(&connection.partial);
        let len = connection.stream.read(&mut self.buffer[begun..])?;
        if len == 0 {
            bail!("the server closed the connection");
        }
        let bytes = &self.buffer[..begun + len];
        let mut at = 0;
        while connection.outstanding > 0 {
            let Some(len) = skip(&bytes[at..]) else { break };
            let reply = &bytes[at..at + len];
            if reply[0] == b'-' {
                bail!("the server answered {}", reply.escape_ascii());
            }
            traffic.reply(index, reply)?;
            at += len;
            connection.outstanding -= 1;
            self.load.replies += 1;
        }
        connection.partial.clear();
        connection.partial.extend_from_slice(&bytes[at..]);
        if connection.outstanding == 0 {
            self.load.latency.saturating_record(nanos(connection.batch_began.elapsed()));
        }
        Ok(())
    }
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            out: Vec::new(),
            sent: 0,
            partial: Vec::new(),
            outstanding: 0,
            batch_began: Instant::now(),
            is_writing: false,
        })
    }

    /// Sends what the socket takes; `true` when all is sent.
    fn send(&mut self) -> Result<bool> {
        while self.sent < self.out.len() {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(len) => self.sent += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error).context("cannot send"),
            }
        }
        Ok(true)
    }

    /// [`Self::send`], and has `epoll` tell when the rest can go.
    fn flush(&mut self, poll: &OwnedFd, index: usize) -> Result<()> {
        let is_writing = !self.send()?;
        if is_writing != self.is_writing {
            self.is_writing = is_writing;
            let mut flags = epoll::EventFlags::IN;
            flags.set(epoll::EventFlags::OUT, is_writing);
            epoll::modify(poll, &self.stream, epoll::EventData::new_u64(index as u64), flags)?;
        }
        Ok(())
    }
}

fn is_would_block(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::WouldBlock)
}
