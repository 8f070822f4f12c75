//! Makes the listening sockets that the configuration asks for, or takes those of systemd.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::{BindAddress, Settings};
use crate::error::StartError;
use crate::systemd::Inherited;

/// Sockets that listen, non-blocking, and not yet known to any runtime.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Over TCP.
    pub tcp: Vec<TcpListener>,
    /// Over TCP, and TLS is spoken there.
    pub tls: Vec<TcpListener>,
    /// In the file system.
    pub unix: Vec<UnixListener>,
}

impl Sockets {
    /// Listens as the settings say. Sockets handed over by systemd take the place of all of them.
    ///
    /// # Errors
    ///
    /// If an address is in use or cannot be listened on, or if there is none at all.
    pub fn open(settings: &Settings, inherited: Inherited) -> Result<Self, StartError> {
        let tls_port = settings.tls.as_ref().map(|tls| tls.port);
        let sockets = if inherited.is_empty() {
            Self {
                tcp: listen_plain(settings)?,
                tls: tls_port.map_or(Ok(Vec::new()), |port| listen_tcp(settings, port))?,
                unix: listen_unix(settings)?,
            }
        } else {
            let is_tls = |socket: &TcpListener| {
                socket.local_addr().is_ok_and(|address| Some(address.port()) == tls_port)
            };
            let (tls, tcp) = inherited.tcp.into_iter().partition(is_tls);
            Self { tcp, tls, unix: inherited.unix }
        };
        if sockets.tcp.is_empty() && sockets.tls.is_empty() && sockets.unix.is_empty() {
            return Err(StartError::NoAddress);
        }
        for socket in sockets.tcp.iter().chain(&sockets.tls) {
            socket.set_nonblocking(true).map_err(|cause| refused("a TCP socket", cause))?;
        }
        for socket in &sockets.unix {
            socket.set_nonblocking(true).map_err(|cause| refused("a Unix socket", cause))?;
        }
        Ok(sockets)
    }

    /// The TCP port, the one of TLS if there is no other; 0 without one.
    #[must_use]
    pub fn port(&self) -> u16 {
        let first = self.tcp.first().or(self.tls.first());
        first.and_then(|socket| socket.local_addr().ok()).map_or(0, |addr| addr.port())
    }

    /// The addresses, for the log.
    #[must_use]
    pub fn describe(&self) -> String {
        let tcp = self.tcp.iter().filter_map(|socket| socket.local_addr().ok());
        let tcp = tcp.map(|addr| addr.to_string());
        let tls = self.tls.iter().filter_map(|socket| socket.local_addr().ok());
        let tls = tls.map(|addr| format!("{addr} (TLS)"));
        let unix = self.unix.iter().filter_map(|socket| socket.local_addr().ok());
        let unix =
            unix.filter_map(|addr| addr.as_pathname().map(|path| path.display().to_string()));
        tcp.chain(tls).chain(unix).collect::<Vec<_>>().join(" ")
    }
}

fn refused(address: &str, cause: io::Error) -> StartError {
    StartError::Listen { address: address.to_owned(), cause }
}

/// Port 0 is one that the system chooses, unless the server can be reached in another way.
fn listen_plain(settings: &Settings) -> Result<Vec<TcpListener>, StartError> {
    if settings.port == 0 && (settings.unix_socket.is_some() || settings.tls.is_some()) {
        return Ok(Vec::new());
    }
    listen_tcp(settings, settings.port)
}

fn listen_tcp(settings: &Settings, mut port: u16) -> Result<Vec<TcpListener>, StartError> {
    let mut sockets = Vec::new();
    for bind in &settings.bind {
        for address in resolve(bind, port)? {
            match listen_one(address, settings.tcp_backlog) {
                Ok(socket) => {
                    // The port that the system chose for the first address goes for all of them.
                    port = socket.local_addr().map_or(port, |addr| addr.port());
                    sockets.push(socket);
                }
                Err(_) if bind.optional => {}
                Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => {
                    return Err(StartError::AddressInUse { address, pid: holder(address.port()) });
                }
                Err(cause) => return Err(refused(&address.to_string(), cause)),
            }
        }
    }
    Ok(sockets)
}

