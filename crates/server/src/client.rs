//! What the whole server knows of one connection. The connection's own task keeps the rest in its
//! [`Session`](crate::session::Session).

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use protocol::{CommandSpec, Version};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;

use crate::config::{OutputLimit, OutputLimits};
use crate::output::Output;
use crate::stats::Stats;
use crate::tls::TlsStream;
use crate::worker::Worker;

/// A client with so many unsent bytes of replies is not read from until it has taken some.
pub(crate) const UNSENT_BYTES_PAUSE: usize = 1024 * 1024;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Tls(Box<TlsStream>),
    Unix(UnixStream),
}

impl Socket {
    /// Reads what is there. A read that fills less than the buffer has emptied the socket; that is
    /// noted at once, or the next wait would end immediately and cost a read that finds nothing
    /// (one system call of five for a lone client).
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let emptied = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        match self {
            Socket::Tcp(stream) => {
                let count = stream.try_read(buffer)?;
                if 0 < count && count < buffer.len() {
                    let _ = stream.try_io(Interest::READABLE, emptied);
                }
                Ok(count)
            }
            Socket::Tls(stream) => stream.try_read(buffer),
            Socket::Unix(stream) => {
                let count = stream.try_read(buffer)?;
                if 0 < count && count < buffer.len() {
                    let _ = stream.try_io(Interest::READABLE, emptied);
                }
                Ok(count)
            }
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.try_write(bytes),
            Socket::Tls(stream) => stream.try_write(bytes),
            Socket::Unix(stream) => stream.try_write(bytes),
        }
    }

    /// Sends what [`Socket::try_write`] took and still holds.
    fn finish(&self) -> io::Result<()> {
        match self {
            Socket::Tls(stream) => stream.finish(),
            Socket::Tcp(_) | Socket::Unix(_) => Ok(()),
        }
    }

    /// What comes before the first request: the handshake, where there is one.
    pub(crate) async fn handshake(&self) -> io::Result<()> {
        match self {
            Socket::Tls(stream) => stream.handshake().await,
            Socket::Tcp(_) | Socket::Unix(_) => Ok(()),
        }
    }

    /// Says that the connection ends, where there is a word for it.
    pub(crate) fn say_goodbye(&self) {
        if let Socket::Tls(stream) = self {
            stream.say_goodbye();
        }
    }

    pub(crate) fn fd(&self) -> i32 {
        match self {
            Socket::Tcp(stream) => stream.as_raw_fd(),
            Socket::Tls(stream) => stream.stream.as_raw_fd(),
            Socket::Unix(stream) => stream.as_raw_fd(),
        }
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.readable().await,
            Socket::Tls(stream) => stream.stream.readable().await,
            Socket::Unix(stream) => stream.readable().await,
        }
    }

    pub(crate) async fn writable(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.writable().await,
            Socket::Tls(stream) => stream.stream.writable().await,
            Socket::Unix(stream) => stream.writable().await,
        }
    }
}

/// Most bytes of a client's name in a record of the log: it may be as long as any argument.
const NAME_BYTES_NOTED: usize = 128;

/// One connected client, shared by its task, its worker's flush task and whoever looks at or serves
/// it from elsewhere (CLIENT LIST, CLIENT KILL, a write that it waits for).
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: u64,
    pub(crate) socket: Socket,
    pub(crate) addr: String,
    pub(crate) local_addr: String,
    pub(crate) worker: Arc<Worker>,
    pub(crate) created_ms: u64,
    output: Mutex<Output>,
    /// Wakes the connection's task: it was served, killed, or has room to send again.
    pub(crate) wake: Notify,
    /// Whether the client stands in its worker's flush list.
    pub(crate) queued: AtomicBool,
    /// The last round of the flush task that kept the client for the next one.
    pub(crate) held_in_round: AtomicU64,
    /// The kernel took less than was ready; the task waits for the socket.
    pub(crate) stalled: AtomicBool,
    /// The task neither reads nor executes until replies have left: the flush that makes room wakes
    /// it.
    paused: AtomicBool,
    /// The answer that the client waits for is not to be sent (CLIENT REPLY).
    pub(crate) muted: AtomicBool,
    /// When the soft limit on unsent replies was first seen exceeded; 0 if it is not.
    pub(crate) over_soft_limit_since: AtomicU64,
    killed: AtomicBool,
    /// Memory behind its replies and its requests, as counted towards `maxmemory-clients`.
    reply_bytes_held: AtomicU64,
    request_bytes_held: AtomicU64,
    /// A key that it watches was changed.
    pub(crate) watch_broken: AtomicBool,
    pub(crate) facts: Facts,
}

