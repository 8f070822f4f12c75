//! One connection: read, decode, execute a batch under one lock, encode, hand over for sending.

mod batch;

use std::cell::RefCell;
use std::future::{Future, pending};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::Reply;
use protocol::{Decoder, Limits, ProtocolError};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use batch::{Ran, Returned, Sent};

use crate::client::{Client, Flushed};
use crate::client_limits::make_room;
use crate::config::{Reader, Settings};
use crate::core::{Shared, Stopping};
use crate::execute::Answer;
use crate::loading;
use crate::permission::Identity;
use crate::session::{Session, leave};
use crate::transaction::Transaction;

/// Requests run under one hold of the lock, at most: others wait no longer than this takes.
const BATCH_REQUESTS_MAX: usize = 512;

/// Bytes read at once. A pipelining client's share of a sweep; also what one thread keeps for it.
const READ_BYTES: usize = 64 * 1024;

/// Bytes kept from a client that waits in a blocking command.
const BLOCKED_BYTES_MAX: usize = 1024 * 1024;

thread_local! {
    /// Where requests are read to. A request that arrives whole is executed from here, so an idle
    /// connection owns no read buffer at all.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What a connection waits for beside its socket.
enum Wait {
    /// Nothing: it executes what arrives.
    Nothing,
    /// To be served, or for its time to run out.
    Blocked { deadline: Option<Instant> },
    /// For the end of a pause, with the request that waits for it.
    Paused { until: Instant, request: Vec<Box<[u8]>> },
    /// For an answer from elsewhere.
    Later(Pin<Box<dyn Future<Output = Answer> + Send>>),
    /// For its batch, which runs outside of all tasks as there is a script in it.
    Batch(oneshot::Receiver<Returned>),
}

/// What ended a wait.
enum Waited {
    Answer(Answer),
    TimedOut,
    Returned(Box<Returned>),
}

struct Connection {
    shared: Arc<Shared>,
    client: Arc<Client>,
    session: Session,
    decoder: Decoder,
    /// What has arrived of a request that is not whole, or stands behind one that waits.
    buffer: Vec<u8>,
    wait: Wait,
    stopping: Stopping,
    /// Where the arguments of the requests of a batch lie; kept for its memory.
    positions: Vec<Range<usize>>,
    config: Reader,
    /// When a client that has to authenticate must have done so.
    stranger_until: Option<Instant>,
    /// It runs a batch outside of all tasks, where scripts may run.
    is_outside: bool,
}

/// Why a connection is over.
struct Over;

/// Serves one client until either side ends the connection.
/// One that came while the data was being loaded goes on where it was.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    client: Arc<Client>,
    authenticated: bool,
    early: Option<Box<loading::State>>,
) {
    let mut config = shared.config.reader();
    let mut connection = Connection {
        stopping: shared.stopping(),
        decoder: Decoder::new(limits(config.settings(), authenticated)),
        session: Session::new(authenticated),
        shared,
        client,
        buffer: Vec::new(),
        wait: Wait::Nothing,
        positions: Vec::new(),
        config,
        stranger_until: (!authenticated).then(|| Instant::now() + STRANGER_PATIENCE),
        is_outside: false,
    };
    let resumed = match early {
        Some(early) => connection.go_on_from(*early),
        None => connection.open().await,
    };
    if resumed.is_ok() {
        while connection.step().await.is_ok() {}
    }
    connection.close().await;
}

fn limits(settings: &Settings, authenticated: bool) -> Limits {
    if authenticated {
        Limits::new(usize::try_from(settings.bulk_bytes_max).unwrap_or(usize::MAX))
    } else {
        Limits::unauthenticated()
    }
}

impl Connection {
    /// Agrees with the client on how to speak, for as long as a client may take that says nothing.
    async fn open(&mut self) -> Result<(), Over> {
        let client = self.client.clone();
        tokio::select! {
            agreed = tokio::time::timeout(HANDSHAKE_PATIENCE, client.socket.handshake()) => {
                let agreed = agreed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                agreed.map_err(|error| {
                    tracing::debug!(client = client.id, addr = client.addr, %error, "no TLS handshake: closing");
                    client.kill();
                    Over
                })
            }
            () = self.stopping.wait() => Err(Over),
            // Nothing but a kill wakes a client that has not asked for anything.
            () = client.wake.notified() => Err(Over),
        }
    }

    /// Goes on with what was agreed on while the data was being loaded, and with what was sent since.
    fn go_on_from(&mut self, early: loading::State) -> Result<(), Over> {
        self.session.set_version(early.version, &self.client);
        self.session.db = early.db;
        self.client.facts.db.store(early.db, Ordering::Relaxed);
        *self.client.facts.names.lock() = early.names;
        if early.authenticated {
            self.session.identity = Identity::new(&early.user);
            *self.client.facts.user.lock() = Arc::clone(self.session.identity.name());
        }
        self.buffer = early.unread;
        self.go_on()
    }

