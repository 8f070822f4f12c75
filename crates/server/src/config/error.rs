//! What can be wrong with a configuration, and where.

use std::path::PathBuf;

use thiserror::Error;

use super::value::ValueError;
use super::{Origin, directives};

/// A configuration that the server does not start with.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {cause}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file is not TOML, or not a redis.conf.
    #[error("{}:{line}: {reason}", .path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A name that is no directive.
    #[error("{origin}: unknown directive '{name}'{hint}")]
    Unknown {
        /// The name as written.
        name: String,
        /// Where it stands.
        origin: Origin,
        /// What was probably meant, or why it is refused.
        hint: String,
    },
    /// A value that the directive cannot have.
    #[error("{origin}: '{value}' cannot be the value of '{name}': {reason}")]
    BadValue {
        /// The directive.
        name: &'static str,
        /// The value as written.
        value: String,
        /// What is wrong with it.
        reason: ValueError,
        /// Where it stands.
        origin: Origin,
    },
    /// Values that do not go together.
    #[error("{0}")]
    Conflict(String),
}

impl ConfigError {
    /// An unknown directive, with the nearest known one.
    pub(crate) fn unknown(name: &str, origin: Origin) -> Self {
        let refused =
            directives::REFUSED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let hint = match (refused, directives::suggestion(name)) {
            (Some((_, reason)), _) => format!(" ({reason})"),
            (None, Some(near)) => format!(", did you mean '{near}'?"),
            (None, None) => String::new(),
        };
        Self::Unknown { name: name.escape_debug().to_string(), origin, hint }
    }
}

/// A refusal of CONFIG SET, in Redis's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigSetError {
    /// A name that is no directive, as the client wrote it.
    Unknown(Vec<u8>),
    /// A value or a directive that cannot be set.
    Failed {
        /// The directive.
        name: &'static str,
        /// Why.
        reason: String,
    },
}

impl ConfigSetError {
    /// The error as it goes onto the wire, without `-` and CRLF.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        match self {
            Self::Unknown(name) => [
                b"ERR Unknown option or number of arguments for CONFIG SET - '".as_slice(),
                name,
                b"'",
            ]
            .concat(),
            Self::Failed { name, reason } => {
                format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
                    .into_bytes()
            }
        }
    }
}

impl From<ConfigSetError> for engine::CommandError {
    fn from(error: ConfigSetError) -> Self {
        engine::CommandError::Text(error.text().into())
    }
}