/// What CLIENT LIST tells, kept where it can be read without asking the task.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) names: Mutex<Names>,
    pub(crate) db: AtomicU8,
    /// 2 or 3.
    pub(crate) version: AtomicU8,
    /// Queued commands of a MULTI, -1 outside.
    pub(crate) multi: AtomicI64,
    pub(crate) blocked: AtomicBool,
    pub(crate) no_evict: AtomicBool,
    pub(crate) no_touch: AtomicBool,
    pub(crate) last_active_ms: AtomicU64,
    /// Bytes of a request that has not arrived whole.
    pub(crate) query_bytes: AtomicU64,
    /// Place of the last command in the table, plus 1; 0 before the first.
    command: AtomicUsize,
    /// Channels, patterns and shard channels that it listens to.
    pub(crate) subscriptions: [AtomicUsize; 3],
    /// It tracks keys (1), whoever was to be told for it has gone (2), it tracks prefixes (4).
    pub(crate) tracking: AtomicU8,
    /// Who is told of changed keys in its place: 0 for itself, -1 if it tracks none.
    pub(crate) redirect: AtomicI64,
    /// It is shown all commands.
    pub(crate) monitors: AtomicBool,
    /// CLIENT REPLY OFF.
    pub(crate) silent: AtomicBool,
    /// It has left all registries.
    pub(crate) has_left: AtomicBool,
    /// Name of its user.
    pub(crate) user: Mutex<Arc<[u8]>>,
}

impl Facts {
    /// The last command.
    pub(crate) fn command(&self) -> Option<&'static CommandSpec> {
        let place = self.command.load(Ordering::Relaxed).checked_sub(1)?;
        protocol::commands().nth(place)
    }

    pub(crate) fn set_command(&self, spec: &'static CommandSpec) {
        self.command.store(spec.index() + 1, Ordering::Relaxed);
    }
}

/// Names that the client gave itself.
#[derive(Debug, Default, Clone)]
pub(crate) struct Names {
    pub(crate) name: Vec<u8>,
    pub(crate) lib_name: Vec<u8>,
    pub(crate) lib_version: Vec<u8>,
}

/// How far a flush came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Nothing is left.
    All,
    /// The rest waits for its records to be safe.
    Gated,
    /// The rest waits for the socket, which the connection's task does.
    Stalled,
    /// The peer is gone.
    Broken,
}

impl Client {
    pub(crate) fn new(
        id: u64,
        socket: Socket,
        addr: String,
        local_addr: String,
        worker: Arc<Worker>,
        now: u64,
    ) -> Self {
        let facts = Facts::default();
        facts.version.store(2, Ordering::Relaxed);
        facts.multi.store(-1, Ordering::Relaxed);
        facts.redirect.store(-1, Ordering::Relaxed);
        facts.last_active_ms.store(now, Ordering::Relaxed);
        *facts.user.lock() = access::DEFAULT_USER.into();
        Self {
            id,
            socket,
            addr,
            local_addr,
            worker,
            created_ms: now,
            output: Mutex::default(),
            wake: Notify::new(),
            queued: AtomicBool::new(false),
            held_in_round: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            muted: AtomicBool::new(false),
            over_soft_limit_since: AtomicU64::new(0),
            killed: AtomicBool::new(false),
            reply_bytes_held: AtomicU64::new(0),
            request_bytes_held: AtomicU64::new(0),
            watch_broken: AtomicBool::new(false),
            facts,
        }
    }

