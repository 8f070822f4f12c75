//! A steady load: requests leave at fixed times whether the server keeps up or not.
//!
//! The latency of a request counts from the time at which it was due. A server that stands still
//! for 50 ms has then made a thousand requests late, not one.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::fs::Timespec;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use support::skip;

use crate::load::{nanos, new_histogram};

/// One request per connection is due at every tick.
const TICK: Duration = Duration::from_millis(1);

/// The event data of the timer; connections have their index.
const TIMER: u64 = u64::MAX;

/// What a steady load measured.
#[derive(Debug)]
pub(crate) struct Steady {
    pub(crate) replies: u64,
    /// Nanoseconds from when a request was due to its reply.
    pub(crate) latency: Histogram<u64>,
}

struct Connection {
    stream: TcpStream,
    out: Vec<u8>,
    partial: Vec<u8>,
    due: VecDeque<Instant>,
}

/// Sends `request` on each of `connections` connections every millisecond for `duration`, and waits
/// for all replies.
pub(crate) fn run(
    address: SocketAddr,
    connections: usize,
    duration: Duration,
    request: &[u8],
) -> Result<Steady> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut clients = Vec::new();
    for index in 0..connections {
        let stream = TcpStream::connect(address).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&poll, &stream, data, epoll::EventFlags::IN)?;
        let (out, partial, due) = (Vec::new(), Vec::new(), VecDeque::new());
        clients.push(Connection { stream, out, partial, due });
    }
    let timer = start_timer(&poll)?;
    let began = Instant::now();
    let ticks = nanos(duration) / nanos(TICK);
    let mut steady = Steady { replies: 0, latency: new_histogram() };
    let mut ticked = 0_u64;
    let mut events = Vec::with_capacity(connections + 1);
    let mut buffer = vec![0; 64 * 1024];
    while steady.replies < ticks * connections as u64 {
        events.clear();
        epoll::wait(&poll, spare_capacity(&mut events), None)?;
        for event in &events {
            if event.data.u64() == TIMER {
                let mut count = [0; 8];
                rustix::io::read(&timer, &mut count)?;
                for _ in 0..u64::from_ne_bytes(count).min(ticks - ticked) {
                    ticked += 1;
                    let due = began + TICK * u32::try_from(ticked).context("too long a run")?;
                    for client in &mut clients {
                        client.out.extend_from_slice(request);
                        client.due.push_back(due);
                    }
                }
                for client in &mut clients {
                    client.send()?;
                }
            } else {
                let index = usize::try_from(event.data.u64()).context("an index fits")?;
                clients[index].receive(&mut buffer, &mut steady)?;
            }
        }
    }
    Ok(steady)
}

fn start_timer(poll: &OwnedFd) -> Result<OwnedFd> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let tick = Timespec { tv_sec: 0, tv_nsec: i64::from(TICK.subsec_nanos()) };
    let interval = Itimerspec { it_interval: tick, it_value: tick };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &interval)?;
    epoll::add(poll, &timer, epoll::EventData::new_u64(TIMER), epoll::EventFlags::IN)?;
    Ok(timer)
}

impl Connection {
    /// What does not fit now goes with the next tick.
    fn send(&mut self) -> Result<()> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(len) => drop(self.out.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("cannot send"),
            }
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], steady: &mut Steady) -> Result<()> {
        match self.stream.read(buffer) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(len) => self.partial.extend_from_slice(&buffer[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("cannot receive"),
        }
        let now = Instant::now();
        let mut at = 0;
        while let Some(len) = (at < self.partial.len()).then(|| skip(&self.partial[at..])).flatten()
        {
            if self.partial[at] == b'-' {
                bail!("the server answered {}", self.partial[at..at + len].escape_ascii());
            }
            let due = self.due.pop_front().context("a reply that nobody asked for")?;
            steady.latency.saturating_record(nanos(now.saturating_duration_since(due)));
            steady.replies += 1;
            at += len;
        }
        self.partial.drain(..at);
        Ok(())
    }
}
