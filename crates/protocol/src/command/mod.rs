//! Requests: the grammar of every command. One function per command, named by its row in the
//! table, turns arguments into a [`Request`] or a refusal, in the order in which Redis checks.

pub(crate) mod acl;
pub(crate) mod args;
pub(crate) mod client;
pub(crate) mod dispose;
pub(crate) mod hashes;
pub(crate) mod keys;
pub(crate) mod lists;
pub(crate) mod nack;
pub(crate) mod observe;
pub(crate) mod pending;
pub(crate) mod pubsub;
pub(crate) mod scan;
pub(crate) mod scripting;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod set;
pub(crate) mod sets;
pub(crate) mod sort;
pub(crate) mod sorted_sets;
pub(crate) mod standalone;
pub(crate) mod stream_id;
pub(crate) mod strings;
pub(crate) mod xadd;
pub(crate) mod xgroup;
pub(crate) mod xinfo;
pub(crate) mod xrange;
pub(crate) mod xread;
pub(crate) mod zcombine;
pub(crate) mod zrange;

use engine::{Command, CommandError, Reply};

use crate::table::{self, CommandSpec};
pub use acl::AclCommand;
pub(crate) use args::{Arguments, Options, is};
pub use client::{
    ClientCommand, ClientKind, ClientList, KillFilter, ReplyMode, TrackingOptions, WakeReason,
};
pub use observe::{LatencyCommand, SlowLogCommand};
pub use pubsub::{ChannelKind, PubSubCommand};
pub use scripting::{Given, NO_SCRIPT, RestorePolicy, ScriptAccess, ScriptCommand};
pub use server::{
    AofWait, ConfigCommand, DebugCommand, MemoryCommand, ReplicaOf, Save, ServerCommand, Shutdown,
};
pub use session::{Hello, SessionCommand};

/// What a client asks for, by who has to do it.
#[derive(Debug, Clone, PartialEq)]
pub enum Request<'a> {
    /// For the engine.
    Engine(Command<'a>),
    /// About this connection, or the connections.
    Session(SessionCommand<'a>),
    /// About the server.
    Server(ServerCommand<'a>),
    /// Answered by the grammar alone: HELP, COMMAND.
    Ready(Reply),
}

/// What every parser returns.
pub(crate) type Parsed<'a> = Result<Request<'a>, CommandError>;

/// Finds the command or subcommand that `args` (at least the name) are for and checks their number.
///
/// # Errors
/// Unknown command or subcommand, or a wrong number of arguments, in Redis's words.
pub fn resolve(args: &[&[u8]]) -> Result<&'static CommandSpec, CommandError> {
    let (name, rest) = args.split_first().ok_or(CommandError::Syntax)?;
    let mut spec = table::lookup(name).ok_or_else(|| unknown_command(name, rest))?;
    if let (Some(word), false) = (rest.first(), spec.subcommands.is_empty()) {
        spec = spec.subcommand(word).ok_or_else(|| unknown_subcommand(spec, word))?;
    }
    if !spec.takes(args.len()) {
        return Err(CommandError::Arity(spec.name.into()));
    }
    Ok(spec)
}

/// Reads the arguments of a command found by [`resolve`]. `draw` is a random number of the caller's,
/// for commands that choose (RANDOMKEY, HRANDFIELD, SPOP).
///
/// # Errors
/// The refusal to send to the client.
pub fn parse<'a>(
    spec: &'static CommandSpec,
    args: &'a [&'a [u8]],
    draw: u64,
) -> Result<Request<'a>, CommandError> {
    read(Arguments { all: args, spec, draw, is_in_script: false })
}

/// As [`parse`], for a request that a script makes: what could wait for other clients is refused.
///
/// # Errors
/// The refusal to give to the script.
pub fn parse_in_script<'a>(
    spec: &'static CommandSpec,
    args: &'a [&'a [u8]],
    draw: u64,
) -> Result<Request<'a>, CommandError> {
    read(Arguments { all: args, spec, draw, is_in_script: true })
}

fn read(args: Arguments<'_>) -> Parsed<'_> {
    // The parsers index arguments that the arity promises.
    if !args.spec.takes(args.all.len()) {
        return Err(args.wrong_number());
    }
    (args.spec.parse)(args)
}

/// Most bytes of a client's words in an error.
const ECHO_BYTES_MAX: usize = 128;

fn unknown_command(name: &[u8], args: &[&[u8]]) -> CommandError {
    let mut shown = Vec::new();
    for arg in args {
        if ECHO_BYTES_MAX <= shown.len() {
            break;
        }
        let room = ECHO_BYTES_MAX - shown.len();
        shown.push(b'\'');
        shown.extend_from_slice(echo(arg, room));
        shown.extend_from_slice(b"' ");
    }
    let name = echo(name, ECHO_BYTES_MAX);
    text(&[b"ERR unknown command '", name, b"', with args beginning with: ", &shown])
}

fn unknown_subcommand(spec: &CommandSpec, word: &[u8]) -> CommandError {
    let word = echo(word, ECHO_BYTES_MAX);
    let upper = spec.name.to_ascii_uppercase();
    text(&[b"ERR unknown subcommand '", word, b"'. Try ", upper.as_bytes(), b" HELP."])
}

/// Bad arguments of a subcommand that exists; `container` in upper case.
pub(crate) fn subcommand_syntax(word: &[u8], container: &str) -> CommandError {
    let start = b"ERR unknown subcommand or wrong number of arguments for '";
    let word = echo(word, ECHO_BYTES_MAX);
    text(&[start, word, b"'. Try ", container.as_bytes(), b" HELP."])
}

/// A refusal that carries bytes of the client.
pub(crate) fn text(parts: &[&[u8]]) -> CommandError {
    CommandError::Text(parts.concat().into_boxed_slice())
}

/// As much of `word` as is shown: up to a zero byte, and `max` bytes.
pub(crate) fn echo(word: &[u8], max: usize) -> &[u8] {
    let word = &word[..word.len().min(max)];
    word.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The lines of a HELP subcommand.
pub(crate) fn help<'a>(lines: &[&'static str]) -> Parsed<'a> {
    let lines = lines.iter().map(|line| Reply::Simple(line));
    let last = ["HELP", "    Print this text."].into_iter().map(Reply::Simple);
    Ok(Request::Ready(Reply::Array(lines.chain(last).collect())))
}