    /// Who this is, in words for the log: address, ID, and name if there is one.
    pub(crate) fn described(&self) -> Vec<u8> {
        let mut text = format!("{} id={}", self.addr, self.id).into_bytes();
        let names = self.facts.names.lock();
        if !names.name.is_empty() {
            text.extend_from_slice(b" name=");
            text.extend_from_slice(&names.name[..names.name.len().min(NAME_BYTES_NOTED)]);
        }
        text
    }

    /// Adds replies and puts the client into its worker's next flush. Returns how many bytes have not
    /// left.
    pub(crate) fn send(self: &Arc<Self>, write: impl FnOnce(&mut Output)) -> usize {
        let mut output = self.output.lock();
        if self.is_killed() {
            return 0;
        }
        write(&mut output);
        let unsent = output.len();
        self.count(&self.reply_bytes_held, output.capacity());
        drop(output);
        self.worker.submit(self);
        unsent
    }

    /// The protocol that it speaks.
    pub(crate) fn version(&self) -> Version {
        match self.facts.version.load(Ordering::Relaxed) {
            3 => Version::Resp3,
            _ => Version::Resp2,
        }
    }

    /// Whether it is gone, or as good as gone.
    pub(crate) fn has_left(&self) -> bool {
        self.is_killed() || self.facts.has_left.load(Ordering::Relaxed)
    }

    /// Whether it listens to anything.
    pub(crate) fn is_subscriber(&self) -> bool {
        self.facts.subscriptions.iter().any(|count| count.load(Ordering::Relaxed) != 0)
    }

    /// What it may leave unread.
    pub(crate) fn output_limit(&self, limits: &OutputLimits) -> OutputLimit {
        if self.is_subscriber() { limits.pubsub } else { limits.normal }
    }

    /// Keeps messages back until replies that are decided are encoded.
    pub(crate) fn hold(&self) {
        self.output.lock().hold();
    }

    /// Counts the memory of requests that wait or are gathered.
    pub(crate) fn count_requests(&self, bytes: usize) {
        if !self.is_killed() {
            self.count(&self.request_bytes_held, bytes);
        }
    }

    fn count(&self, held: &AtomicU64, bytes: usize) {
        let before = held.swap(bytes as u64, Ordering::Relaxed);
        if before != bytes as u64 {
            let change = (bytes as u64).cast_signed() - before.cast_signed();
            self.worker.counters.client_bytes.fetch_add(change, Ordering::Relaxed);
        }
    }

    /// What it counts for.
    pub(crate) fn bytes_held(&self) -> u64 {
        self.reply_bytes_held.load(Ordering::Relaxed)
            + self.request_bytes_held.load(Ordering::Relaxed)
    }

    /// Bytes of replies that have not left.
    pub(crate) fn output_len(&self) -> usize {
        self.output.lock().len()
    }

    /// Whether so many replies wait that the client has to take some before it is given more. If so,
    /// the task is woken once it has.
    pub(crate) fn must_pause(&self) -> bool {
        // Both under the output's lock, so that the flush cannot make room in between unseen.
        let output = self.output.lock();
        let must_pause = UNSENT_BYTES_PAUSE <= output.len();
        self.paused.store(must_pause, Ordering::Relaxed);
        must_pause
    }

    /// Memory behind those replies.
    pub(crate) fn output_capacity(&self) -> usize {
        self.output.lock().capacity()
    }

