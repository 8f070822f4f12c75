//! Listening sockets: accept, refuse whom the limits exclude, hand the rest to the workers.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::client::{Client, Socket};
use crate::config::Settings;
use crate::connection;
use crate::core::Shared;
use crate::loading;
use crate::worker::Worker;

/// A listening socket, not yet known to a runtime.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(std::net::TcpListener),
    Tls(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// A connection on its way to its worker.
#[derive(Debug)]
pub(crate) struct Arrival {
    socket: Accepted,
    addr: String,
    local_addr: String,
    /// What it has agreed on already, if it came while the data was being loaded.
    early: Option<Box<loading::State>>,
}

#[derive(Debug)]
enum Accepted {
    Tcp(std::net::TcpStream),
    Tls(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// Redis's answer to strangers, shortened to what can be done about it here.
const PROTECTED: &[u8] = b"-DENIED Headwater is running in protected mode because no password is set. In this \
mode connections are only accepted from the loopback interface. To connect from elsewhere set a password with \
'requirepass', or, if you are sure that the network is trusted, set 'protected-mode no'.\r\n";

const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

/// Why a client may not come in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refused {
    TooMany,
    Protected,
}

impl Refused {
    /// What it is told.
    pub(crate) fn line(self) -> &'static [u8] {
        match self {
            Self::TooMany => TOO_MANY,
            Self::Protected => PROTECTED,
        }
    }
}

/// One place in so many is for clients that have still to authenticate, and never fewer than
/// [`STRANGERS_MIN`].
const STRANGERS_SHARE: usize = 4;
const STRANGERS_MIN: usize = 16;

/// A client that has not authenticated for so long gives way to the next one when places are short.
const STRANGER_PATIENCE_MS: u64 = 1000;

/// How long accepting rests when the process is out of descriptors: long enough not to spin, short
/// enough that nobody notices after one was freed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often the log hears of it, at most.
const ACCEPT_WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Accepts until the server stops.
pub(crate) async fn accept_loop(listening: Listening, shared: Arc<Shared>) -> io::Result<()> {
    let mut stopping = shared.stopping();
    let speaks_tls = matches!(listening, Listening::Tls(_));
    match listening {
        Listening::Tcp(listener) | Listening::Tls(listener) => {
            let listener = TcpListener::from_std(listener)?;
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, peer)) => arrive_tcp(stream, peer, speaks_tls, &shared),
                        Err(error) => rest(&error).await,
                    },
                    () = stopping.wait() => return Ok(()),
                }
            }
        }
        Listening::Unix(listener) => {
            let listener = UnixListener::from_std(listener)?;
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => arrive_unix(stream, &shared),
                        Err(error) => rest(&error).await,
                    },
                    () = stopping.wait() => return Ok(()),
                }
            }
        }
    }
}

async fn rest(error: &io::Error) {
    static TOLD: Mutex<Option<Instant>> = Mutex::new(None);
    {
        let mut told = TOLD.lock();
        if told.is_none_or(|at| ACCEPT_WARNING_INTERVAL <= at.elapsed()) {
            *told = Some(Instant::now());
            tracing::warn!(%error, "cannot accept connections");
        }
    }
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

fn arrive_tcp(stream: TcpStream, peer: SocketAddr, speaks_tls: bool, shared: &Arc<Shared>) {
    let refusal = if is_full(shared) {
        Some(TOO_MANY)
    } else if is_protected(shared) && !peer.ip().to_canonical().is_loopback() {
        Some(PROTECTED)
    } else {
        None
    };
    if let Some(refusal) = refusal {
        shared.stats.rejected_connections.fetch_add(1, Ordering::Relaxed);
        if !speaks_tls {
            // A fresh socket has room for one line; whoever cannot take it gets a closed connection.
            let _ = stream.try_write(refusal);
        }
        return;
    }
    prepare(&stream, &shared.config.settings());
    let local_addr = stream.local_addr().map(|addr| addr.to_string()).unwrap_or_default();
    if let Ok(stream) = stream.into_std() {
        let socket = if speaks_tls { Accepted::Tls(stream) } else { Accepted::Tcp(stream) };
        dispatch(Arrival { socket, addr: peer.to_string(), local_addr, early: None }, shared);
    }
}

/// Sets what every TCP connection has.
pub(crate) fn prepare(stream: &TcpStream, settings: &Settings) {
    let _ = stream.set_nodelay(true);
    if let Some(time) = settings.tcp_keepalive {
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(time)
            .with_interval((time / 3).max(Duration::from_secs(1)))
            .with_retries(3);
        let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive);
    }
}

