//! Why a rule is refused, in Redis's words.

use thiserror::Error;

/// Why one rule is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RuleError {
    /// No rule looks like this.
    #[error("Syntax error")]
    Syntax,
    /// A command or category that there is not.
    #[error("Unknown command or category name in ACL")]
    Unknown,
    /// `+config|get|x`.
    #[error("Allowing first-arg of a subcommand is not supported")]
    FirstArgOfSubcommand,
    /// A pattern behind `~*`.
    #[error(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
    )]
    KeysAreAll,
    /// A pattern behind `&*`.
    #[error(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"
    )]
    ChannelsAreAll,
    /// `<password` of a password that the user does not have.
    #[error("The password you are trying to remove from the user does not exist")]
    NoSuchPassword,
    /// `#` with something else than a hash.
    #[error(
        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
    )]
    BadHash,
}

/// Why ACL SETUSER is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetUserError {
    /// The name has blanks.
    BadName,
    /// A selector that begins and does not end.
    Unmatched(Box<[u8]>),
    /// One of the rules, with the reason.
    Rule(Box<[u8]>, RuleError),
}

impl SetUserError {
    /// The refusal as it goes onto the wire, without `-` and CRLF.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        match self {
            Self::BadName => b"ERR Usernames can't contain spaces or null characters".to_vec(),
            Self::Unmatched(selector) => [
                b"ERR Unmatched parenthesis in acl selector starting at '".as_slice(),
                until_zero(selector),
                b"'.",
            ]
            .concat(),
            Self::Rule(rule, error) => [
                b"ERR Error in ACL SETUSER modifier '".as_slice(),
                until_zero(rule),
                b"': ",
                error.to_string().as_bytes(),
            ]
            .concat(),
        }
    }
}

/// The reference prints what it was sent as a C string.
fn until_zero(word: &[u8]) -> &[u8] {
    word.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// What is wrong with a line of an ACL file, or with a `user` line of the configuration. A rule that
/// is wrong is named only if it cannot be a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FileError {
    /// A line of another kind.
    #[error("should start with user keyword followed by the username")]
    NoUser,
    /// The name has blanks.
    #[error("Usernames can't contain spaces or null characters")]
    BadName,
    /// A user that is there already.
    #[error("Duplicate user '{0}' found")]
    Duplicate(String),
    /// A selector that begins and does not end.
    #[error("Unmatched parenthesis in selector definition")]
    Unmatched,
    /// A rule about commands, keys or channels.
    #[error("Error in applying operation '{0}': {1}")]
    Rule(String, RuleError),
    /// Another rule.
    #[error("{0}")]
    Hidden(RuleError),
    /// Not UTF-8, or a zero byte: no line of ours.
    #[error("not a line of text")]
    NotText,
}

impl FileError {
    pub(crate) fn of(error: SetUserError) -> Self {
        match error {
            SetUserError::BadName => Self::BadName,
            SetUserError::Unmatched(_) => Self::Unmatched,
            SetUserError::Rule(rule, error) => match rule.first() {
                Some(b'+' | b'-' | b'~' | b'%' | b'&') => {
                    let rule = String::from_utf8_lossy(until_zero(&rule)).into_owned();
                    Self::Rule(rule.escape_debug().to_string(), error)
                }
                _ => Self::Hidden(error),
            },
        }
    }
}
