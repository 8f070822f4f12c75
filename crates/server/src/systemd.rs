//! What the service manager is told, and the sockets it may hand over.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::config::Supervision;

/// Says things to systemd, or to nobody.
#[derive(Debug, Clone, Copy)]
pub struct Manager {
    is_listening: bool,
}

impl Manager {
    /// Speaks if `supervised` says so and systemd gave us a socket for it.
    #[must_use]
    pub fn new(supervised: Supervision) -> Self {
        let has_socket = std::env::var_os("NOTIFY_SOCKET").is_some();
        if supervised == Supervision::Systemd && !has_socket {
            tracing::warn!("supervised is systemd, but there is no NOTIFY_SOCKET");
        }
        Self { is_listening: has_socket && supervised != Supervision::No }
    }

    /// One line for `systemctl status`.
    pub fn status(self, text: &str) {
        self.send(&[NotifyState::Status(text)]);
    }

    /// Recovery goes on: a line of progress, and more time before the start counts as hung.
    pub fn still_starting(self, text: &str, patience: Duration) {
        let patience = u32::try_from(patience.as_micros()).unwrap_or(u32::MAX);
        self.send(&[NotifyState::Status(text), NotifyState::ExtendTimeoutUsec(patience)]);
    }

    /// Everything is recovered and the sockets listen.
    pub fn ready(self, text: &str) {
        self.send(&[NotifyState::Ready, NotifyState::Status(text)]);
    }

    /// The configuration is being read again; [`Manager::ready`] ends it.
    pub fn reloading(self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.send(&[NotifyState::Reloading, now]),
            Err(_) => self.send(&[NotifyState::Reloading]),
        }
    }

    /// The end has begun.
    pub fn stopping(self) {
        self.send(&[NotifyState::Stopping, NotifyState::Status("Stopping")]);
    }

    /// Work moves.
    pub fn alive(self) {
        self.send(&[NotifyState::Watchdog]);
    }

    /// How often [`Manager::alive`] is expected: half of the time after which systemd acts.
    #[must_use]
    pub fn watchdog_interval(self) -> Option<Duration> {
        let limit = sd_notify::watchdog_enabled().filter(|_| self.is_listening)?;
        Some(limit / 2)
    }

    fn send(self, states: &[NotifyState<'_>]) {
        if self.is_listening
            && let Err(error) = sd_notify::notify(states)
        {
            tracing::debug!(%error, "systemd cannot be told");
        }
    }
}

/// Sockets that systemd listens on for us (`headwater.socket`).
#[derive(Debug, Default)]
pub struct Inherited {
    /// Over TCP.
    pub tcp: Vec<TcpListener>,
    /// In the file system.
    pub unix: Vec<UnixListener>,
}

impl Inherited {
    /// Takes them; each can be taken once.
    #[must_use]
    pub fn take() -> Self {
        let mut fds = listenfd::ListenFd::from_env();
        let mut inherited = Self::default();
        for index in 0..fds.len() {
            // A socket of the other kind is an error and stays where it is.
            if let Ok(Some(socket)) = fds.take_tcp_listener(index) {
                inherited.tcp.push(socket);
            } else if let Ok(Some(socket)) = fds.take_unix_listener(index) {
                inherited.unix.push(socket);
            } else {
                tracing::warn!(index, "systemd handed over a socket that is no stream listener");
            }
        }
        inherited
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.unix.is_empty()
    }
}
