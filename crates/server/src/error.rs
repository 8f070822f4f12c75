//! Why the program ends, and with which exit code.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use storage::StorageError;
use thiserror::Error;

use crate::config::ConfigError;
use crate::tls::TlsError;
use crate::users::UsersError;

/// A reason not to start, or not to go on.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The port belongs to somebody else.
    #[error("cannot listen on {address}: the address is in use{}", holder(.pid))]
    AddressInUse {
        /// What was asked for.
        address: SocketAddr,
        /// The process that listens there, if that can be known.
        pid: Option<u32>,
    },
    /// Another reason not to listen.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// Address or path.
        address: String,
        /// Why.
        cause: io::Error,
    },
    /// Nothing to listen on.
    #[error(
        "nothing to listen on: none of the addresses of 'bind' exists here, and there is no 'unixsocket'"
    )]
    NoAddress,
    /// The users.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// The certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A file or directory that belongs to the start.
    #[error("cannot {action} {}: {cause}", .path.display())]
    File {
        /// As in "cannot ...".
        action: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A thread or a runtime could not be made.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

fn holder(pid: &Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by the process with pid {pid}"))
}

impl StartError {
    /// The exit code, after sysexits(3) where it has one.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            StartError::Config(_) | StartError::Tls(_) | StartError::Users(_) => EX_CONFIG,
            StartError::Storage(error) => storage_exit_code(error),
            StartError::File { .. } => EX_IOERR,
            StartError::AddressInUse { .. }
            | StartError::Listen { .. }
            | StartError::NoAddress
            | StartError::Thread(_) => 1,
        }
    }
}

const EX_DATAERR: u8 = 65;
pub(crate) const EX_IOERR: u8 = 74;
const EX_TEMPFAIL: u8 = 75;
const EX_CONFIG: u8 = 78;

/// The exit code for a failure of the storage.
#[must_use]
pub fn storage_exit_code(error: &StorageError) -> u8 {
    match error {
        StorageError::Corrupt { .. }
        | StorageError::UnsupportedVersion { .. }
        | StorageError::NotOurs { .. }
        | StorageError::Stray { .. }
        | StorageError::Inside { .. }
        | StorageError::NotEmpty { .. }
        | StorageError::Unrepairable { .. }
        | StorageError::NoDatabase { .. }
        | StorageError::IsBackup { .. } => EX_DATAERR,
        StorageError::Locked { .. } | StorageError::LogGivenUp { .. } => EX_TEMPFAIL,
        StorageError::Io { .. }
        | StorageError::Poisoned { .. }
        | StorageError::TooLong { .. }
        | StorageError::NoSpace { .. }
        | StorageError::GivenUp => EX_IOERR,
    }
}