    /// Waits for one event and does what it asks for.
    async fn step(&mut self) -> Result<(), Over> {
        let may_read = match self.wait {
            Wait::Nothing => !self.client.must_pause(),
            _ => self.buffer.len() < BLOCKED_BYTES_MAX,
        };
        let stalled = self.client.stalled.load(Ordering::Acquire);
        let client = self.client.clone();
        tokio::select! {
            biased;
            () = client.wake.notified() => {}
            () = self.stopping.wait() => return Err(Over),
            result = client.socket.writable(), if stalled => {
                result.map_err(|_| Over)?;
                self.client.stalled.store(false, Ordering::Release);
                self.client.worker.submit(&self.client);
            }
            waited = wait(&mut self.wait) => self.waited(waited),
            () = until(self.stranger_until) => {
                tracing::debug!(client = client.id, addr = client.addr, "no password in time: closing");
                client.kill();
            }
            result = client.socket.readable(), if may_read => {
                result.map_err(|_| Over)?;
                self.read()?;
            }
        }
        self.go_on()
    }

    /// After an event: notices an end, and executes what had to wait.
    fn go_on(&mut self) -> Result<(), Over> {
        if self.client.is_killed() {
            return Err(Over);
        }
        if let Wait::Blocked { .. } = self.wait
            && !self.client.facts.blocked.load(Ordering::Acquire)
        {
            self.wait = Wait::Nothing;
        }
        if matches!(self.wait, Wait::Paused { .. })
            && !self.client.facts.blocked.load(Ordering::Acquire)
        {
            self.resume();
        }
        let is_idle = matches!(self.wait, Wait::Nothing);
        if is_idle && !self.buffer.is_empty() && !self.client.must_pause() {
            self.execute_buffer();
        }
        if self.session.closing { Err(Over) } else { Ok(()) }
    }

    /// The pause is over: runs the request that has waited for it.
    fn resume(&mut self) {
        if let Wait::Paused { request, .. } = std::mem::replace(&mut self.wait, Wait::Nothing) {
            let args: Vec<&[u8]> = request.iter().map(|arg| &**arg).collect();
            let ends = vec![(args.len(), 0)];
            if matches!(self.run(&args, &ends), Ran::Outside) {
                let bytes = args.concat();
                let positions = args.iter().scan(0, |at, arg| {
                    let start = *at;
                    *at += arg.len();
                    Some(start..*at)
                });
                let positions: Vec<Range<usize>> = positions.collect();
                self.run_outside(&bytes, &positions, vec![(args.len(), bytes.len())]);
            }
        }
    }

    /// Takes what the socket has and executes what is whole.
    fn read(&mut self) -> Result<(), Over> {
        if self.buffer.is_empty() && matches!(self.wait, Wait::Nothing) {
            SCRATCH.with_borrow_mut(|scratch| {
                let count = self.receive(scratch)?;
                let done = self.execute(&mut scratch[..count]);
                self.buffer.extend_from_slice(&scratch[done..count]);
                Ok(())
            })?;
        } else {
            self.read_more()?;
        }
        let held = self.count_requests();
        make_room(&self.shared);
        let limit = match self.session.authenticated {
            true => self.config.settings().query_buffer_bytes_max,
            false => STRANGER_BYTES_MAX,
        };
        if limit < held as u64 {
            tracing::warn!(client = self.client.id, bytes = held, "query buffer limit: closing");
            return Err(Over);
        }
        Ok(())
    }

    /// Reads behind what is there. Memory grows with what has arrived, never with what a client has
    /// announced; and a drop costs a drop, as nothing is zeroed ahead of it.
    fn read_more(&mut self) -> Result<(), Over> {
        SCRATCH.with_borrow_mut(|scratch| {
            let count = self.receive(scratch)?;
            self.buffer.extend_from_slice(&scratch[..count]);
            Ok(())
        })
    }

    /// One read; 0 bytes when the socket had nothing after all.
    fn receive(&self, into: &mut [u8]) -> Result<usize, Over> {
        match self.client.socket.try_read(into) {
            Ok(0) => Err(Over),
            Ok(count) => {
                let counters = &self.client.worker.counters;
                counters.net_input_bytes.add(count as u64);
                counters.reads_processed.add(1);
                let now = self.shared.clock.cached_uptime_ms();
                self.client.facts.last_active_ms.store(now, Ordering::Relaxed);
                Ok(count)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(0)
            }
            Err(_) => Err(Over),
        }
    }

