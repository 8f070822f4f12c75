//! Requests: the grammar of every command.

mod server;
mod session;

use engine::{Command, CommandError, Reply};

use crate::table::CommandSpec;
pub use server::{
    AofWait, ConfigCommand, DebugCommand, MemoryCommand, ReplicaOf, Save, ServerCommand, Shutdown,
};
pub use session::{
    ClientCommand, ClientKind, ClientList, Hello, KillFilter, PauseKind, ReplyMode, SessionCommand,
    WakeReason,
};

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

/// A request's arguments on their way through the grammar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arguments<'a> {
    /// All arguments, the command's name first.
    pub(crate) all: &'a [&'a [u8]],
    /// The command or subcommand they are for.
    pub(crate) spec: &'static CommandSpec,
    /// A random number, for the commands that choose.
    pub(crate) draw: u64,
}

/// Finds the command or subcommand that `args` (at least the name) are for and checks their number.
///
/// # Errors
/// Unknown command or subcommand, or a wrong number of arguments, in Redis's words.
pub fn resolve(args: &[&[u8]]) -> Result<&'static CommandSpec, CommandError> {
    let _ = args;
    Err(CommandError::Syntax)
}

/// Reads the arguments of a command found by [`resolve`]. `draw` is a random number of the caller's,
/// for commands that choose (RANDOMKEY, HRANDFIELD).
///
/// # Errors
/// The refusal to send to the client.
pub fn parse<'a>(
    spec: &'static CommandSpec,
    args: &'a [&'a [u8]],
    draw: u64,
) -> Result<Request<'a>, CommandError> {
    (spec.parse)(Arguments { all: args, spec, draw })
}
