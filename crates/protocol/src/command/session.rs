//! Commands about the connection: HELLO, AUTH, SELECT, MULTI and their kin.

use engine::CommandError;

use super::args::{database, is};
use super::client::{ClientCommand, check_name};
use super::pubsub::PubSubCommand;
use super::{Arguments, Parsed, Request, text};
use crate::encode::Version;
use crate::number::parse_i64;

/// A command about the connection it came on, or about connections.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionCommand<'a> {
    /// HELLO.
    Hello(Hello<'a>),
    /// AUTH; one argument means the user `default`.
    Auth { user: Option<&'a [u8]>, password: &'a [u8] },
    /// PING, answered `PONG` or with the message.
    Ping { message: Option<&'a [u8]> },
    /// ECHO.
    Echo { message: &'a [u8] },
    /// QUIT.
    Quit,
    /// RESET.
    Reset,
    /// SELECT, below [`engine::DATABASES`].
    Select { db: u8 },
    /// MULTI.
    Multi,
    /// EXEC.
    Exec,
    /// DISCARD.
    Discard,
    /// WATCH.
    Watch { keys: &'a [&'a [u8]] },
    /// UNWATCH.
    Unwatch,
    /// CLIENT.
    Client(ClientCommand<'a>),
    /// MONITOR.
    Monitor,
    /// SUBSCRIBE, PUBLISH, PUBSUB and their kin.
    PubSub(PubSubCommand<'a>),
}

/// HELLO after parsing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The protocol asked for; `None` keeps the present one.
    pub version: Option<Version>,
    /// AUTH: user and password.
    pub auth: Option<(&'a [u8], &'a [u8])>,
    /// SETNAME; printable characters without blanks, empty to clear.
    pub name: Option<&'a [u8]>,
}

pub(crate) fn hello(args: Arguments<'_>) -> Parsed<'_> {
    let mut hello = Hello::default();
    let mut options = args.options(1);
    if let Some(version) = options.next() {
        let refusal = "ERR Protocol version is not an integer or out of range";
        hello.version = Some(match parse_i64(version).ok_or(CommandError::Fixed(refusal))? {
            2 => Version::Resp2,
            3 => Version::Resp3,
            _ => return Err(CommandError::Fixed("NOPROTO unsupported protocol version")),
        });
    }
    while let Some(word) = options.next() {
        let left = options.rest.len();
        if is(word, "auth") && 2 <= left {
            hello.auth = Some((options.value()?, options.value()?));
        } else if is(word, "setname") && 1 <= left {
            hello.name = Some(check_name(options.value()?)?);
        } else {
            let word = super::echo(word, word.len());
            return Err(text(&[b"ERR Syntax error in HELLO option '", word, b"'"]));
        }
    }
    Ok(Request::Session(SessionCommand::Hello(hello)))
}

pub(crate) fn auth(args: Arguments<'_>) -> Parsed<'_> {
    match args.from(1) {
        [password] => Ok(Request::Session(SessionCommand::Auth { user: None, password })),
        [user, password] => {
            Ok(Request::Session(SessionCommand::Auth { user: Some(user), password }))
        }
        _ => Err(CommandError::Syntax),
    }
}

pub(crate) fn ping(args: Arguments<'_>) -> Parsed<'_> {
    match args.from(1) {
        [] => Ok(Request::Session(SessionCommand::Ping { message: None })),
        [message] => Ok(Request::Session(SessionCommand::Ping { message: Some(message) })),
        _ => Err(args.wrong_number()),
    }
}

pub(crate) fn echo(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::Echo { message: args.at(1) }))
}

pub(crate) fn quit(_: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::Quit))
}

pub(crate) fn reset(_: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::Reset))
}

pub(crate) fn select(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::Select { db: database(args.at(1))? }))
}

pub(crate) fn multi(_: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::Multi))
}

pub(crate) fn exec(_: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::Exec))
}

pub(crate) fn discard(_: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::Discard))
}

pub(crate) fn watch(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::Watch { keys: args.from(1) }))
}

pub(crate) fn monitor(_: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::Monitor))
}

pub(crate) fn unwatch(_: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::Unwatch))
}