    /// Sends what may leave when everything up to `safe` is safe.
    pub(crate) fn flush(&self, safe: u64) -> Flushed {
        if self.is_killed() {
            return Flushed::Broken;
        }
        let mut output = self.output.lock();
        loop {
            let ready = output.ready(safe);
            let written = match ready {
                [] => self.socket.finish().map(|()| 0),
                ready => self.socket.try_write(ready),
            };
            match written {
                Ok(0) if !ready.is_empty() => return Flushed::Broken,
                Ok(0) if output.is_empty() => return Flushed::All,
                Ok(0) => return Flushed::Gated,
                Ok(count) => {
                    self.worker.counters.net_output_bytes.add(count as u64);
                    self.worker.counters.writes_processed.add(1);
                    output.advance(count);
                    self.count(&self.reply_bytes_held, output.capacity());
                    if output.len() < UNSENT_BYTES_PAUSE
                        && self.paused.swap(false, Ordering::Relaxed)
                    {
                        self.wake.notify_one();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled.store(true, Ordering::Release);
                    return Flushed::Stalled;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Flushed::Broken,
            }
        }
    }

    /// Notes whether the client waits in a blocking command.
    pub(crate) fn set_blocked(&self, blocked: bool, stats: &Stats) {
        if self.facts.blocked.swap(blocked, Ordering::AcqRel) != blocked {
            stats.clients_blocked.fetch_add(if blocked { 1 } else { -1 }, Ordering::Relaxed);
        }
    }

    /// Ends the connection without sending what is left.
    pub(crate) fn kill(&self) {
        let mut output = self.output.lock();
        self.killed.store(true, Ordering::Release);
        output.clear();
        // What it holds is on its way out, and makes nobody else too large.
        self.count(&self.reply_bytes_held, 0);
        self.count(&self.request_bytes_held, 0);
        drop(output);
        self.wake.notify_one();
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.count(&self.reply_bytes_held, 0);
        self.count(&self.request_bytes_held, 0);
    }
}

/// All connected clients by ID.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    connected: Mutex<BTreeMap<u64, Arc<Client>>>,
    /// Those who have not said the password yet.
    strangers: Mutex<BTreeMap<u64, Arc<Client>>>,
    next_id: AtomicU64,
    /// Accepted, and not yet with their worker.
    arriving: AtomicUsize,
}

impl Clients {
    /// Nobody yet. The IDs up to this one have been given away.
    pub(crate) fn after(last_id: u64) -> Self {
        Self { next_id: AtomicU64::new(last_id), ..Self::default() }
    }

    /// IDs rise from 1 and are never used again.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A connection was accepted, or has come to its worker.
    pub(crate) fn note_arrival(&self, has_begun: bool) {
        if has_begun {
            self.arriving.fetch_add(1, Ordering::AcqRel);
        } else {
            self.arriving.fetch_sub(1, Ordering::AcqRel);
        }
    }

    pub(crate) fn arriving(&self) -> usize {
        self.arriving.load(Ordering::Acquire)
    }

    pub(crate) fn add(&self, client: Arc<Client>) {
        self.connected.lock().insert(client.id, client);
    }

    pub(crate) fn remove(&self, id: u64) {
        self.connected.lock().remove(&id);
        self.strangers.lock().remove(&id);
    }

    /// Notes whether a client has still to authenticate.
    pub(crate) fn note_stranger(&self, client: &Arc<Client>, is_stranger: bool) {
        let mut strangers = self.strangers.lock();
        if is_stranger {
            strangers.insert(client.id, Arc::clone(client));
        } else {
            strangers.remove(&client.id);
        }
    }

    /// Whether one more stranger may come in, while at most `max` may be there. The one that has been
    /// silent longest gives way, if it has had `patience_ms` to say the password.
    pub(crate) fn admit_stranger(&self, max: usize, now_ms: u64, patience_ms: u64) -> bool {
        let mut strangers = self.strangers.lock();
        if strangers.len() < max {
            return true;
        }
        let Some(oldest) = strangers.first_entry() else { return false };
        let has_had_time = oldest.get().created_ms.saturating_add(patience_ms) <= now_ms;
        if has_had_time {
            oldest.remove().kill();
        }
        has_had_time
    }

    pub(crate) fn len(&self) -> usize {
        self.connected.lock().len()
    }

    /// The client of this ID.
    pub(crate) fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.connected.lock().get(&id).cloned()
    }

    /// Everyone in order of arrival.
    pub(crate) fn all(&self) -> Vec<Arc<Client>> {
        self.connected.lock().values().cloned().collect()
    }
}
