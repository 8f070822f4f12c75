//! Why a drill could not be run at all. What it finds is no error.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a drill could not be run, or not to its end.
#[derive(Debug, Error)]
pub enum DrillError {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// This machine lacks what was asked for.
    #[error("{0}")]
    Unavailable(String),
    /// The scratch directory cannot be made or filled.
    #[error("{0}")]
    NoRoom(String),
    /// The system refused something.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        error: io::Error,
    },
    /// The server did not even start the first time.
    #[error("{server} does not start: {why}{}", last_words(.output))]
    NoServer {
        /// The program.
        server: PathBuf,
        /// How it ended.
        why: String,
        /// The end of what it printed.
        output: String,
    },
}

/// What a server printed last, as the end of a sentence.
pub(crate) fn last_words(output: &str) -> String {
    match output {
        "" => "; it printed nothing".to_owned(),
        output => format!("; its last words:\n{output}"),
    }
}

impl DrillError {
    /// The exit code, after sysexits(3).
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Unavailable(_) | Self::NoServer { .. } => 69,
            Self::NoRoom(_) => 73,
            Self::Io { .. } => 74,
        }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |error| Self::Io { what, error }
    }
}
