//! Why a script could not be compiled or did not come to its end.

use std::fmt;

use crate::values::error_line;

/// What a function of ours raises inside Lua. Scripts see it as a string; see `sandbox.lua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Raised {
    /// An error of a library: the text is complete, with the place in the script.
    Plain(Vec<u8>),
    /// An error of the `redis` table: a table with this `err`.
    Table(Vec<u8>),
    /// The same, the error of a command, which counted when the command failed.
    Failed(Vec<u8>),
    /// The script was told to end: nothing in it may catch this.
    Killed,
}

/// What a script that was told to end answers.
pub(crate) const KILLED: &[u8] = b"ERR Script killed by user with SCRIPT KILL.";

impl Raised {
    /// The text, as a script or a client sees it.
    pub(crate) fn text(&self) -> &[u8] {
        match self {
            Raised::Plain(text) | Raised::Table(text) | Raised::Failed(text) => text,
            Raised::Killed => KILLED,
        }
    }

    /// What we raised, out of what the Lua library made of it.
    pub(crate) fn find(error: &mlua::Error) -> Option<&Raised> {
        match error {
            mlua::Error::CallbackError { cause, .. } => Raised::find(cause),
            mlua::Error::WithContext { cause, .. } => Raised::find(cause),
            mlua::Error::ExternalError(inner) => inner.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.text()))
    }
}

impl std::error::Error for Raised {}

impl From<Raised> for mlua::Error {
    fn from(raised: Raised) -> Self {
        mlua::Error::external(raised)
    }
}

/// Words for an error of the Lua library itself.
pub(crate) fn words(error: &mlua::Error) -> Vec<u8> {
    if let Some(raised) = Raised::find(error) {
        return raised.text().to_vec();
    }
    match error {
        mlua::Error::SyntaxError { message, .. } | mlua::Error::RuntimeError(message) => {
            message.clone().into_bytes()
        }
        mlua::Error::MemoryError(_) => b"not enough memory".to_vec(),
        mlua::Error::CallbackError { cause, .. } => words(cause),
        other => other.to_string().into_bytes(),
    }
}

/// How a script ended before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The text with its code, without the name of the script.
    pub message: Vec<u8>,
    /// The chunk and the line, where they are known.
    pub place: Option<(Vec<u8>, i64)>,
    /// The error was a command's, and is counted already.
    pub is_counted: bool,
}

impl Failure {
    pub(crate) fn new(message: impl Into<Vec<u8>>) -> Self {
        Self { message: message.into(), place: None, is_counted: false }
    }

    /// The line for the client. `name` is the script's SHA-1, or the function's name.
    #[must_use]
    pub fn text(&self, name: &[u8]) -> Vec<u8> {
        let mut text = self.message.clone();
        if let Some((source, line)) = &self.place {
            text.extend_from_slice(b" script: ");
            text.extend_from_slice(name);
            text.extend_from_slice(b", on ");
            text.extend_from_slice(source);
            text.extend_from_slice(format!(":{line}.").as_bytes());
        }
        error_line(&text)
    }
}