fn resolve(bind: &BindAddress, port: u16) -> Result<Vec<SocketAddr>, StartError> {
    let ip = match bind.host.as_str() {
        "*" => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        "::*" => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        host => host.trim_matches(['[', ']']).parse().ok(),
    };
    if let Some(ip) = ip {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    match (bind.host.as_str(), port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(_) if bind.optional => Ok(Vec::new()),
        Err(cause) => Err(refused(&bind.host, cause)),
    }
}

fn listen_one(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Without this the port stays closed for a minute after a restart with open connections.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // Otherwise `::` also takes the IPv4 address that bind lists beside it.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// The Unix socket is private from its first moment: the umask is 077 before it is bound.
fn listen_unix(settings: &Settings) -> Result<Vec<UnixListener>, StartError> {
    let Some(path) = &settings.unix_socket else { return Ok(Vec::new()) };
    let failed = |cause| refused(&path.display().to_string(), cause);
    remove_stale(path).map_err(failed)?;
    let socket = UnixListener::bind(path).map_err(failed)?;
    if let Some(mode) = settings.unix_socket_mode {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, permissions).map_err(failed)?;
    }
    Ok(vec![socket])
}

/// Removes the socket of a server that is gone. One that answers, and any other kind of file, stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if metadata.file_type().is_socket() && UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// The process that listens on a port, as far as `/proc` lets us see it.
fn holder(port: u16) -> Option<u32> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let Ok(fds) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        let mut targets = fds.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
        targets.any(|target| inodes.iter().any(|inode| target.as_os_str() == inode.as_str()))
    })
}

/// Inodes of the sockets that listen on a port: fields 2 (address:port), 4 (state 0A) and 10 of a
/// line of `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let inode = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let is_ours = fields.get(1)?.ends_with(&suffix) && *fields.get(3)? == "0A";
        is_ours.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    };
    table.lines().filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    fn settings(flags: &[(&str, &str)]) -> std::sync::Arc<Settings> {
        let flags = flags.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let config = Config::load(Sources { flags, ..Sources::default() });
        config.expect("a valid configuration").settings()
    }

    #[test]
    fn port_zero_takes_one_port_for_all_addresses() {
        let settings = settings(&[("port", "0"), ("bind", "127.0.0.1 -::1 -203.0.113.1")]);
        let sockets = Sockets::open(&settings, Inherited::default()).expect("loopback is there");
        let ports = sockets.tcp.iter().map(|s| s.local_addr().expect("bound").port());
        assert!(sockets.port() != 0 && ports.clone().all(|port| port == sockets.port()));
    }

    #[test]
    fn a_port_in_use_names_its_holder() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = taken.local_addr().expect("bound").port().to_string();
        let settings = settings(&[("port", &port), ("bind", "127.0.0.1")]);
        let error = Sockets::open(&settings, Inherited::default()).expect_err("taken");
        let pid = std::process::id();
        assert_eq!(error.exit_code(), 1);
        assert_eq!(
            error.to_string(),
            format!(
                "cannot listen on 127.0.0.1:{port}: the address is in use by the process with pid {pid}"
            )
        );
    }

    #[test]
    fn a_stale_unix_socket_is_replaced_and_another_file_is_not() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("s");
        let text = path.to_str().expect("UTF-8");
        let settings = settings(&[("port", "0"), ("unixsocket", text), ("unixsocketperm", "700")]);
        drop(Sockets::open(&settings, Inherited::default()).expect("a free path"));
        let again = Sockets::open(&settings, Inherited::default()).expect("the old one is stale");
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!((mode & 0o777, again.tcp.len()), (0o700, 0));
        let error = Sockets::open(&settings, Inherited::default()).expect_err("it is alive");
        assert_eq!(error.exit_code(), 1);
        drop(again);
        std::fs::remove_file(&path).expect("the socket");
        std::fs::write(&path, "precious").expect("a file");
        assert!(Sockets::open(&settings, Inherited::default()).is_err());
        assert_eq!(std::fs::read(&path).expect("still there"), b"precious");
    }
}