fn arrive_unix(stream: UnixStream, shared: &Arc<Shared>) {
    if is_full(shared) {
        shared.stats.rejected_connections.fetch_add(1, Ordering::Relaxed);
        let _ = stream.try_write(TOO_MANY);
        return;
    }
    let path = shared.config.settings().unix_socket.clone().unwrap_or_default();
    let addr = format!("{}:0", path.display());
    if let Ok(stream) = stream.into_std() {
        let local_addr = addr.clone();
        let socket = Accepted::Unix(stream);
        dispatch(Arrival { socket, addr, local_addr, early: None }, shared);
    }
}

/// Whether there is no place for one more client. With a password set, those who have not said it
/// yet share a quarter of the places, so that they cannot keep out those who know it.
fn is_full(shared: &Shared) -> bool {
    let settings = shared.config.settings();
    let clients_max = settings.clients_max as usize;
    // Some may be on their way to their worker still.
    let arriving = shared.clients.arriving();
    if clients_max <= shared.clients.len() + arriving {
        return true;
    }
    let strangers_max = (clients_max / STRANGERS_SHARE).max(STRANGERS_MIN);
    !shared.door.is_open()
        && !shared.clients.admit_stranger(
            strangers_max.saturating_sub(arriving),
            shared.clock.uptime_ms(),
            STRANGER_PATIENCE_MS,
        )
}

fn is_protected(shared: &Shared) -> bool {
    let settings = shared.config.settings();
    settings.protected_mode && shared.door.has_no_password()
}

/// Workers take turns.
pub(crate) fn dispatch(arrival: Arrival, shared: &Shared) {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed) % shared.workers.len();
    shared.clients.note_arrival(true);
    shared.workers[turn].accept(arrival);
}

impl Arrival {
    /// A connection that came while the data was being loaded, for the runtime of its worker.
    pub(crate) fn early_tcp(
        stream: TcpStream,
        peer: SocketAddr,
        state: loading::State,
    ) -> Option<Self> {
        let local_addr = stream.local_addr().map(|addr| addr.to_string()).unwrap_or_default();
        let socket = Accepted::Tcp(stream.into_std().ok()?);
        Some(Self { socket, addr: peer.to_string(), local_addr, early: Some(Box::new(state)) })
    }

    /// The same over the Unix socket at this path.
    pub(crate) fn early_unix(
        stream: UnixStream,
        path: &Path,
        state: loading::State,
    ) -> Option<Self> {
        let addr = format!("{}:0", path.display());
        let socket = Accepted::Unix(stream.into_std().ok()?);
        Some(Self { socket, local_addr: addr.clone(), addr, early: Some(Box::new(state)) })
    }

    /// Makes the connection known to the worker's runtime; the future serves it.
    pub(crate) fn connect(
        self,
        worker: &Arc<Worker>,
        shared: &Arc<Shared>,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let connection = self.register(worker, shared);
        shared.clients.note_arrival(false);
        connection
    }

    fn register(
        self,
        worker: &Arc<Worker>,
        shared: &Arc<Shared>,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let socket = match self.socket {
            Accepted::Tcp(stream) => Socket::Tcp(TcpStream::from_std(stream).ok()?),
            Accepted::Tls(stream) => {
                let stream = TcpStream::from_std(stream).ok()?;
                Socket::Tls(Box::new(shared.tls.as_ref()?.accept(stream).ok()?))
            }
            Accepted::Unix(stream) => Socket::Unix(UnixStream::from_std(stream).ok()?),
        };
        let id = self.early.as_ref().map_or_else(|| shared.clients.next_id(), |early| early.id);
        let now = shared.clock.uptime_ms();
        let client = Client::new(id, socket, self.addr, self.local_addr, worker.clone(), now);
        let client = Arc::new(client);
        shared.clients.add(client.clone());
        let is_stranger = match &self.early {
            Some(early) => !early.authenticated,
            None => !shared.door.is_open(),
        };
        if is_stranger {
            shared.clients.note_stranger(&client, true);
        }
        shared.stats.clients.fetch_add(1, Ordering::Relaxed);
        worker.counters.connections_received.add(1);
        Some(connection::serve(shared.clone(), client, !is_stranger, self.early))
    }
}