    fn execute_buffer(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let done = self.execute(&mut buffer);
        buffer.drain(..done);
        if buffer.is_empty() && READ_BYTES < buffer.capacity() {
            buffer = Vec::new();
        }
        self.buffer = buffer;
        self.count_requests();
    }

    /// Counts what requests take: bytes that wait, and a transaction that is being gathered.
    fn count_requests(&self) -> usize {
        let gathered = self.session.transaction.as_ref().map_or(0, Transaction::bytes);
        let subscribed = self.session.subscriptions.bytes();
        self.client.facts.query_bytes.store(self.buffer.len() as u64, Ordering::Relaxed);
        self.client.count_requests(self.buffer.capacity() + gathered + subscribed);
        self.buffer.len() + gathered
    }

    /// Executes the whole requests at the start of `bytes`, and returns how many bytes they took.
    fn execute(&mut self, bytes: &mut [u8]) -> usize {
        let mut done = 0;
        while done < bytes.len() && matches!(self.wait, Wait::Nothing) && !self.is_over() {
            let (batch_len, complete) = self.execute_batch(&mut bytes[done..]);
            done += batch_len;
            if complete || self.client.must_pause() {
                break;
            }
        }
        done
    }

    fn is_over(&self) -> bool {
        self.session.closing || self.client.is_killed()
    }

    /// Executes up to [`BATCH_REQUESTS_MAX`] requests under one lock. Returns the bytes done with,
    /// and whether nothing whole is left.
    fn execute_batch(&mut self, bytes: &mut [u8]) -> (usize, bool) {
        let Decoded { ends, end, error, complete } = self.decode(bytes);
        let positions = std::mem::take(&mut self.positions);
        let bytes = &*bytes;
        let args: Vec<&[u8]> = positions.iter().map(|range| &bytes[range.clone()]).collect();
        let run = match self.run(&args, &ends) {
            Ran::Outside => Some(self.run_outside(bytes, &positions, ends)),
            Ran::Here(stopped_at) => stopped_at,
        };
        self.positions = positions;
        self.positions.clear();
        if let Some(stopped_at) = run {
            // What was decoded behind is decoded again in its turn.
            self.decoder.rewind();
            return (stopped_at, false);
        }
        if let Some(error) = error {
            self.refuse(error);
            return (bytes.len(), true);
        }
        (end, complete)
    }

    /// Finds the requests of a batch. Nothing here needs the lock.
    fn decode(&mut self, bytes: &mut [u8]) -> Decoded {
        let mut decoded = Decoded { ends: Vec::new(), end: 0, error: None, complete: true };
        self.positions.clear();
        // What AUTH lets in is judged by other limits, so it is decoded after AUTH has run.
        let most = if self.session.authenticated { BATCH_REQUESTS_MAX } else { 1 };
        while decoded.end < bytes.len() {
            let start = decoded.end;
            // An inline request is unquoted in place, which cannot be done twice: it is decoded only
            // when nothing before it can stop the batch.
            if !decoded.ends.is_empty() && bytes[start] != b'*' {
                decoded.complete = false;
                return decoded;
            }
            match self.decoder.decode(&mut bytes[start..]) {
                Ok(None) => return decoded,
                Ok(Some(len)) => {
                    decoded.end += len;
                    let arguments = self.decoder.positions();
                    if arguments.is_empty() {
                        continue;
                    }
                    let moved = arguments.iter().map(|at| at.start + start..at.end + start);
                    self.positions.extend(moved);
                    decoded.ends.push((self.positions.len(), decoded.end));
                    if decoded.ends.len() == most {
                        decoded.complete = false;
                        return decoded;
                    }
                }
                Err(error) => {
                    decoded.error = Some(error);
                    return decoded;
                }
            }
        }
        decoded
    }

    fn authentication_changed(&mut self) {
        let authenticated = self.session.authenticated;
        self.decoder.set_limits(limits(self.config.settings(), authenticated));
        self.stranger_until = (!authenticated).then(|| Instant::now() + STRANGER_PATIENCE);
        self.shared.clients.note_stranger(&self.client, !authenticated);
    }

    /// Answers what is no request, then ends the connection.
    fn refuse(&mut self, error: ProtocolError) {
        let (client, addr) = (self.client.id, self.client.addr.as_str());
        match error {
            // Somebody's browser is being used: worth a line that is not asked for.
            ProtocolError::Http => tracing::warn!(client, addr, %error, "closing"),
            _ => tracing::debug!(client, addr, %error, "protocol error: closing"),
        }
        if let Some(line) = error.reply() {
            let put = |out: &mut Vec<u8>| {
                out.extend_from_slice(&line);
                Ok(())
            };
            self.client.send(|output| {
                output.push(0, put);
            });
        }
        self.session.closing = true;
    }

