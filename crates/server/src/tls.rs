//! TLS 1.2 and 1.3: what the certificate files make of a TCP connection.
//!
//! The protocol is rustls's. Here it is put between a non-blocking socket and the connection, which
//! reads and writes as it does on a plain one: what is there is taken, what does not fit waits for
//! room.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard, RwLock};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConnection, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use thiserror::Error;
use tokio::net::TcpStream;

use crate::config::{ClientCertificates, TlsSettings};

/// Why TLS cannot be spoken as the settings say.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file of certificates or keys.
    #[error("cannot read {} ({name}): {reason}", .path.display())]
    File {
        /// The directive that names it.
        name: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The files can be read, and do not belong together.
    #[error("the certificate and the key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// The certificates for clients can be read, and cannot be used.
    #[error("the certificates of 'tls-ca-cert-file' and 'tls-ca-cert-dir' cannot be used: {0}")]
    Authorities(#[from] rustls::server::VerifierBuilderError),
}

/// Makes TLS connections. The certificates can be exchanged while it does.
#[derive(Debug)]
pub(crate) struct TlsAcceptor {
    config: RwLock<Arc<ServerConfig>>,
}

impl TlsAcceptor {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or the certificate does not fit the key.
    pub(crate) fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        Ok(Self { config: RwLock::new(Arc::new(load(settings)?)) })
    }

    /// Reads the files again, for the connections to come.
    ///
    /// # Errors
    ///
    /// As for [`TlsAcceptor::new`]; then everything stays as it was.
    pub(crate) fn reload(&self, settings: &TlsSettings) -> Result<(), TlsError> {
        *self.config.write() = Arc::new(load(settings)?);
        Ok(())
    }

    /// A connection whose handshake is still to come.
    ///
    /// # Errors
    ///
    /// If the configuration cannot make one.
    pub(crate) fn accept(&self, stream: TcpStream) -> io::Result<TlsStream> {
        let config = Arc::clone(&self.config.read());
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(TlsStream { stream, session: Mutex::new(session) })
    }
}

fn load(settings: &TlsSettings) -> Result<ServerConfig, TlsError> {
    let certificates = certificates("tls-cert-file", &settings.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&settings.key_file)
        .map_err(|error| unreadable("tls-key-file", &settings.key_file, &error))?;
    let mut versions = Vec::with_capacity(2);
    if settings.allows_1_3 {
        versions.push(&TLS13);
    }
    if settings.allows_1_2 {
        versions.push(&TLS12);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)?;
    let builder = if settings.client_certificates == ClientCertificates::Ignored {
        builder.with_no_client_auth()
    } else {
        let roots = Arc::new(authorities(settings)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
        let verifier = match settings.client_certificates {
            ClientCertificates::Optional => verifier.allow_unauthenticated(),
            _ => verifier,
        };
        builder.with_client_cert_verifier(verifier.build()?)
    };
    Ok(builder.with_single_cert(certificates, key)?)
}

/// Who may sign the certificates of clients.
fn authorities(settings: &TlsSettings) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let mut add = |name, path: &Path| -> Result<(), TlsError> {
        for certificate in certificates(name, path)? {
            roots.add(certificate).map_err(|error| unreadable(name, path, &error))?;
        }
        Ok(())
    };
    if let Some(path) = &settings.ca_cert_file {
        add("tls-ca-cert-file", path)?;
    }
    if let Some(dir) = &settings.ca_cert_dir {
        let failed = |error: io::Error| unreadable("tls-ca-cert-dir", dir, &error);
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|name| name == "pem" || name == "crt") {
                add("tls-ca-cert-dir", &path)?;
            }
        }
    }
    Ok(roots)
}

fn certificates(name: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| unreadable(name, path, &error);
    let read = CertificateDer::pem_file_iter(path).map_err(failed)?;
    let read = read.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    match read.is_empty() {
        true => Err(unreadable(name, path, &"there is no certificate in it")),
        false => Ok(read),
    }
}

fn unreadable(name: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { name, path: path.to_owned(), reason: reason.to_string() }
}

/// A TCP connection that speaks TLS, with the calls of a plain one.
#[derive(Debug)]
pub(crate) struct TlsStream {
    pub(crate) stream: TcpStream,
    session: Mutex<ServerConnection>,
}

impl TlsStream {
    /// Agrees on keys with the client.
    ///
    /// # Errors
    ///
    /// If the client is gone, speaks no TLS, or is refused; it has been told why, where TLS has words
    /// for it.
    pub(crate) async fn handshake(&self) -> io::Result<()> {
        loop {
            match self.handshake_step()? {
                Step::Done => return Ok(()),
                Step::NeedsInput => self.stream.readable().await?,
                Step::NeedsRoom => self.stream.writable().await?,
            }
        }
    }

    fn handshake_step(&self) -> io::Result<Step> {
        let mut session = self.session.lock();
        loop {
            match self.send(&mut session) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Step::NeedsRoom);
                }
                sent => sent?,
            }
            if !session.is_handshaking() {
                return Ok(Step::Done);
            }
            match self.receive(&mut session) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Step::NeedsInput);
                }
                received => received?,
            };
        }
    }

    /// Reads what is there, decrypted. 0 bytes are the end.
    ///
    /// The socket counts as readable until a read of it finds nothing, and it is only read once all
    /// that was decrypted has been handed out: so whoever waits for it misses nothing held here.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing yet; any other error ends the connection.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut session = self.session.lock();
        let mut count = 0;
        while count < buffer.len() {
            match session.reader().read(&mut buffer[count..]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.receive(&mut session) {
                        Ok(_) => {}
                        Err(error) if count == 0 => return Err(error),
                        // What came before is still good; an error comes again.
                        Err(_) => break,
                    }
                }
                Ok(0) | Err(_) if 0 < count => break,
                // A client that just goes away has said all that it wanted to say.
                Ok(0) | Err(_) => return Ok(0),
                Ok(read) => count += read,
            }
        }
        Ok(count)
    }

    /// Takes as many bytes as there is room for.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; any other error ends the connection.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut session = self.session.lock();
        self.send(&mut session)?;
        let count = session.writer().write(bytes)?;
        match self.send(&mut session) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            // What did not fit is encrypted already, and leaves by `finish`.
            _ => Ok(count),
        }
    }

    /// Sends what [`TlsStream::try_write`] took and the socket had no room for.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there still is no room; any other error ends the connection.
    pub(crate) fn finish(&self) -> io::Result<()> {
        self.send(&mut self.session.lock())
    }

    /// Tells the client that this is the end and not an attack that cut the stream short.
    pub(crate) fn say_goodbye(&self) {
        let mut session = self.session.lock();
        session.send_close_notify();
        // Who has no room for it does not read.
        let _ = self.send(&mut session);
    }

    fn send(&self, session: &mut MutexGuard<'_, ServerConnection>) -> io::Result<()> {
        while session.wants_write() {
            session.write_tls(&mut NonBlocking(&self.stream))?;
        }
        Ok(())
    }

    /// Takes what the socket has and decrypts it. 0 bytes are the end of the socket.
    fn receive(&self, session: &mut MutexGuard<'_, ServerConnection>) -> io::Result<usize> {
        let count = session.read_tls(&mut NonBlocking(&self.stream))?;
        if let Err(error) = session.process_new_packets() {
            // The alert that says what was wrong.
            let _ = self.send(session);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(count)
    }
}

/// How far a handshake is.
enum Step {
    Done,
    NeedsInput,
    NeedsRoom,
}

/// The socket as rustls wants it.
struct NonBlocking<'a>(&'a TcpStream);

impl Read for NonBlocking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for NonBlocking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, bytes: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
