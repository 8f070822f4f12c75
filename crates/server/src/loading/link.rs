//! Sockets of the time before the workers: listening, and connected.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc::UnboundedSender;

use super::{Loading, State};
use crate::listener::{Arrival, prepare};
use crate::sockets::Sockets;

/// How long accepting rests when it fails.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listening socket, duplicated: the workers go on with the other one.
#[derive(Debug)]
pub(super) enum Door {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Door {
    pub(super) fn all(sockets: &Sockets) -> io::Result<Vec<Self>> {
        let tcp = sockets.tcp.iter().map(|socket| socket.try_clone().map(Self::Tcp));
        let unix = sockets.unix.iter().map(|socket| socket.try_clone().map(Self::Unix));
        tcp.chain(unix).collect()
    }

    /// Accepts for ever.
    pub(super) async fn accept(self, loading: Arc<Loading>, arrivals: UnboundedSender<Link>) {
        match self {
            Self::Tcp(listener) => {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                loop {
                    let accepted = listener.accept().await;
                    let link = accepted.map(|(stream, peer)| Link::Tcp(stream, peer));
                    arrive(link, &loading, &arrivals).await;
                }
            }
            Self::Unix(listener) => {
                let Ok(listener) = UnixListener::from_std(listener) else { return };
                loop {
                    let path = loading.config.settings().unix_socket.clone().unwrap_or_default();
                    let link = listener.accept().await.map(|(stream, _)| Link::Unix(stream, path));
                    arrive(link, &loading, &arrivals).await;
                }
            }
        }
    }
}

async fn arrive(link: io::Result<Link>, loading: &Loading, arrivals: &UnboundedSender<Link>) {
    match link {
        Ok(link) => match loading.refusal(&link) {
            None => {
                if let Link::Tcp(stream, _) = &link {
                    prepare(stream, &loading.config.settings());
                }
                // Fails only if nobody serves any more.
                let _ = arrivals.send(link);
            }
            Some(refused) => {
                let _ = link.try_write(refused.line());
            }
        },
        Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
    }
}

/// A connected socket.
#[derive(Debug)]
pub(super) enum Link {
    Tcp(TcpStream, SocketAddr),
    /// With the path of the socket.
    Unix(UnixStream, PathBuf),
}

impl Link {
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Tcp(_, peer) => peer.ip().to_canonical().is_loopback(),
            Self::Unix(..) => true,
        }
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream, _) => stream.readable().await,
            Self::Unix(stream, _) => stream.readable().await,
        }
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream, _) => stream.writable().await,
            Self::Unix(stream, _) => stream.writable().await,
        }
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream, _) => stream.try_read(buffer),
            Self::Unix(stream, _) => stream.try_read(buffer),
        }
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream, _) => stream.try_write(bytes),
            Self::Unix(stream, _) => stream.try_write(bytes),
        }
    }

    /// The connection for a worker: another runtime waits for its events from here on.
    pub(super) fn arrival(self, state: State) -> Option<Arrival> {
        match self {
            Self::Tcp(stream, peer) => Arrival::early_tcp(stream, peer, state),
            Self::Unix(stream, path) => Arrival::early_unix(stream, &path, state),
        }
    }
}