    /// The wait is over by itself: the time ran out, or the answer came.
    fn waited(&mut self, waited: Waited) {
        if let Wait::Paused { until, .. } = &mut self.wait {
            let shared = self.shared.clone();
            let Some(mut core) = shared.lock_core() else {
                // A script hogs the core: the pause is over when it ends.
                *until = Instant::now() + BUSY_PAUSE;
                return;
            };
            core.pause.remove(&self.client);
            drop(core);
            // Seen by `go_on`.
            self.client.set_blocked(false, &self.shared.stats);
            return;
        }
        let (answer, is_muted) = match waited {
            Waited::Returned(returned) => return self.returned(*returned),
            Waited::Answer(answer) => (answer, !self.session.takes_reply()),
            Waited::TimedOut => {
                let shared = self.shared.clone();
                let Some(mut core) = shared.lock_core() else {
                    // A script hogs the core: nobody can be told that nothing came before it ends.
                    self.wait = Wait::Blocked { deadline: Some(Instant::now() + BUSY_PAUSE) };
                    return;
                };
                if core.blocking.remove_client(self.client.id).is_none() {
                    // Served in the same moment: the answer is on its way, and nothing that stands
                    // behind may overtake it.
                    self.wait = Wait::Blocked { deadline: None };
                    return;
                }
                // That nothing came may be because another consumer was given it.
                let is_muted = self.client.muted.load(Ordering::Acquire);
                (Answer::new(Ok(Reply::NilArray), self.shared.log.last()), is_muted)
            }
        };
        self.wait = Wait::Nothing;
        self.client.set_blocked(false, &self.shared.stats);
        if !is_muted {
            self.send(&[Sent::Answer(answer, self.session.version)]);
        }
    }

    /// Sends what is still owed, as far as the client takes it, and leaves all registries.
    async fn close(mut self) {
        if let Wait::Batch(receiver) = &mut self.wait
            && let Ok(returned) = receiver.await
        {
            self.session = returned.session;
        }
        leave(&mut *self.shared.lock_core_later().await, &self.client, &mut self.session);
        self.client.set_blocked(false, &self.shared.stats);
        if !self.client.is_killed() {
            // A peer that does not read gets no more than a moment.
            let _ = tokio::time::timeout(CLOSE_PATIENCE, self.drain()).await;
            self.client.socket.say_goodbye();
        }
        self.client.kill();
        self.shared.clients.remove(self.client.id);
        self.shared.stats.clients.fetch_sub(1, Ordering::Relaxed);
    }

    async fn drain(&mut self) {
        loop {
            let safe = self.shared.safe();
            match self.client.flush(safe) {
                Flushed::All | Flushed::Broken => return,
                Flushed::Stalled => {
                    if self.client.socket.writable().await.is_err() {
                        return;
                    }
                }
                // The flush task sends the rest, or this loop does once it is safe.
                Flushed::Gated => {
                    self.client.worker.submit(&self.client);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
    }
}

/// How long a client may take to say the password.
const STRANGER_PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of requests kept from a client that has not said it.
const STRANGER_BYTES_MAX: u64 = 64 * 1024;

/// Bytes of replies kept for such a client.
const STRANGER_REPLY_BYTES_MAX: usize = 64 * 1024;

/// How long a client may take for its TLS handshake.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a closing connection may take to read its last replies.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Requests found in a read buffer.
struct Decoded {
    /// For each request, the end of its arguments in the list and of its bytes in the buffer.
    ends: Vec<(usize, usize)>,
    /// Bytes done with.
    end: usize,
    error: Option<ProtocolError>,
    /// Nothing whole is left behind `end`.
    complete: bool,
}

/// How often a blocked client whose time is up looks whether the core is free again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Waits for the answer from elsewhere, or the deadline, or for ever.
async fn wait(wait: &mut Wait) -> Waited {
    match wait {
        Wait::Later(answer) => Waited::Answer(answer.await),
        Wait::Paused { until, .. } => {
            sleep_until(*until).await;
            Waited::TimedOut
        }
        Wait::Blocked { deadline: Some(deadline) } => {
            sleep_until(*deadline).await;
            Waited::TimedOut
        }
        Wait::Batch(receiver) => match receiver.await {
            Ok(returned) => Waited::Returned(Box::new(returned)),
            // The server is ending, and with it this connection.
            Err(_) => pending().await,
        },
        Wait::Blocked { deadline: None } | Wait::Nothing => pending().await,
    }
}

/// Waits for an instant, or for ever.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}
